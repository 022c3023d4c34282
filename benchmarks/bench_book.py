"""Levels into the book, best prices read after each message, beside the bare C loop: `extra_info` has ns a level.

Run with ``pytest benchmarks/bench_book.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from market_data import messages

from mmbot._core.book import Book
from mmbot._core.floor import LevelTape

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_benchmark.fixture import BenchmarkFixture


def measure(benchmark: BenchmarkFixture, work: Callable[[], object], n_levels: int) -> None:
    benchmark.pedantic(work, rounds=15, warmup_rounds=2)
    if benchmark.stats is None:  # --benchmark-disable
        return
    benchmark.extra_info["ns_per_level_median"] = round(benchmark.stats.stats.median / n_levels * 1e9, 2)
    benchmark.extra_info["ns_per_level_min"] = round(benchmark.stats.stats.min / n_levels * 1e9, 2)


@pytest.fixture(scope="module")
def tape() -> LevelTape:
    return LevelTape(messages())


@pytest.mark.benchmark(group="book level")
def test_floor(benchmark: BenchmarkFixture, tape: LevelTape) -> None:
    measure(benchmark, tape.through_floor, tape.n_levels)


@pytest.mark.benchmark(group="book level")
def test_from_c_buffers(benchmark: BenchmarkFixture, tape: LevelTape) -> None:
    book = Book()
    measure(benchmark, lambda: tape.through_book(book), tape.n_levels)


@pytest.mark.benchmark(group="book level")
def test_from_python_lists(benchmark: BenchmarkFixture, tape: LevelTape) -> None:
    book, everything = Book(), messages()

    def work() -> None:
        for bids, asks in everything:
            book.apply_levels(0, bids)
            book.apply_levels(1, asks)
            _ = book.best_bid_ticks, book.best_ask_ticks

    measure(benchmark, work, tape.n_levels)


@pytest.mark.benchmark(group="book level")
def test_dict_with_best_by_rescan(benchmark: BenchmarkFixture) -> None:
    """What a script does, on a tenth of the messages."""
    some = messages()[: len(messages()) // 10]

    def work() -> None:
        sides: tuple[dict[int, int], dict[int, int]] = ({}, {})
        for message in some:
            for side, levels in zip(sides, message, strict=True):
                for price, qty in levels:
                    if qty:
                        side[price] = qty
                    else:
                        side.pop(price, None)
            _ = max(sides[0], default=0), min(sides[1], default=0)

    measure(benchmark, work, sum(len(bids) + len(asks) for bids, asks in some))


@pytest.mark.benchmark(group="book measures")
@pytest.mark.parametrize("measure_name", ["depth_imbalance", "vwap", "levels"])
def test_measures(benchmark: BenchmarkFixture, tape: LevelTape, measure_name: str) -> None:
    book = Book()
    tape.through_book(book)
    arguments = {"depth_imbalance": (10,), "vwap": (0, 10_000), "levels": (0, 10)}[measure_name]
    benchmark(getattr(book, measure_name), *arguments)
