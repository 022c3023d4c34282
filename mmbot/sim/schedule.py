"""The exchange's time: what has been seen, and what is due later."""

from __future__ import annotations

import heapq
from collections.abc import Callable

Callback = Callable[[int], None]
NEVER = 2**63 - 1


class Schedule:
    """A clock that is told the time, with callbacks in order of their due time (then of their scheduling)."""

    def __init__(self, start_ns: int) -> None:
        self.now_ns = start_ns
        self._queue: list[tuple[int, int, Callback]] = []
        self._count = 0

    def at(self, now_ns: int) -> int:
        """Note the time; a time before the last one seen counts as the last one."""
        self.now_ns = max(self.now_ns, now_ns)
        return self.now_ns

    def call_at(self, due_ns: int, callback: Callback) -> None:
        """Have `callback(due_ns)` called when that time comes."""
        self._count += 1
        heapq.heappush(self._queue, (due_ns, self._count, callback))

    @property
    def next_ns(self) -> int:
        """When the next callback is due; `NEVER` if none is."""
        return self._queue[0][0] if self._queue else NEVER

    def run_next(self) -> None:
        """Run the earliest callback, at its due time or now, whichever is later."""
        due_ns, _, callback = heapq.heappop(self._queue)
        callback(self.at(due_ns))
