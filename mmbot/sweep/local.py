"""Trials in processes on this machine.

Each worker is started once, imports once and maps the tapes; pages of a mapped file are shared by all of them. A worker
talks over a pipe of its own, so that the death of one touches no other.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import multiprocessing
import os
import signal
import threading
from collections import deque
from dataclasses import dataclass, field
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
SHORT_S = 0.5
"""A trial shorter than this may have the next one waiting behind it."""
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
_KEPT_BYTES = 1 << 30
_FIRST_BYTES = 1 << 24


@dataclass(slots=True, eq=False)
class _Worker:
    process: SpawnProcess
    pipe: Connection[Any, Any]
    ready: bool = False
    tasks: deque[Task] = field(default_factory=deque)
    """The first is running."""


class LocalExecutor:
    """`workers` processes."""

    def __init__(self, job: Job, workers: int) -> None:
        self._packed = job.pack()
        self._count = workers
        self._workers: list[_Worker] = []
        self._each = 1

    @property
    def free(self) -> int:
        """One task a worker, and while they are short, the next one too, so that none waits for us in between."""
        return sum(max(self._each - len(worker.tasks), 0) for worker in self._workers)

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
        """Give `task` to the worker that has the least to do."""
        _hand(task, min(self._workers, key=lambda worker: len(worker.tasks)))

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
        worker.tasks.popleft()
        outcome: Outcome = message
        self._each = 2 if outcome.seconds < SHORT_S else 1
        return outcome

    def _bury(self, worker: _Worker) -> Outcome | None:
        worker.process.join(JOIN_S)
        worker.pipe.close()
        reason = _cause_of_death(worker.process.exitcode)
        if not worker.ready:
            raise MmbotError(f"a worker {reason} before it was ready")
        with _interrupts_ignored():
            successor = self._workers[self._workers.index(worker)] = self._spawn()
        lost, *untouched = worker.tasks or (None,)
        for task in untouched:
            _hand(task, successor)
        return Outcome(lost, error=f"the worker {reason}", lost=True) if lost is not None else None

    def _spawn(self) -> _Worker:
        # A fresh interpreter: no threads, locks or open files of ours come along.
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, self._packed), name="mmbot-sweep", daemon=True)
        process.start()
        theirs.close()
        return _Worker(process, ours)


def _hand(task: Task, worker: _Worker) -> None:
    worker.tasks.append(task)
    with contextlib.suppress(OSError):  # it is dead: `wait` will find out
        worker.pipe.send(task)


def _serve(pipe: Connection[Any, Any], packed: bytes) -> None:
    """A worker's life: unpack the job, then a task and its outcome at a time, until the sweep hangs up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches us too; the sweep decides what it means
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    _keep_memory()
    try:
        job = Job.unpack(packed)
    except Exception as error:  # noqa: BLE001 - a process's root: unpickling imports the user's modules
        pipe.send(f"{type(error).__name__}: {error}")
        return
    gc.collect()
    gc.freeze()  # what was imported is not looked through again
    with contextlib.suppress(EOFError, OSError):
        pipe.send(READY)
        while True:
            pipe.send(perform(job, pipe.recv()))


def _keep_memory() -> None:
    """Keep what one trial frees for the next, which needs the same again; and have it before the first.

    Giving megabytes back and touching them anew costs more than a tenth of a short trial.
    """
    with contextlib.suppress(OSError, AttributeError):  # another libc than glibc
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_THRESHOLD, _KEPT_BYTES)
        libc.mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
        libc.malloc.restype = ctypes.c_void_p
        first = ctypes.c_void_p(libc.malloc(ctypes.c_size_t(_FIRST_BYTES)))
        if first:
            ctypes.memset(first, 1, _FIRST_BYTES)
            libc.free(first)


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
