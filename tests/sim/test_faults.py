"""Fault plans: repeatable, armed until they find a victim, counted when they happen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mmbot.errors import ConfigError
from mmbot.sim.faults import Fault, FaultInjector, FaultKind, FaultPlan, load_plan

if TYPE_CHECKING:
    from pathlib import Path

USDM, SPOT = "binance_usdm", "binance_spot"


def test_random_faults_come_at_the_planned_rate_and_repeat_with_the_seed():
    plan = FaultPlan(seed=7, per_minute={FaultKind.ABORT: 6.0, FaultKind.REJECT: 2.0})

    def run() -> list[tuple[int, str]]:
        injector = FaultInjector(plan, 1000.0)
        return [(second, fault.kind) for second in range(3600) for fault in injector.due(1000.0 + second)]

    first = run()
    assert first == run()
    assert 300 < sum(kind == FaultKind.ABORT for _, kind in first) < 420
    assert 90 < sum(kind == FaultKind.REJECT for _, kind in first) < 150


def test_timed_faults_are_due_once_and_in_order():
    plan = FaultPlan(events=(Fault(kind=FaultKind.ABORT, at_s=5), Fault(kind=FaultKind.STALE, at_s=2)))
    injector = FaultInjector(plan, 100.0)
    assert injector.due(101.9) == []
    assert [fault.kind for fault in injector.due(110.0)] == [FaultKind.STALE, FaultKind.ABORT]
    assert injector.due(1000.0) == []


def test_a_frame_fault_waits_for_a_frame_that_matches():
    injector = FaultInjector(FaultPlan(), 0.0)
    injector.add(Fault(kind=FaultKind.DROP_FRAME, venue=USDM, stream="trade"), 0.0)
    assert injector.due(0.0) == []
    assert injector.armed
    assert injector.take_frame(SPOT, "btcusdt@trade") is None
    assert injector.take_frame(USDM, "btcusdt@depth") is None
    assert injector.take_request(USDM) is None
    assert injector.injected == {}
    assert injector.take_frame(USDM, "btcusdt@trade") is not None
    assert injector.injected == {"drop_frame": 1}
    assert not injector.armed


def test_a_sequence_gap_stays_in_the_stream_where_it_began():
    injector = FaultInjector(FaultPlan(), 0.0)
    injector.add(Fault(kind=FaultKind.SEQUENCE_GAP, count=3), 0.0)
    injector.due(0.0)
    assert injector.take_frame(USDM, "btcusdt@bookTicker") is None
    assert injector.take_frame(USDM, "btcusdt@depth@0ms") is not None
    assert injector.take_frame(USDM, "ethusdt@depth@0ms") is None
    assert injector.take_frame(SPOT, "btcusdt@depth@0ms") is None
    assert injector.take_frame(USDM, "btcusdt@depth@0ms") is not None
    assert injector.take_frame(USDM, "btcusdt@depth@0ms") is not None
    assert injector.take_frame(USDM, "btcusdt@depth@0ms") is None
    assert injector.injected == {"sequence_gap": 3}


def test_a_plan_file(tmp_path: Path):
    path = tmp_path / "faults.yaml"
    path.write_text(
        "seed: 7\nper_minute: {abort: 0.5, drop_frame: 2}\n"
        "events:\n  - {at_s: 5, kind: stale, venue: binance_usdm, target: market, duration_ms: 20000}\n"
    )
    plan = load_plan(path)
    assert plan.seed == 7
    assert plan.per_minute == {FaultKind.ABORT: 0.5, FaultKind.DROP_FRAME: 2}
    assert plan.events == (Fault(kind=FaultKind.STALE, at_s=5, venue=USDM, target="market", duration_ms=20000),)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sed: 1\n", "sed"),
        ("per_minute: {abrt: 1}\n", "abrt"),
        ("events: [{kind: stale, duration: 1}]\n", "duration"),
        ("events: [{kind: 5}]\n", "kind"),
        ("seed: [\n", "faults.yaml"),
    ],
)
def test_a_wrong_plan_file_says_what_is_wrong(tmp_path: Path, text: str, said: str):
    path = tmp_path / "faults.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=said):
        load_plan(path)


def test_a_missing_plan_file(tmp_path: Path):
    with pytest.raises(ConfigError, match="cannot be read"):
        load_plan(tmp_path / "none.yaml")
