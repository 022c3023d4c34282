"""Candles of one price series: kept by the second and the minute, put together to any interval the venues have.

Shapes: the venues' pages "Kline/Candlestick Data" and "Kline/Candlestick Streams". A stretch without a trade is a flat
candle at the last price, as on the real venues; before the first trade there is none.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections import deque
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SECOND_MS: Final = 1000
MINUTE_MS: Final = 60_000
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 86_400_000
MONDAY_MS: Final = 4 * DAY_MS
"""1970-01-05, the first Monday: weeks are counted from there."""
MONTH: Final = "1M"
INTERVALS: Final = {
    "1s": SECOND_MS,
    "1m": MINUTE_MS,
    "3m": 3 * MINUTE_MS,
    "5m": 5 * MINUTE_MS,
    "15m": 15 * MINUTE_MS,
    "30m": 30 * MINUTE_MS,
    "1h": HOUR_MS,
    "2h": 2 * HOUR_MS,
    "4h": 4 * HOUR_MS,
    "6h": 6 * HOUR_MS,
    "8h": 8 * HOUR_MS,
    "12h": 12 * HOUR_MS,
    "1d": DAY_MS,
    "3d": 3 * DAY_MS,
    "1w": 7 * DAY_MS,
    MONTH: 31 * DAY_MS,
}
KEPT: Final = {SECOND_MS: 3600, MINUTE_MS: 1500}
"""How many candles are kept, by their length: an hour of seconds, 25 hours of minutes."""


@dataclass(slots=True)
class Candle:
    """One candle: prices in the series' unit, quantities in lots, money in 1e-8.

    Attributes:
        buy_lots, buy_quote_e8: of trades whose taker bought.
        first_id, last_id: trade ids; -1 without a trade.
    """

    open_ms: int
    open: int
    high: int
    low: int
    close: int
    lots: int = 0
    quote_e8: int = 0
    count: int = 0
    buy_lots: int = 0
    buy_quote_e8: int = 0
    first_id: int = -1
    last_id: int = -1

    def take(self, other: Candle) -> None:
        """Add a later candle."""
        self.high = max(self.high, other.high)
        self.low = min(self.low, other.low)
        self.close = other.close
        self.lots += other.lots
        self.quote_e8 += other.quote_e8
        self.count += other.count
        self.buy_lots += other.buy_lots
        self.buy_quote_e8 += other.buy_quote_e8
        if other.count:
            self.first_id = other.first_id if self.first_id < 0 else self.first_id
            self.last_id = other.last_id


def begin_of(time_ms: int, interval: str) -> int:
    """When the candle of this time begins."""
    if interval == MONTH:
        day = datetime.fromtimestamp(time_ms / 1000, UTC)
        return int(datetime(day.year, day.month, 1, tzinfo=UTC).timestamp()) * 1000
    length = INTERVALS[interval]
    offset = MONDAY_MS if interval == "1w" else 0
    return (time_ms - offset) // length * length + offset


def end_of(open_ms: int, interval: str) -> int:
    """When the candle that begins at `open_ms` ends, and the next begins."""
    return begin_of(open_ms + INTERVALS[interval], interval) if interval == MONTH else open_ms + INTERVALS[interval]


class Candles:
    """The candles of one series.

    Args:
        seconds: also keep them by the second (spot's shortest interval).
    """

    __slots__ = ("_by_length",)

    def __init__(self, *, seconds: bool) -> None:
        lengths = (MINUTE_MS, SECOND_MS) if seconds else (MINUTE_MS,)
        self._by_length: dict[int, deque[Candle]] = {length: deque(maxlen=KEPT[length]) for length in lengths}

    def sample(self, time_ms: int, price: int) -> None:
        """Note a price that is no trade."""
        self._take(Candle(time_ms, *(price,) * 4, count=1))

    def trade(self, time_ms: int, price: int, lots: int, quote_e8: int, *, trade_id: int, buy: bool) -> None:
        """Note a trade; `buy` says that the taker bought."""
        bought = (lots, quote_e8) if buy else (0, 0)
        self._take(Candle(time_ms, *(price,) * 4, lots, quote_e8, 1, *bought, trade_id, trade_id))

    def _take(self, new: Candle) -> None:
        for length, kept in self._by_length.items():
            open_ms = new.open_ms - new.open_ms % length
            if kept and kept[-1].open_ms == open_ms:
                kept[-1].take(new)
            else:
                kept.append(replace(new, open_ms=open_ms))

    def _finest(self, interval: str) -> deque[Candle]:
        return self._by_length.get(INTERVALS[interval], self._by_length[MINUTE_MS])

    def history(self, interval: str, start_ms: int, end_ms: int) -> list[Candle]:
        """Candles that begin within these times, oldest first; flat ones where nothing traded."""
        source = self._finest(interval)
        begin_ms = begin_of(start_ms, interval)
        first = bisect_left(source, begin_ms, key=lambda each: each.open_ms)
        wanted = itertools.islice(source, max(0, first - 1), None)
        return [
            candle for candle in _filled(_grouped(wanted, interval), interval, end_ms) if start_ms <= candle.open_ms
        ]

    def at(self, interval: str, time_ms: int) -> Candle | None:
        """The candle of a time, flat when nothing traded in it; None before the first trade."""
        open_ms = begin_of(time_ms, interval)
        parts: list[Candle] = []
        for each in reversed(self._finest(interval)):
            if each.open_ms < open_ms:
                if not parts:
                    return Candle(open_ms, *(each.close,) * 4)
                break
            if each.open_ms <= time_ms:
                parts.append(each)
        return next(_grouped(reversed(parts), interval), None)


def _grouped(candles: Iterable[Candle], interval: str) -> Iterator[Candle]:
    """Short candles put together to those of an interval."""
    group: Candle | None = None
    for each in candles:
        open_ms = begin_of(each.open_ms, interval)
        if group is not None and group.open_ms == open_ms:
            group.take(each)
            continue
        if group is not None:
            yield group
        group = replace(each, open_ms=open_ms)
    if group is not None:
        yield group


def _filled(candles: Iterable[Candle], interval: str, end_ms: int) -> Iterator[Candle]:
    """The same with flat candles in the gaps, up to the one that begins at or before `end_ms`."""
    before: Candle | None = None
    for each in candles:
        if each.open_ms > end_ms:
            break
        if before is not None:
            yield from _flat(before, interval, each.open_ms - 1)
        yield each
        before = each
    if before is not None:
        yield from _flat(before, interval, end_ms)


def _flat(before: Candle, interval: str, end_ms: int) -> Iterator[Candle]:
    open_ms = end_of(before.open_ms, interval)
    while open_ms <= end_ms:
        yield Candle(open_ms, *(before.close,) * 4)
        open_ms = end_of(open_ms, interval)
