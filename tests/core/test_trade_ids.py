"""A fill counts once."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from mmbot._core.trade_ids import TradeIds

KEPT = 65536


def test_a_trade_is_learnt_once_a_side() -> None:
    trades = TradeIds(2)
    assert trades.learn(0, 0, 7)
    assert not trades.learn(0, 0, 7)
    assert trades.learn(0, 1, 7), "the other side of a trade with ourselves counts too"
    assert trades.learn(1, 0, 7), "trade ids are a market's own"
    assert trades.seen(0, 0, 7)
    assert not trades.seen(0, 0, 8)


def test_the_oldest_are_forgotten_and_the_rest_stay_findable() -> None:
    trades = TradeIds(1)
    ids = [(index * 7919) ^ (index << 40) for index in range(KEPT + 5000)]
    for trade in ids:
        assert trades.learn(0, 0, trade)
    assert not any(trades.seen(0, 0, trade) for trade in ids[:5000])
    assert all(trades.seen(0, 0, trade) for trade in ids[5000:])
    assert trades.export(0) == [trade * 2 for trade in ids[5000:]]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 2**62)), max_size=300))
def test_equals_a_set(trades: list[tuple[int, int]]) -> None:
    ours = TradeIds(1)
    plain: set[tuple[int, int]] = set()
    for side, trade in trades + trades:
        assert ours.learn(0, side, trade) == ((side, trade) not in plain)
        plain.add((side, trade))
