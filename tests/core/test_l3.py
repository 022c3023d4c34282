"""The L3 book: who is ahead of our order, and when a trade reaches it."""

from __future__ import annotations

import random

import pytest

from mmbot._core.l3 import L3Book, L3Error
from mmbot._core.types import Side

BID, ASK = Side.BUY, Side.SELL


@pytest.fixture
def book() -> L3Book:
    """Two bids at 100 with our order 7 between them, one ask at 103."""
    book = L3Book()
    book.add(1, BID, 100, 5)
    book.own_add(7, BID, 100, 2)
    book.add(2, BID, 100, 8)
    book.add(3, ASK, 103, 4)
    return book


def test_what_came_first_is_ahead(book: L3Book) -> None:
    assert book.own_ahead(7) == 5
    assert book.level_lots(BID, 100) == 13  # our order is no part of the level


def test_a_cancel_ahead_moves_us_up_and_one_behind_does_not(book: L3Book) -> None:
    book.cancel(2)
    assert book.own_ahead(7) == 5
    assert book.cancel(1) == 1
    assert book.last_changes[0] == (BID, 100, 5, 0)
    assert book.own_ahead(7) == 0


def test_an_order_that_grows_goes_behind_us_and_one_that_shrinks_stays(book: L3Book) -> None:
    book.modify(1, 100, 3)
    assert book.own_ahead(7) == 3
    book.modify(1, 100, 4)
    assert book.own_ahead(7) == 0


def test_a_new_price_changes_two_levels(book: L3Book) -> None:
    assert book.modify(1, 101, 5) == 2
    assert book.last_changes == [(BID, 100, 13, 8), (BID, 101, 0, 5)]
    assert book.own_ahead(7) == 0


def test_a_fill_ahead_leaves_us_and_one_behind_executes_us(book: L3Book) -> None:
    assert book.fill(1, 100, 5, True) == 1
    assert book.executed_ids == []
    book.fill(2, 100, 1, True)
    assert book.executed_ids == [7]
    assert book.own_ahead(7) == -1


def test_a_fill_at_a_worse_price_executes_better_own_orders(book: L3Book) -> None:
    book.own_add(8, BID, 101, 1)
    book.own_add(9, ASK, 101, 1)
    book.fill(1, 100, 1, True)
    assert book.executed_ids == [8]


def test_a_fill_may_leave_the_book_to_a_later_message(book: L3Book) -> None:
    assert book.fill(1, 100, 5, False) == 0
    assert book.level_lots(BID, 100) == 13
    assert book.own_ahead(7) == 5


def test_own_orders_keep_their_place_only_when_they_shrink(book: L3Book) -> None:
    book.own_modify(7, 100, 1)
    assert book.own_ahead(7) == 5
    book.own_modify(7, 100, 2)
    assert book.own_ahead(7) == 13


def test_a_cleared_side_leaves_own_orders_in_front(book: L3Book) -> None:
    book.clear(BID)
    assert (book.level_lots(BID, 100), book.level_lots(ASK, 103), book.own_ahead(7)) == (0, 4, 0)
    book.add(1, BID, 100, 5)  # the id is free again
    book.fill(1, 100, 1, True)
    assert book.executed_ids == [7]


def test_impossible_messages_change_nothing(book: L3Book) -> None:
    cases = [
        (lambda: book.add(1, ASK, 90, 1), L3Error.L3_DUPLICATE),
        (lambda: book.add(9, ASK, 90, 0), L3Error.L3_INVALID),
        (lambda: book.add(9, ASK, 2**61, 1), L3Error.L3_INVALID),
        (lambda: book.modify(1, 100, -1), L3Error.L3_INVALID),
        (lambda: book.modify(1, 100, 2**53), L3Error.L3_INVALID),
        (lambda: book.fill(1, 100, 0, True), L3Error.L3_INVALID),
        (lambda: book.cancel(9), L3Error.L3_UNKNOWN),
        (lambda: book.modify(9, 100, 1), L3Error.L3_UNKNOWN),
        (lambda: book.fill(9, 100, 1, True), L3Error.L3_UNKNOWN),
        (lambda: book.own_cancel(1), L3Error.L3_UNKNOWN),
        (lambda: book.own_modify(1, 100, 1), L3Error.L3_UNKNOWN),
        (lambda: book.own_add(7, BID, 100, 1), L3Error.L3_DUPLICATE),
        (lambda: book.own_add(8, BID, 100, 0), L3Error.L3_INVALID),
        (lambda: book.own_modify(7, 100, 0), L3Error.L3_INVALID),
    ]
    for call, error in cases:
        assert call() == -1
        assert book.error == error
    assert (book.level_lots(BID, 100), book.own_ahead(7), book.n_own) == (13, 5, 1)


def test_many_orders_come_and_go() -> None:
    """Tables that grow several times, with removals in between, lose and invent nothing."""
    book, live, draw = L3Book(), {}, random.Random(5)
    for order_id in range(20_000):
        price, qty = draw.randrange(3_000), draw.randrange(1, 50)
        assert book.add(order_id * 64, order_id & 1, price, qty) == 1
        live[order_id * 64] = (order_id & 1, price, qty)
        if order_id % 3 == 0:
            gone = draw.choice(list(live)) if order_id % 300 == 0 else order_id * 64
            assert book.cancel(gone) == 1
            del live[gone]
    totals: dict[tuple[int, int], int] = {}
    for side, price, qty in live.values():
        totals[side, price] = totals.get((side, price), 0) + qty
    assert all(book.level_lots(*at) == lots for at, lots in totals.items())
    book.clear(ASK)
    assert all(book.level_lots(side, price) == (0 if side else lots) for (side, price), lots in totals.items())
    assert [book.cancel(order_id) for order_id, (side, *_) in live.items() if side == BID].count(-1) == 0
    assert not any(book.level_lots(side, price) for side, price in totals)


def test_many_own_orders() -> None:
    book = L3Book()
    book.add(1, BID, 10, 3)
    assert [book.own_add(order_id, BID, 10, 1) for order_id in range(100)] == [0] * 100
    assert [book.own_ahead(order_id) for order_id in range(100)] == [3] * 100
    book.fill(1, 9, 3, True)
    assert book.executed_ids == list(range(100))
