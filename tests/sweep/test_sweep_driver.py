"""The order of things: what runs, what is tried again, what is taken from the journal."""

from __future__ import annotations

from pathlib import Path

import pytest
from sweep_desk import CHAOS, LEVELS, SPREAD, Scripted, a_plan

from mmbot.errors import ConfigError, MmbotError
from mmbot.sweep import Interrupted, Plan, run_sweep
from mmbot.sweep.journal import read_journal
from mmbot.sweep.results import collect


def sweep(plan: Plan, folder: Path, executor: Scripted) -> Scripted:
    run_sweep(plan, folder, executor)
    return executor


def test_every_trial_runs_once_and_is_remembered(tmp_path: Path) -> None:
    steps: list[tuple[int, int]] = []
    executor = Scripted()
    tally = run_sweep(
        a_plan(f"{SPREAD}=1,2,3", f"{LEVELS}=1,2"), tmp_path, executor, lambda done, size: steps.append((done, size))
    )
    assert sorted(task.trial for task in executor.submitted) == list(range(6))
    assert (executor.started, executor.closed) == (1, 1)
    assert (tally.runs, tally.rows) == (6, 6000)
    assert steps[-1] == (6, 6)
    records = read_journal(tmp_path).records
    assert records["all", 3].params == {SPREAD: 2, LEVELS: 2}
    assert records["all", 3].metrics is not None
    assert records["all", 3].metrics["drawdown"] == 4


def test_a_finished_sweep_starts_no_workers(tmp_path: Path) -> None:
    plan = a_plan(f"{SPREAD}=1,2")
    sweep(plan, tmp_path, Scripted())
    again = sweep(a_plan(f"{SPREAD}=1,2"), tmp_path, Scripted())
    assert (again.started, again.submitted) == (0, [])


def test_a_trial_whose_worker_dies_is_tried_once_more(tmp_path: Path) -> None:
    executor = Scripted()
    executor.lose = {1: 1, 2: 9}
    sweep(a_plan(f"{SPREAD}=1,2,3,4"), tmp_path, executor)
    records = read_journal(tmp_path).records
    assert [records["all", trial].attempts for trial in range(4)] == [1, 2, 2, 1]
    assert records["all", 1].metrics is not None
    assert records["all", 2].metrics is None
    assert records["all", 2].error == "the worker was killed by SIGKILL, 2 times"
    assert executor.lose[2] == 7


def test_what_a_plugin_raises_fails_its_trial_alone(tmp_path: Path) -> None:
    sweep(a_plan(f"{CHAOS}=20,13,30"), tmp_path, Scripted())
    results = collect(read_journal(tmp_path))
    assert results.columns["status"] == ["ok", "failed", "ok"]
    assert results.columns["error"] == [None, "RuntimeError: thirteen", None]
    assert results.failed == 1


def test_values_that_do_not_go_together_fail_their_trial_alone(tmp_path: Path) -> None:
    kinds, symbols = "venues.perp.kind=binance_usdm,binance_spot", "markets.perp_btc.symbol=BTC/USDT:USDT,BTC/USDT"
    sweep(a_plan(kinds, symbols), tmp_path, Scripted())
    results = collect(read_journal(tmp_path))
    assert results.columns["status"] == ["ok", "failed", "failed", "ok"]
    assert "found 'BTC/USDT'; binance_usdm trades a perpetual" in results.columns["error"][1]
    with pytest.raises(ConfigError, match="binance_usdm trades a perpetual"):
        a_plan("markets.perp_btc.symbol=BTC/USDT:USDT,BTC/USDT")  # goes with nothing


def test_the_best_run_out_of_sample(tmp_path: Path) -> None:
    executor = sweep(a_plan(f"{SPREAD}=1,2,3,4", split=0.5, gap_s=60, top=2), tmp_path, Scripted())
    inside = [task for task in executor.submitted if task.phase == "in"]
    outside = [task for task in executor.submitted if task.phase == "out"]
    assert (len(inside), len(outside)) == (4, 2)
    assert inside[0].overrides[:2] == (
        "backtest.start=2024-08-08T00:00:00Z", "backtest.end=2024-08-08T00:05:00Z",
    )  # fmt: skip
    assert outside[0].overrides[:2] == (
        "backtest.start=2024-08-08T00:06:00Z", "backtest.end=2024-08-08T00:10:00Z",
    )  # fmt: skip
    results = collect(read_journal(tmp_path))
    assert [results.columns["trial"][row] for row in results.best[:2]] == [1, 0] or results.best[0] == 1
    tried = [row for row, value in enumerate(results.column("pnl.total", "out")) if value is not None]
    assert sorted(results.best[:2]) == tried


def test_more_of_the_best_can_be_asked_for_later(tmp_path: Path) -> None:
    sweep(a_plan(f"{SPREAD}=1,2,3,4", split=0.5, top=1), tmp_path, Scripted())
    executor = sweep(a_plan(f"{SPREAD}=1,2,3,4", split=0.5, top=3), tmp_path, Scripted())
    assert [task.phase for task in executor.submitted] == ["out", "out"]


def test_a_metric_that_does_not_exist_stops_the_sweep_at_once(tmp_path: Path) -> None:
    executor = Scripted(slots=1)
    with pytest.raises(ConfigError, match=r"no such figure; did you mean 'pnl.total'.*known: .*drawdown"):
        run_sweep(a_plan(f"{SPREAD}=1,2,3,4", objective="pnl.totl"), tmp_path, executor)
    assert len(executor.submitted) == 1
    assert executor.closed == 1


def test_a_metric_without_a_value_ranks_nothing(tmp_path: Path) -> None:
    sweep(a_plan(f"{SPREAD}=1,2", objective="sharpe"), tmp_path, Scripted())
    assert collect(read_journal(tmp_path)).best == ()


def test_ctrl_c_keeps_what_is_done(tmp_path: Path) -> None:
    class Impatient(Scripted):
        def wait(self):
            if len(self.submitted) > 3:
                raise KeyboardInterrupt
            return super().wait()

    executor = Impatient(slots=1)
    with pytest.raises(Interrupted, match=r"stopped after 3 of 6 runs; the same command goes on from there"):
        run_sweep(a_plan(f"{SPREAD}=1:6:1"), tmp_path, executor)
    assert executor.closed == 1
    rest = sweep(a_plan(f"{SPREAD}=1:6:1"), tmp_path, Scripted())
    assert len(rest.submitted) == 3


def test_optuna_goes_on_from_the_journal(tmp_path: Path) -> None:
    space = [f"{SPREAD}=uniform(0.5,5)", f"{LEVELS}=int(1,5)"]

    class Short(Scripted):
        def wait(self):
            if len(self.submitted) > 21:
                raise KeyboardInterrupt
            return super().wait()

    with pytest.raises(Interrupted):
        run_sweep(a_plan(vary=space, optuna=40, seed=3), tmp_path / "a", Short(slots=1))
    rest = sweep(a_plan(vary=space, optuna=40, seed=3), tmp_path / "a", Scripted())
    assert len(rest.submitted) == 19
    sweep(a_plan(vary=space, optuna=40, seed=3), tmp_path / "b", Scripted(slots=7, seed=9))
    a, b = (collect(read_journal(tmp_path / name)).columns for name in "ab")
    assert a == b


def test_a_journal_with_other_trials_is_not_mixed_in(tmp_path: Path) -> None:
    sweep(a_plan(f"{SPREAD}=1,2"), tmp_path, Scripted())
    path = tmp_path / "trials.jsonl"
    path.write_text(path.read_text().replace(f'"{SPREAD}": 2', f'"{SPREAD}": 3'))
    with pytest.raises(MmbotError, match="trial 1: the journal has it with"):
        sweep(a_plan(f"{SPREAD}=1,2"), tmp_path, Scripted())
