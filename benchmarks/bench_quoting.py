"""Quote models and layout, called from Python; `floor` is a call that does next to nothing.

Run with ``pytest benchmarks/bench_quoting.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mmbot._core.quoting import (
    Quotes,
    avellaneda_stoikov,
    avellaneda_stoikov_infinite,
    glft,
    glft_coefficients,
    ladder,
)

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

ROUNDS = {"rounds": 200, "iterations": 2000, "warmup_rounds": 5}


def test_floor(benchmark: BenchmarkFixture) -> None:
    benchmark.pedantic(Quotes().clear, **ROUNDS)


def test_ladder(benchmark: BenchmarkFixture) -> None:
    benchmark.pedantic(ladder, (12.5, 3.0, 0.4), **ROUNDS)


def test_avellaneda_stoikov(benchmark: BenchmarkFixture) -> None:
    benchmark.pedantic(avellaneda_stoikov, (3.0, 0.1, 2.0, 1.5, 0.5), **ROUNDS)


def test_avellaneda_stoikov_infinite(benchmark: BenchmarkFixture) -> None:
    benchmark.pedantic(avellaneda_stoikov_infinite, (3.0, 0.1, 1.5, 10.0), **ROUNDS)


def test_glft(benchmark: BenchmarkFixture) -> None:
    benchmark.pedantic(glft, (glft_coefficients(0.01, 0.3, 0.9, 0.3), 3.0), **ROUNDS)


def test_glft_coefficients(benchmark: BenchmarkFixture) -> None:
    benchmark.pedantic(glft_coefficients, (0.01, 0.3, 0.9, 0.3), **ROUNDS)


@pytest.mark.parametrize("levels", [1, 3, 32])
def test_place(benchmark: BenchmarkFixture, levels: int) -> None:
    quotes = Quotes(levels=levels, step_ticks=3.0, qty_lots=10)
    benchmark.pedantic(quotes.place, (600_000.5, 12.3, 14.5, 0.2, 600_000, 600_001), **ROUNDS)
    assert len(quotes.bids) == levels


def test_aim(benchmark: BenchmarkFixture) -> None:
    quotes = Quotes(levels=3, step_ticks=3.0, qty_lots=10)
    benchmark.pedantic(quotes.aim, (12.3, 14.5, 0.2), **ROUNDS)


@pytest.mark.parametrize("levels", [1, 3, 32])
def test_follow(benchmark: BenchmarkFixture, levels: int) -> None:
    quotes = Quotes(levels=levels, step_ticks=3.0, qty_lots=10)
    quotes.aim(12.3, 14.5, 0.2)
    benchmark.pedantic(quotes.follow, (600_000.5, 600_000, 600_001), **ROUNDS)


def test_follow_inside_the_tolerance(benchmark: BenchmarkFixture) -> None:
    quotes = Quotes(levels=3, tolerance_ticks=5.0)
    quotes.aim(12.3, 14.5, 0.2)
    quotes.follow(600_000.5, 600_000, 600_001)
    benchmark.pedantic(quotes.follow, (600_001.5, 600_001, 600_002), **ROUNDS)
