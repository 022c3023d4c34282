"""The book against a plain dict book, whatever the levels."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from plain_book import PlainBook

from mmbot._core.book import Book

NEAR = st.integers(0, 300)
JUMPS = st.sampled_from([0, 64, 127, 128, 200, 5_000, 1_000_000, 2**40, 2**61])
PRICES = st.builds(lambda base, near: base + near, JUMPS, NEAR)
QTYS = st.one_of(st.just(0), st.integers(1, 2**62))
LEVELS = st.lists(st.tuples(PRICES, QTYS), max_size=40)


def assert_same(book: Book, plain: PlainBook) -> None:
    assert (book.best_bid_ticks, book.best_bid_lots) == plain.best(0)
    assert (book.best_ask_ticks, book.best_ask_lots) == plain.best(1)
    assert book.levels(0) == plain.levels(0)
    assert book.levels(1) == plain.levels(1)
    assert not book.incomplete


class BookMachine(RuleBasedStateMachine):
    """Any sequence of messages, with windows so small that the market leaves them at every turn."""

    @initialize(window=st.sampled_from([256, 512, 8192]))
    def start(self, window: int) -> None:
        self.book, self.plain = Book(window=window, max_window=max(window, 1024)), PlainBook()

    @rule(side=st.integers(0, 1), levels=LEVELS)
    def apply(self, side: int, levels: list[tuple[int, int]]) -> None:
        self.book.apply_levels(side, levels)
        self.plain.apply(side, levels)

    @rule(side=st.integers(0, 1), n=st.integers(1, 5))
    def remove_the_best(self, side: int, n: int) -> None:
        gone = [(price, 0) for price, _ in self.plain.levels(side, n)]
        self.book.apply_levels(side, gone)
        self.plain.apply(side, gone)

    @rule()
    def clear(self) -> None:
        self.book.reset()
        self.plain.clear()

    @rule(side=st.integers(0, 1), price=PRICES)
    def look_up_one_price(self, side: int, price: int) -> None:
        assert self.book.quantity(side, price) == self.plain.sides[side].get(price, 0)

    @invariant()
    def same(self) -> None:
        if hasattr(self, "book"):
            assert_same(self.book, self.plain)


TestBookMachine = BookMachine.TestCase
TestBookMachine.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)


@given(
    st.sampled_from([256, 1024]),
    st.integers(0, 10**7),
    st.lists(st.tuples(st.integers(-400, 400), st.integers(0, 5)), min_size=1, max_size=400),
)
@settings(max_examples=100, deadline=None)
def test_a_drifting_market_keeps_every_level(window: int, start: int, moves: list[tuple[int, int]]) -> None:
    book, plain = Book(window=window, max_window=max(window, 1024)), PlainBook()
    middle = start + 10**6
    for move, qty in moves:
        middle += move
        for side, price in ((0, middle - 1 - qty), (1, middle + 1 + qty)):
            crossed = [(p, 0) for p, _ in plain.levels(1 - side) if (p <= price if side == 0 else p >= price)]
            for half, levels in ((1 - side, crossed), (side, [(price, qty)])):
                book.apply_levels(half, levels)
                plain.apply(half, levels)
    assert_same(book, plain)


SMALL = st.lists(st.tuples(st.integers(1, 10**6), st.integers(1, 10**6)), max_size=30)


@given(SMALL, SMALL, st.integers(1, 10**7), st.integers(1, 8))
def test_measures_agree_with_brute_force(
    bids: list[tuple[int, int]],
    asks: list[tuple[int, int]],
    qty: int,
    n: int,
) -> None:
    book, plain = Book(window=256), PlainBook()
    for side, levels in enumerate((bids, asks)):
        book.apply_levels(side, levels)
        plain.apply(side, levels)
        exact = plain.vwap(side, qty)
        if exact is None:
            assert math.isnan(book.vwap(side, qty))
            assert math.isnan(book.impact(side, qty))
        else:
            assert book.vwap(side, qty) == pytest.approx(float(exact), rel=1e-12)
            assert book.impact(side, qty) == pytest.approx(abs(float(exact - plain.best(side)[0])), abs=1e-6)
    for side in (0, 1):
        for price, _ in plain.levels(side):
            through = sum(q for p, q in plain.sides[side].items() if (p >= price if side == 0 else p <= price))
            assert book.quantity_through(side, price) == through
    sums = [sum(q for _, q in plain.levels(side, n)) for side in (0, 1)]
    if sum(sums):
        assert book.depth_imbalance(n) == pytest.approx((sums[0] - sums[1]) / sum(sums))
    else:
        assert math.isnan(book.depth_imbalance(n))
    (bid, bid_lots), (ask, ask_lots) = plain.best(0), plain.best(1)
    if bid_lots and ask_lots:
        assert book.mid == (bid + ask) / 2
        assert book.microprice == pytest.approx((bid * ask_lots + ask * bid_lots) / (bid_lots + ask_lots))
        assert book.crossed == (bid >= ask)
    else:
        assert math.isnan(book.mid)
        assert math.isnan(book.microprice)
        assert not book.crossed
