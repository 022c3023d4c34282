"""The core's hot paths, one by one, each beside its floor."""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from typing import TYPE_CHECKING

from mmbot._core import probe
from mmbot._core.book import Book
from mmbot._core.diff import diff_repeatedly
from mmbot._core.encode_binance import BinanceEncoder
from mmbot._core.floor import FrameTape, LevelTape
from mmbot._core.gate import RiskGate
from mmbot._core.margin import MarginTiers
from mmbot._core.orders import OrderTable
from mmbot._core.sync import BookSync, SequenceRule
from mmbot._core.types import CommandKind, CommandView
from mmbot.bench.result import Result

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mmbot.bench.feed import Feed

LEVEL_BATCH = 1_000
BYTE_BATCH = 1 << 16
CALL_BATCH = 64
clock = time.perf_counter_ns


def book(feed: Feed, passes: int) -> Iterator[Result]:
    """Levels into the book, best prices read after every message: from C memory, and from Python lists."""
    messages = feed.levels()
    tape = LevelTape(messages)
    samples = [value for _ in range(passes) for value in probe.book_levels(tape, Book(), LEVEL_BATCH)]
    yield Result.of("book.level.c", "ns", samples)
    yield Result.of("book.level.python", "ns", _python_levels(feed))
    changes = LevelTape(messages[1:])  # the floor's array cannot hold a snapshot's farthest levels
    yield Result.of("floor.book.level", "ns", _timed(changes.through_floor, changes.n_levels, passes * 3))


def _python_levels(feed: Feed) -> Iterator[float]:
    """Lists that were made just before, as in life: those of a whole recording are not in any cache."""
    one, decoder, count, spent = Book(), feed.decoder(), 0, 0
    for payload in feed.of("depthUpdate"):
        message = decoder.frame(payload).as_dict()
        bids, asks = message["bids"], message["asks"]
        begin = clock()
        one.apply_levels(0, bids)
        one.apply_levels(1, asks)
        _ = one.best_bid_ticks, one.best_ask_ticks
        spent += clock() - begin
        count += len(bids) + len(asks)
        if count >= LEVEL_BATCH:
            yield spent / count
            count = spent = 0


def decode(feed: Feed, passes: int) -> Iterator[Result]:
    """Bytes to an applied book, with sequence check and statistics; and a book ticker to its fields."""
    payloads = feed.of("depthUpdate")
    tape, decoder = FrameTape(payloads), feed.decoder()

    def sync() -> BookSync:
        futures = feed.instrument.perpetual
        return BookSync(Book(), SequenceRule.BINANCE_USDM if futures else SequenceRule.BINANCE_SPOT)

    per_byte = [value for _ in range(passes) for value in probe.frame_bytes(tape, decoder, sync(), BYTE_BATCH)]
    yield Result.of("decode.depth.ns_per_byte", "ns/byte", per_byte)
    whole = [ns for _ in range(passes) for ns in probe.frames(tape, decoder, sync())[1:]]  # the first is the snapshot
    yield Result.of("decode.depth.message", "ns", whole)
    changes = FrameTape(payloads[1:])
    prices = [int(p.replace(b".", b"")) for payload in payloads[1:] for p in re.findall(rb'\["([0-9.]+)"', payload)]
    yield Result.of(
        "floor.decode.depth.ns_per_byte", "ns/byte",
        _timed(lambda: changes.through_floor(min(prices), max(prices)), changes.n_bytes, passes * 3),
    )  # fmt: skip
    tickers = FrameTape(feed.of("bookTicker"))
    if tickers.n_frames:
        samples = [ns for _ in range(passes) for ns in probe.frames(tickers, decoder, None)]
        yield Result.of("decode.book_ticker.message", "ns", samples)


def quote(samples: int) -> Iterator[Result]:
    """Model inputs to three laid-out levels a side."""
    yield Result.of("quote.ladder", "ns", probe.quote_ladder(samples, CALL_BATCH))
    yield Result.of("quote.avellaneda_stoikov", "ns", probe.quote_avellaneda_stoikov(samples, CALL_BATCH))
    yield Result.of("quote.glft", "ns", probe.quote_glft(samples, CALL_BATCH))


def orders(feed: Feed, samples: int) -> Iterator[Result]:
    """Three quotes a side, all moved by a tick, against the orders at their old places; and the gate on one of them."""
    table = OrderTable(1)
    for i in range(3):
        table.place(0, 0, 600_000 - 10 * i, 10, 3, reduce_only=False, purpose=0, ts_ns=1)
        table.place(0, 1, 600_010 + 10 * i, 10, 3, reduce_only=False, purpose=0, ts_ns=1)
    bids, asks = [(600_001 - 10 * i, 10) for i in range(3)], [(600_011 + 10 * i, 10) for i in range(3)]

    def compare() -> int:
        return diff_repeatedly(table, 0, bids, asks, CALL_BATCH)

    yield Result.of("orders.diff", "ns", _timed(compare, CALL_BATCH, samples))
    gate = RiskGate()
    gate.configure(
        0, feed.instrument, max_position_lots=1_000, max_order_lots=100, max_order_notional_e8=10**15,
        price_band=0.01, max_open_orders=50, max_messages_per_s=100, shock=0.05,
        margin=MarginTiers(["0", "50000", "250000", "3000000"], ["0.004", "0.005", "0.01", "0.025"]),
    )  # fmt: skip
    gate.tell(
        0, position_lots=20, working=(50, 50, 10, 599_980, 600_020), reference_ticks=600_000.5, margin_e8=(10**14, 0)
    )

    def ask() -> int:
        return gate.check_many(CALL_BATCH, market=0, side=0, price_ticks=599_990, qty_lots=10)

    if ask() != CALL_BATCH:
        raise RuntimeError("risk.gate: the order that is measured was refused")
    yield Result.of("risk.gate", "ns", _timed(ask, CALL_BATCH, samples))


def sign(feed: Feed, samples: int) -> Iterator[Result]:
    """An order as a signed message; the floor is the signature alone, by OpenSSL with the key's state copied."""
    encoder = BinanceEncoder(
        futures=feed.instrument.perpetual, api_key="k" * 64, secret="s" * 64, client_prefix="mm1a2b-t6bq1c-"
    )
    encoder.add_market(0, feed.instrument)
    order = CommandView(
        kind=CommandKind.PLACE, market=0, order_num=12345, ts_ns=1_723_161_255_030_314_667, price_ticks=618_000,
        qty_lots=10, time_in_force=3,
    )  # fmt: skip
    yield Result.of("sign.order", "ns", probe.signed_orders(encoder, order, samples, CALL_BATCH))
    key = hmac.new(b"s" * 64, digestmod=hashlib.sha256)
    text = encoder.encode_query_command(order)

    def signatures() -> None:
        for _ in range(CALL_BATCH):
            one = key.copy()
            one.update(text)
            one.hexdigest()

    yield Result.of("floor.sign.order", "ns", _timed(signatures, CALL_BATCH, samples // 4))
    yield Result.of("stamp", "ns", probe.stamps(samples, CALL_BATCH))


def _timed(work: Callable[[], object], count: int, times: int) -> Iterator[float]:
    """Ns of each of the `count` operations that `work` does, `times` over."""
    for _ in range(times):
        begin = clock()
        work()
        yield (clock() - begin) / count
