"""What a backtest models of the exchange: queue positions, latencies, a book of single orders. Called from Python.

`floor` is a method call that does next to nothing. Run with ``pytest benchmarks/bench_models.py``.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import numpy as np
import pytest

from mmbot._core.l3 import L3Book
from mmbot._core.order_latency import ConstantLatency, FeedLatency, RecordedLatency
from mmbot._core.queue_models import QueueModel, QueuePosition

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

    from mmbot._core.order_latency import OrderLatency

ROUNDS = {"rounds": 200, "iterations": 2000, "warmup_rounds": 5}
START_NS, STEP_NS, RECORDS, ORDERS = 1_723_075_200_000_000_000, 100_000_000, 36_000, 10_000


@pytest.mark.benchmark(group="queue position")
def test_floor(benchmark: BenchmarkFixture) -> None:
    benchmark.pedantic(QueuePosition(QueueModel.L3_FIFO).trade, (1.0,), **ROUNDS)


@pytest.mark.benchmark(group="queue position")
@pytest.mark.parametrize("model", [model for model in QueueModel if model != QueueModel.L3_FIFO], ids=lambda m: m.name)
def test_level_shrinks(benchmark: BenchmarkFixture, model: QueueModel) -> None:
    """A cancel somewhere in the level, which the model divides; the level is deep enough to stay."""
    position = QueuePosition(model, 3.0)
    position.enter(1e12)
    benchmark.pedantic(position.change, (2e12, 2e12 - 1.0), **ROUNDS)
    assert 0 < position.front_lots <= 1e12


@pytest.mark.benchmark(group="queue position")
def test_trade(benchmark: BenchmarkFixture) -> None:
    position = QueuePosition(QueueModel.POWER3, 3.0)
    position.enter(1e15)
    benchmark.pedantic(position.trade, (1.0,), **ROUNDS)


def recorded() -> RecordedLatency:
    """An hour of one order every 100 ms."""
    rng = np.random.default_rng(3)
    sent = START_NS + STEP_NS * np.arange(RECORDS, dtype=np.int64)
    arrived = sent + rng.integers(500_000, 5_000_000, RECORDS)
    return RecordedLatency(sent, arrived, arrived + rng.integers(500_000, 5_000_000, RECORDS))


LATENCIES = {
    "constant": ConstantLatency(1_000_000, 2_000_000),
    "feed": FeedLatency(1.5, 1.5),
    "recorded": recorded(),
}


@pytest.mark.benchmark(group="order latency")
@pytest.mark.parametrize("latency", LATENCIES.values(), ids=LATENCIES)
def test_entry_latency(benchmark: BenchmarkFixture, latency: OrderLatency) -> None:
    """Times go on as in a backtest, a little more than a millisecond a call."""
    clock = iter(range(START_NS, START_NS + 10**6 * 1_234_567, 1_234_567))
    benchmark.pedantic(lambda: latency.entry_at(next(clock), 3_000_000), rounds=100, iterations=1000, warmup_rounds=3)


@pytest.mark.benchmark(group="orders one by one")
def test_l3_life_of_10k_orders(benchmark: BenchmarkFixture) -> None:
    """Each is added, halved and canceled, at 200 prices in which 20 orders of ours stand."""
    dice = random.Random(5)
    rows = [(order, dice.randrange(2), dice.randrange(100), dice.randrange(2, 50)) for order in range(1, ORDERS + 1)]
    last = rows[:]
    dice.shuffle(last)

    def live() -> L3Book:
        book = L3Book()
        for own in range(20):
            book.own_add(10**6 + own, own % 2, (900 if own % 2 == 0 else 1001) + own, 5)
        for order, side, depth, qty in rows:
            book.add(order, side, 1001 + depth if side else 999 - depth, qty)
        for order, side, depth, qty in rows:
            book.modify(order, 1001 + depth if side else 999 - depth, qty // 2)
        for order, *_ in last:
            book.cancel(order)
        return book

    book = benchmark.pedantic(live, rounds=20, warmup_rounds=2)
    assert (book.error, book.n_own) == (0, 20)
