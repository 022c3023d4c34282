"""Work that may take its time, on a thread of its own: neither a slow disk nor an unread pipe holds the bot up."""

from __future__ import annotations

import os
import queue
import select
import threading
import time
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
LIMIT = 10_000
CLOSE_S = 1.0


class Aside(Generic[T]):
    """Hands items to `work`, one after the other, on a daemon thread; `put` never waits.

    Args:
        name: of the thread.
        work: done for each item.
        limit: items that may wait; one more is left out.

    Attributes:
        lost: items that were left out, or that `work` raised an `OSError` for.
    """

    def __init__(self, name: str, work: Callable[[T], object], limit: int = LIMIT) -> None:
        self.lost = 0
        self._work = work
        self._queue: queue.Queue[T | None] = queue.Queue(limit)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def put(self, item: T) -> None:
        """Have it done soon."""
        try:
            self._queue.put_nowait(item)
        except queue.Full:
            self.lost += 1

    def flush(self, timeout_s: float = CLOSE_S) -> bool:
        """Wait until all that was put is done; False: it was not, within `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        while self._queue.unfinished_tasks and time.monotonic() < deadline:
            time.sleep(0.001)
        return not self._queue.unfinished_tasks

    def close(self, timeout_s: float = CLOSE_S) -> bool:
        """Do the rest and end the thread; False: it still hangs after `timeout_s`, and is left to itself."""
        if not self.flush(timeout_s):
            return False
        self._queue.put_nowait(None)
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            try:
                self._work(item)
            except OSError:
                self.lost += 1
            finally:
                self._queue.task_done()
        self._queue.task_done()


def write_all(fd: int, data: bytes) -> None:
    """Write all of it, past Python's buffers: their locks would outlive a thread that hangs here at the exit.

    Raises:
        OSError: nobody takes it.
    """
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(fd, view) :]
        except BlockingIOError:
            select.select([], [fd], [])
