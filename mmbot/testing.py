"""Try a plugin on a made-up market: the real engine, decoder, book and risk limits, without sockets or an exchange.

::

    from mmbot.testing import Rehearsal

    def test_quotes_lie_around_the_mid() -> None:
        bot = Rehearsal("my_maker.py", half_spread_bps=5.0)
        bot.book(600_000, 600_001)
        assert bot.bids[0] == (599_700, 10)

The market is a BTC perpetual with ticks of 0.1 USDT and lots of 0.001 BTC; nothing moves unless told to. With
``observe=True`` the plugin also sees BTC spot, ticks of 0.01 USDT and lots of 0.00001 BTC, as ``self.markets[1]``.
An exception in a callback, or quotes that the risk limits would refuse at a swap, fail the test.
"""

from __future__ import annotations

import json
from decimal import Decimal
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
strategy: {id: rehearsed, markets: [perp_btc], observes: []}
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
        observe: whether it sees the spot market too, as with ``observes: [spot_btc]`` in a config.
        params: values of its parameters; the others have their defaults.

    Attributes:
        engine: the core itself, for what the other names do not show.
        market: the market that the plugin quotes.
        spot: the market that it may observe.
        now_ns: the time, UTC nanoseconds.
        notes: what the engine and the plugin's `note` wrote to the log.

    Raises:
        PluginError: the plugin does not load, its params are wrong, or its first run on the empty market raised.
    """

    def __init__(self, plugin: str | Path | Plugin, *, observe: bool = False, **params: Any) -> None:
        loaded = plugin if isinstance(plugin, Plugin) else load(str(plugin))
        described = PluginSpec.of(loaded, loaded.params(params))
        config = parse(CONFIG.replace("[]", "[spot_btc]") if observe else CONFIG).model_dump(mode="json")
        spec = Spec(config, INSTRUMENTS, [0, 1], described, START_NS // 10**6, mmbot.__version__)
        self.engine = assemble(spec, plugin=loaded).engine
        self.market: Market = self.engine.markets[0]
        self.spot: Market = self.engine.markets[1]
        self.now_ns = START_NS
        self.notes: list[str] = []
        self._trades = 0
        self._update_ids = [100, 100]
        self._levels: list[list[tuple[str, str]]] = [[], []]
        for feed in range(1 + observe):
            self.engine.on_feed(feed, up=True, ts_ns=self.now_ns)
            empty = {"lastUpdateId": 100, "E": 0, "T": 0, "bids": [], "asks": []}
            self.engine.on_snapshot(feed, json.dumps(empty).encode(), self.now_ns)
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

    def book(
        self, bid_ticks: int, ask_ticks: int, *, bid_lots: int = 500, ask_lots: int = 500, market: Market | None = None
    ) -> None:
        """Move the best prices of the market, or of `market`.

        Raises:
            ValueError: bid and ask meet.
        """
        if not 0 < bid_ticks < ask_ticks:
            raise ValueError(f"book(): expected 0 < bid < ask, found {bid_ticks} and {ask_ticks} ticks")
        of = market or self.market
        self._update_ids[of.index] += 1
        update_id = self._update_ids[of.index]
        fresh = [
            ("b", _decimal(bid_ticks, of.instrument.tick_size), _decimal(bid_lots, of.instrument.lot_size)),
            ("a", _decimal(ask_ticks, of.instrument.tick_size), _decimal(ask_lots, of.instrument.lot_size)),
        ]
        stays = {row[:2] for row in fresh}
        gone = [(*level, "0") for level in self._levels[of.index] if level not in stays]
        self._levels[of.index] = [row[:2] for row in fresh]
        first = update_id - (2 if update_id == 101 else 0)  # the first one bridges the snapshot
        futures = {"T": self.now_ns // 10**6, "pu": update_id - 1} if of.instrument.perpetual else {}
        self._frame(of, {
            "e": "depthUpdate", "E": self.now_ns // 10**6, "s": "BTCUSDT", "U": first, "u": update_id, **futures,
            "b": [row[1:] for row in gone + fresh if row[0] == "b"],
            "a": [row[1:] for row in gone + fresh if row[0] == "a"],
        })  # fmt: skip

    def trade(self, taker: Side, price_ticks: int, qty_lots: int = 5, *, market: Market | None = None) -> None:
        """Somebody's market order trades; `taker` is its side."""
        of = market or self.market
        self._trades += 1
        self._frame(of, {
            "e": "aggTrade" if of.instrument.perpetual else "trade", "E": self.now_ns // 10**6, "s": "BTCUSDT",
            "a" if of.instrument.perpetual else "t": self._trades,
            "p": _decimal(price_ticks, of.instrument.tick_size), "q": _decimal(qty_lots, of.instrument.lot_size),
            "f": self._trades, "l": self._trades, "T": self.now_ns // 10**6, "m": taker == Side.SELL,
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
            for market in (self.market, self.spot):
                if market.trusted and market.bid_ticks > 0:  # a silent book would be stale
                    self.book(market.bid_ticks, market.ask_ticks, market=market)
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

    def _frame(self, market: Market, message: dict[str, Any]) -> None:
        self.engine.on_frame(market.index, json.dumps(message, separators=(",", ":")).encode(), self.now_ns)
        self._look()

    def _look(self) -> None:
        """Take the notes, and fail on what the plugin raised."""
        fresh = self.engine.take_notes()
        self.notes += fresh
        raised = [note for note in fresh if note.startswith("plugin ")]
        if raised:
            raise PluginError("\n".join(raised))


def _decimal(units: int, size: object) -> str:
    """A price of ticks, or a quantity of lots, as the venue writes it."""
    return format(units * Decimal(str(size)), "f")
