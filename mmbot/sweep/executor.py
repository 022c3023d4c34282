"""Where trials run: one interface, two implementations, one switch.

`LocalExecutor` starts processes on this machine, `ClusterExecutor` hands tasks to a Dask cluster. A sweep does not see
the difference, nor do its results.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from mmbot.sweep.worker import Job, Outcome, Task


class Executor(Protocol):
    """Runs tasks; used by one thread."""

    @property
    def free(self) -> int:
        """How many tasks may be submitted now."""

    def start(self) -> None:
        """Bring up the workers, warm: everything imported.

        Raises:
            MmbotError: there are none, or they cannot do the job.
        """

    def submit(self, task: Task) -> None:
        """Hand in a task; only while `free`."""

    def wait(self) -> Outcome:
        """The next task that ended, in whatever order; a dead worker's as `Outcome.lost`."""

    def close(self) -> None:
        """Drop what is running and let go of the workers; may be called twice."""


def open_executor(
    job: Job, *, workers: int | None = None, cluster: str | None = None, files: tuple[Path, ...] = ()
) -> Executor:
    """Local processes (default: one a core), or the Dask cluster at `cluster`, whose workers must see `files` too."""
    if cluster is not None:
        from mmbot.sweep.cluster import ClusterExecutor  # noqa: PLC0415 - an extra

        return ClusterExecutor(job, cluster, files)
    from mmbot.sweep.local import LocalExecutor  # noqa: PLC0415 - it imports this

    return LocalExecutor(job, workers or cores())


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
