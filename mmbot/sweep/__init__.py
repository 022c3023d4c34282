"""Many backtests of one bot: parameters from a grid, drawn, or searched for; on this machine or a Dask cluster.

::

    config = load(Path("configs/pmm.yaml"))
    plan = make_plan(config, Request(grid=["strategy.params.half_spread_bps=1:5:0.5"], split=0.7))
    run_sweep(plan, folder, open_executor(Job(plan.config, run_trial, warm_up), workers=4))
    results = write_results(folder)

The results depend on the config, the data and the request alone: not on who ran the trials, in what order, or how often
the sweep was killed and started again.
"""

from mmbot.sweep.executor import Executor, open_executor
from mmbot.sweep.page import Plots
from mmbot.sweep.plan import Plan, Request, make_plan
from mmbot.sweep.results import Results
from mmbot.sweep.session import Interrupted, run_sweep, write_results
from mmbot.sweep.worker import Job, Outcome, Task

__all__ = [
    "Executor",
    "Interrupted",
    "Job",
    "Outcome",
    "Plan",
    "Plots",
    "Request",
    "Results",
    "Task",
    "make_plan",
    "open_executor",
    "run_sweep",
    "write_results",
]
