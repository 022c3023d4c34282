"""Latency histograms: what they report against the values themselves."""

from __future__ import annotations

import math
import random
import time

import pytest

from mmbot._core.latency import HOP_NAMES, Histogram, Hop, LatencyBoard, clock_ns

RELATIVE_ERROR = 0.0165


def filled(values: list[int]) -> Histogram:
    histogram = Histogram()
    for value in values:
        histogram.record(value)
    return histogram


def test_small_values_are_exact() -> None:
    histogram = filled(list(range(1, 61)))
    assert [histogram.percentile(p) for p in (50, 90, 100)] == [30, 54, 60]


@pytest.mark.parametrize("value", [1, 31, 32, 63, 64, 65, 127, 1000, 123_456, 10**9, 100 * 10**9])
def test_every_magnitude_keeps_its_relative_error(value: int) -> None:
    histogram = filled([value, value, 2 * value])  # the maximum is elsewhere, so the bucket itself answers
    assert histogram.percentile(50) == pytest.approx(value, rel=RELATIVE_ERROR)


def test_percentiles_of_a_skewed_distribution() -> None:
    rng = random.Random(3)
    values = sorted(int(rng.lognormvariate(7, 1.5)) + 1 for _ in range(20_000))
    histogram = filled(values)
    for percent in (1, 50, 90, 99, 99.9):
        rank = math.ceil(percent / 100 * len(values)) - 1
        assert histogram.percentile(percent) == pytest.approx(values[rank], rel=RELATIVE_ERROR), percent
    assert histogram.mean_ns == pytest.approx(sum(values) / len(values), rel=1e-12)
    assert (histogram.min_ns, histogram.max_ns, histogram.count) == (values[0], values[-1], len(values))


def test_extremes_never_leave_what_was_recorded() -> None:
    histogram = filled([1000])
    assert histogram.percentile(0) == histogram.percentile(100) == 1000


def test_negative_durations_count_as_zero() -> None:
    histogram = filled([-5, -(2**62)])
    assert (histogram.count, histogram.max_ns, histogram.percentile(99)) == (2, 0, 0)


def test_values_beyond_the_last_bucket_keep_an_exact_maximum() -> None:
    histogram = filled([2**40, 2**62])
    assert (histogram.max_ns, histogram.count) == (2**62, 2)
    assert histogram.percentile(100) <= 2**62


def test_empty_histogram_knows_nothing() -> None:
    histogram = Histogram()
    assert math.isnan(histogram.percentile(50))
    assert math.isnan(histogram.mean_ns)
    assert histogram.summary_us() == {"count": 0, "p50": None, "p99": None, "p999": None, "max": None}


@pytest.mark.parametrize("percent", [-1, 101, math.nan])
def test_a_percent_outside_the_scale_is_nan(percent: float) -> None:
    assert math.isnan(filled([1]).percentile(percent))


def test_merge_equals_recording_everything_in_one() -> None:
    rng = random.Random(5)
    left, right = ([rng.randrange(1, 10**7) for _ in range(500)] for _ in range(2))
    merged = filled(left)
    merged.merge(filled(right))
    merged.merge(Histogram())
    assert merged.summary_us() == filled(left + right).summary_us()
    assert merged.min_ns == min(left + right)


def test_reset_forgets() -> None:
    histogram = filled([5, 6])
    histogram.reset()
    assert histogram.count == 0
    histogram.record(7)
    assert (histogram.min_ns, histogram.max_ns) == (7, 7)


def test_board_reports_every_hop_in_order_and_microseconds() -> None:
    board = LatencyBoard()
    board.add(Hop.DECODE, 1500)
    board.add(Hop.ACK, 3_000_000)
    snapshot = board.snapshot()
    assert tuple(snapshot) == HOP_NAMES
    assert HOP_NAMES == (
        "exchange", "receive", "decode", "book", "strategy", "diff_risk", "encode", "send", "ack",
    )  # fmt: skip
    assert snapshot["decode"] == {"count": 1, "p50": 1.5, "p99": 1.5, "p999": 1.5, "max": 1.5}
    assert snapshot["ack"]["max"] == 3000.0
    assert snapshot["send"]["count"] == 0
    board.reset()
    assert all(summary["count"] == 0 for summary in board.snapshot().values())


def test_a_hop_histogram_is_a_copy() -> None:
    board = LatencyBoard()
    board.add(Hop.BOOK, 10)
    copy = board.histogram(Hop.BOOK)
    board.add(Hop.BOOK, 20)
    assert (copy.count, board.histogram(Hop.BOOK).count) == (1, 2)


@pytest.mark.parametrize("hop", [-1, len(Hop)])
def test_unknown_hop_is_refused(hop: int) -> None:
    board = LatencyBoard()
    with pytest.raises(ValueError, match="expected 0 to 8"):
        board.add(hop, 1)
    with pytest.raises(ValueError, match="expected 0 to 8"):
        board.histogram(hop)


def test_clock_never_goes_back() -> None:
    stamps = [clock_ns() for _ in range(1000)]
    assert stamps == sorted(stamps)


def test_clock_runs_at_the_rate_of_the_systems() -> None:
    start, system_start = clock_ns(), time.monotonic_ns()
    time.sleep(0.1)
    ours, systems = clock_ns() - start, time.monotonic_ns() - system_start
    assert ours == pytest.approx(systems, rel=2e-3)


def test_stamps_from_python_count_laps() -> None:
    board = LatencyBoard()
    first = clock_ns()
    second = board.stamp(Hop.ENCODE, first)
    third = board.stamp(Hop.SEND, second)
    assert first <= second <= third
    assert [board.histogram(hop).count for hop in (Hop.ENCODE, Hop.SEND, Hop.ACK)] == [1, 1, 0]
    assert board.histogram(Hop.SEND).max_ns == third - second
    with pytest.raises(ValueError, match="hop"):
        board.stamp(99, first)
