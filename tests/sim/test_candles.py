"""Candles add up whatever their interval, and stay flat while nobody trades."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmbot.sim.candles import INTERVALS, Candles, begin_of, end_of

MINUTE = 60_000
START = 1_700_000_040_000  # a whole minute


def moment(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("interval", "begin", "end"),
    [
        ("1s", "2024-08-08T13:47:12", "2024-08-08T13:47:13"),
        ("15m", "2024-08-08T13:45:00", "2024-08-08T14:00:00"),
        ("8h", "2024-08-08T08:00:00", "2024-08-08T16:00:00"),
        ("1w", "2024-08-05T00:00:00", "2024-08-12T00:00:00"),
        ("1M", "2024-08-01T00:00:00", "2024-09-01T00:00:00"),
    ],
)
def test_candles_begin_where_the_venue_lets_them_begin(interval, begin, end):
    open_ms = begin_of(moment("2024-08-08T13:47:12"), interval)
    assert open_ms == moment(begin)
    assert end_of(open_ms, interval) == moment(end)


def traded(*trades: tuple[int, int, int, bool]) -> Candles:
    candles = Candles(seconds=True)
    for number, (time_ms, price, lots, buy) in enumerate(trades):
        candles.trade(START + time_ms, price, lots, price * lots, trade_id=number, buy=buy)
    return candles


def test_a_candle_is_its_trades():
    candles = traded((0, 100, 2, True), (30_000, 90, 1, False), (59_999, 95, 3, True), (60_000, 500, 1, True))
    [candle] = candles.history("1m", START, START)
    assert (candle.open, candle.high, candle.low, candle.close) == (100, 100, 90, 95)
    assert (candle.lots, candle.quote_e8, candle.count) == (6, 575, 3)
    assert (candle.buy_lots, candle.buy_quote_e8, candle.first_id, candle.last_id) == (5, 485, 0, 2)


def test_minutes_without_a_trade_are_flat():
    candles = traded((0, 100, 1, True), (3 * MINUTE, 110, 1, True))
    rows = candles.history("1m", START, START + 5 * MINUTE)
    assert [(row.open_ms - START, row.close, row.count) for row in rows] == [
        (0, 100, 1),
        (MINUTE, 100, 0),
        (2 * MINUTE, 100, 0),
        (3 * MINUTE, 110, 1),
        (4 * MINUTE, 110, 0),
        (5 * MINUTE, 110, 0),
    ]
    assert candles.at("1m", START + 2 * MINUTE + 5) == rows[2]
    assert candles.at("1m", START + 3 * MINUTE + 5) == rows[3]
    assert candles.history("1m", START + 2 * MINUTE, START + 2 * MINUTE) == [rows[2]], "a gap at the beginning"


def test_there_is_nothing_before_the_first_trade():
    assert Candles(seconds=False).history("1m", 0, START) == []
    assert Candles(seconds=False).at("1h", START) is None
    assert traded((0, 100, 1, True)).at("1m", START - 1) is None


@given(
    st.lists(
        st.tuples(st.integers(0, 3 * 3_600_000), st.integers(1, 99), st.integers(1, 9), st.booleans()), min_size=1
    ),
    st.sampled_from(sorted(INTERVALS)),
)
def test_every_interval_has_all_trades_once(trades, interval):
    trades = sorted(trades)
    if interval == "1s":
        trades = [each for each in trades if each[0] >= trades[-1][0] - 3_000_000]  # what is kept of seconds
    candles = traded(*trades)
    last_ms = START + trades[-1][0]
    rows = candles.history(interval, 0, last_ms)
    assert sum(row.lots for row in rows) == sum(lots for _, _, lots, _ in trades)
    assert sum(row.count for row in rows) == len(trades)
    assert max(row.high for row in rows) == max(price for _, price, _, _ in trades)
    assert (rows[0].open, rows[-1].close) == (trades[0][1], trades[-1][1])
    assert all(after.open_ms == end_of(row.open_ms, interval) for row, after in itertools.pairwise(rows))
    assert candles.at(interval, last_ms) == rows[-1]
