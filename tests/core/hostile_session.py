"""An order table that trades with the model venue over its hostile network, and what must hold at every moment."""

from __future__ import annotations

from model_venue import GRACE_NS, ModelVenue, Request

from mmbot._core.orders import OrderTable
from mmbot._core.types import CommandKind, OrderEvent, OrderState, Purpose, Side, TimeInForce

MS = 1_000_000


class HostileSession:
    def __init__(self) -> None:
        self.venue = ModelVenue()
        self.table = OrderTable(1, capacity=64, ack_timeout_ns=1000 * MS, grace_ns=GRACE_NS, retry_ns=500 * MS)
        self.applied = [0, 0]
        self.fills_heard: set[int] = set()

    # -- what is sent

    def send(self, kind: int, slot: int, price: int = 0, qty: int = 0) -> None:
        order = self.table.order(slot)
        self.venue.requests.append(Request(kind, order["num"], self.venue.now_ns, order["side"], price, qty))

    def nth_open(self, index: int) -> int:
        slots = self.table.open_slots(0)
        return slots[index % len(slots)] if slots else -1

    def place(self, side: int, price: int, qty: int) -> None:
        slot = self.table.place(0, side, price, qty, TimeInForce.GTX, False, Purpose.QUOTE, self.venue.now_ns)
        if slot >= 0:
            self.send(CommandKind.PLACE, slot, price, qty)

    def amend(self, index: int, price: int, qty: int) -> None:
        slot = self.nth_open(index)
        if slot >= 0 and self.table.amend(slot, price, qty, self.venue.now_ns):
            self.send(CommandKind.AMEND_ORDER, slot, price, qty)

    def cancel(self, index: int) -> None:
        slot = self.nth_open(index)
        if slot >= 0 and self.table.cancel(slot, self.venue.now_ns):
            self.send(CommandKind.CANCEL_ORDER, slot)

    def query_due(self) -> None:
        for slot in self.table.due(self.venue.now_ns):
            self.send(CommandKind.QUERY_ORDER, slot)
            self.table.queried(slot, self.venue.now_ns)

    # -- what the venue does

    def reach_venue(self, index: int, fate: int) -> None:
        """A request arrives; fate 0: the venue refuses it, 1: it is lost on the way."""
        if not self.venue.requests:
            return
        request = self.venue.requests.pop(index % len(self.venue.requests))
        if fate == 1:
            self.hear(self.venue.lost(request))
        else:
            self.venue.process(request, refuse=fate == 0)

    def trade(self, index: int, qty: int) -> None:
        live = [order for order in self.venue.orders.values() if order.live]
        if live:
            order = live[index % len(live)]
            self.venue.trade(order, min(qty, order.remaining))

    def venue_ends_order(self, index: int) -> None:
        live = [order for order in self.venue.orders.values() if order.live]
        if live:
            self.venue.end(live[index % len(live)], OrderState.EXPIRED)

    # -- what is heard

    def hear(self, event: OrderEvent) -> None:
        fields = event.as_dict()
        result = self.table.apply_event(event, self.venue.now_ns)
        if result["new_fill_lots"]:
            assert fields["trade_id"] not in self.fills_heard, "a fill was applied twice"
            self.fills_heard.add(fields["trade_id"])
            self.applied[fields["side"]] += result["new_fill_lots"]
        if result["old_state"] >= OrderState.FILLED:
            assert result["new_state"] == result["old_state"], "an ended order changed"

    def hear_answer(self, index: int, fate: int) -> None:
        """An answer arrives; fate 1: it is lost on the way."""
        if self.venue.answers:
            answer = self.venue.answers.pop(index % len(self.venue.answers))
            self.hear(self.venue.lost(answer.request) if fate == 1 else answer.event)

    def hear_stream(self, index: int, fate: int) -> None:
        """A stream message arrives; fate 0: it will come again, 1: it is lost."""
        if not self.venue.stream:
            return
        index %= len(self.venue.stream)
        event = self.venue.stream[index] if fate == 0 else self.venue.stream.pop(index)
        if fate != 1:
            self.hear(event)

    def fetch_fills(self) -> None:
        for event in self.venue.fill_history():
            self.hear(event)

    def pass_time(self, step_ms: int) -> None:
        self.venue.now_ns += step_ms * MS
        for event in self.venue.overdue():
            self.hear(event)
        self.query_due()

    # -- what must hold

    def check(self) -> None:
        self.a_live_order_is_never_taken_for_ended()
        self.exposure_covers_the_venue()
        self.exposure_is_the_sum_of_the_orders()

    def a_live_order_is_never_taken_for_ended(self) -> None:
        for order in self.venue.orders.values():
            if order.live:
                slot = self.table.find(order.num)
                assert slot >= 0, "the table forgot a live order"
                assert self.table.order(slot)["state"] < OrderState.FILLED

    def exposure_covers_the_venue(self) -> None:
        exposure = self.table.exposure_of(0)
        for side, ours in ((Side.BUY, exposure["buy_lots"]), (Side.SELL, exposure["sell_lots"])):
            assert self.applied[side] + ours >= self.venue.bought(side) + self.venue.working(side)
            assert self.applied[side] <= self.venue.bought(side)
        bids = [order.price for order in self.venue.orders.values() if order.live and order.side == Side.BUY]
        asks = [order.price for order in self.venue.orders.values() if order.live and order.side == Side.SELL]
        assert not bids or exposure["best_bid_ticks"] >= max(bids)
        assert not asks or 0 < exposure["best_ask_ticks"] <= min(asks)

    def exposure_is_the_sum_of_the_orders(self) -> None:
        exposure = self.table.exposure_of(0)
        orders = [self.table.order(slot) for slot in self.table.open_slots(0)]
        assert exposure["open_orders"] == len(orders)
        assert exposure["unknown_orders"] == sum(order["state"] == OrderState.UNKNOWN for order in orders)
        bids = [order["touch_ticks"] for order in orders if order["side"] == Side.BUY]
        asks = [order["touch_ticks"] for order in orders if order["side"] == Side.SELL]
        assert exposure["best_bid_ticks"] == max(bids, default=0)
        assert exposure["best_ask_ticks"] == min(asks, default=0)

    def settle(self) -> None:
        """Once the network behaves, the table and the venue agree on everything."""
        for _ in range(40):
            self.venue.now_ns += 700 * MS
            for event in self.venue.overdue():
                self.hear(event)
            while self.venue.requests:
                self.venue.process(self.venue.requests.pop(0), refuse=False)
            while self.venue.answers:
                self.hear(self.venue.answers.pop(0).event)
            while self.venue.stream:
                self.hear(self.venue.stream.pop(0))
            self.query_due()
        for slot in self.table.open_slots(0):  # a reconciliation asks for every one
            self.table.suspect(slot, self.venue.now_ns)
        self.query_due()
        while self.venue.requests:
            self.venue.process(self.venue.requests.pop(0), refuse=False)
        while self.venue.answers:
            self.hear(self.venue.answers.pop(0).event)
        self.fetch_fills()
        ours = {
            order["num"]: (order["price_ticks"], order["qty_lots"], order["filled_lots"])
            for order in map(self.table.order, self.table.open_slots(0))
        }
        theirs = {o.num: (o.price, o.qty, o.filled) for o in self.venue.orders.values() if o.live}
        assert ours == theirs
        exposure = self.table.exposure_of(0)
        assert self.applied == [self.venue.bought(Side.BUY), self.venue.bought(Side.SELL)]
        assert (exposure["buy_lots"], exposure["sell_lots"]) == (
            self.venue.working(Side.BUY),
            self.venue.working(Side.SELL),
        )
        assert exposure["missing_lots"] == exposure["unknown_orders"] == 0
