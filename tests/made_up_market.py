"""A bot's core with a made-up market: what a plugin sees and wants, without sockets, orders or an exchange."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import mmbot
from mmbot._core.types import OrderEvent, OrderEventKind, Owner, Side
from mmbot.assembly import PluginSpec, Spec, assemble
from mmbot.config import parse

if TYPE_CHECKING:
    from mmbot._core.market import Market
    from mmbot.plugins import Plugin
    from mmbot.strategy import Strategy

START_NS = 1_723_075_200_000_000_000

CONFIG = """
bot: {name: test}
venues: {perp: {kind: binance_usdm, endpoint: sim}}
exchange: {source: traders}
markets: {perp_btc: {venue: perp, symbol: "BTC/USDT:USDT", role: maker}}
strategy: {id: pmm, markets: [perp_btc]}
risk: {max_order_qty: 1, max_order_notional: 100000, max_position: 2, max_daily_loss: 1000, max_drawdown: 500}
"""

INSTRUMENT: dict[str, Any] = {
    "venue": "binance_usdm", "symbol": "BTC/USDT:USDT", "venue_symbol": "BTCUSDT", "base_asset": "BTC",
    "quote_asset": "USDT", "settle_asset": "USDT", "tick_size": "0.1", "lot_size": "0.001",
    "min_qty_lots": 1, "min_notional_e8": 100 * 10**8,
}  # fmt: skip


class Session:
    """One market of 0.1 USDT ticks and 0.001 BTC lots, and the plugin under test."""

    def __init__(self, plugin: Plugin, **params: Any) -> None:
        config = parse(CONFIG).model_dump(mode="json")
        described = PluginSpec.of(plugin, plugin.params(params))
        spec = Spec(config, {"perp_btc": INSTRUMENT}, [0], described, START_NS // 10**6, mmbot.__version__)
        self.engine = assemble(spec, plugin=plugin).engine
        self.market: Market = self.engine.markets[0]
        self.now_ns = START_NS
        self.update_id = 100
        self.trades = 0
        self.levels: list[tuple[str, str]] = []
        self.engine.on_feed(0, True, self.now_ns)
        empty = {"lastUpdateId": self.update_id, "E": 0, "T": 0, "bids": [], "asks": []}
        self.engine.on_snapshot(0, json.dumps(empty).encode(), self.now_ns)

    @property
    def plugin(self) -> Strategy:
        """The running instance."""
        return self.engine.host.active

    def quotes(self) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """What the plugin wants, (bids, asks)."""
        assert self.engine.host.failures == []
        return self.plugin.quotes_of(self.market)

    def book(self, bid_ticks: int, ask_ticks: int, *, bid_lots: int = 500, ask_lots: int = 500) -> None:
        """Move the best prices, by a depth message."""
        self.update_id += 1
        fresh = [("b", price(bid_ticks), f"{bid_lots / 1000:.3f}"), ("a", price(ask_ticks), f"{ask_lots / 1000:.3f}")]
        gone = [(side, at, "0") for side, at in self.levels if (side, at) not in {f[:2] for f in fresh}]
        self.levels = [f[:2] for f in fresh]
        message = {
            "e": "depthUpdate", "E": self.now_ns // 10**6, "T": self.now_ns // 10**6, "s": "BTCUSDT",
            "U": self.update_id, "u": self.update_id, "pu": self.update_id - 1,
            "b": [row[1:] for row in gone + fresh if row[0] == "b"],
            "a": [row[1:] for row in gone + fresh if row[0] == "a"],
        }  # fmt: skip
        if self.update_id == 101:
            message["U"] = 99  # the first one bridges the snapshot
        self._frame(message)
        assert self.market.trusted
        assert (self.market.bid_ticks, self.market.ask_ticks) == (bid_ticks, ask_ticks)

    def trade(self, taker: Side, at_ticks: int, lots: int = 5) -> None:
        """Somebody's market order trades."""
        self.trades += 1
        self._frame({
            "e": "aggTrade", "E": self.now_ns // 10**6, "s": "BTCUSDT", "a": self.trades, "p": price(at_ticks),
            "q": f"{lots / 1000:.3f}", "f": self.trades, "l": self.trades, "T": self.now_ns // 10**6,
            "m": taker == Side.SELL,
        })  # fmt: skip

    def fill(self, side: Side, at_ticks: int, lots: int) -> None:
        """An order of ours fills."""
        self.trades += 1
        event = OrderEvent(
            kind=OrderEventKind.FILL, market=0, owner=Owner.OURS_BEFORE, order_num=1, side=side, maker=1,
            last_price_ticks=at_ticks, last_qty_lots=lots, trade_id=10**6 + self.trades,
        )  # fmt: skip
        before = self.market.position_lots
        self.engine.on_order(event, self.now_ns)
        assert self.market.position_lots - before == (lots if side == Side.BUY else -lots)

    def wait(self, seconds: float) -> None:
        """Let time pass in steps of a second, the book standing still."""
        end_ns = self.now_ns + round(seconds * 1e9)
        while self.now_ns < end_ns:
            self.now_ns = min(self.now_ns + 10**9, end_ns)
            self._touch()
            self.engine.on_time(self.now_ns)

    def swap(self, plugin: Plugin, **params: Any) -> None:
        """Swap in another plugin."""
        described = json.dumps({"id": plugin.id}).encode()
        refused = self.engine.swap(plugin.create(), plugin.params(params), plugin.id, described, self.now_ns)
        assert refused == ""

    def _touch(self) -> None:
        """Keep the book from going stale: the same best prices once more."""
        if self.market.trusted:
            self.book(self.market.bid_ticks, self.market.ask_ticks)

    def _frame(self, message: dict[str, Any]) -> None:
        self.engine.on_frame(0, json.dumps(message, separators=(",", ":")).encode(), self.now_ns)


def price(ticks: int) -> str:
    """Ticks of 0.1 as text."""
    return f"{ticks // 10}.{ticks % 10}0"
