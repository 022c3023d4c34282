"""Trials in processes on this machine.

Each worker is started once, imports once and maps the tapes; pages of a mapped file are shared by all of them. A worker
talks over a pipe of its own, so that the death of one touches no other.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from dataclasses import dataclass
from multiprocessing import connection
from typing import TYPE_CHECKING, Any

from mmbot.errors import MmbotError
from mmbot.sweep.worker import Job, Outcome, Task, perform

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnProcess

JOIN_S = 2.0
READY = "ready"


@dataclass(slots=True, eq=False)
class _Worker:
    process: SpawnProcess
    pipe: Connection[Any, Any]
    ready: bool = False
    task: Task | None = None


class LocalExecutor:
    """`workers` processes."""

    def __init__(self, job: Job, workers: int) -> None:
        self._packed = job.pack()
        self._count = workers
        self._workers: list[_Worker] = []

    @property
    def free(self) -> int:
        """Workers without a task."""
        return sum(worker.task is None for worker in self._workers)

    def start(self) -> None:
        """Start the processes and wait until each has imported everything.

        Raises:
            MmbotError: one could not.
        """
        with _interrupts_ignored():
            self._workers = [self._spawn() for _ in range(self._count)]
        while not all(worker.ready for worker in self._workers):
            self._receive()

    def submit(self, task: Task) -> None:
        """Give `task` to a free worker."""
        worker = next(worker for worker in self._workers if worker.task is None)
        worker.task = task
        with contextlib.suppress(OSError):  # it is dead: `wait` will find out
            worker.pipe.send(task)

    def wait(self) -> Outcome:
        """The next outcome; a worker that died is replaced.

        Raises:
            MmbotError: the replacement could not start.
        """
        while True:
            outcome = self._receive()
            if outcome is not None:
                return outcome

    def close(self) -> None:
        """End all processes."""
        for worker in self._workers:
            worker.process.terminate()
        for worker in self._workers:
            worker.process.join(JOIN_S)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
            worker.pipe.close()
        self._workers = []

    def _receive(self) -> Outcome | None:
        """One message or death; None when it was not the end of a task."""
        ready = connection.wait([worker.pipe for worker in self._workers])
        worker = next(worker for worker in self._workers if worker.pipe in ready)
        try:
            message = worker.pipe.recv()
        except (EOFError, OSError):
            return self._bury(worker)
        if message == READY:
            worker.ready = True
            return None
        if isinstance(message, str):
            raise MmbotError(f"a worker could not start: {message}")
        worker.task = None
        outcome: Outcome = message
        return outcome

    def _bury(self, worker: _Worker) -> Outcome | None:
        worker.process.join(JOIN_S)
        worker.pipe.close()
        reason = _cause_of_death(worker.process.exitcode)
        if not worker.ready:
            raise MmbotError(f"a worker {reason} before it was ready")
        with _interrupts_ignored():
            self._workers[self._workers.index(worker)] = self._spawn()
        return Outcome(worker.task, error=f"the worker {reason}", lost=True) if worker.task is not None else None

    def _spawn(self) -> _Worker:
        # A fresh interpreter: no threads, locks or open files of ours come along.
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, self._packed), name="mmbot-sweep", daemon=True)
        process.start()
        theirs.close()
        return _Worker(process, ours)


def _serve(pipe: Connection[Any, Any], packed: bytes) -> None:
    """A worker's life: unpack the job, then a task and its outcome at a time, until the sweep hangs up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches us too; the sweep decides what it means
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    try:
        job = Job.unpack(packed)
    except Exception as error:  # noqa: BLE001 - a process's root: unpickling imports the user's modules
        pipe.send(f"{type(error).__name__}: {error}")
        return
    with contextlib.suppress(EOFError, OSError):
        pipe.send(READY)
        while True:
            pipe.send(perform(job, pipe.recv()))


def _die_with_parent() -> None:
    """End at once when the sweep is gone, also in the middle of a long trial: nobody would take its result."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


@contextlib.contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """A process started meanwhile ignores Ctrl-C from its first instruction on, not only once it runs our code."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _cause_of_death(exit_code: int | None) -> str:
    if exit_code is None:
        return "closed its pipe"
    if exit_code < 0:
        try:
            return f"was killed by {signal.Signals(-exit_code).name}"
        except ValueError:
            return f"was killed by signal {-exit_code}"
    return f"ended with exit code {exit_code}"
