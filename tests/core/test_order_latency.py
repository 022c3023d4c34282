"""Order latency: constant, scaled from the feed's, and interpolated between recorded orders."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmbot._core.order_latency import ConstantLatency, FeedLatency, OrderLatency, RecordedLatency

MS = 1_000_000


def recorded(rows: list[tuple[int, int, int]], offset_ns: int = 0) -> RecordedLatency:
    return RecordedLatency(*np.array(rows, np.int64).reshape(-1, 3).T, offset_ns)


def test_a_constant_is_the_same_at_all_times() -> None:
    latency = ConstantLatency(MS, 2 * MS)
    assert [latency.entry_at(0), latency.entry_at(10**18, 5 * MS)] == [MS, MS]
    assert latency.response_at(10**18) == 2 * MS
    assert (latency.entry, latency.response) == (MS, 2 * MS)


def test_the_feeds_latency_is_scaled_and_never_below_zero() -> None:
    latency = FeedLatency(1.5, 0.5, 2 * MS, -3 * MS)
    assert latency.entry_at(0, 4 * MS) == 8 * MS
    assert latency.response_at(0, 10 * MS) == 2 * MS
    assert latency.response_at(0, 4 * MS) == 0


# Requests at 100, 200, 300; there 10, 30, 20 ns; back 5, 15, 25 ns.
ROWS = [(100, 110, 115), (200, 230, 245), (300, 320, 345)]


def test_between_two_orders_latency_is_on_a_line() -> None:
    latency = recorded(ROWS)
    assert [latency.entry_at(ts) for ts in (100, 150, 199, 200, 250, 299)] == [10, 20, 29, 30, 25, 21]
    assert [latency.response_at(ts) for ts in (110, 170, 230, 275)] == [5, 10, 15, 20]
    assert len(latency) == 3


def test_outside_of_the_record_its_ends_count() -> None:
    latency = recorded(ROWS)
    assert [latency.entry_at(ts) for ts in (0, 99, 300, 10**18)] == [10, 10, 20, 20]
    assert [latency.response_at(ts) for ts in (0, 109, 320, 10**18)] == [5, 5, 25, 25]


def test_time_may_go_back() -> None:
    latency = recorded(ROWS)
    assert [latency.entry_at(ts) for ts in (299, 100, 250, 150, 0)] == [21, 10, 25, 20, 10]


def test_a_refused_request_refuses_all_around_it() -> None:
    """Row 1 never reached the exchange; its refusal came after 40 ns, and row 0's and 2's answers after 15 and 45."""
    latency = recorded([(100, 110, 115), (200, 0, 240), (300, 320, 345), (400, 410, 420)])
    assert [latency.entry_at(ts) for ts in (100, 150, 200, 250)] == [-15, -27, -40, -42]
    assert latency.entry_at(300) == 20
    assert latency.response_at(215) == 15  # on the line between rows 0 and 2


def test_a_refused_end_stays_refused() -> None:
    latency = recorded([(100, 0, 130), (200, 210, 220), (300, 0, 350)])
    assert [latency.entry_at(ts) for ts in (0, 300, 999)] == [-30, -50, -50]


def test_an_offset_goes_into_both_ways() -> None:
    latency = recorded(ROWS, 1000)
    assert latency.entry_at(100) == 1010
    assert latency.response_at(1110) == 1005


def test_of_two_orders_at_the_same_time_the_later_counts() -> None:
    latency = recorded([(100, 110, 120), (100, 130, 150), (200, 240, 250)])
    assert latency.entry_at(100) == 30
    assert latency.entry_at(99) == 30


def test_in_turn_each_order_of_a_moment_has_its_own() -> None:
    rows = np.array([(50, 55, 60), (100, 110, 120), (100, 130, 150), (100, 130, 170), (200, 240, 250)], np.int64).T
    latency = RecordedLatency(*rows, in_turn=True)
    assert [latency.entry_at(100) for _ in range(4)] == [10, 30, 30, 30]
    assert [latency.response_at(ns) for ns in (110, 130, 130, 130)] == [10, 20, 40, 40]
    assert latency.entry_at(150) == 35
    assert latency.entry_at(100) == 30  # all of that moment have had their turn
    assert [latency.entry_at(200), latency.entry_at(200), latency.entry_at(201)] == [40, 40, 40]
    assert [latency.entry_at(50), latency.entry_at(51)] == [5, 5]


def test_fills_are_told_as_recorded_or_as_answers_are() -> None:
    rows = np.array(ROWS, np.int64).T
    assert RecordedLatency(*rows).fill_at(230) == 15
    fills = np.array([220, 240], np.int64)
    latency = RecordedLatency(*rows, 10, fill_exch_ns=fills, fill_resp_ns=np.array([320, 440]))
    assert [latency.fill_at(ns) for ns in (0, 230, 240, 250, 999)] == [110, 110, 160, 210, 210]
    assert latency.response_at(240) == 25
    none = np.zeros(0, np.int64)
    assert RecordedLatency(*rows, fill_exch_ns=none, fill_resp_ns=none).fill_at(230) == 15
    with pytest.raises(ValueError, match="expected 2 fill_resp_ns"):
        RecordedLatency(*rows, fill_exch_ns=fills)
    with pytest.raises(ValueError, match="fill 1: expected latencies >= 0, found -1 ns back"):
        RecordedLatency(*rows, fill_exch_ns=fills, fill_resp_ns=np.array([225, 239]))
    assert ConstantLatency(MS, 2 * MS).fill_at(0) == 2 * MS


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "same length"),
        ([(200, 210, 220), (100, 110, 120)], "row 1: expected times in order"),
        ([(100, 210, 220), (110, 200, 230)], "row 1: expected times in order, found 200"),
        ([(100, 90, 120)], "row 0: expected latencies >= 0, found -10 ns there"),
        ([(100, 110, 105)], "-5 ns back"),
        ([(100, 0, 100)], "expected resp_ns after req_ns"),
        ([(100, 0, 120)], "found none in 1 rows"),
    ],
)
def test_an_impossible_record_is_refused(rows: list[tuple[int, int, int]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        recorded(rows)


def test_columns_of_different_length_are_refused() -> None:
    one, two = np.array([1]), np.array([1, 2])
    with pytest.raises(ValueError, match="found 1, 2 and 1"):
        RecordedLatency(one, two, one)


@pytest.mark.parametrize(
    "make", [lambda: ConstantLatency(-1, 0), lambda: FeedLatency(-0.1), lambda: FeedLatency(1, 1e9)]
)
def test_negative_latencies_are_refused(make: type[OrderLatency]) -> None:
    with pytest.raises(ValueError, match="expected"):
        make()


@given(
    st.lists(st.tuples(st.integers(1, 10**9), st.integers(0, 10**8), st.integers(1, 10**8), st.booleans()), min_size=1),
    st.lists(st.integers(-(10**9), 60 * 10**9), min_size=1),
)
def test_any_record_against_numpy(rows: list[tuple[int, int, int, bool]], asked: list[int]) -> None:
    """Entries equal numpy's interpolation of what both ends say, to the rounding down of its last digit."""
    req = np.cumsum([gap for gap, *_ in rows])
    there = np.array([there for _, there, _, _ in rows])
    exch = np.maximum.accumulate(req + there)  # one queue: nobody overtakes
    resp = exch + np.array([back for _, _, back, _ in rows])
    refused = np.array([lost for *_, lost in rows])
    refused[0] = False
    latency = RecordedLatency(req, np.where(refused, 0, exch), resp)
    for ts in asked:
        at = int(np.searchsorted(req, ts, side="right")) - 1
        pair = [max(at, 0), min(max(at + 1, 0), len(req) - 1)]
        if at < 0 or at == len(req) - 1:
            pair = [max(at, 0)]
        lost = bool(refused[pair].any())
        expected = np.interp(ts, req[pair], (resp if lost else exch)[pair] - req[pair])
        assert abs(latency.entry_at(ts) - (-expected if lost else expected)) <= 1.001
    known = ~refused
    for ts in asked:
        expected = np.interp(ts, exch[known], resp[known] - exch[known])
        if np.all(np.diff(exch[known]) > 0):
            assert abs(latency.response_at(ts) - expected) <= 1.001
