"""Trials on a Dask cluster (extra ``cluster``).

The workers need this version of mmbot, and the same files under the same paths: data is mapped where it lies, not sent.
"""

from __future__ import annotations

import contextlib
import hashlib
import queue
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmbot import __version__
from mmbot.errors import MmbotError
from mmbot.sweep.worker import Job, Outcome, Task, perform

if TYPE_CHECKING:
    import distributed

CONNECT_S = 10.0
LOOK_AGAIN_S = 1.0
"""How often the number of workers is asked for; clusters grow and shrink."""
AHEAD = 2
"""Tasks handed in for each worker thread: the next one is there when one ends."""
_jobs: dict[str, Job] = {}


class ClusterExecutor:
    """The cluster whose scheduler listens at `address`.

    Args:
        job: what to run.
        address: ``tcp://host:8786``; or a `distributed.Client`, which then stays open.
        files: paths that every worker must be able to read.
    """

    def __init__(self, job: Job, address: str | distributed.Client, files: tuple[Path, ...] = ()) -> None:
        self._packed = job.pack()
        self._digest = hashlib.sha256(self._packed).hexdigest()
        self._address, self._files = address, files
        self._client: Any = None  # a distributed.Client, which has no types
        self._done: queue.SimpleQueue[tuple[Task, Any]] = queue.SimpleQueue()
        self._running: set[Any] = set()
        self._name = uuid.uuid4().hex[:8]
        self._serial = 0
        self._slots, self._looked_at = 0, 0.0
        self._call = _shipped()

    @property
    def free(self) -> int:
        """Two tasks a thread, less what is handed in."""
        now = time.monotonic()
        if self._client is not None and now - self._looked_at > LOOK_AGAIN_S:
            self._slots, self._looked_at = AHEAD * max(sum(self._client.nthreads().values()), 1), now
        return max(self._slots - len(self._running), 0)

    def start(self) -> None:
        """Connect, and see that every worker can do the job.

        Raises:
            MmbotError: no scheduler, no worker, another version, or a file that a worker cannot read.
        """
        try:
            import distributed  # noqa: PLC0415 - an extra, and slow to import
        except ImportError:
            raise MmbotError("--cluster needs the package distributed: pip install 'mmbot[cluster]'") from None
        if isinstance(self._address, str):
            try:
                client_class: Any = distributed.Client  # without types
                self._client = client_class(self._address, timeout=CONNECT_S, set_as_default=False)
            except (OSError, ValueError, TimeoutError) as error:
                raise MmbotError(f"--cluster {self._address}: no Dask scheduler there: {error}") from None
        else:
            self._client = self._address
        if not self._client.nthreads():
            raise MmbotError(f"--cluster {self._where}: the cluster has no workers")
        self._check_workers(self._client)

    def submit(self, task: Task) -> None:
        """Hand `task` to the scheduler."""
        if self._client is None:
            raise MmbotError(f"--cluster {self._where}: is not connected")
        self._serial += 1
        future = self._client.submit(
            self._call, self._packed, self._digest, (task.trial, task.phase, task.overrides),
            key=f"mmbot-sweep-{self._name}-{self._serial}", pure=False,
        )  # fmt: skip
        self._running.add(future)
        future.add_done_callback(lambda done: self._done.put((task, done)))

    def wait(self) -> Outcome:
        """The next outcome.

        Raises:
            MmbotError: the scheduler is gone, or dropped the task.
        """
        task, future = self._done.get()
        self._running.discard(future)
        if future.status == "finished":
            outcome: Outcome = future.result()
            return outcome
        if future.status == "error":
            problem = future.exception()
            if type(problem).__name__ == "KilledWorker":  # tried on several workers, and each of them died
                return Outcome(task, error="the worker died", lost=True)
            raise MmbotError(f"--cluster {self._where}: cannot run a trial: {type(problem).__name__}: {problem}")
        raise MmbotError(f"--cluster {self._where}: the connection to the scheduler is lost ({future.status})")

    def close(self) -> None:
        """Cancel what is running; the cluster stays up."""
        client, self._client = self._client, None
        if client is None:
            return
        with contextlib.suppress(OSError, TimeoutError):  # the scheduler may be gone
            client.cancel(list(self._running), force=True)
        self._running.clear()
        if isinstance(self._address, str):
            client.close(timeout=CONNECT_S)

    @property
    def _where(self) -> str:
        return self._address if isinstance(self._address, str) else str(self._address.scheduler_info()["address"])

    def _check_workers(self, client: Any) -> None:
        try:
            files = [str(path) for path in self._files]
            answers: dict[str, Any] = client.run(_look_around, files, on_error="return")
        except (OSError, TimeoutError) as error:
            raise MmbotError(f"--cluster {self._where}: {error}") from error
        for worker, found in sorted(answers.items()):
            if isinstance(found, BaseException):
                reason = f"{type(found).__name__}: {found}"
                raise MmbotError(f"--cluster: worker {worker} cannot run mmbot {__version__}: {reason}")
            if found["version"] != __version__:
                raise MmbotError(f"--cluster: worker {worker} has mmbot {found['version']}; expected {__version__}")
            if found["unreadable"]:
                raise MmbotError(
                    f"--cluster: worker {worker} cannot read {', '.join(found['unreadable'])}; data and plugin must "
                    "lie under the same path on every worker, as on a shared file system"
                )


def _look_around(files: list[str]) -> dict[str, Any]:
    """Runs on each worker."""
    return {"version": __version__, "unreadable": [name for name in files if not _readable(name)]}


def _readable(name: str) -> bool:
    try:
        with Path(name).open("rb"):
            return True
    except IsADirectoryError:
        return True
    except OSError:
        return False


def _shipped() -> Any:
    """What is submitted: code that travels with the task, so that the scheduler, which looks at it, needs no mmbot."""

    def call(packed: bytes, digest: str, task: tuple[int, str, tuple[str, ...]]) -> Any:
        from mmbot.sweep.cluster import perform_packed  # noqa: PLC0415 - on the worker

        return perform_packed(packed, digest, task)

    return call


def perform_packed(packed: bytes, digest: str, task: tuple[int, str, tuple[str, ...]]) -> Outcome:
    """Runs on a worker; the job is unpacked once in each process."""
    job = _jobs.get(digest)
    if job is None:
        _jobs.clear()  # of an earlier sweep
        job = _jobs[digest] = Job.unpack(packed)
    return perform(job, Task(*task))
