"""Positions against numbers from outside and by hand."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest
from risk_markets import instrument, inverse, spot, value

from mmbot._core.position import Position

if TYPE_CHECKING:
    from mmbot._core.types import Instrument

BUY, SELL = 0, 1


def test_average_entry_and_partial_close() -> None:
    position = Position(instrument())
    position.fill(BUY, 600_000, 3)  # 60,000.0 x 0.003
    position.fill(BUY, 600_100, 1)  # 60,010.0 x 0.001
    assert position.lots == 4
    assert position.entry_price == Decimal("60002.5")
    position.fill(SELL, 600_125, 2)  # 60,012.5 x 0.002: 10 USDT a BTC above the entry
    assert position.realized_pnl == Decimal("0.02")
    assert position.entry_price == Decimal("60002.5")
    assert position.unrealized_pnl(600_000) == Decimal("-0.005")
    assert position.total_pnl(600_000) == Decimal("0.015")


def test_flip_through_zero_opens_the_rest_at_the_fill_price() -> None:
    position = Position(instrument())
    position.fill(BUY, 600_000, 5)
    position.fill(SELL, 601_000, 8)
    assert position.lots == -3
    assert position.entry_price == Decimal(60_100)
    assert position.realized_pnl == Decimal("0.5")
    position.fill(BUY, 600_900, 3)
    assert position.lots == 0
    assert position.entry_price is None
    assert position.realized_pnl == Decimal("0.53")


@pytest.mark.parametrize(
    ("tick", "lot", "lots", "entry_ticks", "mark_ticks", "stated"),
    [
        # Binance's liquidation FAQ: unrealised PnL of its two example positions
        ("0.01", "0.001", 3_683_979, 145_684, 133_518, "-448192.89"),
        ("0.01", "0.001", 109_488, 3_248_198, 3_196_727, "-56354.57"),
    ],
)
def test_unrealized_of_the_venues_worked_example(  # noqa: PLR0917 - columns of the table above
    tick: str, lot: str, lots: int, entry_ticks: int, mark_ticks: int, stated: str
) -> None:
    position = Position(instrument(tick_size=tick, lot_size=lot))
    position.fill(BUY, entry_ticks, lots)
    assert round(position.unrealized_pnl(mark_ticks), 2) == Decimal(stated)


def test_inverse_contract_pays_in_the_base_asset() -> None:
    position = Position(inverse())
    position.fill(BUY, 500_000, 600)  # 60,000 USD at 50,000: 1.2 BTC
    assert position.entry_price == Decimal(50_000)
    pnl = position.unrealized_pnl(400_000)  # 60,000 * (1/50,000 - 1/40,000) = -0.3 BTC, exact in 18 digits
    assert pnl == Decimal("-0.3")
    position.fill(SELL, 480_000, 600)  # 60,000 * (1/50,000 - 1/48,000) = -0.05
    assert position.lots == 0
    assert position.realized_pnl == Decimal("-0.05")


def test_inverse_short_gains_when_the_price_falls() -> None:
    position = Position(inverse())
    position.fill(SELL, 500_000, 600)
    position.fill(BUY, 400_000, 600)
    assert position.realized_pnl == Decimal("0.3")


def test_spot_counts_in_its_own_units() -> None:
    position = Position(spot())
    position.fill(BUY, 6_000_000, 150)  # 0.0015 BTC at 60,000
    assert position.unrealized_pnl(6_000_001) == Decimal("0.000015")


def test_fees_stay_in_their_asset_and_a_rebate_is_negative() -> None:
    position = Position(instrument())
    position.fee(0, 1_500)
    position.fee(3, 70_000)
    position.fee(0, -2_000)
    position.funding(-12_345)
    assert position.fees == {0: Decimal("-0.00000500"), 3: Decimal("0.00070000")}
    assert position.funding_received == Decimal("-0.00012345")
    assert position.realized_pnl == 0


@pytest.mark.parametrize(
    ("side", "price", "qty"), [(2, 1, 1), (-1, 1, 1), (0, 0, 1), (0, 1, 0), (1, -5, 1), (1, 1, -1), (0, 1, 2**53 + 1)]
)
def test_impossible_fills_change_nothing(side: int, price: int, qty: int) -> None:
    position = Position(instrument())
    position.fill(BUY, 600_000, 2)
    before = position.state()
    with pytest.raises(ValueError, match="out of range"):
        position.fill(side, price, qty)
    assert position.state() == before


def test_a_position_beyond_the_limit_is_refused() -> None:
    position = Position(instrument())
    position.fill(SELL, 1, 2**53)
    with pytest.raises(ValueError, match="out of range"):
        position.fill(SELL, 1, 1)
    assert position.lots == -(2**53)


@pytest.mark.parametrize("market", [instrument(tick_size="1e-8", lot_size="1"), inverse()])
def test_the_largest_numbers_do_not_overflow(market: Instrument) -> None:
    position, top = Position(market), 2**53
    position.fill(BUY, top, top)
    position.fill(SELL, 1, top)
    exact = value(market, 1, top) - value(market, top, top)
    assert abs(Fraction(position.realized_pnl) / exact - 1) < Fraction(1, 10**15)
    position.fill(SELL, top, top)
    position.fill(BUY, top, top)
    assert position.lots == 0
    assert abs(Fraction(position.realized_pnl) / exact - 1) < Fraction(1, 10**15)


def test_venue_position_replaces_only_the_open_part() -> None:
    position = Position(instrument())
    position.fill(BUY, 600_000, 5)
    position.fill(SELL, 600_010, 2)
    realized = position.realized_pnl
    position.set_from_venue(-7, "59123.45678901")
    assert position.lots == -7
    assert position.realized_pnl == realized
    entry = position.entry_price
    assert entry is not None
    assert abs(entry - Decimal("59123.45678901")) < Decimal("0.01")  # half a tick-lot over 7 lots
    position.set_from_venue(0, "0")
    assert position.entry_price is None
    assert position.unrealized_pnl(1) == 0


def test_venue_position_of_an_inverse_contract_keeps_its_entry_to_18_digits() -> None:
    position = Position(inverse())
    position.set_from_venue(600, "51234.56789012")
    entry = position.entry_price
    assert entry is not None
    assert abs(entry - Decimal("51234.56789012")) < Decimal("1e-8")


@pytest.mark.parametrize(("lots", "entry"), [(1, "0"), (1, "-5"), (2**53 + 1, "5")])
def test_venue_position_must_make_sense(lots: int, entry: str) -> None:
    position = Position(instrument())
    with pytest.raises(ValueError, match="position of"):
        position.set_from_venue(lots, entry)
    assert position.lots == 0


def test_no_mark_means_no_unrealized() -> None:
    position = Position(instrument())
    position.fill(BUY, 600_000, 5)
    assert position.unrealized_pnl(0) == 0


def test_restore_needs_a_whole_state() -> None:
    position = Position(instrument())
    with pytest.raises(KeyError):
        position.restore({"fees_e8": [0] * 32})
    with pytest.raises(ValueError, match="32 fees"):
        position.restore(position.state() | {"fees_e8": []})


def test_units_too_far_apart_are_refused() -> None:
    with pytest.raises(ValueError, match="too far apart"):
        Position(instrument(tick_size="1e-18", lot_size="1e-18"))


def test_fee_asset_outside_the_table_is_an_error() -> None:
    position = Position(instrument())
    with pytest.raises(ValueError, match="asset index 32"):
        position.fee(32, 1)
    with pytest.raises(ValueError, match="asset index -1"):
        position.fee(-1, 1)


@pytest.mark.parametrize(("prices", "taken"), [((1, 2), 2), ((2, 3), 2), ((3, 4), 4)])
def test_half_a_unit_of_cost_goes_to_the_even_side(prices: tuple[int, int], taken: int) -> None:
    position = Position(instrument())
    for ticks in prices:
        position.fill(BUY, ticks, 1)
    position.fill(SELL, 10, 1)
    assert (position.state()["cost"], position.state()["realized"]) == (sum(prices) - taken, 10 - taken)


def test_traded_lots_count_both_ways() -> None:
    position = Position(instrument())
    position.fill(BUY, 600_000, 5)
    position.fill(SELL, 600_000, 8)
    assert (position.state()["traded_lots"], position.state()["fills"]) == (13, 2)
