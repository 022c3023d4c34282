"""Memory between the sockets and the disk: bounded, so that a slow disk costs lines and not the process.

Overflow policy: when the spool is full, every further message is refused until half of it is free again, so that what
is missing is one stretch and not a sieve. Who puts in (`RecordingSink`) counts what was refused, logs it, and asks for
a fresh snapshot behind the gap.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mmbot.recorder.market_file import MarketFile

_LINE_OVERHEAD = 120  # bytes of memory that an entry takes besides its message


class Spool:
    """Takes messages on the event loop's thread; a thread of its own writes them out every `sync_s`.

    Args:
        files: by the number that `put` names.
        sync_s: longest time between receiving a message and having it durable, but for what the disk takes.
        limit_bytes: memory that may wait to be written.
        on_failure: called once, from the writing thread, with the error that ended it.

    Attributes:
        failure: why nothing is written any more; None: all is well.
        begun: numbers of the files that went on in a new one; the other thread takes them with `popleft`.
        overflows: stretches in which messages were refused.
        largest_bytes: most that ever waited.
    """

    def __init__(
        self,
        files: Sequence[MarketFile],
        *,
        sync_s: float = 0.5,
        limit_bytes: int = 64 << 20,
        on_failure: Callable[[OSError], None] | None = None,
    ) -> None:
        self.failure: OSError | None = None
        self.begun: deque[int] = deque()
        self.overflows = 0
        self.largest_bytes = 0
        self._files = files
        self._sync_s = sync_s
        self._limit = limit_bytes
        self._on_failure = on_failure
        self._queue: deque[tuple[int, int, bytes]] = deque()
        self._put_bytes = 0  # written by the loop's thread alone
        self._taken_bytes = 0  # written by the writing thread alone
        self._full = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)

    @property
    def waiting_bytes(self) -> int:
        """Memory that waits to be written."""
        return self._put_bytes - self._taken_bytes

    @property
    def full(self) -> bool:
        """Whether messages are being refused."""
        return self._full or self.failure is not None

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def put(self, file: int, recv_ns: int, body: bytes) -> bool:
        """Take one message; False: refused, the spool is full or the disk has failed."""
        size = len(body) + _LINE_OVERHEAD
        waiting = self._put_bytes - self._taken_bytes + size
        if self._full:
            if waiting > self._limit // 2 or self.failure is not None:
                return False
            self._full = False
        elif waiting > self._limit or self.failure is not None:
            self._full = True
            self.overflows += 1
            return False
        self._put_bytes += size
        self.largest_bytes = max(self.largest_bytes, waiting)
        self._queue.append((file, recv_ns, body))
        return True

    def stop(self) -> None:
        """Write out what waits and close the files; blocks until it is durable or has failed."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()
        for file in self._files:
            file.close()

    def _run(self) -> None:
        try:
            while not self._stopping.wait(self._sync_s):
                self._write_out()
            self._write_out()
        except OSError as error:
            self.failure = error
            if self._on_failure is not None:
                self._on_failure(error)

    def _write_out(self) -> None:
        queue, files = self._queue, self._files
        taken = 0
        for _ in range(len(queue)):  # what comes meanwhile is for the next time
            file, recv_ns, body = queue.popleft()
            files[file].add(recv_ns, body)
            taken += len(body) + _LINE_OVERHEAD
        for number, each in enumerate(files):
            if each.pending_bytes and each.sync(time.time_ns()) and len(each.paths) > 1:
                self.begun.append(number)
        self._taken_bytes += taken  # only now: until it is in a file it takes memory
