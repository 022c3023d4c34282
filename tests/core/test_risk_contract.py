"""The risk family as compiled code sees it: exact rounding, and no way around the gate."""

from __future__ import annotations

import importlib.util
import math
import shutil
import subprocess
import sys
import sysconfig
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from risk_markets import instrument, inverse

import mmbot
from mmbot._core.gate import RiskGate
from mmbot._core.pnl import PnlAttribution
from mmbot._core.position import Position

ROOT = Path(mmbot.__file__).parent.parent
CYTHON = [sys.executable, "-m", "cython", "-3", "-X", "cdivision=True", "-I", str(ROOT)]
INT128 = st.integers(-(2**120), 2**120)


@pytest.fixture(scope="module")
def probe(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The probe module, compiled here from the shipped headers alone."""
    folder = tmp_path_factory.mktemp("probe")
    shutil.copy(Path(__file__).with_name("risk_probe.pyx"), folder)
    subprocess.run([*CYTHON, "risk_probe.pyx"], cwd=folder, check=True)
    target = folder / f"risk_probe{sysconfig.get_config_var('EXT_SUFFIX')}"
    compiler = str(sysconfig.get_config_var("CC")).split()
    include = f"-I{sysconfig.get_path('include')}"
    subprocess.run(
        [*compiler, "-shared", "-fPIC", "-fwrapv", "-O1", include, "risk_probe.c", "-o", target], cwd=folder, check=True
    )
    spec = importlib.util.spec_from_file_location("risk_probe", target)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def gate() -> RiskGate:
    checked = RiskGate()
    checked.configure(0, instrument(), max_position_lots=1_000)
    return checked


@pytest.mark.parametrize("byte", [0, 1, 0xFF])
def test_a_ticket_the_gate_never_wrote_is_worth_nothing(probe: Any, byte: int) -> None:
    assert probe.redeem_forged(gate(), byte) == -1


def test_a_refusal_is_worth_nothing(probe: Any) -> None:
    assert probe.redeem_refused(gate()) == -1


def test_an_approval_is_good_once(probe: Any) -> None:
    checked = gate()
    assert probe.redeem_twice(checked) == (0, -1)
    assert checked.market_state(0)["buy_lots"] == 1


@pytest.mark.parametrize("next_qty", [1, 10**9])
def test_an_approval_ends_with_the_next_question(probe: Any, next_qty: int) -> None:
    assert probe.redeem_outdated(gate(), next_qty) == -1


def test_an_approval_of_another_gate_is_worth_nothing(probe: Any) -> None:
    assert probe.redeem_elsewhere(gate(), gate()) == -1


def test_the_command_is_what_was_checked(probe: Any) -> None:
    assert probe.redeem_after_tampering(gate()) == (1, 600_000)


@pytest.mark.parametrize("attempt", ["ticket.serial = gate.serial", "ticket.gate = NULL", "gate.checked.qty_lots = 5"])
def test_the_fields_of_an_approval_cannot_be_named(tmp_path: Path, attempt: str) -> None:
    (tmp_path / "forger.pyx").write_text(
        "from mmbot._core.gate cimport ApprovedOrder, RiskGate\n"
        "cdef void forge(RiskGate gate) noexcept nogil:\n    cdef ApprovedOrder ticket\n    " + attempt + "\n",
        encoding="utf-8",
    )
    result = subprocess.run([*CYTHON, "forger.pyx"], cwd=tmp_path, check=False, capture_output=True, text=True)
    assert result.returncode != 0
    assert "Python" in result.stderr  # unknown fields look like attributes of a Python object


@given(INT128, st.integers(1, 2**100) | st.integers(1, 9))
def test_division_rounds_half_to_even(probe: Any, numerator: int, denominator: int) -> None:
    assert probe.half_even(numerator, denominator) == round(Fraction(numerator, denominator))


@given(INT128 | st.integers(2**63 - 2, 2**63 + 2) | st.integers(-(2**63) - 2, -(2**63) + 2))
def test_saturation_keeps_the_sign(probe: Any, value: int) -> None:
    assert probe.saturate(value) == max(-(2**63) + 1, min(2**63 - 1, value))


@given(INT128, st.integers(1, 2**63 - 1), st.integers(1, 2**80))
def test_scaling_rounds_once_and_saturates(probe: Any, value: int, num: int, den: int) -> None:
    exact = round(Fraction(value * num, den))
    if abs(value * num) >= 2**127:  # beyond 128 bits it can only say "too large"
        exact = value * 2**64
    assert probe.scale(value, num, den) == max(-(2**63) + 1, min(2**63 - 1, exact))


FILLS = st.lists(st.tuples(st.integers(0, 1), st.integers(1, 10**7), st.integers(1, 10**5)), min_size=1, max_size=20)


@given(
    st.sampled_from([instrument(), instrument(tick_size="0.0000001", lot_size="0.01"), inverse()]),
    FILLS,
    st.integers(1, 10**7),
)
def test_e8_figures_are_the_decimals_rounded_once(probe: Any, market: Any, fills: list, mark: int) -> None:
    position, pnl = Position(market), PnlAttribution(market)
    for fill in fills:
        position.fill(*fill)
        pnl.fill(*fill, mid_x2=2 * fill[1] + 1)
    pnl.fee(0, 12_345)
    pnl.funding(-77)
    amounts = position.realized_pnl, position.unrealized_pnl(mark), position.total_pnl(mark)
    assert probe.position_e8(position, mark) == tuple(round(Fraction(amount) * 10**8) for amount in amounts)
    parts = pnl.parts()
    assert probe.pnl_e8(pnl) == tuple(
        round(Fraction(parts[name]) * 10**8) for name in ("spread", "hedge", "inventory", "total")
    )
    entry = position.entry_price
    if entry is None:
        assert math.isnan(probe.entry_ticks(position))
    else:
        assert probe.entry_ticks(position) * float(market.tick_size) == pytest.approx(float(entry))
