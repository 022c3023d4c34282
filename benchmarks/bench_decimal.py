"""Decimal text to whole units and back, called from Python, beside `decimal.Decimal` doing the same.

Run with ``pytest benchmarks/bench_decimal.py``.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from mmbot._core.decimal import Unit, from_units, to_units

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

ROUNDS = {"rounds": 200, "iterations": 2000, "warmup_rounds": 5}
PRICE, TICKS = "61800.30", 618_003


@pytest.mark.benchmark(group="text to units")
def test_to_units(benchmark: BenchmarkFixture) -> None:
    unit = Unit("0.1")
    assert to_units(PRICE, unit) == TICKS
    benchmark.pedantic(to_units, (PRICE, unit), **ROUNDS)


@pytest.mark.benchmark(group="text to units")
def test_peer_decimal_to_units(benchmark: BenchmarkFixture) -> None:
    size = Decimal("0.1")
    benchmark.pedantic(lambda: int(Decimal(PRICE) / size), **ROUNDS)


@pytest.mark.benchmark(group="units to text")
def test_from_units(benchmark: BenchmarkFixture) -> None:
    unit = Unit("0.1")
    assert from_units(TICKS, unit) == "61800.3"
    benchmark.pedantic(from_units, (TICKS, unit), **ROUNDS)


@pytest.mark.benchmark(group="units to text")
def test_peer_decimal_to_text(benchmark: BenchmarkFixture) -> None:
    size = Decimal("0.1")
    benchmark.pedantic(lambda: str(TICKS * size), **ROUNDS)
