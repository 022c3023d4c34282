"""Workers: processes that may die, and a Dask cluster; whoever runs the trials, the results are the same."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sweep_desk import CHAOS, LEVELS, SPREAD, Scripted, a_config, a_plan, config_file, dies_once, fake_run

from mmbot import __version__
from mmbot.config import load
from mmbot.errors import MmbotError
from mmbot.sweep import Job, Request, Task, make_plan, open_executor, run_sweep, write_results
from mmbot.sweep import cluster as cluster_module
from mmbot.sweep.cluster import ClusterExecutor
from mmbot.sweep.journal import read_journal
from mmbot.sweep.local import LocalExecutor
from mmbot.sweep.trial import run_trial, warm_up


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    import distributed

    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None, protocol="inproc://"
        ) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        yield client


def test_processes_run_tasks(tmp_path: Path) -> None:
    plan = a_plan(f"{SPREAD}=1,2,3", f"{LEVELS}=1,2")
    tally = run_sweep(plan, tmp_path, open_executor(Job(plan.config, fake_run), workers=2))
    assert tally.runs == 6
    assert tally.rows_per_s > 0
    assert all(record.metrics for record in read_journal(tmp_path).records.values())


def test_a_process_that_dies_is_replaced_and_its_trial_tried_again(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    plan = a_plan(f"{LEVELS}=1:6:1", f"journal.dir={tmp_path / 'runs'}")
    run_sweep(plan, tmp_path / "sweep", LocalExecutor(Job(plan.config, dies_once), 2))
    records = read_journal(tmp_path / "sweep").records
    assert [records["all", trial].attempts for trial in range(6)] == [2] * 6
    assert all(record.metrics for record in records.values())


def test_a_trial_that_kills_its_worker_is_recorded_with_the_reason(tmp_path: Path) -> None:
    plan = a_plan(f"{CHAOS}=1,666,2,3,4,5,6,7")
    run_sweep(plan, tmp_path, LocalExecutor(Job(plan.config, fake_run), 2))
    records = read_journal(tmp_path).records
    assert records["all", 1].error == "the worker was killed by SIGKILL, 2 times"
    assert [trial for (_, trial), record in records.items() if record.metrics is None] == [1]
    assert len(records) == 8


def _not_here() -> None:
    raise ImportError("this worker lacks something")


class Unloadable:
    """Is pickled here, and cannot be unpickled anywhere."""

    def __reduce__(self) -> Any:
        return _not_here, ()

    def __call__(self, config: Any) -> dict[str, Any]:
        return {}


def test_workers_that_cannot_start_say_why(tmp_path: Path) -> None:
    plan = a_plan(f"{LEVELS}=1,2")
    with pytest.raises(MmbotError, match="a worker could not start: ImportError: this worker lacks something"):
        run_sweep(plan, tmp_path, LocalExecutor(Job(plan.config, Unloadable()), 2))
    assert read_journal(tmp_path).records == {}


def test_a_cluster_runs_tasks(client: Any, tmp_path: Path) -> None:
    plan = a_plan(f"{SPREAD}=1,2,3", f"{CHAOS}=20,13")
    here = Path(__file__)
    run_sweep(plan, tmp_path, ClusterExecutor(Job(plan.config, fake_run), client, (here, here.parent)))
    records = read_journal(tmp_path).records
    assert len(records) == 6
    assert records["all", 1].error == "RuntimeError: thirteen"
    assert records["all", 0].metrics is not None


def test_workers_of_a_cluster_must_read_the_data(client: Any) -> None:
    executor = ClusterExecutor(Job(a_config(), fake_run), client, (Path(__file__), Path("/no/such.tape")))
    with pytest.raises(MmbotError, match=r"cannot read /no/such\.tape; data and plugin must lie under the same path"):
        executor.start()


def test_workers_of_a_cluster_must_have_this_version(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_module, "_look_around", older_look)
    with pytest.raises(MmbotError, match=rf"has mmbot 0\.0\.1; expected {__version__}"):
        ClusterExecutor(Job(a_config(), fake_run), client).start()


def older_look(files: list[str]) -> dict[str, Any]:
    return {"version": "0.0.1", "unreadable": files}


def test_workers_of_a_cluster_that_cannot_answer_are_named(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_module, "_look_around", broken_look)
    with pytest.raises(MmbotError, match=rf"cannot run mmbot {__version__}: ImportError: No module named 'mmbot'"):
        ClusterExecutor(Job(a_config(), fake_run), client).start()


def broken_look(files: list[str]) -> dict[str, Any]:
    raise ImportError("No module named 'mmbot'")


def test_a_cluster_that_cannot_run_a_trial_fails_the_sweep_not_the_trial(client: Any, tmp_path: Path) -> None:
    plan = a_plan(f"{LEVELS}=1,2")
    with pytest.raises(MmbotError, match="cannot run a trial: ImportError: this worker lacks something"):
        run_sweep(plan, tmp_path, ClusterExecutor(Job(plan.config, Unloadable()), client))
    assert read_journal(tmp_path).records == {}


def test_a_cluster_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_module, "CONNECT_S", 0.2)
    with pytest.raises(MmbotError, match=r"--cluster tcp://127\.0\.0\.1:9: no Dask scheduler there"):
        open_executor(Job(a_config(), fake_run), cluster="tcp://127.0.0.1:9").start()


def test_without_distributed_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MmbotError, match=r"mmbot\[cluster\]"):
        ClusterExecutor(Job(a_config(), fake_run), "tcp://127.0.0.1:9").start()


def test_a_task_needs_a_connection() -> None:
    with pytest.raises(MmbotError, match="is not connected"):
        ClusterExecutor(Job(a_config(), fake_run), "tcp://127.0.0.1:9").submit(Task(0, "all", ()))


def test_real_backtests_are_the_same_whoever_runs_them(client: Any, tmp_path: Path) -> None:
    config = load(config_file(tmp_path, seconds=60))
    request = Request(grid=[f"{SPREAD}=0.1:0.4:0.1", f"{LEVELS}=1,2"], split=0.6, gap_s=5, top=3)
    found = {}
    for name in ("one", "two", "cluster", "here"):
        plan = make_plan(config, request)
        job = Job(plan.config, run_trial, warm_up)
        executor = {
            "one": lambda job=job: LocalExecutor(job, 1),
            "two": lambda job=job: LocalExecutor(job, 2),
            "cluster": lambda job=job, plan=plan: ClusterExecutor(job, client, plan.files),
            "here": lambda plan=plan: Scripted(run_trial, plan.config, slots=5, seed=4),
        }[name]()
        run_sweep(plan, tmp_path / name, executor)
        results = write_results(tmp_path / name)
        assert results.failed == 0
        found[name] = [(tmp_path / name / file).read_bytes() for file in ("results.parquet", "sweep.html")]
    assert results.column("fills")[0] > 0
    assert found["one"] == found["two"] == found["cluster"] == found["here"]


def test_an_optuna_search_is_the_same_whoever_runs_it(client: Any, tmp_path: Path) -> None:
    found = []
    for name in ("one", "two", "cluster"):
        plan = a_plan(vary=[f"{SPREAD}=uniform(0.5,5)", f"{LEVELS}=int(1,5)"], optuna=24, seed=1)
        job = Job(plan.config, fake_run)
        executor = ClusterExecutor(job, client) if name == "cluster" else LocalExecutor(job, 2 if name == "two" else 1)
        run_sweep(plan, tmp_path / name, executor)
        write_results(tmp_path / name)
        found.append((tmp_path / name / "results.parquet").read_bytes())
    assert found[0] == found[1] == found[2]
