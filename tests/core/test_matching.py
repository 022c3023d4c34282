"""Price-time priority, one rule at a time."""

from __future__ import annotations

import random

import pytest

from mmbot._core.matching import MatchingEngine, Outcome, SelfTrade

BUY, SELL = 0, 1
GTC, IOC, FOK, GTX = range(4)


@pytest.fixture
def engine() -> MatchingEngine:
    return MatchingEngine()


def test_better_price_first_then_first_come(engine: MatchingEngine) -> None:
    engine.place(1, 1, SELL, 101, 5)
    engine.place(2, 2, SELL, 100, 5)
    engine.place(3, 3, SELL, 100, 5)
    assert engine.place(9, 9, BUY, 101, 12) == Outcome.FILLED
    assert [(row[0], row[5], row[6]) for row in engine.take_fills()] == [(2, 100, 5), (3, 100, 5), (1, 101, 2)]
    assert engine.levels(SELL) == [(101, 3)]


def test_trades_happen_at_the_resting_price(engine: MatchingEngine) -> None:
    engine.place(1, 1, BUY, 100, 1)
    engine.place(2, 2, SELL, 90, 1)
    assert engine.take_fills() == [(1, 1, 2, 2, SELL, 100, 1)]


def test_an_ioc_never_rests(engine: MatchingEngine) -> None:
    engine.place(1, 1, SELL, 100, 1)
    assert engine.place(2, 2, BUY, 100, 3, time_in_force=IOC) == Outcome.EXPIRED
    assert engine.left_lots == 2
    assert not engine.prevented
    assert engine.n_orders == 0


def test_a_fok_trades_whole_or_not_at_all(engine: MatchingEngine) -> None:
    engine.place(1, 1, SELL, 100, 2)
    engine.place(2, 1, SELL, 101, 2)
    assert engine.place(3, 2, BUY, 100, 3, time_in_force=FOK) == Outcome.KILLED
    assert engine.levels(SELL) == [(100, 2), (101, 2)]
    assert engine.place(3, 2, BUY, 101, 3, time_in_force=FOK) == Outcome.FILLED


def test_a_post_only_order_that_would_take_changes_nothing(engine: MatchingEngine) -> None:
    engine.place(1, 1, SELL, 100, 2)
    assert engine.place(2, 2, BUY, 100, 1, time_in_force=GTX) == Outcome.WOULD_CROSS
    assert engine.place(2, 2, BUY, 99, 1, time_in_force=GTX) == Outcome.RESTING
    assert engine.amend(2, 100, 1, time_in_force=GTX) == Outcome.WOULD_CROSS
    assert engine.find(2) == (2, BUY, 99, 1)


def test_a_smaller_quantity_keeps_its_place_only_when_asked(engine: MatchingEngine) -> None:
    for order_id in (1, 2, 3):
        engine.place(order_id, order_id, BUY, 100, 5)
    engine.amend(1, 100, 4, keep_priority=True)
    assert [row[0] for row in engine.queue(BUY, 100)] == [1, 2, 3]
    engine.amend(1, 100, 3)
    assert [row[0] for row in engine.queue(BUY, 100)] == [2, 3, 1]
    engine.amend(2, 100, 6, keep_priority=True)
    assert [row[0] for row in engine.queue(BUY, 100)] == [3, 1, 2]


def test_an_amend_into_the_other_side_trades(engine: MatchingEngine) -> None:
    engine.place(1, 1, SELL, 105, 2)
    engine.place(2, 2, BUY, 100, 3)
    assert engine.amend(2, 105, 3) == Outcome.RESTING
    assert engine.take_fills() == [(1, 1, 2, 2, BUY, 105, 2)]
    assert engine.best() == (105, 1, 0, 0)


@pytest.mark.parametrize(
    ("mode", "fills", "expired", "left"),
    [
        (SelfTrade.ALLOW, [1, 2], [], 0),
        (SelfTrade.EXPIRE_TAKER, [1], [], 2),
        (SelfTrade.EXPIRE_MAKER, [1, 3], [2], 0),
        (SelfTrade.EXPIRE_BOTH, [1], [2], 2),
    ],
)
def test_self_trade_prevention(
    engine: MatchingEngine,
    mode: SelfTrade,
    fills: list[int],
    expired: list[int],
    left: int,
) -> None:
    engine.place(1, 7, SELL, 100, 2)
    engine.place(2, 8, SELL, 100, 2)
    engine.place(3, 7, SELL, 100, 2)
    engine.place(4, 8, BUY, 100, 4, self_trade=mode)
    assert [row[0] for row in engine.take_fills()] == fills
    assert [row[0] for row in engine.take_expiries()] == expired
    assert engine.left_lots == left
    assert engine.prevented == (left > 0)


def test_owner_zero_trades_with_itself(engine: MatchingEngine) -> None:
    engine.place(1, 0, SELL, 100, 1)
    assert engine.place(2, 0, BUY, 100, 1, self_trade=SelfTrade.EXPIRE_BOTH) == Outcome.FILLED


def test_a_market_order_into_an_empty_book_expires(engine: MatchingEngine) -> None:
    assert engine.place(1, 1, BUY, 0, 5, time_in_force=IOC) == Outcome.EXPIRED
    assert engine.place(2, 1, BUY, 0, 5, time_in_force=FOK) == Outcome.KILLED


def test_arguments_outside_their_range_are_refused(engine: MatchingEngine) -> None:
    for bad in ({"side": 2}, {"side": -1}, {"price_ticks": -1}, {"qty_lots": 0}, {"time_in_force": 4}):
        good = {"order_id": 1, "owner": 1, "side": 0, "price_ticks": 1, "qty_lots": 1} | bad
        with pytest.raises(ValueError, match="order 1: expected"):
            engine.place(**good)
    with pytest.raises(ValueError, match="price and rest"):
        engine.amend(1, 0, 1)
    with pytest.raises(ValueError, match="expected 0 or 1"):
        engine.levels(2)
    with pytest.raises(ValueError, match="at least 1"):
        MatchingEngine(0)


def test_far_more_orders_than_preallocated() -> None:
    engine = MatchingEngine(1)
    chance = random.Random(1)
    ids = list(range(20_000))
    for order_id in ids:
        assert engine.place(order_id, 1, BUY, chance.randrange(1, 5_000), 1) == Outcome.RESTING
    chance.shuffle(ids)
    assert all(engine.cancel(order_id) == 1 for order_id in ids)
    assert engine.n_orders == 0
    assert engine.levels(BUY) == []
