"""Margin and liquidation prices against the venues' own examples."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import pytest

from mmbot._core.margin import MarginTiers

if TYPE_CHECKING:
    from pathlib import Path

# Binance's liquidation FAQ: one wallet, two positions, each in one tier of its market's table
WALLET = 1_535_443.01
ETH = {"qty": 3_683.979, "entry": 1_456.84, "mark": 1_335.18, "tiers": MarginTiers(["0"], ["0.10"], ["135365"])}
BTC = {"qty": 109.488, "entry": 32_481.98, "mark": 31_967.27, "tiers": MarginTiers(["0"], ["0.025"], ["16300"])}


def maintenance_and_unrealized(position: dict) -> tuple[float, float]:
    maintenance = position["tiers"].maintenance(position["qty"] * position["mark"])
    return maintenance, position["qty"] * (position["mark"] - position["entry"])


def test_maintenance_of_the_worked_example() -> None:
    assert maintenance_and_unrealized(BTC) == pytest.approx((71_200.81144, -56_354.57), abs=0.005)
    assert maintenance_and_unrealized(ETH) == pytest.approx((356_512.508, -448_192.89), abs=0.005)


@pytest.mark.parametrize(("position", "other", "stated"), [(ETH, BTC, 1_153.26), (BTC, ETH, 26_316.89)])
def test_cross_liquidation_price_of_the_worked_example(position: dict, other: dict, stated: float) -> None:
    maintenance, unrealized = maintenance_and_unrealized(other)
    price = position["tiers"].liquidation_price(
        position["qty"], position["entry"], wallet=WALLET, other_maintenance=maintenance, other_unrealized=unrealized
    )
    assert price == pytest.approx(stated, abs=0.005)


@pytest.mark.parametrize(("position", "stated"), [(ETH, 1_114.78), (BTC, 18_778.73)])
def test_isolated_liquidation_price_of_the_worked_example(position: dict, stated: float) -> None:
    price = position["tiers"].liquidation_price(position["qty"], position["entry"], wallet=WALLET)
    assert price == pytest.approx(stated, abs=0.006)


def test_cum_follows_the_rule_of_the_usd_m_page() -> None:
    tiers = MarginTiers(["0", "50000", "250000"], ["0.004", "0.005", "0.01"])
    assert tiers.cum == (0, 50, 1_300)


def test_cum_follows_the_rule_of_the_coin_m_page() -> None:
    tiers = MarginTiers(["0", "22.4", "50"], ["0", "0.025", "0.05"])  # the page's 0.56 before its 50 BTC tier
    assert tiers.cum == pytest.approx((0, 0.56, 1.81), abs=1e-12)


def test_a_floor_belongs_to_the_lower_tier() -> None:
    tiers = MarginTiers(["0", "50000", "250000"], ["0.004", "0.005", "0.01"])
    assert [tiers.tier(n) for n in (0, 50_000, 50_000.01, 250_000, 1e12)] == [0, 0, 1, 1, 2]


def test_liquidation_price_uses_the_tier_it_falls_into() -> None:
    tiers = MarginTiers(["0", "50000", "250000"], ["0.004", "0.005", "0.01"])
    # 5 BTC long at 60,000 (tier 3) with 100,000 behind it: liquidated where the notional is in tier 2
    price = tiers.liquidation_price(5, 60_000, wallet=100_000)
    assert price is not None
    assert tiers.tier(5 * 60_000) == 2
    assert tiers.tier(5 * price) == 1
    assert 100_000 + 5 * (price - 60_000) == pytest.approx(5 * price * 0.005 - 50)


# Bybit takes maintenance at the entry, a constant: a tier without rate and with a negative amount says the same.
def test_bybit_linear_example() -> None:
    assert MarginTiers([0], [0], [-100]).liquidation_price(1, 20_000, wallet=400) == pytest.approx(19_700)


@pytest.mark.parametrize(("qty", "stated"), [(-60_000, 55_248.62), (60_000, 45_662.10)])
def test_bybit_inverse_example(qty: float, stated: float) -> None:
    price = MarginTiers([0], [0], ["-0.006"]).liquidation_price(qty, 50_000, wallet=0.12, inverse=True)
    assert price == pytest.approx(stated, abs=0.005)


def test_stated_liquidation_prices_of_a_real_account(data_dir: Path) -> None:
    """A cross account of 2023, whose venue took 1 % of every position at its present value as maintenance."""
    path = data_dir / "messages" / "hyperliquid" / "sdk_info" / "test_get_user_state.json"
    account = json.loads(path.read_text(encoding="utf-8"))[0]["response"]
    equity = float(account["marginSummary"]["accountValue"])
    maintenance = 0.01 * float(account["marginSummary"]["totalNtlPos"])
    tiers = MarginTiers([0], [0], [str(-maintenance)])
    stated = 0
    for entry in account["assetPositions"]:
        position = entry["position"]
        size, value = float(position["szi"]), float(position["positionValue"])
        now = value / abs(size)  # the present price stands for the entry: no rounded PnL comes in
        price = tiers.liquidation_price(size, now, wallet=equity)
        if position["liquidationPx"] is None:
            assert price is None
        else:
            stated += 1
            assert price == pytest.approx(float(position["liquidationPx"]), rel=1e-8)
    assert stated == 5


def test_no_price_liquidates_a_covered_long() -> None:
    tiers = MarginTiers([0], ["0.005"])
    assert tiers.liquidation_price(1, 20_000, wallet=30_000) is None
    assert tiers.liquidation_price(0, 20_000, wallet=10) is None
    assert tiers.liquidation_price(-60_000, 50_000, wallet=2, inverse=True) is None


def test_margin_ratio_reaches_one_at_the_liquidation_price() -> None:
    tiers = MarginTiers(["0", "50000", "250000"], ["0.004", "0.005", "0.01"])
    price = tiers.liquidation_price(-3, 60_000, wallet=40_000)
    assert price is not None
    assert tiers.margin_ratio(-3, 60_000, price, wallet=40_000) == pytest.approx(1)
    assert tiers.margin_ratio(-3, 60_000, 60_000, wallet=40_000) == pytest.approx((180_000 * 0.005 - 50) / 40_000)


def test_ratio_without_equity_is_infinite_and_without_position_zero() -> None:
    tiers = MarginTiers([0], ["0.01"])
    assert tiers.margin_ratio(1, 100, 50, wallet=10) == math.inf
    assert tiers.margin_ratio(0, 100, 50, wallet=0) == 0
    assert tiers.shocked_ratio(0, 100, 0.5, equity=0) == 0
    assert tiers.shocked_ratio(0, 100, 0.5, equity=10, other_maintenance=5) == 0.5


def test_shock_moves_the_price_against_the_position() -> None:
    tiers = MarginTiers([0], ["0.01"])
    # 2 at 100, 10 % down: 20 lost of 50, 1 % of 180 needed
    assert tiers.shocked_ratio(2, 100, 0.1, equity=50) == pytest.approx(1.8 / 30)
    assert tiers.shocked_ratio(-2, 100, 0.1, equity=50) == pytest.approx(2.2 / 30)
    # 1,000 USD at 50,000, 20 % down: 0.02 BTC become 0.025
    assert tiers.shocked_ratio(1_000, 50_000, 0.2, equity=0.01, inverse=True) == pytest.approx(0.00025 / 0.005)


@pytest.mark.parametrize(
    ("floors", "rates"),
    [
        ([], []),
        ([1], ["0.01"]),
        ([0, 0], ["0.01", "0.02"]),
        ([0, 5], ["0.02", "0.01"]),
        ([0], [1]),
        ([0], [-1]),
        ([0], []),
        (range(33), ["0.01"] * 33),
    ],
)
def test_tables_that_make_no_sense_are_refused(floors: list, rates: list) -> None:
    with pytest.raises(ValueError, match="margin tier"):
        MarginTiers(floors, rates)
