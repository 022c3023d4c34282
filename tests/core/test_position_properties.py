"""Positions against exact fractions, for any run of fills."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st
from plain_position import PlainPosition
from risk_markets import instrument, inverse, spot

from mmbot._core.position import Position

FILLS = st.lists(st.tuples(st.integers(0, 1), st.integers(1, 10**9), st.integers(1, 10**7)), min_size=1, max_size=30)
NEAR_FILLS = st.lists(st.tuples(st.integers(0, 1), st.integers(95, 105), st.integers(1, 4)), min_size=1, max_size=40)
MARK = st.integers(1, 10**9)
LINEAR = st.sampled_from([instrument(), spot(), instrument(tick_size="0.25", lot_size="3", contract_size="0.07")])


def run(market, fills):
    position, plain = Position(market), PlainPosition(market)
    for fill in fills:
        position.fill(*fill)
        plain.fill(*fill)
    return position, plain


@given(LINEAR, FILLS | NEAR_FILLS, MARK)
def test_linear_total_is_exact_on_every_path(market, fills, mark) -> None:
    position, plain = run(market, fills)
    assert position.lots == plain.lots
    assert Fraction(position.total_pnl(mark)) == plain.total(mark)
    assert Fraction(position.realized_pnl) + Fraction(position.unrealized_pnl(mark)) == plain.total(mark)


@given(LINEAR, FILLS | NEAR_FILLS)
def test_linear_split_is_within_half_a_unit_a_fill(market, fills) -> None:
    position, plain = run(market, fills)
    unit = Fraction(market.tick_size) * Fraction(market.lot_size) * Fraction(market.contract_size)
    assert abs(Fraction(position.realized_pnl) - plain.realized) <= unit / 2 * len(fills)


@given(LINEAR, FILLS | NEAR_FILLS, st.integers(1, 10**9))
def test_linear_realized_is_exact_when_flat(market, fills, price) -> None:
    position, plain = run(market, fills)
    if position.lots:
        last = (1 if position.lots > 0 else 0, price, abs(position.lots))
        position.fill(*last)
        plain.fill(*last)
    assert position.lots == 0
    assert Fraction(position.realized_pnl) == plain.cash


@given(FILLS | NEAR_FILLS, MARK)
def test_inverse_total_is_within_half_a_unit_a_trade(fills, mark) -> None:
    market = inverse()
    position, plain = run(market, fills)
    unit = Fraction(market.contract_size) / Fraction(market.tick_size) / 10**18
    # a flip is two trades; the mark itself is rounded once
    assert abs(Fraction(position.total_pnl(mark)) - plain.total(mark)) <= unit / 2 * (2 * len(fills) + 1)


@given(LINEAR | st.just(inverse()), FILLS, MARK)
def test_mirrored_fills_give_the_mirrored_result(market, fills, mark) -> None:
    position, _ = run(market, fills)
    mirror, _ = run(market, [(1 - side, price, qty) for side, price, qty in fills])
    assert mirror.lots == -position.lots
    assert mirror.realized_pnl == -position.realized_pnl
    assert mirror.unrealized_pnl(mark) == -position.unrealized_pnl(mark)


@given(LINEAR | st.just(inverse()), FILLS, FILLS, MARK)
def test_restored_state_goes_on_identically(market, before, after, mark) -> None:
    position, _ = run(market, before)
    twin = Position(market)
    twin.restore(position.state())
    for fill in after:
        position.fill(*fill)
        twin.fill(*fill)
    assert twin.state() == position.state()
    assert twin.total_pnl(mark) == position.total_pnl(mark)


@given(
    st.sampled_from([instrument(), inverse()]),
    st.integers(-(10**6), 10**6).filter(bool),
    st.decimals("1", "200000", places=8),
)
def test_venue_entry_comes_back_within_half_a_unit(market, lots, entry) -> None:
    position = Position(market)
    position.set_from_venue(lots, entry)
    tick = Fraction(market.tick_size)
    cost = Fraction(position.state()["cost"])
    exact = -lots * Fraction(10**18) * tick / Fraction(entry) if market.inverse else Fraction(entry) / tick * lots
    assert abs(cost - exact) <= Fraction(1, 2)
