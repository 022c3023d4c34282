"""The risk family; `floor` is a method call that does next to nothing, gate figures are per check from a compiled loop.

pytest benchmarks/bench_risk.py
python benchmarks/bench_risk.py         ns per gate check, nothing but the loop around it
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from mmbot._core.gate import RiskGate
from mmbot._core.limits import Cause, RiskLevel, SessionLimits
from mmbot._core.margin import MarginTiers
from mmbot._core.pnl import PnlAttribution
from mmbot._core.position import Position
from mmbot._core.types import Instrument

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

ROUNDS = {"rounds": 200, "iterations": 2000, "warmup_rounds": 5}
CHECKS = 10_000
ORDER = {"market": 0, "side": 0, "price_ticks": 599_990, "qty_lots": 10}
AMEND = ORDER | {"counted_lots": 8, "filled_lots": 2}
TIERS = MarginTiers(["0", "50000", "250000", "3000000"], ["0.004", "0.005", "0.01", "0.025"])


def instrument(*, inverse: bool = False) -> Instrument:
    return Instrument(
        venue="binance_usdm",
        symbol="BTC/USDT:USDT",
        venue_symbol="BTCUSDT",
        base_asset="BTC",
        quote_asset="USDT",
        settle_asset="BTC" if inverse else "USDT",
        tick_size="0.1",
        lot_size="1" if inverse else "0.001",
        contract_size="100" if inverse else "1",
        inverse=inverse,
        min_notional_e8=100 * 10**8,
    )


def gate(margin: MarginTiers | None) -> RiskGate:
    """Every limit on, an order that passes all of them."""
    checked = RiskGate()
    checked.configure(
        0,
        instrument(),
        max_position_lots=1_000,
        max_order_lots=100,
        max_order_notional_e8=10_000 * 10**8,
        price_band=0.01,
        max_open_orders=50,
        max_messages_per_s=100,
        margin=margin,
        shock=0.05,
    )
    checked.tell(
        0,
        position_lots=20,
        working=(50, 50, 10, 599_980, 600_020),
        reference_ticks=600_000.5,
        margin_e8=(10**6 * 10**8, 0),
    )
    return checked


CASES = {"order": (TIERS, ORDER), "order_without_margin": (None, ORDER), "amend": (TIERS, AMEND)}


def ask_all(checked: RiskGate, order: dict[str, int]) -> int:
    return checked.check_many(CHECKS, **order)


@pytest.mark.parametrize("case", CASES)
def test_gate_10k_checks(benchmark: BenchmarkFixture, case: str) -> None:
    margin, order = CASES[case]
    checked = gate(margin)
    assert benchmark.pedantic(ask_all, (checked, order), rounds=50, warmup_rounds=3) == CHECKS


def test_floor_call(benchmark: BenchmarkFixture) -> None:
    benchmark.pedantic(Position(instrument()).funding, (1,), **ROUNDS)


@pytest.mark.parametrize("inverse", [False, True])
def test_position_fill(benchmark: BenchmarkFixture, inverse: bool) -> None:  # noqa: FBT001 - a parameter of the table
    position = Position(instrument(inverse=inverse))
    sides = [0, 0, 1, 1, 1, 0]

    def fills() -> None:
        for side in sides:
            position.fill(side, 600_000, 3)

    benchmark.pedantic(fills, rounds=200, iterations=500, warmup_rounds=5)


def test_pnl_fill(benchmark: BenchmarkFixture) -> None:
    pnl = PnlAttribution(instrument())

    def round_trip() -> None:
        pnl.fill(0, 599_990, 3, mid_x2=1_200_001)
        pnl.fill(1, 600_010, 3, mid_x2=1_200_003)

    benchmark.pedantic(round_trip, rounds=200, iterations=500, warmup_rounds=5)


def test_pnl_valuation(benchmark: BenchmarkFixture) -> None:
    """A move of the mid, and reading what it did; reading is for reports, a move comes with every book change."""
    pnl = PnlAttribution(instrument())
    pnl.fill(0, 599_990, 3, mid_x2=1_200_001)
    benchmark.pedantic(pnl.mid, (1_200_003,), **ROUNDS)


@pytest.mark.parametrize("inverse", [False, True])
def test_liquidation_price(benchmark: BenchmarkFixture, inverse: bool) -> None:  # noqa: FBT001 - as above
    """Found in another tier than that of the entry."""
    qty, wallet = (-600_000.0, 4.0) if inverse else (10.0, 400_000.0)
    tiers = MarginTiers(["0", "4", "7", "9"], ["0.004", "0.005", "0.01", "0.025"]) if inverse else TIERS
    arguments, settings = (qty, 60_000.0), {"wallet": wallet, "inverse": inverse}
    benchmark.pedantic(tiers.liquidation_price, arguments, settings, **ROUNDS)
    price = tiers.liquidation_price(*arguments, **settings)
    assert price is not None
    value = [abs(qty) / at if inverse else abs(qty) * at for at in (60_000.0, price)]
    assert tiers.tier(value[0]) != tiers.tier(value[1])


def test_shocked_margin_ratio(benchmark: BenchmarkFixture) -> None:
    benchmark.pedantic(TIERS.shocked_ratio, (10.0, 60_000.0, 0.05), {"equity": 400_000.0}, **ROUNDS)


def test_limits_observe(benchmark: BenchmarkFixture) -> None:
    session = SessionLimits()
    session.configure(Cause.STALE_DATA, level=RiskLevel.PULL_QUOTES, enter=10**9)
    benchmark.pedantic(session.observe, (Cause.STALE_DATA, 10**6, 1), **ROUNDS)


def main() -> None:
    """Print ns per gate check: best and median of 200 loops."""
    for name, (margin, order) in CASES.items():
        checked, figures = gate(margin), []
        for _ in range(200):
            begin = time.perf_counter_ns()
            checked.check_many(CHECKS, **order)
            figures.append((time.perf_counter_ns() - begin) / CHECKS)
        print(f"risk.gate {name}: {min(figures):.1f} ns best, {sorted(figures)[100]:.1f} ns median")


if __name__ == "__main__":
    main()
