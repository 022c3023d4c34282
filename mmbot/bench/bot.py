"""A whole bot's core on a feed: payload in, signed order bytes out, through the same door as in a live session."""

from __future__ import annotations

import asyncio
import gc
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import msgspec

from mmbot import __version__
from mmbot._core.encode_binance import BinanceEncoder
from mmbot._core.limits import RiskLevel
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
HEDGE_PAUSE_NS = 1_000_000_000
"""Between two messages of the hedge's book: one that is silent for longer pulls the quotes."""
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
        self.encode = self.encoder.encode_command
        self.send: Callable[[bytes], object] = len
        self.sent: list[CommandView] = []
        self.signed_ns = 0  # when the first order of the present event was ready
        self.written_ns = 0  # and written

    def submit(self, command: CommandView) -> None:
        """Sign and send."""
        if command.kind <= CANCEL_ORDER:
            payload = self.encode(command)
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


class Hedge:
    """The book of a spot market that stands still, told anew now and then."""

    def __init__(self, venue_symbol: str, snapshot: bytes) -> None:
        best = msgspec.json.decode(snapshot)
        self.symbol, self.last_id, self.next_ns = venue_symbol, 1, 0
        self.bids, self.asks = (f'[["{best[side][0][0]}","5.00000"]]' for side in ("bids", "asks"))

    @property
    def snapshot(self) -> bytes:
        """The REST depth body."""
        return f'{{"lastUpdateId":{self.last_id},"bids":{self.bids},"asks":{self.asks}}}'.encode()

    def message(self, ts_ns: int) -> bytes:
        """A depth message that says the same again."""
        self.last_id, self.next_ns = self.last_id + 1, ts_ns + HEDGE_PAUSE_NS
        head = f'"e":"depthUpdate","E":{ts_ns // 1_000_000},"s":"{self.symbol}"'
        body = f'{head},"U":{self.last_id},"u":{self.last_id},"b":{self.bids},"a":{self.asks}'
        return f'{{"stream":"{self.symbol.lower()}@depth@100ms","data":{{{body}}}}}'.encode()


class Bot:
    """Engine, inbox and a venue that answers every order at once; journal copy and latency stamps as in a session."""

    def __init__(self, feed: Feed, plugin: Plugin, journal: JournalWriter | None) -> None:
        maker = feed.instrument
        spot = Instrument(
            venue="binance_spot", symbol=f"{maker.base_asset}/USDT", venue_symbol=f"{maker.base_asset}USDT",
            base_asset=maker.base_asset, quote_asset="USDT", settle_asset="USDT", tick_size=str(maker.tick_size),
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
        self.hedge = Hedge(spot.venue_symbol, feed.snapshot)
        self.begin(feed.frames[0][0], feed.snapshot)

    def begin(self, ts_ns: int, snapshot: bytes) -> None:
        """Books in sync, venues ready."""
        engine = self.engine
        for market, body in enumerate((snapshot, self.hedge.snapshot)):
            engine.on_feed(market, up=True, ts_ns=ts_ns)
            engine.on_snapshot(market, body, ts_ns)
        engine.on_frame(1, self.hedge.message(ts_ns), ts_ns)
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
        if ts_ns >= self.hedge.next_ns:
            self.engine.on_frame(1, self.hedge.message(ts_ns), ts_ns)
        return orders

    def check(self) -> None:
        """Raise when the bot did not trade all along: its figures would be another thing's."""
        engine = self.engine
        if engine.market_data.bad_frames or engine.host.raised or engine.limits.level != RiskLevel.NORMAL:
            raise MmbotError(f"bench: the bot failed on the feed: {engine.take_notes()}")


@contextmanager
def journal() -> Iterator[JournalWriter]:
    """A real journal in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="mmbot-bench-") as folder, JournalWriter(Path(folder)) as writer:
        yield writer


def feed_to_order(
    feed: Feed, plugins: dict[str, Plugin], kind: str, *, limit: int, rounds: int
) -> dict[str, list[float]]:
    """Us from the payload handed over to the first order of that event signed; of the events that make an order.

    The plugins take turns, `rounds` times over, and each is judged by its quietest round: where a machine's speed
    changes from one second to the next, that is the code's, not the neighbours'.

    Args:
        feed: frames; those of other kinds than `kind` and depth are left out.
        plugins: the strategy, by the way it is built.
        kind: the event kind that is measured, ``depthUpdate`` or ``bookTicker``.
        limit: how many frames are played.
        rounds: how often.

    Returns:
        Samples, by the same names as `plugins`.
    """
    wanted = {kind.encode(), b"depthUpdate"}
    played = [frame for frame in feed.frames if any(name in frame[1][:120] for name in wanted)][:limit]
    quietest: dict[str, list[float]] = {}
    for _ in range(rounds):
        for name, plugin in plugins.items():
            samples = _play(feed, plugin, played, kind.encode())
            if name not in quietest or median(samples) < median(quietest[name]):
                quietest[name] = samples
    return quietest


def _play(feed: Feed, plugin: Plugin, played: list[tuple[int, bytes]], measured: bytes) -> list[float]:
    samples: list[float] = []
    with journal() as writer, _no_collection():
        bot = Bot(feed, plugin, writer)
        frame, venue = bot.inbox.frame, bot.venue
        for ts_ns, payload in played:
            received = memoryview(payload).tobytes()  # a frame comes from the socket's buffer, not from cold memory
            begin = clock()
            frame(0, received, ts_ns)
            if bot.answer(ts_ns) and measured in payload[:120]:
                samples.append((venue.signed_ns - begin) / 1e3)
        bot.check()
    if not samples:
        raise MmbotError(
            f"bench: {feed.name}: no {measured.decode()} message made an order; is the recording too short?"
        )
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
        bot.check()
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
