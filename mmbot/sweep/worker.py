"""What a worker does, whatever it is: lay a trial's values over the config and run the backtest."""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from mmbot.config import Config, vary
from mmbot.errors import MmbotError
from mmbot.sweep.metrics import Metrics, flatten

Run = Callable[[Config], dict[str, Any]]
"""A backtest: from a config to its summary. It must be importable by name in another process."""


@dataclass(frozen=True, slots=True)
class Job:
    """What all trials of a sweep share; sent to a worker once.

    Attributes:
        config: what trials vary.
        run: the backtest.
        warm: called once in each worker before its first trial, to do what need not be done in each; raises nothing.
    """

    config: Config
    run: Run
    warm: Callable[[Config], None] | None = None

    def pack(self) -> bytes:
        """As bytes that `unpack` takes in another process."""
        # Not the instance itself: it would be found by a module that need not be imported there yet.
        return pickle.dumps((self.config, self.run, self.warm))

    @classmethod
    def unpack(cls, packed: bytes) -> Job:
        """Read `pack`'s bytes, and warm up."""
        job = cls(*pickle.loads(packed))  # noqa: S301 - made by this sweep
        if job.warm is not None:
            job.warm(job.config)
        return job


@dataclass(frozen=True, slots=True)
class Task:
    """One run of a trial.

    Attributes:
        trial: number in the sweep, from 0.
        phase: which part of the data: ``all``, ``in`` or ``out``.
        overrides: ``key=value``, laid over the job's config.
    """

    trial: int
    phase: str
    overrides: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a task ended.

    Attributes:
        metrics: the summary as one row; None when it failed.
        error: why it failed.
        seconds: what it took in the worker.
        lost: the worker died over it, so that another try may succeed.
    """

    task: Task
    metrics: Metrics | None = None
    error: str = ""
    seconds: float = field(default=0.0, compare=False)
    lost: bool = False


def perform(job: Job, task: Task) -> Outcome:
    """Run one task; whatever the config, the plugin or the data do wrong becomes its error."""
    started = time.perf_counter()
    try:
        metrics = flatten(job.run(vary(job.config, task.overrides, "trial")))
    except MmbotError as error:
        return Outcome(task, error=str(error), seconds=time.perf_counter() - started)
    except Exception as error:  # noqa: BLE001 - a task's root: a plugin may raise anything, the sweep goes on
        return Outcome(task, error=f"{type(error).__name__}: {error}", seconds=time.perf_counter() - started)
    return Outcome(task, metrics, seconds=time.perf_counter() - started)
