"""Sweeps of the reference maker over the recorded USD-M BTCUSDT market: many trials on all cores, and what one costs.

`extra_info` has rows a second of all workers together, from the first trial on.

Run with ``pytest benchmarks/bench_sweep.py``.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from market_data import RECORDING, ROOT

from mmbot.config import load, vary
from mmbot.plugins.compile import compile_plugin
from mmbot.sweep import Job, Plan, Request, make_plan, open_executor, run_sweep
from mmbot.sweep.executor import cores
from mmbot.sweep.trial import run_trial, warm_up
from mmbot.sweep.worker import Task, perform

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_benchmark.fixture import BenchmarkFixture

    from mmbot.config import Config

CONFIG = ROOT / "configs" / "reference" / "usdm_btcusdt_riskadverse_timer100ms_touch.yaml"
GRID = ("strategy.params.half=0,2,5,10", "strategy.params.skew=0.5,1")

pytestmark = pytest.mark.skipif(not RECORDING.exists(), reason=f"no recording at {RECORDING}")


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Config:
    plugin = compile_plugin(ROOT / "strategies" / "reference_mm.py", tmp_path_factory.mktemp("compiled"))
    return load(CONFIG, [f"strategy.id={plugin}"])


@pytest.fixture(params=["compiled", "python"])
def plan(request: pytest.FixtureRequest, compiled: Config) -> Plan:
    config = compiled if request.param == "compiled" else load(CONFIG)
    return make_plan(config, Request(grid=GRID))


def bench_eight_parameter_sets_on_all_cores(benchmark: BenchmarkFixture, plan: Plan, tmp_path: Path) -> None:
    best, numbers = 0.0, itertools.count()

    def sweep() -> None:
        nonlocal best
        executor = open_executor(Job(plan.config, run_trial, warm_up))
        fresh = make_plan(plan.config, Request(grid=GRID))
        best = max(best, run_sweep(fresh, tmp_path / str(next(numbers)), executor).rows_per_s)

    benchmark.pedantic(sweep, rounds=3, warmup_rounds=0)
    benchmark.extra_info["workers"] = cores()
    benchmark.extra_info["rows_per_s"] = round(best)


def bench_one_trial(benchmark: BenchmarkFixture, plan: Plan) -> None:
    job = Job.unpack(Job(plan.config, run_trial, warm_up).pack())
    outcome = benchmark(perform, job, Task(0, "all", ("strategy.params.half=2",)))
    assert outcome.metrics is not None
    benchmark.extra_info["rows_per_s"] = round(outcome.metrics["rows"] / outcome.seconds)


def bench_lay_values_over_a_config(benchmark: BenchmarkFixture, plan: Plan) -> None:
    varied = benchmark(vary, plan.config, ("strategy.params.half=2", "strategy.params.skew=0.5"), "trial")
    assert varied.strategy.params["half"] == 2
