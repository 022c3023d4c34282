"""Random trouble for an engine on its desk: a hostile network, a moving market, operators, swaps, reconnections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine_desk import LADDER, MS, PERP, PERP2, SPOT, Desk
from model_venue import GRACE_NS, Request

from mmbot._core.limits import RiskLevel
from mmbot._core.types import CommandKind, OrderState, Purpose

if TYPE_CHECKING:
    import random

BAD = LADDER.replace(
    "def on_fill(self, market: Market, fill: Fill) -> None:\n", "def on_fill(self, market, fill):\n        1 / 0\n"
)
WIDER = LADDER.replace("int = field(20", "int = field(33")
MARKETS = (PERP, PERP2, SPOT)


class Storm:
    """Does one thing after another to a desk, and checks after each what must hold.

    Args:
        desk: opened.
    """

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.wire: list[Any] = []

    def blow(self, chance: random.Random, steps: int) -> None:
        """That many random steps."""
        self.go(chance, chance.choices(list(STEPS), list(STEPS.values()), k=steps))

    def go(self, chance: random.Random, names: list[str]) -> None:
        """These steps, each checked."""
        for name in names:
            getattr(self, name)(chance)
            self.check()

    # --- steps ----------------------------------------------------------------------------------------------------

    def market_moves(self, chance: random.Random) -> None:
        market = chance.choice(MARKETS)
        bid = self.desk.venues[market].touch[0] + chance.randint(-30, 30)
        self.desk.book(market, bid, bid + chance.randint(1, 20), chance.randint(1, 60), chance.randint(1, 60))

    def frame_is_lost(self, chance: random.Random) -> None:
        self.desk.update_id[chance.choice(MARKETS)] += 1

    def frame_is_nonsense(self, chance: random.Random) -> None:
        body = b'{"e":"depthUpdate","E":1,"s":"BTCUSDT","U":5,"u":9,"pu":4,"b":[["1.0","2.0"]],"a":[]}'
        cut = chance.randint(0, len(body))
        self.desk.do("on_frame", 0, body[:cut] + bytes([chance.randint(0, 255)]) + body[cut:], self.desk.now_ns)

    def command_arrives(self, chance: random.Random) -> None:
        self._take_wire()
        if self.wire:
            command = self.wire.pop(chance.randrange(len(self.wire)))
            if command.kind == CommandKind.RESYNC:
                self.desk.snapshot(command.market)
            else:
                venue = self.desk.venues[command.market]
                venue.refuse_next = chance.random() < 0.05
                venue.take(command)
                venue.refuse_next = 0

    def command_is_lost(self, chance: random.Random) -> None:
        self._take_wire()
        orders = [c for c in self.wire if c.kind != CommandKind.RESYNC and c.order_num]
        if orders:
            command = chance.choice(orders)
            self.wire.remove(command)
            self.desk.hear(self.desk.venues[command.market].lost(self._request(command)))

    def answer_arrives(self, chance: random.Random) -> None:
        venue = self.desk.venues[chance.choice(MARKETS)]
        if venue.answers:
            answer = venue.answers.pop(chance.randrange(len(venue.answers)))
            self.desk.hear(venue.lost(answer.request) if chance.random() < 0.1 else answer.event)

    def stream_arrives(self, chance: random.Random) -> None:
        venue = self.desk.venues[chance.choice(MARKETS)]
        if venue.stream:
            index = chance.randrange(len(venue.stream))
            event = venue.stream[index]
            fate = chance.random()
            if fate > 0.15:  # else it comes again
                venue.stream.pop(index)
            if fate < 0.9:  # else it is lost
                self.desk.hear(event)

    def order_trades(self, chance: random.Random) -> None:
        venue = self.desk.venues[chance.choice((PERP, PERP, PERP, SPOT))]
        live = venue.live()
        if live:
            order = chance.choice(live)
            venue.trade(order, chance.randint(1, order.remaining))

    def time_passes(self, chance: random.Random) -> None:
        self.desk.tick(chance.choice((1, 20, 100, 100, 700)))
        self._overdue()

    def picture_comes(self, chance: random.Random) -> None:
        self._look_at(chance.randint(0, 1))

    def connection_drops(self, chance: random.Random) -> None:
        index = chance.randint(0, 1)
        self.desk.command("trading", venue=index, up=False)
        self.desk.command("trading", venue=index, up=True)

    def feed_drops(self, chance: random.Random) -> None:
        feed = chance.randint(0, 1)
        self.desk.do("on_feed", feed, False, self.desk.now_ns)
        if chance.random() < 0.8:
            self.desk.do("on_feed", feed, True, self.desk.now_ns)

    def operator_acts(self, chance: random.Random) -> None:
        op = chance.choice(("pause", "level", *["resume"] * 5))
        if op == "level":
            self.desk.command("level", level=chance.choice((1, 2, 3, 4)))
        else:
            self.desk.command(op, market=chance.choice((None, None, PERP)))

    def swap(self, chance: random.Random) -> None:
        source = chance.choice((LADDER, WIDER, BAD))
        self.desk.swap(source, {"lots": chance.randint(1, 20)}, shadow_ns=chance.choice((0, 0, 500 * MS)))

    # --- the wire -------------------------------------------------------------------------------------------------

    def _take_wire(self) -> None:
        self.wire += self.desk.commands[self.desk._carried :]
        self.desk._carried = len(self.desk.commands)

    def _request(self, command: Any) -> Any:
        return Request(command.kind, command.order_num, self.desk.now_ns, command.side)

    def _overdue(self) -> None:
        """A connector says LOST before the grace time is over, and delivers nothing afterwards."""
        self._take_wire()
        limit_ns = self.desk.now_ns - GRACE_NS // 2
        for command in [c for c in self.wire if c.ts_ns < limit_ns]:
            self.wire.remove(command)
            if command.kind != CommandKind.RESYNC and command.order_num:
                self.desk.hear(self.desk.venues[command.market].lost(self._request(command)))
        for venue in self.desk.venues:
            for answer in [a for a in venue.answers if a.request.sent_ns < limit_ns]:
                venue.answers.remove(answer)
                self.desk.hear(venue.lost(answer.request))

    def calm(self) -> None:
        """The network behaves, everything is looked at, the operator says go on."""
        for step in range(200):
            self._deliver()
            if step % 20 == 5:
                self._connect()
            if step % 20 == 15:
                for index in (0, 1):
                    self._look_at(index)
            self.desk.tick(200)
            for market in MARKETS:
                self.desk.book(market, 600_000, 600_010)
            if step == 60:
                self.desk.command("resume")

    def _deliver(self) -> None:
        desk = self.desk
        self._take_wire()
        while self.wire:
            command = self.wire.pop(0)
            if command.kind == CommandKind.RESYNC:
                desk.snapshot(command.market)
            else:
                desk.venues[command.market].take(command)
            self._take_wire()
        for venue in desk.venues:
            while venue.answers:
                desk.hear(venue.answers.pop(0).event)
            while venue.stream:
                desk.hear(venue.stream.pop(0))

    def _connect(self) -> None:
        for index in (0, 1):
            self.desk.do("on_feed", index, True, self.desk.now_ns)
            self.desk.command("trading", venue=index, up=True)

    def _look_at(self, index: int) -> None:
        """Past fills first, then the picture."""
        for market in (PERP, PERP2) if index == 0 else (SPOT,):
            for event in self.desk.venues[market].fill_history():
                self.desk.hear(event)
        self.desk.reconcile(index)

    # --- what must hold -------------------------------------------------------------------------------------------

    def check(self) -> None:
        """After every single event of a step this was true; it is looked at after the step."""
        engine = self.desk.engine
        for market in MARKETS:
            self._exposure(market)
        for index, market in enumerate(engine.markets):
            booked = [(f.qty_lots if f.side == 0 else -f.qty_lots) for f in self.desk.fills if f.market == index]
            assert market.position_lots == sum(booked)
            trades = [(f.side, f.trade_id) for f in self.desk.fills if f.market == index]
            assert len(trades) == len(set(trades)), "a fill was booked twice"
        for command in self.desk.sent:
            if command.kind == CommandKind.PLACE:
                self._allowed(command)

    def _exposure(self, market: int) -> None:
        venue, engine = self.desk.venues[market], self.desk.engine
        table = engine.execution.table
        for order in venue.live():
            slot = table.find(order.num)
            assert slot >= 0, "the table forgot a live order"
            assert table.order(slot)["state"] < OrderState.FILLED, "a live order was taken for ended"
        gate = engine.execution.gate.market_state(market)
        position = engine.markets[market].position_lots
        assert gate["position_lots"] == position
        longest, shortest = position + gate["buy_lots"], position - gate["sell_lots"]
        assert longest >= venue.position() + sum(o.remaining for o in venue.live(0)) + self._unheard(market, 1)
        assert shortest <= venue.position() - sum(o.remaining for o in venue.live(1)) - self._unheard(market, 0)

    def _unheard(self, market: int, side: int) -> int:
        """Lots that traded on a side and have not been booked."""
        heard = sum(f.qty_lots for f in self.desk.fills if f.market == market and f.side == side)
        return self.desk.venues[market].bought(side) - heard

    def _allowed(self, command: Any) -> None:
        engine = self.desk.engine
        market = engine.markets[command.market]
        assert engine.limits.level != RiskLevel.HALT
        assert 0 < command.qty_lots <= 1000
        assert abs(command.price_ticks - market.mid_ticks) <= 0.02 * market.mid_ticks
        if command.purpose == Purpose.QUOTE:
            assert market.trading
            assert market.trusted
            assert engine.limits.level in (RiskLevel.NORMAL, RiskLevel.REDUCE_ONLY)
            assert not engine.stopping

    def check_at_rest(self) -> None:
        """Everybody agrees, and the delta is hedged."""
        desk = self.desk
        for market in MARKETS:
            venue, table = desk.venues[market], desk.engine.execution.table
            ours = {table.order(slot)["num"] for slot in table.open_slots(market)}
            assert ours == {order.num for order in venue.live()}
            assert desk.engine.markets[market].position_lots == venue.position()
            assert table.exposure_of(market)["unknown_orders"] == table.exposure_of(market)["missing_lots"] == 0
        assert desk.engine.limits.level == RiskLevel.NORMAL, desk.notes[-5:]
        assert abs(desk.delta()) < 1e-9
        assert len(desk.quotes()) > 0
        assert desk.engine.execution.table.exposure_of(PERP)["open_orders"] == len(desk.quotes())


STEPS = {
    "market_moves": 20, "frame_is_lost": 1, "frame_is_nonsense": 1, "command_arrives": 40, "command_is_lost": 2,
    "answer_arrives": 30, "stream_arrives": 40, "order_trades": 8, "time_passes": 10, "picture_comes": 4,
    "connection_drops": 1, "feed_drops": 1, "operator_acts": 3, "swap": 1,
}  # fmt: skip
