"""Liquidation prices against the rules that venues document, for positions of all kinds.

Each rule says "equity = maintenance margin" in its own way; the kernel solves that equation from the tiers.
"""

from __future__ import annotations

import pytest

from mmbot._core.margin import MarginTiers

SIDES = pytest.mark.parametrize("side", [1, -1], ids=["long", "short"])


@SIDES
@pytest.mark.parametrize("leverage", [2, 10, 50])
def test_okx_isolated_swap(side: int, leverage: int) -> None:
    """Long (EP - margin/size) / (1 - (MMR + fee)), short (EP + margin/size) / (1 + MMR + fee): fees are maintenance."""
    entry, size, rate, fee = 61_234.5, 0.75, 0.004, 0.0005
    margin = size * entry / leverage
    documented = (entry - side * margin / size) / (1 - side * (rate + fee))
    got = MarginTiers([0], [str(rate + fee)]).liquidation_price(side * size, entry, wallet=margin)
    assert got == pytest.approx(documented, rel=1e-12)


@SIDES
@pytest.mark.parametrize("leverage", [40, 25, 10])
def test_hyperliquid(side: int, leverage: int) -> None:
    """Liquidated at price - side * margin_available / size / (1 - l*side), l half of the initial rate at most leverage.

    Cross: margin_available = account_value - maintenance_required, where the price is the present mark.
    """
    mark, size, account_value, rate = 67_890.0, 2.5, 21_000.0, 0.5 / leverage
    available = account_value - rate * size * mark
    documented = mark - side * available / size / (1 - rate * side)
    got = MarginTiers([0], [str(rate)]).liquidation_price(side * size, mark, wallet=account_value)
    assert got == pytest.approx(documented, rel=1e-12)


@SIDES
def test_hyperliquid_with_other_positions_in_the_account(side: int) -> None:
    mark, size, account_value, rate, others = 3_210.0, 12.0, 9_000.0, 0.02, 1_234.5
    available = account_value - rate * size * mark - others
    documented = mark - side * available / size / (1 - rate * side)
    tiers = MarginTiers([0], [str(rate)])
    got = tiers.liquidation_price(side * size, mark, wallet=account_value, other_maintenance=others)
    assert got == pytest.approx(documented, rel=1e-12)


@SIDES
@pytest.mark.parametrize("extra", [0.0, 0.05])
def test_bybit_inverse_with_maintenance_at_the_mark(side: int, extra: float) -> None:
    """The page of 2026: long size*(1+MMR) / (size/EP + IM + extra/(1+fee) + deduction), IM = size/EP/leverage.

    Short size*(1-MMR) / (size/EP - IM - extra/(1-fee) - deduction). What stands behind the position is its wallet here.
    """
    entry, size, leverage, rate, fee, deduction = 50_000.0, 60_000.0, 10, 0.005, 0.00055, 0.0004
    opened = size / entry
    behind = opened / leverage + extra / (1 + side * fee)
    documented = size * (1 + side * rate) / (opened + side * (behind + deduction))
    # The deduction in the venue's table of tiers is what each takes off the rate times the value.
    tiers = MarginTiers([0], [str(rate)], [str(deduction)])
    got = tiers.liquidation_price(side * size, entry, wallet=behind, inverse=True)
    assert got == pytest.approx(documented, rel=1e-12)


@SIDES
@pytest.mark.parametrize("leverage", [3, 20, 50])
def test_bybit_linear_with_maintenance_at_the_entry(side: int, leverage: int) -> None:
    """LP = EP -+ ((IM - MM)/size + extra/size), IM = value/leverage, MM = value*MMR - deduction."""
    entry, size, rate, deduction, extra = 20_000.0, 1.5, 0.005, 12.0, 30.0
    value = entry * size
    maintenance = value * rate - deduction
    documented = entry - side * ((value / leverage - maintenance) + extra) / size
    tiers = MarginTiers([0], [0], [str(-maintenance)])
    got = tiers.liquidation_price(side * size, entry, wallet=value / leverage + extra)
    assert got == pytest.approx(documented, rel=1e-12)
