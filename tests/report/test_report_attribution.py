"""Where the money came from: by hand, and on what is left of an engine after random trouble."""

from __future__ import annotations

import pytest
from made_up_runs import INVERSE, LINEAR, S, fill, made_up, stormy

from mmbot._core.types import Purpose
from mmbot.report import analyse
from mmbot.report.attribution import PARTS, adds_up, attribute

# One tick-lot of LINEAR is 0.1 USDT * 0.001 BTC = 10,000 of 1e-8.
TICK_LOT = 10_000


def test_adverse_selection_is_the_move_after_the_fill_on_what_was_filled() -> None:
    run = made_up(
        fills=[fill(1, 600_000, qty=4, mid_x2=1_200_010, after_x2=[1_200_004, 1_200_000, 1_199_990, 0, 0])],
        state=[
            {"ts_ns": 0, "mid_x2": 0},
            {"ts_ns": 9 * S, "mid_x2": 1_199_980, "position_lots": 4, "spread_e8": 5 * 4 * TICK_LOT,
             "inventory_e8": -15 * 4 * TICK_LOT, "total_e8": -10 * 4 * TICK_LOT},
        ],
    )  # fmt: skip
    pnl = attribute(run, run.markets[0])
    # Ticks of mid moved, times four lots; where the horizon was not reached, to the last mid.
    assert [s["adverse_selection_e8"] for s in pnl["by_horizon"]] == [
        4 * TICK_LOT * ticks for ticks in (-3, -5, -10, -15, -15)
    ]
    assert [s["inventory_e8"] for s in pnl["by_horizon"]] == [4 * TICK_LOT * ticks for ticks in (-12, -10, -5, 0, 0)]
    assert pnl["adverse_selection_e8"] == -10 * 4 * TICK_LOT
    assert adds_up(pnl)


def test_hedges_and_fills_without_a_mid_have_no_adverse_selection() -> None:
    after = [1_199_000] * 5
    run = made_up(
        fills=[
            fill(1, 600_000, purpose=Purpose.HEDGE, after_x2=after),
            fill(2, 600_000, mid_x2=0, after_x2=after),
        ],
        state=[{"ts_ns": 9 * S, "mid_x2": 1_199_000}],
    )
    assert attribute(run, run.markets[0])["adverse_selection_e8"] == 0


def test_fees_and_rebates_are_told_apart() -> None:
    run = made_up(
        fills=[
            fill(1, 600_000, fee_e8=500, fee_settle_e8=500),
            fill(2, 600_000, side=1, fee_e8=-120, fee_settle_e8=-120),
            fill(3, 600_000, fee_e8=7, fee_settle_e8=0, fee_asset=1),
            fill(4, 600_000, fee_e8=8, fee_settle_e8=0, fee_asset=5),
        ],
        state=[{"ts_ns": 9 * S, "mid_x2": 1_200_000, "fees_e8": 380, "total_e8": -380}],
    )
    pnl = attribute(run, run.markets[0])
    assert (pnl["fees_paid_e8"], pnl["rebates_e8"]) == (-500, 120)
    assert pnl["fees_apart"] == {"BTC": 7, "asset 5": 8}
    assert adds_up(pnl)


def test_inverse_contracts_pay_in_their_base() -> None:
    # 5 contracts of 100 USD, mid from 50,000 to 49,000: 500 * (1/50000 - 1/49000) BTC.
    run = made_up(
        fills=[fill(1, 499_990, qty=5, mid_x2=1_000_000, after_x2=[980_000] * 5)],
        state=[{"ts_ns": 9 * S, "mid_x2": 980_000, "position_lots": 5}], instruments=[INVERSE],
    )  # fmt: skip
    assert attribute(run, run.markets[0])["adverse_selection_e8"] == round(500 * (1 / 50_000 - 1 / 49_000) * 1e8)


def test_assets_are_never_added_up() -> None:
    run = made_up(
        state=[
            {"ts_ns": S, "market": 0, "total_e8": 5, "spread_e8": 5},
            {"ts_ns": S, "market": 1, "total_e8": 7, "spread_e8": 7},
            {"ts_ns": S, "market": 2, "total_e8": 11, "spread_e8": 11},
        ],
        instruments=[LINEAR, INVERSE, LINEAR],
    )
    assets = analyse(run)["assets"]
    assert {asset: found["pnl"]["total_e8"] for asset, found in assets.items()} == {"USDT": 16, "BTC": 7}
    assert assets["USDT"]["markets"] == ["market0", "market2"]


@pytest.mark.parametrize("seed", range(8))
def test_after_trouble_the_parts_are_the_total_and_the_fills_give_it(seed: int) -> None:
    run, desk = stormy(seed)
    figures = analyse(run)
    assert figures["checks"]["parts_add_up"]
    agrees = figures["checks"]["fills_give_the_total"]
    assert set(agrees.values()) <= {True, None}
    assert figures["run"]["fills"] == desk.engine.order_flow.fills
    for market in figures["markets"].values():
        parts = [market["pnl"][f"{part}_e8"] for part in PARTS]
        assert all(isinstance(part, int) for part in parts)
        assert sum(parts) == market["pnl"]["total_e8"]
    assert set(figures["assets"]) == {"USDT", "USDC"}


def test_a_total_that_the_fills_do_not_give_is_told() -> None:
    run = made_up(
        fills=[fill(1, 600_000, qty=4)],
        state=[{"ts_ns": S // 2}, {"ts_ns": 9 * S, "mid_x2": 1_200_000, "position_lots": 4, "total_e8": 1}],
    )
    assert analyse(run)["checks"]["fills_give_the_total"] == {"market0": False}


def test_a_run_that_began_with_a_position_is_not_recounted() -> None:
    run = made_up(state=[{"ts_ns": S, "position_lots": 3}, {"ts_ns": 2 * S, "position_lots": 3, "total_e8": 8}])
    assert analyse(run)["checks"]["fills_give_the_total"] == {"market0": None}
