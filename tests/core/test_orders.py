"""The order table's rules, race by race."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hostile_session import HostileSession

from mmbot._core.orders import Anomaly, OrderTable
from mmbot._core.types import (
    CommandKind,
    OrderEvent,
    OrderEventKind,
    OrderState,
    Owner,
    Purpose,
    Side,
    TimeInForce,
)

S = 1_000_000_000
GRACE = 6 * S
Result = dict[str, int]


class Desk:
    """A table with one market, spoken to briefly."""

    def __init__(self, capacity: int = 64) -> None:
        self.table = OrderTable(1, capacity=capacity, ack_timeout_ns=S, grace_ns=GRACE, retry_ns=S // 2)
        self.now = S

    def place(self, qty: int = 10, price: int = 100, side: int = Side.BUY) -> int:
        return self.table.place(0, side, price, qty, TimeInForce.GTX, False, Purpose.QUOTE, self.now)

    def live(self, qty: int = 10, price: int = 100, side: int = Side.BUY) -> int:
        slot = self.place(qty, price, side)
        self.say(OrderEventKind.ACK, slot, venue_order_id=500 + slot)
        return slot

    def say(self, kind: int, slot: int, **fields: int) -> Result:
        order = self.table.order(slot)
        event = OrderEvent(kind=kind, market=0, order_num=order["num"], side=order["side"], **fields)
        return self.table.apply_event(event, self.now)

    def fill(self, slot: int, lots: int, trade_id: int, **fields: int) -> Result:
        return self.say(OrderEventKind.FILL, slot, last_qty_lots=lots, trade_id=trade_id, **fields)

    def query(self) -> list[int]:
        slots = self.table.due(self.now)
        assert all(self.table.queried(slot, self.now) for slot in slots)
        return slots

    def state(self, slot: int) -> int:
        return self.table.order(slot)["state"]

    def buy_lots(self) -> int:
        return self.table.exposure_of(0)["buy_lots"]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_plain_life(desk: Desk) -> None:
    slot = desk.place()
    assert desk.state(slot) == OrderState.PENDING_NEW
    assert desk.say(OrderEventKind.ACK, slot)["new_state"] == OrderState.LIVE
    assert desk.fill(slot, 4, 1, cum_filled_lots=4)["new_state"] == OrderState.PARTIALLY_FILLED
    assert desk.buy_lots() == 6
    result = desk.fill(slot, 6, 2, cum_filled_lots=10)
    assert (result["new_fill_lots"], result["became_terminal"]) == (6, 1)
    assert desk.state(slot) == OrderState.FILLED
    assert desk.buy_lots() == 0
    assert desk.table.open_slots(0) == []
    assert desk.table.exposure_of(0)["best_bid_ticks"] == 0


def test_a_fill_before_the_ack_is_an_acknowledgement(desk: Desk) -> None:
    slot = desk.place()
    desk.fill(slot, 3, 1)
    assert desk.state(slot) == OrderState.PARTIALLY_FILLED
    desk.say(OrderEventKind.ACK, slot)
    assert desk.state(slot) == OrderState.PARTIALLY_FILLED


def test_a_repeated_fill_counts_once(desk: Desk) -> None:
    slot = desk.live()
    assert desk.fill(slot, 3, 1)["new_fill_lots"] == 3
    again = desk.fill(slot, 3, 1)
    assert (again["new_fill_lots"], again["anomaly"]) == (0, Anomaly.DUPLICATE)
    assert desk.buy_lots() == 7


def test_a_fill_during_a_cancel_counts_and_the_cancel_ends_the_rest(desk: Desk) -> None:
    slot = desk.live()
    assert desk.table.cancel(slot, desk.now)
    assert not desk.table.cancel(slot, desk.now), "one at a time"
    assert desk.fill(slot, 4, 1)["new_state"] == OrderState.PENDING_CANCEL
    assert desk.say(OrderEventKind.CANCEL, slot, cum_filled_lots=4)["new_state"] == OrderState.CANCELED
    assert desk.buy_lots() == 0


def test_a_fill_that_comes_after_the_cancel_counts_and_was_in_the_exposure(desk: Desk) -> None:
    """A hedge was never sent when the order filled during its cancel: the cancel's cumulative quantity told of it."""
    slot = desk.live()
    desk.table.cancel(slot, desk.now)
    result = desk.say(OrderEventKind.CANCEL, slot, cum_filled_lots=4)
    assert (result["became_terminal"], result["missing_lots"], result["needs_reconcile"]) == (1, 4, 1)
    assert result["anomaly"] == Anomaly.FILLS_MISSING
    assert desk.buy_lots() == 4
    result = desk.fill(slot, 4, 1)
    assert (result["new_fill_lots"], result["anomaly"]) == (4, Anomaly.AFTER_TERMINAL)
    assert desk.buy_lots() == desk.table.exposure_of(0)["missing_lots"] == 0


def test_a_cancel_without_its_filled_quantity_is_asked_about(desk: Desk) -> None:
    slot = desk.live()
    result = desk.say(OrderEventKind.CANCEL, slot)
    assert (result["became_terminal"], result["needs_query"]) == (0, 1)
    assert (desk.state(slot), desk.buy_lots()) == (OrderState.UNKNOWN, 10)


def test_an_amend_counts_at_the_larger_quantity_until_it_is_settled(desk: Desk) -> None:
    slot = desk.live(10, 100)
    assert desk.table.amend(slot, 103, 15, desk.now)
    assert desk.state(slot) == OrderState.PENDING_AMEND
    assert (desk.buy_lots(), desk.table.exposure_of(0)["best_bid_ticks"]) == (15, 103)
    desk.say(OrderEventKind.AMEND_REJECT, slot)
    assert (desk.buy_lots(), desk.table.exposure_of(0)["best_bid_ticks"]) == (10, 100)
    desk.table.amend(slot, 99, 5, desk.now)
    assert (desk.buy_lots(), desk.table.exposure_of(0)["best_bid_ticks"]) == (10, 100)
    desk.say(OrderEventKind.AMEND, slot, price_ticks=99, qty_lots=5, exch_ts_ns=7)
    assert (desk.buy_lots(), desk.table.exposure_of(0)["best_bid_ticks"]) == (5, 99)


def test_a_fill_of_everything_during_a_growing_amend_does_not_end_the_order(desk: Desk) -> None:
    slot = desk.live(10)
    desk.table.amend(slot, 100, 15, desk.now)
    assert desk.fill(slot, 10, 1)["became_terminal"] == 0
    assert desk.buy_lots() == 5
    desk.say(OrderEventKind.AMEND, slot, price_ticks=100, qty_lots=15, exch_ts_ns=7)
    assert (desk.state(slot), desk.buy_lots()) == (OrderState.PARTIALLY_FILLED, 5)


def test_unless_the_venue_says_that_was_all_of_it(desk: Desk) -> None:
    slot = desk.live(10)
    desk.table.amend(slot, 100, 15, desk.now)
    assert desk.fill(slot, 10, 1, cum_filled_lots=10, qty_lots=10, exch_ts_ns=5)["new_state"] == OrderState.FILLED


def test_an_amend_that_came_too_late_leaves_a_filled_order(desk: Desk) -> None:
    slot = desk.live(10)
    desk.table.amend(slot, 100, 15, desk.now)
    desk.fill(slot, 10, 1)
    result = desk.say(OrderEventKind.NOT_FOUND, slot, request=CommandKind.AMEND_ORDER)
    assert result["new_state"] == OrderState.FILLED


def test_an_older_message_does_not_undo_an_amend(desk: Desk) -> None:
    slot = desk.live(10, 100)
    desk.table.amend(slot, 101, 12, desk.now)
    desk.say(OrderEventKind.AMEND, slot, price_ticks=101, qty_lots=12, exch_ts_ns=2000)
    for stated in (1000, 2000):
        desk.fill(slot, 1, stated, price_ticks=100, qty_lots=10, cum_filled_lots=1, exch_ts_ns=stated)
    assert desk.table.order(slot)["price_ticks"] == 101
    assert desk.buy_lots() == 10


def test_two_amends_in_one_millisecond_are_not_mixed_up(desk: Desk) -> None:
    """The first one's message, repeated after the second, once shrank the exposure below what the venue held."""
    slot = desk.live(5, 104)
    for price, qty in ((92, 2), (98, 8)):
        desk.table.amend(slot, price, qty, desk.now)
        desk.say(OrderEventKind.AMEND, slot, price_ticks=price, qty_lots=qty, exch_ts_ns=3000)
    assert desk.say(OrderEventKind.AMEND, slot, price_ticks=92, qty_lots=2, exch_ts_ns=3000)["anomaly"] == Anomaly.STALE
    assert (desk.table.order(slot)["price_ticks"], desk.buy_lots()) == (98, 8)


def test_silence_makes_an_order_unknown_and_it_is_asked_about_ever_more_slowly(desk: Desk) -> None:
    slot = desk.place()
    assert desk.table.next_deadline_ns == 2 * S
    assert desk.query() == []
    asked = []
    for tenth in range(600):
        desk.now = S + tenth * S // 10
        if desk.query():
            asked.append(desk.now)
    assert (desk.state(slot), desk.buy_lots()) == (OrderState.UNKNOWN, 10)
    assert [(after - before) / S for before, after in pairwise(asked)][:6] == [0.5, 1, 2, 4, 8, 8]


def test_a_place_that_never_arrived_is_only_believed_after_the_grace_time(desk: Desk) -> None:
    slot = desk.place()
    desk.say(OrderEventKind.LOST, slot, request=CommandKind.PLACE)
    assert desk.query() == [slot]
    result = desk.say(OrderEventKind.NOT_FOUND, slot, request=CommandKind.QUERY_ORDER)
    assert result["new_state"] == OrderState.UNKNOWN, "the request may still be on its way"
    desk.now += GRACE
    assert desk.query() == [slot]
    result = desk.say(OrderEventKind.NOT_FOUND, slot, request=CommandKind.QUERY_ORDER)
    assert (result["new_state"], desk.buy_lots()) == (OrderState.REJECTED, 0)


def test_the_late_answer_to_an_early_query_proves_nothing(desk: Desk) -> None:
    slot = desk.place()
    desk.say(OrderEventKind.LOST, slot, request=CommandKind.PLACE)
    desk.now += GRACE - 1
    desk.query()
    desk.now += 2 * S
    desk.query()
    for _ in range(2):  # which of the two queries is it the answer to?
        desk.say(OrderEventKind.NOT_FOUND, slot, request=CommandKind.QUERY_ORDER)
        assert desk.state(slot) == OrderState.UNKNOWN


def test_a_lost_order_that_is_filled_later_was_never_written_off(desk: Desk) -> None:
    slot = desk.place()
    desk.say(OrderEventKind.LOST, slot, request=CommandKind.PLACE)
    assert desk.buy_lots() == 10
    result = desk.fill(slot, 10, 1, cum_filled_lots=10)
    assert (result["new_fill_lots"], result["new_state"]) == (10, OrderState.FILLED)


def test_no_such_order_on_a_cancel_is_not_taken_for_canceled(desk: Desk) -> None:
    slot = desk.live()
    desk.table.cancel(slot, desk.now)
    result = desk.say(OrderEventKind.NOT_FOUND, slot, request=CommandKind.CANCEL_ORDER)
    assert (result["new_state"], result["needs_query"], desk.buy_lots()) == (OrderState.UNKNOWN, 1, 10)
    desk.query()
    answer = {"state": OrderState.FILLED, "cum_filled_lots": 10, "qty_lots": 10, "request": CommandKind.QUERY_ORDER}
    result = desk.say(OrderEventKind.STATUS, slot, **answer)
    assert (result["new_state"], result["missing_lots"], desk.buy_lots()) == (OrderState.FILLED, 10, 10)
    assert desk.fill(slot, 10, 1)["new_fill_lots"] == 10
    assert desk.buy_lots() == 0


def test_a_lost_cancel_is_settled_by_a_query_and_can_be_sent_again(desk: Desk) -> None:
    slot = desk.live()
    desk.table.cancel(slot, desk.now)
    desk.say(OrderEventKind.LOST, slot, request=CommandKind.CANCEL_ORDER)
    desk.query()
    answer = {"state": OrderState.LIVE, "cum_filled_lots": 0, "request": CommandKind.QUERY_ORDER}
    assert desk.say(OrderEventKind.STATUS, slot, **answer)["new_state"] == OrderState.LIVE
    assert desk.table.cancel(slot, desk.now)


def test_a_lost_amend_counts_until_it_can_no_longer_happen(desk: Desk) -> None:
    slot = desk.live(10)
    desk.table.amend(slot, 100, 30, desk.now)
    desk.say(OrderEventKind.LOST, slot, request=CommandKind.AMEND_ORDER)
    answer = {"state": OrderState.LIVE, "cum_filled_lots": 0, "price_ticks": 100, "qty_lots": 10}
    desk.query()
    desk.say(OrderEventKind.STATUS, slot, **answer, request=CommandKind.QUERY_ORDER)
    assert (desk.state(slot), desk.buy_lots()) == (OrderState.UNKNOWN, 30)
    desk.now += GRACE
    desk.query()
    desk.say(OrderEventKind.STATUS, slot, **answer, request=CommandKind.QUERY_ORDER)
    assert (desk.state(slot), desk.buy_lots()) == (OrderState.LIVE, 10)


def test_a_reject_of_an_acknowledged_order_is_a_contradiction(desk: Desk) -> None:
    slot = desk.live()
    result = desk.say(OrderEventKind.REJECT, slot, reason=-2010)
    assert (result["anomaly"], result["new_state"]) == (Anomaly.CONTRADICTION, OrderState.UNKNOWN)
    assert desk.table.order(slot)["reason"] == -2010


def test_a_fill_from_rest_finds_its_order_by_the_venues_id(desk: Desk) -> None:
    slot = desk.live()
    history = {
        "kind": OrderEventKind.FILL,
        "market": 0,
        "venue_order_id": 500 + slot,
        "last_qty_lots": 4,
        "trade_id": 9,
    }
    assert desk.table.apply_event(OrderEvent(**history, owner=Owner.OTHER), desk.now)["new_fill_lots"] == 4
    assert desk.buy_lots() == 6


def test_a_fill_that_may_be_of_an_order_without_a_venue_id_waits(desk: Desk) -> None:
    slot = desk.place()
    history = OrderEvent(kind=OrderEventKind.FILL, market=0, venue_order_id=77, last_qty_lots=4, trade_id=9)
    result = desk.table.apply_event(history, desk.now)
    assert (result["new_fill_lots"], result["needs_reconcile"]) == (0, 1)
    desk.say(OrderEventKind.ACK, slot, venue_order_id=77)
    assert desk.table.apply_event(history, desk.now)["new_fill_lots"] == 4
    assert desk.table.order(slot)["filled_lots"] == 4


def test_strangers(desk: Desk) -> None:
    event = {"kind": OrderEventKind.FILL, "market": 0, "venue_order_id": 5, "last_qty_lots": 2, "trade_id": 3}
    foreign = desk.table.apply_event(OrderEvent(**event, owner=Owner.OTHER), 0)
    assert (foreign["anomaly"], foreign["new_fill_lots"]) == (Anomaly.FOREIGN, 0)
    before = desk.table.apply_event(OrderEvent(**event, owner=Owner.OURS_BEFORE), 0)
    assert (before["anomaly"], before["new_fill_lots"]) == (Anomaly.NOT_IN_TABLE, 2)
    again = desk.table.apply_event(OrderEvent(**event, owner=Owner.OURS_BEFORE), 0)
    assert (again["anomaly"], again["new_fill_lots"]) == (Anomaly.DUPLICATE, 0)
    nowhere = desk.table.apply_event(OrderEvent(kind=OrderEventKind.ACK, market=4), 0)
    assert (nowhere["anomaly"], nowhere["slot"]) == (Anomaly.MALFORMED, -1)


def test_an_order_of_an_earlier_session_counts_and_ends(desk: Desk) -> None:
    seen = {"market": 0, "owner": Owner.OURS_BEFORE, "venue_order_id": 42, "price_ticks": 100, "qty_lots": 10}
    slot = desk.table.adopt_event(OrderEvent(kind=OrderEventKind.STATUS, **seen, cum_filled_lots=4), desk.now)
    assert (desk.state(slot), desk.buy_lots()) == (OrderState.PARTIALLY_FILLED, 6)
    old_fill = {**seen, "last_qty_lots": 4, "trade_id": 1}
    event = OrderEvent(kind=OrderEventKind.FILL, **old_fill)
    assert desk.table.apply_event(event, desk.now)["new_fill_lots"] == 4
    assert desk.buy_lots() == 6, "that fill was in the cumulative quantity already"
    desk.table.cancel(slot, desk.now)
    result = desk.table.apply_event(OrderEvent(kind=OrderEventKind.CANCEL, **seen, cum_filled_lots=4), desk.now)
    assert (result["new_state"], desk.buy_lots()) == (OrderState.CANCELED, 0)


def test_what_was_never_sent_leaves_no_trace(desk: Desk) -> None:
    slot = desk.place()
    assert desk.table.unsent(slot, CommandKind.PLACE, desk.now)
    assert desk.buy_lots() == desk.table.exposure_of(0)["open_orders"] == 0
    slot = desk.live()
    desk.table.amend(slot, 105, 20, desk.now)
    assert desk.table.unsent(slot, CommandKind.AMEND_ORDER, desk.now)
    desk.table.cancel(slot, desk.now)
    assert desk.table.unsent(slot, CommandKind.CANCEL_ORDER, desk.now)
    assert (desk.state(slot), desk.buy_lots()) == (OrderState.LIVE, 10)
    assert not desk.table.unsent(slot, CommandKind.CANCEL_ORDER, desk.now)


def test_numbers_are_never_used_twice_and_a_full_table_says_so() -> None:
    desk = Desk(capacity=8)
    numbers = set()
    for _ in range(100):
        slot = desk.live()
        numbers.add(desk.table.order(slot)["num"])
        desk.say(OrderEventKind.CANCEL, slot, cum_filled_lots=0)
    assert len(numbers) == 100
    slots = [desk.live() for _ in range(8)]
    assert sorted(slots) == list(range(8))
    assert desk.place() == -1
    desk.say(OrderEventKind.CANCEL, slots[3], cum_filled_lots=1)  # a fill is missing: it must be kept
    assert desk.place() == -1
    desk.fill(slots[3], 1, 1)
    assert desk.place() == slots[3]


def test_export_and_import_give_the_same_table() -> None:
    session = HostileSession()
    for step in range(300):
        session.place(step % 2, 90 + step % 20, 1 + step % 7)
        session.amend(step * 7, 90 + step % 13, 1 + step % 5)
        session.reach_venue(0, step % 9)
        session.trade(step, 2)
        session.hear_stream(0, step % 7)
        session.hear_answer(0, step % 5)
        session.pass_time(30)
    table = session.table
    twin = OrderTable(1, capacity=table.capacity, ack_timeout_ns=S, grace_ns=GRACE, retry_ns=S // 2)
    twin.import_state(table.export_state())
    twin.trades.load(0, table.trades.export(0))
    assert twin.export_state() == table.export_state()
    assert twin.open_slots(0) == table.open_slots(0)
    assert twin.exposure_of(0) == table.exposure_of(0)
    later = session.venue.now_ns + 10 * S
    assert twin.due(later) == table.due(later)
    assert twin.place(0, 0, 1, 1, 0, False, 0, later) == table.place(0, 0, 1, 1, 0, False, 0, later)
    assert twin.export_state() == table.export_state()
    with pytest.raises(ValueError, match="expected markets, capacity and sizes"):
        OrderTable(2).import_state(table.export_state())
    with pytest.raises(ValueError, match="bytes, found"):
        twin.import_state(table.export_state()[:-1])


@pytest.mark.parametrize("capacity", [0, 1, 100])
def test_capacity_is_checked(capacity: int) -> None:
    with pytest.raises(ValueError, match="power of two"):
        OrderTable(1, capacity=capacity)


def test_a_cancel_that_was_refused_is_still_wanted(desk: Desk) -> None:
    """No amend may give the order a new life meanwhile; the next cancel may go out."""
    slot = desk.live()
    desk.table.cancel(slot, desk.now)
    desk.say(OrderEventKind.CANCEL_REJECT, slot, request=CommandKind.CANCEL_ORDER)
    desk.query()
    desk.now += GRACE
    desk.query()
    for _ in range(2):
        desk.say(
            OrderEventKind.STATUS, slot, request=CommandKind.QUERY_ORDER, state=OrderState.LIVE, price_ticks=100,
            qty_lots=10, cum_filled_lots=0,
        )  # fmt: skip
    assert desk.state(slot) == OrderState.LIVE
    assert not desk.table.amend(slot, 101, 10, desk.now)
    assert desk.table.cancel(slot, desk.now)


def test_a_fill_up_to_what_an_amend_may_have_made_of_the_order_is_no_overfill(desk: Desk) -> None:
    slot = desk.live(qty=10)
    desk.table.amend(slot, 100, 15, desk.now)
    assert desk.fill(slot, 12, 1)["anomaly"] == Anomaly.EXPECTED
    assert desk.fill(slot, 4, 2)["anomaly"] == Anomaly.OVERFILL


def test_an_answer_to_a_query_from_before_a_contradiction_does_not_settle_it(desk: Desk) -> None:
    picture = {
        "request": CommandKind.QUERY_ORDER, "state": OrderState.LIVE, "price_ticks": 100, "qty_lots": 10,
        "cum_filled_lots": 0,
    }  # fmt: skip
    slot = desk.live()
    desk.now += 2 * GRACE
    desk.table.suspect(slot, desk.now)
    assert desk.query() == [slot]
    desk.say(OrderEventKind.CANCEL, slot, cum_filled_lots=-1)
    desk.say(OrderEventKind.STATUS, slot, **picture)
    assert desk.state(slot) == OrderState.UNKNOWN
    desk.now += GRACE
    assert desk.query() == [slot]
    desk.say(OrderEventKind.STATUS, slot, **picture)
    assert desk.state(slot) == OrderState.LIVE


def test_an_answer_to_a_query_from_before_an_amend_does_not_end_it(desk: Desk) -> None:
    picture = {
        "request": CommandKind.QUERY_ORDER, "state": OrderState.LIVE, "price_ticks": 100, "qty_lots": 10,
        "cum_filled_lots": 0,
    }  # fmt: skip
    slot = desk.live()
    desk.now += 2 * GRACE
    desk.table.suspect(slot, desk.now)
    desk.query()
    desk.now += GRACE
    desk.query()
    desk.say(OrderEventKind.STATUS, slot, **picture)
    assert desk.table.amend(slot, 101, 10, desk.now)
    desk.say(OrderEventKind.STATUS, slot, **picture)  # to the other query, which left before the amend
    assert desk.state(slot) == OrderState.PENDING_AMEND
    assert desk.table.order(slot)["new_price_ticks"] == 101
