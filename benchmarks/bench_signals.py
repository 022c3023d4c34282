"""Market signals, called from Python: every event, and the ones that close a sample or fit intensity and k.

Run with ``pytest benchmarks/bench_signals.py``.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from mmbot._core.signals import Signals

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

START_NS = 1_723_075_200_000_000_000
SAMPLE_NS = 100_000_000


def warm() -> Signals:
    """Signals after 15 minutes of a busy market: the window is full."""
    signals, rng, mid = Signals(), random.Random(1), 1_200_001
    for i in range(9000):
        ts_ns = START_NS - (9000 - i) * SAMPLE_NS
        mid += rng.choice((-4, -2, 0, 2, 4))
        signals.on_mid(mid, ts_ns)
        signals.on_trade(rng.randrange(2), mid // 2 + int(rng.gauss(0, 20)), 5, ts_ns)
    return signals


def test_book_change(benchmark: BenchmarkFixture) -> None:
    signals = warm()
    benchmark.pedantic(
        signals.on_book, (600_000, 50, 600_001, 30, START_NS), rounds=200, iterations=2000, warmup_rounds=5
    )


def test_trade(benchmark: BenchmarkFixture) -> None:
    signals = warm()
    benchmark.pedantic(signals.on_trade, (0, 600_003, 7, START_NS), rounds=200, iterations=2000, warmup_rounds=5)


def test_mid(benchmark: BenchmarkFixture) -> None:
    signals = warm()
    benchmark.pedantic(signals.on_mid, (1_200_001, START_NS), rounds=200, iterations=2000, warmup_rounds=5)


def test_depth_imbalance(benchmark: BenchmarkFixture) -> None:
    signals = warm()
    benchmark.pedantic(signals.set_depth_imbalance, (700, 300), rounds=200, iterations=2000, warmup_rounds=5)


def test_sample(benchmark: BenchmarkFixture) -> None:
    """One closed 100 ms interval an event; every fiftieth fits, so the mean has a fiftieth of a fit in it."""
    signals, clock = warm(), iter(range(START_NS, START_NS + 10**9 * SAMPLE_NS, SAMPLE_NS))
    benchmark.pedantic(lambda: signals.on_time(next(clock)), rounds=200, iterations=1000, warmup_rounds=5)


def test_one_second_without_events(benchmark: BenchmarkFixture) -> None:
    signals, clock = warm(), iter(range(START_NS, START_NS + 10**9 * SAMPLE_NS, 10 * SAMPLE_NS))
    benchmark.pedantic(lambda: signals.on_time(next(clock)), rounds=100, iterations=200, warmup_rounds=5)


def test_export(benchmark: BenchmarkFixture) -> None:
    benchmark(warm().export_state)
