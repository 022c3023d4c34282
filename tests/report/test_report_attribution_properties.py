"""Whatever trades and moves there were, the parts are the total to the last 1e-8, at every horizon."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_runs import INVERSE, LINEAR, S, made_up

from mmbot._core.pnl import PnlAttribution
from mmbot._core.types import Instrument
from mmbot.report.attribution import adds_up, attribute, recount_e8
from mmbot.report.money import ValueUnit, div_half_even

MID = st.integers(900_000, 1_100_000)
TRADE = st.tuples(
    st.integers(0, 1), st.integers(450_000, 550_000), st.integers(1, 5000), MID, st.integers(0, 2),
    st.integers(-10**9, 10**9), st.lists(st.one_of(st.just(0), MID), min_size=5, max_size=5),
)  # fmt: skip
ODD: dict[str, Any] = LINEAR | {"tick_size": "0.000125", "lot_size": "0.0000003"}


def e8(amount: Decimal) -> int:
    return int((amount * 10**8).to_integral_value(rounding="ROUND_HALF_EVEN"))


@pytest.mark.parametrize("fields", [LINEAR, INVERSE, ODD], ids=["linear", "inverse", "fine units"])
@settings(max_examples=120, deadline=None)
@given(trades=st.lists(TRADE, max_size=30), last=MID, funding=st.integers(-(10**10), 10**10))
def test_parts_are_the_total(fields: dict[str, Any], trades: list[Any], last: int, funding: int) -> None:
    instrument = Instrument(**fields)
    core = PnlAttribution(instrument)
    fills = []
    for n, (side, price, qty, mid, purpose, fee, after) in enumerate(trades):
        core.fill(side, price, qty, mid_x2=mid, purpose=purpose)
        core.fee(0, fee)
        fills.append({
            "ts_ns": (n + 1) * S, "exch_ts_ns": (n + 1) * S, "side": side, "price_ticks": price, "qty_lots": qty,
            "mid_x2": core.mid_x2, "purpose": purpose, "fee_e8": fee, "fee_settle_e8": fee, "after_x2": after,
        })  # fmt: skip
    core.mid(last)
    core.funding(funding)
    exact = core.parts()
    spread, hedge = e8(exact["spread"]), e8(exact["hedge"])
    total = e8(exact["total"] - exact["fees"] - exact["funding"]) - core.fees_e8 + funding
    run = made_up(
        fills=fills, instruments=[fields],
        state=[
            {"ts_ns": S // 2},
            {"ts_ns": 100 * S, "mid_x2": last, "position_lots": core.lots, "total_e8": total, "spread_e8": spread,
             "hedge_e8": hedge, "fees_e8": core.fees_e8, "funding_e8": funding,
             "inventory_e8": total - spread - hedge + core.fees_e8 - funding},
        ],
    )  # fmt: skip
    pnl = attribute(run, run.markets[0])
    assert adds_up(pnl)
    assert pnl["total_e8"] == total == recount_e8(run, run.markets[0])
    assert pnl["rebates_e8"] >= 0 >= pnl["fees_paid_e8"]


@given(st.integers(-(10**30), 10**30), st.integers(1, 10**20))
def test_halves_go_to_the_even_neighbour(numerator: int, denominator: int) -> None:
    rounded = div_half_even(numerator, denominator)
    assert 2 * abs(rounded * denominator - numerator) <= denominator
    if 2 * abs(rounded * denominator - numerator) == denominator:
        assert rounded % 2 == 0


@given(st.lists(st.tuples(st.integers(-(10**14), 10**14), MID, MID), max_size=8))
def test_sums_that_do_not_fit_are_exact_too(moves: list[tuple[int, int, int]]) -> None:
    unit = ValueUnit.of(Instrument(**LINEAR))
    lots, start, end = (np.array([move[i] for move in moves], np.int64) for i in range(3))
    assert unit.move_e8(lots, start, end) == unit.e8(sum(n * (b - a) for n, a, b in moves))
