"""Liquidation prices solve the equation they come from, for any table and position."""

from __future__ import annotations

from itertools import accumulate

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mmbot._core.margin import MarginTiers


@st.composite
def tables(draw: st.DrawFn) -> MarginTiers:
    """Up to eight tiers with rates below 50 %."""
    count = draw(st.integers(1, 8))
    steps = draw(st.lists(st.integers(1, 10**6), min_size=count - 1, max_size=count - 1))
    rates = sorted(draw(st.lists(st.integers(1, 5_000), min_size=count, max_size=count)))
    return MarginTiers([0, *accumulate(steps)], [f"{rate}e-4" for rate in rates])


SIZE = st.floats(0.001, 1_000) | st.floats(-1_000, -0.001)
PRICE = st.floats(1, 100_000)
WALLET = st.floats(1, 1e7)


def excess(tiers, qty, entry, mark, wallet, *, inverse) -> float:
    """Equity less maintenance."""
    profit = qty * (1 / entry - 1 / mark) if inverse else qty * (mark - entry)
    notional = abs(qty) / mark if inverse else abs(qty) * mark
    return wallet + profit - tiers.maintenance(notional)


@given(tables(), SIZE, PRICE, WALLET, st.booleans())
def test_equity_is_maintenance_at_the_liquidation_price(tiers, qty, entry, wallet, inverse) -> None:
    if inverse:
        wallet /= 1e6
    price = tiers.liquidation_price(qty, entry, wallet=wallet, inverse=inverse)
    assume(price is not None)
    scale = wallet + abs(qty) * ((1 / entry + 1 / price) if inverse else (entry + price))
    assert excess(tiers, qty, entry, price, wallet, inverse=inverse) == pytest.approx(0, abs=1e-9 * scale)


@given(tables(), SIZE, PRICE, WALLET, st.booleans(), st.floats(1e-6, 1e6))
def test_no_liquidation_price_means_every_price_is_survived(  # noqa: PLR0917 - hypothesis passes by position
    tiers, qty, entry, wallet, inverse, mark
) -> None:
    if tiers.liquidation_price(qty, entry, wallet=wallet, inverse=inverse) is None:
        assert excess(tiers, qty, entry, mark, wallet, inverse=inverse) > -1e-9 * wallet


@given(tables(), SIZE, PRICE, WALLET, st.booleans(), st.floats(0, 0.9))
def test_a_shock_that_stops_before_the_liquidation_price_is_survived(  # noqa: PLR0917 - hypothesis passes by position
    tiers, qty, price, wallet, inverse, shock
) -> None:
    liquidation = tiers.liquidation_price(qty, price, wallet=wallet, inverse=inverse)
    moved = price * (1 - shock if qty > 0 else 1 + shock)
    ratio = tiers.shocked_ratio(qty, price, shock, equity=wallet, inverse=inverse)
    if liquidation is None:
        assert ratio < 1 + 1e-9
    else:
        assume(abs(moved / liquidation - 1) > 1e-6)
        assert (ratio < 1) == (moved > liquidation if qty > 0 else moved < liquidation)


@given(tables(), st.floats(1, 1e7), st.floats(1, 1e7))
def test_maintenance_is_continuous_and_never_falls(tiers, one, two) -> None:
    low, high = sorted((one, two))
    assert tiers.maintenance(low) <= tiers.maintenance(high) + 1e-6
    assert tiers.maintenance(high) - tiers.maintenance(low) <= 0.5 * (high - low) + 1e-6
