"""Latency stamps, called from Python: recording, reading the clock, and a summary; `floor` is time.monotonic_ns.

Run with ``pytest benchmarks/bench_latency.py``.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from mmbot._core.latency import Histogram, LatencyBoard, clock_ns

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

ROUNDS = {"rounds": 200, "iterations": 2000, "warmup_rounds": 5}


def test_floor_monotonic_ns(benchmark: BenchmarkFixture) -> None:
    benchmark.pedantic(time.monotonic_ns, **ROUNDS)


def test_clock(benchmark: BenchmarkFixture) -> None:
    benchmark.pedantic(clock_ns, **ROUNDS)


def test_record(benchmark: BenchmarkFixture) -> None:
    histogram = Histogram()
    benchmark.pedantic(histogram.record, (1234,), **ROUNDS)


def test_snapshot(benchmark: BenchmarkFixture) -> None:
    board = LatencyBoard()
    for hop in range(9):
        for value in range(1, 2000):
            board.add(hop, value * 37)
    benchmark(board.snapshot)
