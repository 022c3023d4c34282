"""A whole bot's core on a feed: payload in, signed order bytes out, through the same door as in a live session."""

from __future__ import annotations

import asyncio
import gc
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmbot import __version__
from mmbot._core.encode_binance import BinanceEncoder
from mmbot._core.types import CommandKind, CommandView, Instrument, OrderEvent, OrderEventKind
from mmbot.assembly import Assembly, PluginSpec, Spec, assemble, instrument_fields
from mmbot.bench.feed import START_NS
from mmbot.config import parse
from mmbot.engine.inbox import Inbox, encode
from mmbot.engine.swapping import Swapper
from mmbot.errors import MmbotError
from mmbot.journal import JournalWriter
from mmbot.plugins import Plugin, load, load_file
from mmbot.plugins.compile import compile_plugin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mmbot._core.strategy import Fill
    from mmbot.bench.feed import Feed

MAKER = Path(__file__).with_name("maker.py")
CONFIG = """
bot: {{name: bench}}
venues: {{perp: {{kind: {venue}, endpoint: sim}}, spot: {{kind: binance_spot, endpoint: sim}}}}
exchange: {{source: traders}}
markets:
  maker: {{venue: perp, symbol: "{symbol}", role: maker}}
  hedge: {{venue: spot, symbol: "{base}/USDT", role: hedge}}
strategy: {{id: maker, markets: [maker]}}
hedge: {{{base}: {{markets: [hedge], band: 0.002}}}}
risk:
  {{max_order_qty: 1000, max_order_notional: 1000000, max_position: 10000, max_daily_loss: 100000, max_drawdown: 50000,
   orders_per_s: 1000, order_burst: 1000}}
"""
CANCEL_ORDER = int(CommandKind.CANCEL_ORDER)  # the kinds up to this one are order requests
clock = time.perf_counter_ns


def plugins(folder: Path) -> dict[str, Plugin]:
    """The strategy that is measured, compiled into `folder` and interpreted.

    Raises:
        PluginError: it cannot be compiled here.
    """
    return {"compiled": load_file(compile_plugin(MAKER, folder)), "python": load_file(MAKER)}


class Venue:
    """Where commands end: encoded and signed as by the connector, then handed to `send`."""

    def __init__(self, instruments: list[Instrument]) -> None:
        self.encoder = BinanceEncoder(
            futures=instruments[0].perpetual, api_key="k" * 64, secret="s" * 64, client_prefix="mm1a2b-t6bq1c-"
        )
        for market, instrument in enumerate(instruments):
            if instrument.perpetual == instruments[0].perpetual:
                self.encoder.add_market(market, instrument)
        self.send: Callable[[bytes], object] = len
        self.sent: list[CommandView] = []
        self.signed_ns = 0  # when the first order of the present event was ready
        self.written_ns = 0  # and written

    def submit(self, command: CommandView) -> None:
        """Sign and send."""
        if command.kind <= CANCEL_ORDER:
            payload = self.encoder.encode_command(command)
            if self.sent:
                self.send(payload)
            else:
                self.signed_ns = clock()
                self.send(payload)
                self.written_ns = clock()
        self.sent.append(command)


class Unwritten:
    """A keeper that remembers nothing: a ledger's thread is not what is measured."""

    def fills(self, fills: list[Fill]) -> None:
        """Nothing."""

    def ended(self, orders: list[dict[str, int]]) -> None:
        """Nothing."""

    def funding(self, market: int, amount_e8: int, asset: int, ts_ns: int) -> None:
        """Nothing."""

    def balance(self, venue: int, asset: int, wallet_e8: int, ts_ns: int) -> None:
        """Nothing."""


class Bot:
    """Engine, inbox and a venue that answers every order at once; journal copy and latency stamps as in a session."""

    def __init__(self, feed: Feed, plugin: Plugin, journal: JournalWriter | None) -> None:
        maker = feed.instrument
        spot = Instrument(
            venue="binance_spot", symbol=f"{maker.base_asset}/USDT", venue_symbol=f"{maker.base_asset}USDT",
            base_asset=maker.base_asset, quote_asset="USDT", settle_asset="USDT", tick_size="0.01",
            lot_size="0.00001", perpetual=False,
        )  # fmt: skip
        text = CONFIG.format(venue=maker.venue, symbol=maker.symbol, base=maker.base_asset)
        config = parse(text)
        params = plugin.params({"qty": float(maker.lot_size) * 10})
        spec = Spec(
            config=config.effective(),
            instruments={"maker": instrument_fields(maker), "hedge": instrument_fields(spot)},
            feeds=[0, 1],
            plugin=PluginSpec.of(plugin, params),
            session=START_NS // 1_000_000,
            version=__version__,
        )
        self.assembly: Assembly = assemble(spec, ring=journal.ring if journal else None, plugin=plugin)
        self.engine = self.assembly.engine
        self.venue = Venue([maker, spot])
        venues: list[Any] = [self.venue, self.venue]
        self.inbox = Inbox(self.assembly, venues, Unwritten(), clock=lambda: self.engine.now_ns)
        self.snapshot = feed.snapshot
        self.begin(feed.frames[0][0])

    def begin(self, ts_ns: int) -> None:
        """Books in sync, venues ready."""
        engine = self.engine
        engine.on_feed(0, up=True, ts_ns=ts_ns)
        engine.on_snapshot(0, self.snapshot, ts_ns)
        for venue in (0, 1):
            engine.on_command(encode({"op": "trading", "venue": venue, "up": True}), ts_ns)
            picture = {
                "venue": venue,
                "asked_seq": engine.seq,
                "asked_ns": ts_ns,
                "orders": [],
                "holdings": [[venue, 0, "0"]],
            }
            engine.on_reconcile(encode(picture), ts_ns)
        self.inbox.flush()
        self.answer(ts_ns)

    def answer(self, ts_ns: int) -> int:
        """Acknowledge what was sent since; how many orders and amends it was."""
        sent, self.venue.sent, orders = self.venue.sent, [], 0
        for command in sent:
            if command.kind == CommandKind.PLACE:
                kind = OrderEventKind.ACK
            elif command.kind == CommandKind.AMEND_ORDER:
                kind = OrderEventKind.AMEND
            elif command.kind == CommandKind.CANCEL_ORDER:
                kind = OrderEventKind.CANCEL
            else:
                continue
            orders += kind != OrderEventKind.CANCEL
            event = OrderEvent(
                kind=kind, market=command.market, order_num=command.order_num, venue_order_id=command.order_num,
                side=command.side, price_ticks=command.price_ticks, qty_lots=command.qty_lots, cum_filled_lots=0,
                exch_ts_ns=ts_ns, request=command.kind,
            )  # fmt: skip
            self.engine.on_order(event, ts_ns)
        if sent:
            self.inbox.flush()
            self.answer(ts_ns)
        if self.engine.next_due_ns() <= ts_ns:
            self.engine.on_time(ts_ns)
            self.inbox.flush()
            self.answer(ts_ns)
        return orders


@contextmanager
def journal() -> Iterator[JournalWriter]:
    """A real journal in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="mmbot-bench-") as folder, JournalWriter(Path(folder)) as writer:
        yield writer


def feed_to_order(feed: Feed, plugin: Plugin, kinds: frozenset[str], *, limit: int) -> list[float]:
    """Us from the payload handed over to the first order of that event signed; of the events that make an order.

    Args:
        feed: frames; those of other kinds than `kinds` and depth are left out.
        plugin: the strategy.
        kinds: the event kinds that are measured, ``depthUpdate`` or ``bookTicker``.
        limit: how many frames are played.
    """
    wanted = [name.encode() for name in kinds | {"depthUpdate"}]
    measured = [name.encode() for name in kinds]
    played = [frame for frame in feed.frames if any(name in frame[1][:120] for name in wanted)][:limit]
    samples: list[float] = []
    with journal() as writer, _no_collection():
        bot = Bot(feed, plugin, writer)
        frame, venue = bot.inbox.frame, bot.venue
        for ts_ns, payload in played:
            received = memoryview(payload).tobytes()  # a frame comes from the socket's buffer, not from cold memory
            begin = clock()
            frame(0, received, ts_ns)
            if bot.answer(ts_ns) and any(name in payload[:120] for name in measured):
                samples.append((venue.signed_ns - begin) / 1e3)
        if bot.engine.market_data.bad_frames or bot.engine.host.raised:
            raise MmbotError(f"bench: the bot failed on {feed.name}: {bot.engine.take_notes()}")
    return samples


def swap_gap(feed: Feed, plugin: Plugin, swaps: int) -> list[float]:
    """Us that the event loop is away for a swap of the plugin, new orders included, between two frames."""

    async def swap_often(bot: Bot) -> list[float]:
        swapper, samples = Swapper(bot.assembly, bot.inbox, load), []
        for i, (ts_ns, payload) in enumerate(feed.frames[: swaps * 20]):
            bot.inbox.frame(0, payload, ts_ns)
            bot.answer(ts_ns)
            if i % 20 == 19:
                seen = bot.engine.market_data.frames
                begin = time.perf_counter_ns()
                await swapper.set({"half_spread_bps": 1.0 + i % 3})
                samples.append((time.perf_counter_ns() - begin) / 1e3)
                bot.answer(ts_ns)
                if bot.engine.market_data.frames != seen:
                    raise MmbotError("bench: a frame was handled inside a swap")
        return samples

    with journal() as writer:
        return asyncio.run(swap_often(Bot(feed, plugin, writer)))


@contextmanager
def _no_collection() -> Iterator[None]:
    """Python's cyclic collector waits, as a session's does while it trades."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
