"""Attribution of PnL by hand."""

from __future__ import annotations

from decimal import Decimal

import pytest
from risk_markets import instrument, inverse

from mmbot._core.pnl import PnlAttribution
from mmbot._core.types import Purpose

BUY, SELL = 0, 1
USDT, BNB = 0, 2


def test_a_round_trip_at_a_still_mid_is_all_spread() -> None:
    pnl = PnlAttribution(instrument())
    pnl.fill(BUY, 599_990, 10, mid_x2=1_200_000)  # 1 USDT below the mid, 0.01 BTC
    pnl.fill(SELL, 600_010, 10, mid_x2=1_200_000)
    parts = pnl.parts()
    assert parts["spread"] == parts["total"] == Decimal("0.02")
    assert parts["inventory"] == parts["hedge"] == 0


def test_what_the_mid_does_to_the_holding_is_inventory() -> None:
    pnl = PnlAttribution(instrument())
    pnl.fill(BUY, 599_990, 10, mid_x2=1_200_000)
    pnl.mid(1_199_901)  # 4.95 USDT down: half ticks count
    parts = pnl.parts()
    assert parts["spread"] == Decimal("0.01")
    assert parts["inventory"] == Decimal("-0.0495")
    assert parts["total"] == Decimal("-0.0395")


def test_the_mid_is_moved_to_the_fill_before_its_edge_is_taken() -> None:
    pnl = PnlAttribution(instrument())
    pnl.fill(BUY, 600_000, 10, mid_x2=1_200_000)
    pnl.fill(SELL, 600_100, 10, mid_x2=1_200_160)  # held 8 USDT up, sold 2 above the mid
    parts = pnl.parts()
    assert parts["inventory"] == Decimal("0.08")
    assert parts["spread"] == Decimal("0.02")


@pytest.mark.parametrize("purpose", [Purpose.HEDGE, Purpose.FLATTEN])
def test_a_hedge_pays_its_edge_to_the_hedge_part(purpose: int) -> None:
    pnl = PnlAttribution(instrument())
    pnl.fill(SELL, 599_995, 10, mid_x2=1_200_000, purpose=purpose)
    assert pnl.parts()["hedge"] == Decimal("-0.005")
    assert pnl.parts()["spread"] == 0


def test_without_a_mid_the_last_one_stands_and_the_first_fill_has_no_edge() -> None:
    pnl = PnlAttribution(instrument())
    pnl.fill(BUY, 600_000, 10)
    assert pnl.parts()["spread"] == 0
    pnl.mid(0)
    pnl.fill(BUY, 599_900, 10)
    assert pnl.mid_x2 == 1_200_000
    assert pnl.parts()["spread"] == Decimal("0.1")


def test_inverse_edges_are_paid_in_the_base_asset() -> None:
    pnl = PnlAttribution(inverse())
    pnl.fill(BUY, 400_000, 600, mid_x2=1_000_000)  # 60,000 * (1/40,000 - 1/50,000)
    assert pnl.parts()["spread"] == Decimal("0.3")
    pnl.mid(960_000)
    assert pnl.parts()["inventory"] == Decimal("-0.05")
    assert pnl.parts()["total"] == Decimal("0.25")


def test_fees_in_a_foreign_asset_are_converted_at_the_rate_of_their_moment() -> None:
    pnl = PnlAttribution(instrument(), settle_asset=USDT)
    pnl.fee(USDT, 150_000_000)
    pnl.fee(BNB, 1_000)  # no rate yet
    pnl.rate(BNB, 600 * 10**8)
    pnl.fee(BNB, 100_000)  # 0.001 BNB at 600
    pnl.rate(BNB, 300 * 10**8)
    pnl.fee(BNB, -100_000)
    assert pnl.parts()["fees"] == Decimal("-1.8")
    assert pnl.fees_apart == {BNB: Decimal("0.00001000")}


def test_funding_and_rebates_are_in_the_total() -> None:
    pnl = PnlAttribution(instrument())
    pnl.fee(0, -250)
    pnl.funding(-1_000)
    parts = pnl.parts()
    assert (parts["fees"], parts["funding"]) == (Decimal("0.00000250"), Decimal("-0.00001000"))
    assert parts["total"] == Decimal("-0.00000750")


@pytest.mark.parametrize(("side", "price", "qty"), [(2, 1, 1), (0, 0, 1), (0, 1, 0), (1, 1, 2**53 + 1)])
def test_impossible_fills_change_nothing(side: int, price: int, qty: int) -> None:
    pnl = PnlAttribution(instrument())
    pnl.fill(BUY, 600_000, 10, mid_x2=1_200_001)
    before = pnl.state()
    with pytest.raises(ValueError, match="out of range"):
        pnl.fill(side, price, qty, mid_x2=5)
    assert pnl.state() == before


def test_asset_indices_outside_the_table_are_errors() -> None:
    with pytest.raises(ValueError, match="index 32"):
        PnlAttribution(instrument(), 32)
    with pytest.raises(ValueError, match="index -1"):
        PnlAttribution(instrument()).fee(-1, 1)


def test_restore_needs_whole_tables() -> None:
    pnl = PnlAttribution(instrument())
    with pytest.raises(ValueError, match="32 assets"):
        pnl.restore(pnl.state() | {"rate_e8": []})
