"""mmbot beside other ways to keep a book and to get from a frame to a signed order: ratios from one run.

    pip install -e '.[peers]'
    python benchmarks/peers.py [RECORDING.gz]

Every peer is optional: one that is not installed is named and left out. All get the same messages, as far prepared as
their interface allows (parsed numbers, their own objects), outside of what is timed; the best prices are read after
each message. The figure is the best of several passes, in which a busy machine shows least.
"""
# ruff: noqa: PLC0415 - a peer that is not installed must not keep the others from running

from __future__ import annotations

import argparse
import hashlib
import hmac
import importlib
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from market_data import RECORDING

from mmbot._core.book import Book
from mmbot._core.floor import FrameTape, LevelTape
from mmbot._core.sync import BookSync, SequenceRule
from mmbot.bench import bot
from mmbot.bench.feed import Feed, generated, recorded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Messages = list[tuple[list[tuple[int, int]], list[tuple[int, int]]]]

MESSAGES = 1500
PASSES = 5


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("recording", nargs="?", type=Path, default=RECORDING if RECORDING.exists() else None)
    path = parser.parse_args().recording
    feed = recorded(path) if path else generated()
    payloads = feed.of("depthUpdate")[: MESSAGES + 1]
    messages = feed.levels()[: MESSAGES + 1]
    n_levels, n_bytes = sum(len(b) + len(a) for b, a in messages), sum(map(len, payloads))
    print(f"{feed.name}: {len(payloads)} depth messages, {n_levels} levels, {n_bytes} bytes")
    show("parsed levels to book", "ns a level", {
        "mmbot, from C memory": c_levels(messages),
        "mmbot, from Python lists": python_levels(messages),
        "dict, best by rescan": dict_levels(messages),
        "sortedcontainers": optional("sortedcontainers", sorted_levels, messages),
        "order-book": optional("order_book", order_book_levels, messages),
        "nautilus_trader": optional("nautilus_trader", nautilus_levels, messages),
        "hftbacktest, hash map": optional("hftbacktest", hftbacktest_levels, messages, "HashMap"),
        "hftbacktest, ROI vector": optional("hftbacktest", hftbacktest_levels, messages, "ROIVector"),
    }, n_levels)  # fmt: skip
    show("bytes to book", "ns a byte", {
        "mmbot, sequence checked": core_bytes(feed, payloads),
        "msgspec + dict": optional("msgspec", msgspec_bytes, payloads),
        "orjson + dict": optional("orjson", orjson_bytes, payloads),
        "orjson + sortedcontainers": optional("orjson", orjson_sorted_bytes, payloads),
    }, n_bytes)  # fmt: skip
    orders(feed)


def show(title: str, unit: str, peers: dict[str, Callable[[], object] | str], count: int) -> None:
    """Time every peer, print each and its ratio to the first."""
    print(f"\n{title}, {unit}")
    base = 0.0
    for name, work in peers.items():
        if isinstance(work, str):
            print(f"  {name:28} {work}")
            continue
        times = []
        for _ in range(PASSES):
            begin = time.perf_counter_ns()
            work()
            times.append(time.perf_counter_ns() - begin)
        figure = min(times) / count
        base = base or figure
        print(f"  {name:28} {figure:10.2f}   {figure / base:8.1f} x")


def optional(module: str, make: Callable[..., Callable[[], object]], *arguments: Any) -> Callable[[], object] | str:
    """`make`'s work, or why there is none."""
    try:
        importlib.import_module(module)
        return make(*arguments)
    except ImportError as error:
        return f"not installed: {error}"


# --- parsed levels to book -------------------------------------------------------------------------------------------


def c_levels(messages: Messages) -> Callable[[], object]:
    tape = LevelTape(messages)
    return lambda: tape.through_book(Book())


def python_levels(messages: Messages) -> Callable[[], object]:
    def work() -> None:
        book = Book()
        for bids, asks in messages:
            book.apply_levels(0, bids)
            book.apply_levels(1, asks)
            _ = book.best_bid_ticks, book.best_ask_ticks

    return work


def dict_levels(messages: Messages) -> Callable[[], object]:
    return lambda: DictBook().play(messages)


class DictBook:
    """The usual script's book: two dicts; the best price is looked for again only when it is gone."""

    def __init__(self) -> None:
        self.sides: tuple[dict[Any, Any], dict[Any, Any]] = ({}, {})
        self.best: list[Any] = [None, None]

    def play(self, messages: Messages) -> None:
        for bids, asks in messages:
            self.apply(bids, asks)

    def apply(self, bids: Any, asks: Any) -> None:
        for side, levels in ((0, bids), (1, asks)):
            book, best = self.sides[side], self.best[side]
            better = max if side == 0 else min
            for price, qty in levels:
                if qty:
                    book[price] = qty
                    best = price if best is None else better(best, price)
                else:
                    book.pop(price, None)
                    if price == best:
                        best = better(book) if book else None
            self.best[side] = best


def sorted_levels(messages: Messages) -> Callable[[], object]:
    from sortedcontainers import SortedDict

    def work() -> None:
        sides = (SortedDict(), SortedDict())
        for message in messages:
            for book, levels in zip(sides, message, strict=True):
                for price, qty in levels:
                    if qty:
                        book[price] = qty
                    else:
                        book.pop(price, None)
            _ = sides[0].peekitem(-1), sides[1].peekitem(0)

    return work


def order_book_levels(messages: Messages) -> Callable[[], object]:
    from order_book import OrderBook

    def work() -> None:
        book = OrderBook()
        for bids, asks in messages:
            for side, levels in ((book.bids, bids), (book.asks, asks)):
                for price, qty in levels:
                    if qty:
                        side[price] = qty
                    elif price in side:
                        del side[price]
            _ = book.bids.index(0), book.asks.index(0)

    return work


def nautilus_levels(messages: Messages) -> Callable[[], object]:
    from nautilus_trader.model.book import OrderBook
    from nautilus_trader.model.data import BookOrder, OrderBookDelta, OrderBookDeltas
    from nautilus_trader.model.enums import BookAction, BookType, OrderSide
    from nautilus_trader.model.identifiers import InstrumentId
    from nautilus_trader.model.objects import Price, Quantity

    market = InstrumentId.from_str("BTCUSDT-PERP.BINANCE")

    def delta(side: Any, ticks: int, lots: int) -> Any:
        action = BookAction.UPDATE if lots else BookAction.DELETE
        order = BookOrder(side, Price(ticks / 10, 1), Quantity(lots / 1000, 3), 0)
        return OrderBookDelta(market, action, order, 0, 0, 0, 0)

    batches = [
        OrderBookDeltas(market, [
            *(delta(OrderSide.BUY, *level) for level in bids), *(delta(OrderSide.SELL, *level) for level in asks),
        ])
        for bids, asks in messages if bids or asks
    ]  # fmt: skip

    def work() -> None:
        book = OrderBook(market, BookType.L2_MBP)
        for batch in batches:
            book.apply_deltas(batch)
            _ = book.best_bid_price(), book.best_ask_price()

    return work


def hftbacktest_levels(messages: Messages, kind: str) -> Callable[[], object]:
    """Its local depth alone, fed by its own event loop in one step; compiled by a pass before."""
    import hftbacktest as hft
    import numpy as np
    from numba import njit

    rows = [
        (hft.DEPTH_EVENT | hft.LOCAL_EVENT | side, i + 1, i + 1, ticks * 0.1, lots * 0.001, 0, 0, 0.0)
        for i, (bids, asks) in enumerate(messages)
        for side, levels in ((hft.BUY_EVENT, bids), (hft.SELL_EVENT, asks))
        for ticks, lots in levels
    ]
    data = np.array(rows, dtype=hft.event_dtype)
    touch = messages[0][0][0][0] * 0.1

    @njit  # type: ignore[untyped-decorator]
    def play(hbt: Any, until: int) -> Any:
        total = 0.0
        for _ in range(until):
            if hbt.elapse(1) != 0:
                break
            depth = hbt.depth(0)
            total += depth.best_bid + depth.best_ask
        return total

    def work() -> None:
        asset = (
            hft.BacktestAsset().data(data).linear_asset(1.0).constant_order_latency(0, 0).risk_adverse_queue_model()
            .no_partial_fill_exchange().trading_value_fee_model(0.0, 0.0).tick_size(0.1).lot_size(0.001)
        )  # fmt: skip
        if kind == "ROIVector":
            asset = asset.roi_lb(touch * 0.5).roi_ub(touch * 1.5)
        hbt = getattr(hft, f"{kind}MarketDepthBacktest")([asset])
        total = play(hbt, len(messages))
        hbt.close()
        if not total > touch * len(messages):
            raise RuntimeError(f"hftbacktest kept no book: best prices add up to {total}")

    work()
    return work


# --- bytes to book ---------------------------------------------------------------------------------------------------


def core_bytes(feed: Feed, payloads: list[bytes]) -> Callable[[], object]:
    tape, decoder = FrameTape(payloads), feed.decoder()
    rule = SequenceRule.BINANCE_USDM if feed.instrument.perpetual else SequenceRule.BINANCE_SPOT
    return lambda: tape.through_core(decoder, BookSync(Book(), rule))


def sides(message: dict[str, Any]) -> Iterator[list[tuple[float, float]]]:
    data = message.get("data", message)
    for short, name in (("b", "bids"), ("a", "asks")):
        yield [(float(price), float(qty)) for price, qty in data.get(short, data.get(name, ()))]


def orjson_bytes(payloads: list[bytes]) -> Callable[[], object]:
    import orjson

    def work() -> None:
        book = DictBook()
        for payload in payloads:
            book.apply(*sides(orjson.loads(payload)))

    return work


def orjson_sorted_bytes(payloads: list[bytes]) -> Callable[[], object]:
    import orjson
    from sortedcontainers import SortedDict

    def work() -> None:
        books = (SortedDict(), SortedDict())
        for payload in payloads:
            for book, levels in zip(books, sides(orjson.loads(payload)), strict=True):
                for price, qty in levels:
                    if qty:
                        book[price] = qty
                    else:
                        book.pop(price, None)

    return work


def msgspec_bytes(payloads: list[bytes]) -> Callable[[], object]:
    import msgspec

    levels = list[tuple[float, float]]
    Depth = msgspec.defstruct("Depth", [("b", levels, []), ("a", levels, [])], frozen=True)  # noqa: N806 - types
    Frame = msgspec.defstruct("Frame", [("data", Depth, Depth()), ("bids", levels, []), ("asks", levels, [])])  # noqa: N806
    decode = msgspec.json.Decoder(Frame, strict=False).decode

    def work() -> None:
        book = DictBook()
        for payload in payloads:
            frame = decode(payload)
            book.apply(frame.data.b or frame.bids, frame.data.a or frame.asks)

    return work


# --- frame to signed order -------------------------------------------------------------------------------------------


def orders(feed: Feed) -> None:
    """p50 and p99 from a frame to a signed order: mmbot's whole engine, and a script without any of its checks."""
    print("\nframe to signed order, us p50 / p99")
    with tempfile.TemporaryDirectory() as folder:
        plugins = bot.plugins(Path(folder))
    for title, kind in (("depth", "depthUpdate"), ("book ticker", "bookTicker")):
        ours = bot.feed_to_order(feed, plugins, kind, limit=30_000, rounds=3)
        found = {f"mmbot, {way} plugin": times for way, times in ours.items()}
        try:
            found["script: orjson, dict, hmac"] = script(feed.of(kind)[:5_000])
        except ImportError as error:
            print(f"  {title}: script: not installed: {error}")
        base = 0.0
        for name, times in found.items():
            times.sort()
            p50, p99 = times[len(times) // 2], times[int(len(times) * 0.99)]
            base = base or p50
            print(f"  {title:12} {name:28} {p50:8.2f} / {p99:8.2f}   {p50 / base:6.1f} x")


def script(payloads: list[bytes]) -> list[float]:
    """What many bots do: parse, keep dicts, quote off the mid, sign a query; no engine, no risk, no journal."""
    import orjson

    book, samples, secret = DictBook(), [], b"s" * 64
    for payload in payloads:
        begin = time.perf_counter_ns()
        message = orjson.loads(payload)
        data = message.get("data", message)
        if "B" in data:
            bid, ask = float(data["b"]), float(data["a"])
        else:
            book.apply(*sides(message))
            bid, ask = book.best
        price = f"{(bid + ask) / 2 * 0.9999:.1f}"
        query = (
            f"symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTX&quantity=0.010&price={price}"
            f"&newClientOrderId=x-{begin}&recvWindow=5000&timestamp={begin // 1_000_000}"
        )
        signature = hmac.new(secret, query.encode(), hashlib.sha256).hexdigest()
        _ = f"{query}&signature={signature}"
        samples.append((time.perf_counter_ns() - begin) / 1e3)
    return samples


if __name__ == "__main__":
    main()
