"""The book's answers in cases worth naming."""

from __future__ import annotations

import math

import pytest

from mmbot._core.book import Book


def test_an_empty_book_has_no_prices() -> None:
    book = Book()
    assert (book.best_bid_ticks, book.best_bid_lots, book.best_ask_ticks, book.best_ask_lots) == (0, 0, 0, 0)
    assert math.isnan(book.mid)
    assert math.isnan(book.microprice)
    assert book.levels(0) == book.levels(1) == []
    assert not book.crossed


def test_removing_an_unknown_level_is_normal() -> None:
    book = Book()
    book.apply_levels(0, [(100, 1)])
    book.apply_levels(0, [(99, 0), (10**9, 0), (101, 0)])
    assert book.levels(0) == [(100, 1)]


def test_a_thin_market_finds_its_best_in_the_overflow() -> None:
    book = Book(window=256, max_window=256)
    book.apply_levels(0, [(1_000_000, 5), (10, 7), (500_000, 6)])
    assert book.far_levels == (2, 0)
    book.apply_levels(0, [(1_000_000, 0)])
    assert (book.best_bid_ticks, book.best_bid_lots) == (500_000, 6)
    book.apply_levels(0, [(500_000, 0)])
    assert (book.best_bid_ticks, book.best_bid_lots) == (10, 7)
    book.apply_levels(0, [(10, 0)])
    assert book.best_bid_lots == 0


def test_far_levels_come_back_when_the_market_returns() -> None:
    book = Book(window=256, max_window=256)
    low = [(price, 1) for price in range(1000, 1050)]
    book.apply_levels(1, low)
    book.apply_levels(1, [(price, 0) for price in range(1000, 1049)] + [(900_000, 3)])
    assert book.levels(1) == [(1049, 1), (900_000, 3)]
    book.apply_levels(1, [(100, 9)])
    assert book.levels(1) == [(100, 9), (1049, 1), (900_000, 3)]


def test_a_window_that_the_traffic_misses_is_widened_and_memory_is_stated() -> None:
    book = Book(window=256, max_window=2048)
    before = book.memory_bytes
    book.apply_levels(0, [(100_000, 1)])
    for lots in range(1, 5000):
        book.apply_levels(0, [(99_000 + lots % 200, lots)])
    assert book.window == (2048, 256)
    assert book.far_levels == (0, 0)
    assert before < book.memory_bytes < before + 2 * 17 * 2048
    assert len(book.levels(0)) == 201


def test_prices_of_taking_quantity() -> None:
    book = Book()
    book.apply_levels(1, [(100, 2), (103, 2)])
    assert (book.vwap(1, 1), book.vwap(1, 4), book.impact(1, 4)) == (100.0, 101.5, 1.5)
    assert math.isnan(book.vwap(1, 5))
    assert math.isnan(book.vwap(1, 0))
    assert math.isnan(book.impact(0, 1))


def test_a_crossed_book_is_seen() -> None:
    book = Book()
    book.apply_levels(0, [(100, 1)])
    book.apply_levels(1, [(100, 1)])
    assert book.crossed


@pytest.mark.parametrize("window", [0, 128, 300, 1 << 25])
def test_a_window_that_is_no_power_of_two_is_refused(window: int) -> None:
    with pytest.raises(ValueError, match="power of two"):
        Book(window=window)


@pytest.mark.parametrize(
    ("levels", "error"),
    [
        ([1], TypeError),
        ([(1,)], TypeError),
        ([(1, 2.5)], TypeError),
        ([(1, 2**64)], OverflowError),
        ([(1, -1)], ValueError),
        ([(2**62, 1)], ValueError),
    ],
)
def test_entries_that_are_no_levels_are_refused(levels: list, error: type[Exception]) -> None:
    with pytest.raises(error):
        Book().apply_levels(0, levels)
    with pytest.raises(ValueError, match="side"):
        Book().apply_levels(2, [])
