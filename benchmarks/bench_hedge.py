"""From a quote's fill to the hedge for it, signed; and what hedging now would cost.

Run with ``pytest benchmarks/bench_hedge.py``.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from mmbot._core.types import CommandKind, CommandView, OrderEvent, OrderEventKind, Purpose, Side
from mmbot.bench import bot
from mmbot.bench.feed import Feed, generated

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

    from mmbot.plugins import Plugin

PERP, SPOT, FRAMES, LOTS = 0, 1, 100, 5
MS = 1_000_000
REST_NS = 100 * MS  # between two fills, so that no message budget is used up


@pytest.fixture(scope="module")
def feed() -> Feed:
    return generated(messages=20)


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Plugin:
    return bot.plugins(tmp_path_factory.mktemp("compiled"))["compiled"]


class Desk:
    """A bot with a perpetual that quotes, and a spot market of one deep level a side to hedge on."""

    def __init__(self, feed: Feed, plugin: Plugin) -> None:
        self.bot = bot.Bot(feed, plugin, None)
        self.engine = self.bot.engine
        self.bot.venue.encoder.add_market(SPOT, self.engine.markets[SPOT].instrument)  # an order is as long on either
        for ts_ns, payload in feed.frames[:FRAMES]:
            self.bot.inbox.frame(PERP, payload, ts_ns)
            self.bot.answer(ts_ns)
        self.now_ns, self.trades = feed.frames[FRAMES][0], 0
        self.fills = self.hedged = 0
        self.side = Side.SELL
        self._open_spot()

    def _open_spot(self) -> None:
        perp = self.engine.markets[PERP]
        bid, ask = perp.price(perp.bid_ticks), perp.price(perp.ask_ticks)
        levels = {"bids": [[f"{bid:.2f}", "900"]], "asks": [[f"{ask:.2f}", "900"]]}
        self.engine.on_feed(SPOT, up=True, ts_ns=self.now_ns)
        self.engine.on_snapshot(SPOT, json.dumps({"lastUpdateId": 10, **levels}).encode(), self.now_ns)
        body = {"e": "depthUpdate", "E": 1, "s": "BTCUSDT", "U": 11, "u": 11, "b": [], "a": []}
        self.bot.inbox.frame(SPOT, json.dumps(body, separators=(",", ":")).encode(), self.now_ns)
        self.bot.answer(self.now_ns)

    def traded(self, order: CommandView, qty_lots: int) -> OrderEvent:
        """The fill of an order, at its own price."""
        self.trades += 1
        return OrderEvent(
            kind=OrderEventKind.FILL, market=order.market, order_num=order.order_num, venue_order_id=order.order_num,
            side=order.side, price_ticks=order.price_ticks, qty_lots=order.qty_lots, cum_filled_lots=qty_lots,
            last_price_ticks=order.price_ticks, last_qty_lots=qty_lots, trade_id=self.trades, maker=1,
            exch_ts_ns=self.now_ns,
        )  # fmt: skip

    def fill(self) -> OrderEvent:
        """A fill of the quote on the other side than last time."""
        self.now_ns += REST_NS
        self.fills += 1
        self.side = Side(1 - self.side)
        table = self.engine.execution.table
        quote = next(order for slot in table.open_slots(PERP) if (order := table.order(slot))["side"] == self.side)
        view = CommandView(
            kind=CommandKind.PLACE, market=PERP, order_num=quote["num"], side=quote["side"],
            price_ticks=quote["price_ticks"], qty_lots=quote["qty_lots"],
        )  # fmt: skip
        return self.traded(view, quote["filled_lots"] + LOTS)

    def hear(self, event: OrderEvent) -> None:
        """What is measured: the fill is booked, the hedge leaves signed."""
        self.engine.on_order(event, self.now_ns)
        self.bot.inbox.flush()

    def settle(self) -> None:
        """Fill the hedge whole, acknowledge the quotes."""
        hedges = [one for one in self.bot.venue.sent if one.purpose == Purpose.HEDGE]
        self.bot.answer(self.now_ns)
        for hedge in hedges:
            self.engine.on_order(self.traded(hedge, hedge.qty_lots), self.now_ns)
            self.hedged += 1
        self.bot.inbox.flush()
        self.bot.answer(self.now_ns)


def test_fill_to_hedge(benchmark: BenchmarkFixture, feed: Feed, plugin: Plugin) -> None:
    desk = Desk(feed, plugin)

    def setup() -> tuple[tuple[OrderEvent], dict[str, object]]:
        desk.settle()
        return (desk.fill(),), {}

    benchmark.pedantic(desk.hear, setup=setup, rounds=500)
    desk.settle()
    assert desk.hedged == desk.fills
    assert desk.engine.groups[0].backlog == 0


def test_cost(benchmark: BenchmarkFixture, feed: Feed, plugin: Plugin) -> None:
    desk = Desk(feed, plugin)
    group, spot = desk.engine.groups[0], desk.engine.markets[SPOT]
    benchmark.pedantic(group.cost, (spot, Side.BUY, 0.01), rounds=200, iterations=1000, warmup_rounds=3)
