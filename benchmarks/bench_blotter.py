"""The blotter beside an engine: what it costs on events that bring it nothing, and an order's entry.

Run with ``pytest benchmarks/bench_blotter.py``; each figure has a call from Python in it, a driver's are C.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from mmbot._core.blotter import Blotter
from mmbot.bench import bot
from mmbot.bench.feed import generated

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

ROUNDS = {"rounds": 200, "iterations": 2000, "warmup_rounds": 5}
SECOND_NS = 10**9


@pytest.fixture
def blotter(tmp_path_factory: pytest.TempPathFactory) -> Blotter:
    feed = generated(messages=20)
    one = bot.Bot(feed, bot.plugins(tmp_path_factory.mktemp("compiled"))["python"], None)
    for ts_ns, payload in feed.frames[:100]:
        one.inbox.frame(0, payload, ts_ns)
        one.answer(ts_ns)
    return Blotter(one.engine, SECOND_NS)


def test_advance_with_nothing_due(benchmark: BenchmarkFixture, blotter: Blotter) -> None:
    now_ns = blotter.engine.now_ns
    blotter.before(now_ns)
    benchmark.pedantic(blotter.before, (now_ns,), **ROUNDS)


def test_collect_nothing(benchmark: BenchmarkFixture, blotter: Blotter) -> None:
    benchmark.pedantic(blotter.after, **ROUNDS)
    assert blotter.n_fills == 0


def test_state_row(benchmark: BenchmarkFixture, blotter: Blotter) -> None:
    """A second later: a row for each of two markets."""
    clock = itertools.count(blotter.engine.now_ns, SECOND_NS)
    benchmark.pedantic(lambda: blotter.before(next(clock)), rounds=100, iterations=500, warmup_rounds=3)
    assert blotter.n_states > 0


def test_order(benchmark: BenchmarkFixture, blotter: Blotter) -> None:
    """Placed, arrived, ended."""
    numbers = itertools.count(10**6)

    def live() -> None:
        number = next(numbers)
        blotter.order_placed(number, 0, 0, 0, 3, 600_000, 10, 1)
        blotter.order_arrived(number, 2)
        blotter.order_ended(number, 6, 0, 3)

    benchmark.pedantic(live, rounds=100, iterations=500, warmup_rounds=3)


def test_arrays(benchmark: BenchmarkFixture, blotter: Blotter) -> None:
    """10,000 orders to numpy."""
    for number in range(1, 10_001):
        blotter.order_placed(number, 0, 0, 0, 3, 600_000, 10, number)
    rows = benchmark(blotter.arrays)
    assert len(rows["orders"]) >= 10_000
