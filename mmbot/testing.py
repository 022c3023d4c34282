"""Try a plugin on a made-up market: the real engine, decoder, book and risk limits, without sockets or an exchange.

::

    from mmbot.testing import Rehearsal

    def test_quotes_lie_around_the_mid() -> None:
        bot = Rehearsal("my_maker.py", half_spread_bps=5.0)
        bot.book(600_000, 600_001)
        assert bot.bids[0] == (599_700, 10)

The market is a BTC perpetual with ticks of 0.1 USDT and lots of 0.001 BTC; nothing moves unless told to.
An exception in a callback, or quotes that the risk limits would refuse at a swap, fail the test.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import mmbot
from mmbot._core.types import OrderEvent, OrderEventKind, Owner, Side
from mmbot.assembly import PluginSpec, Spec, assemble
from mmbot.config import parse
from mmbot.errors import PluginError
from mmbot.plugins import Plugin, load

if TYPE_CHECKING:
    from pathlib import Path

    from mmbot._core.market import Market
    from mmbot.strategy import Strategy

START_NS = 1_723_075_200_000_000_000  # 2024-08-08 00:00 UTC

CONFIG = """
bot: {name: rehearsal}
venues: {perp: {kind: binance_usdm, endpoint: sim}, spot: {kind: binance_spot, endpoint: sim}}
exchange: {source: traders}
markets:
  perp_btc: {venue: perp, symbol: "BTC/USDT:USDT", role: maker}
  spot_btc: {venue: spot, symbol: BTC/USDT, role: hedge}
strategy: {id: rehearsed, markets: [perp_btc]}
hedge: {BTC: {markets: [spot_btc]}}
risk: {max_order_qty: 1, max_order_notional: 100000, max_position: 2, max_daily_loss: 1000, max_drawdown: 500}
"""

INSTRUMENTS: dict[str, dict[str, Any]] = {
    "perp_btc": {
        "venue": "binance_usdm", "symbol": "BTC/USDT:USDT", "venue_symbol": "BTCUSDT", "base_asset": "BTC",
        "quote_asset": "USDT", "settle_asset": "USDT", "tick_size": "0.1", "lot_size": "0.001",
        "min_qty_lots": 1, "min_notional_e8": 100 * 10**8,
    },
    "spot_btc": {
        "venue": "binance_spot", "symbol": "BTC/USDT", "venue_symbol": "BTCUSDT", "base_asset": "BTC",
        "quote_asset": "USDT", "settle_asset": "USDT", "tick_size": "0.01", "lot_size": "0.00001",
        "perpetual": False, "min_qty_lots": 1, "min_notional_e8": 5 * 10**8,
    },
}  # fmt: skip


class Rehearsal:
    """A bot's core with one plugin and a market that does what the test says.

    Args:
        plugin: what a config's `strategy.id` may be: an id, a file, ``package.module:Class``; or a loaded plugin.
        params: values of its parameters; the others have their defaults.

    Attributes:
        engine: the core itself, for what the other names do not show.
        market: the market that the plugin quotes.
        now_ns: the time, UTC nanoseconds.
        notes: what the engine and the plugin's `note` wrote to the log.

    Raises:
        PluginError: the plugin does not load, its params are wrong, or its first run on the empty market raised.
    """

    def __init__(self, plugin: str | Path | Plugin, **params: Any) -> None:
        loaded = plugin if isinstance(plugin, Plugin) else load(str(plugin))
        described = PluginSpec.of(loaded, loaded.params(params))
        config = parse(CONFIG).model_dump(mode="json")
        spec = Spec(config, INSTRUMENTS, [0, 1], described, START_NS // 10**6, mmbot.__version__)
        self.engine = assemble(spec, plugin=loaded).engine
        self.market: Market = self.engine.markets[0]
        self.now_ns = START_NS
        self.notes: list[str] = []
        self._update_id, self._trades = 100, 0
        self._levels: list[tuple[str, str]] = []
        self.engine.on_feed(0, up=True, ts_ns=self.now_ns)
        empty = {"lastUpdateId": self._update_id, "E": 0, "T": 0, "bids": [], "asks": []}
        self.engine.on_snapshot(0, json.dumps(empty).encode(), self.now_ns)
        self._look()

    @property
    def strategy(self) -> Strategy:
        """The running instance.

        Raises:
            PluginError: none runs.
        """
        active = self.engine.host.active
        if active is None:
            raise PluginError("no plugin runs")
        return active

    @property
    def quotes(self) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Bids and asks that the plugin wants, each ``(price_ticks, qty_lots)``, best first."""
        return self.strategy.quotes_of(self.market)

    @property
    def bids(self) -> list[tuple[int, int]]:
        """The bids of `quotes`."""
        return self.quotes[0]

    @property
    def asks(self) -> list[tuple[int, int]]:
        """The asks of `quotes`."""
        return self.quotes[1]

    def book(self, bid_ticks: int, ask_ticks: int, *, bid_lots: int = 500, ask_lots: int = 500) -> None:
        """Move the market's best prices.

        Raises:
            ValueError: bid and ask meet.
        """
        if not 0 < bid_ticks < ask_ticks:
            raise ValueError(f"book(): expected 0 < bid < ask, found {bid_ticks} and {ask_ticks} ticks")
        self._update_id += 1
        fresh = [("b", _price(bid_ticks), _qty(bid_lots)), ("a", _price(ask_ticks), _qty(ask_lots))]
        stays = {row[:2] for row in fresh}
        gone = [(*level, "0") for level in self._levels if level not in stays]
        self._levels = [row[:2] for row in fresh]
        self._frame({
            "e": "depthUpdate", "E": self.now_ns // 10**6, "T": self.now_ns // 10**6, "s": "BTCUSDT",
            "U": self._update_id - (2 if self._update_id == 101 else 0),  # the first one bridges the snapshot
            "u": self._update_id, "pu": self._update_id - 1,
            "b": [row[1:] for row in gone + fresh if row[0] == "b"],
            "a": [row[1:] for row in gone + fresh if row[0] == "a"],
        })  # fmt: skip

    def trade(self, taker: Side, price_ticks: int, qty_lots: int = 5) -> None:
        """Somebody's market order trades; `taker` is its side."""
        self._trades += 1
        self._frame({
            "e": "aggTrade", "E": self.now_ns // 10**6, "s": "BTCUSDT", "a": self._trades, "p": _price(price_ticks),
            "q": _qty(qty_lots), "f": self._trades, "l": self._trades, "T": self.now_ns // 10**6,
            "m": taker == Side.SELL,
        })  # fmt: skip

    def fill(self, side: Side, price_ticks: int, qty_lots: int) -> None:
        """An order of the bot is filled as maker: position, PnL, `on_fill`."""
        self._trades += 1
        event = OrderEvent(
            kind=OrderEventKind.FILL, market=0, owner=Owner.OURS_BEFORE, order_num=1, side=side, maker=1,
            last_price_ticks=price_ticks, last_qty_lots=qty_lots, trade_id=10**6 + self._trades,
        )  # fmt: skip
        self.engine.on_order(event, self.now_ns)
        self._look()

    def funding(self, amount: float) -> None:
        """Funding is received (> 0) or paid (< 0), in USDT."""
        event = {"op": "funding", "market": 0, "amount_e8": round(amount * 1e8), "asset": 0}
        self.engine.on_account(json.dumps(event).encode(), self.now_ns)
        self._look()

    def wait(self, seconds: float) -> None:
        """Let time pass: timers fire, while the market stands still."""
        end_ns = self.now_ns + round(seconds * 1e9)
        while self.now_ns < end_ns:
            self.now_ns = min(self.engine.next_due_ns(), self.now_ns + 10**9, end_ns)
            if self.market.trusted:  # a silent book would be stale
                self.book(self.market.bid_ticks, self.market.ask_ticks)
            self.engine.on_time(self.now_ns)
            self._look()

    def swap(self, plugin: str | Path | Plugin, **params: Any) -> None:
        """Swap in another plugin, or other code of the same, as a running bot would.

        Raises:
            PluginError: why the old one goes on.
        """
        loaded = plugin if isinstance(plugin, Plugin) else load(str(plugin))
        body = json.dumps({"id": loaded.id}).encode()
        refused = self.engine.swap(loaded.create(), loaded.params(params), loaded.id, body, self.now_ns)
        if refused:
            raise PluginError(f"strategy {loaded.id}: {refused}")
        self._look()

    def _frame(self, message: dict[str, Any]) -> None:
        self.engine.on_frame(0, json.dumps(message, separators=(",", ":")).encode(), self.now_ns)
        self._look()

    def _look(self) -> None:
        """Take the notes, and fail on what the plugin raised."""
        fresh = self.engine.take_notes()
        self.notes += fresh
        raised = [note for note in fresh if note.startswith("plugin ")]
        if raised:
            raise PluginError("\n".join(raised))


def _price(ticks: int) -> str:
    return f"{ticks // 10}.{ticks % 10}0"


def _qty(lots: int) -> str:
    return f"{lots // 1000}.{lots % 1000:03d}"
