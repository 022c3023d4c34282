"""Queue position against a recorded market, rule by rule."""

from __future__ import annotations

import pytest

from mmbot._core.matching import Outcome
from mmbot.sim.recorded_book import RecordedBook

BUY, SELL = 0, 1
GTC, IOC, FOK, GTX = range(4)


@pytest.fixture
def book() -> RecordedBook:
    made = RecordedBook()
    made.load(10, [(100, 50), (99, 20), (98, 10)], [(101, 40), (102, 30), (104, 5)])
    return made


def filled(book: RecordedBook) -> list[tuple[int, int, int]]:
    """(maker id or taker id, price, lots)."""
    return [(row[0] or row[2], row[5], row[6]) for row in book.take_fills()]


def test_a_resting_order_waits_behind_what_is_displayed(book: RecordedBook) -> None:
    assert book.place(1, 1, BUY, 100, 8) == Outcome.RESTING
    book.trade(100, 45, SELL)
    assert filled(book) == []
    book.trade(100, 9, SELL)
    assert filled(book) == [(1, 100, 4)]
    book.trade(100, 100, SELL)
    assert filled(book) == [(1, 100, 4)]
    assert not book.resting


def test_trades_on_the_other_side_do_not_touch_it(book: RecordedBook) -> None:
    book.place(1, 1, BUY, 100, 8)
    book.trade(101, 500, BUY)
    assert filled(book) == []


def test_a_trade_beyond_its_price_fills_it(book: RecordedBook) -> None:
    book.place(1, 1, BUY, 100, 8)
    book.place(2, 1, SELL, 102, 3)
    book.trade(99, 1, SELL)
    book.trade(103, 1, BUY)
    assert filled(book) == [(1, 100, 8), (2, 102, 3)]


def test_the_touch_reaching_it_fills_it(book: RecordedBook) -> None:
    book.place(1, 1, BUY, 100, 8)
    book.ticker(11, (99, 20, 100, 3))
    assert filled(book) == [(1, 100, 8)]


def test_inside_the_spread_nobody_is_ahead() -> None:
    book = RecordedBook()
    book.load(1, [(100, 50)], [(110, 50)])
    book.place(1, 1, BUY, 105, 8)
    book.trade(105, 3, SELL)
    assert filled(book) == [(1, 105, 3)]


def test_cancellations_shrink_the_queue_in_proportion(book: RecordedBook) -> None:
    book.place(1, 1, BUY, 100, 8)  # 50 ahead
    book.apply(11, [(100, 90)], [])  # 40 joined behind
    book.apply(12, [(100, 45)], [])  # half of the 90 left: half of those ahead
    assert book.resting[1].ahead_lots == 25
    book.apply(13, [(100, 10)], [])
    assert book.resting[1].ahead_lots <= 10


def test_what_traded_is_not_counted_as_canceled_too(book: RecordedBook) -> None:
    book.place(1, 1, BUY, 100, 8)
    book.apply(11, [(100, 90)], [])
    book.trade(100, 30, SELL)
    assert book.resting[1].ahead_lots == 20
    book.apply(12, [(100, 60)], [])  # exactly what traded
    assert book.resting[1].ahead_lots == 20


def test_two_of_ours_at_one_price_share_what_gets_through(book: RecordedBook) -> None:
    book.place(1, 1, BUY, 100, 8)
    book.place(2, 1, BUY, 100, 8)
    book.trade(100, 60, SELL)
    assert filled(book) == [(1, 100, 8), (2, 100, 2)]


def test_a_market_order_walks_the_levels_and_leaves_them(book: RecordedBook) -> None:
    assert book.place(1, 1, BUY, 0, 60, time_in_force=IOC) == Outcome.FILLED
    assert filled(book) == [(1, 101, 40), (1, 102, 20)]
    assert book.levels(SELL) == [(101, 40), (102, 30), (104, 5)]


def test_liquidity_is_not_counted_twice(book: RecordedBook) -> None:
    book.place(1, 1, BUY, 101, 30, time_in_force=IOC)
    assert book.place(2, 1, BUY, 101, 30, time_in_force=IOC) == Outcome.EXPIRED
    assert filled(book) == [(2, 101, 10)]
    book.apply(11, [], [(101, 40)])  # the recording says that the level is alive
    book.place(3, 1, BUY, 101, 30, time_in_force=IOC)
    assert filled(book) == [(3, 101, 30)]


def test_more_than_the_book_holds(book: RecordedBook) -> None:
    assert book.place(1, 1, BUY, 0, 500, time_in_force=IOC) == Outcome.EXPIRED
    assert sum(lots for _, _, lots in filled(book)) == 75
    assert book.place(2, 1, BUY, 104, 500, time_in_force=FOK) == Outcome.KILLED


def test_post_only_against_the_newest_touch(book: RecordedBook) -> None:
    assert book.place(1, 1, BUY, 101, 1, time_in_force=GTX) == Outcome.WOULD_CROSS
    book.ticker(11, (100, 5, 103, 5))
    assert book.place(1, 1, BUY, 101, 1, time_in_force=GTX) == Outcome.RESTING
    assert book.amend(1, 103, 1, time_in_force=GTX) == Outcome.WOULD_CROSS
    assert book.resting[1].price_ticks == 101
    book.apply(12, [], [(103, 0), (101, 0), (102, 0)])
    assert book.best() == (100, 50, 104, 5)


def test_amending_loses_the_place_unless_it_is_kept(book: RecordedBook) -> None:
    book.place(1, 1, BUY, 100, 8)
    book.trade(100, 30, SELL)
    assert book.amend(1, 100, 6, keep_priority=True) == Outcome.RESTING
    assert book.resting[1].ahead_lots == 20
    book.amend(1, 100, 6)
    assert book.resting[1].ahead_lots == 50
    assert book.amend(5, 100, 6) == Outcome.UNKNOWN_ID
    assert (book.cancel(1), book.cancel(1)) == (6, 0)
