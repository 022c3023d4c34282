"""A request budget per minute that believes the server's own count."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from mmbot.errors import RateLimited

if TYPE_CHECKING:
    from collections.abc import Callable

_MINUTE_S = 60.0


class WeightBudget:
    """Weight used in the current minute, as the server counts it, and pauses it asked for.

    Requests add their weight when they leave; every answer's header then replaces the estimate. Requests that are not
    urgent leave the last part of the budget to those that are.

    Args:
        limit: weight allowed a minute.
        reserve: fraction of it kept for urgent requests (cancels, queries of unknown orders).
        clock: UTC seconds, in step with the server's minutes.
    """

    def __init__(self, limit: int, *, reserve: float = 0.2, clock: Callable[[], float] = time.time) -> None:
        self.limit = limit
        self._reserve = reserve
        self._clock = clock
        self._minute = 0
        self._used = 0
        self._resume_at = 0.0
        self.banned = False
        self.on_pause: Callable[[], object] = lambda: None  # called after every pause that was asked for

    @property
    def used(self) -> int:
        """Weight used in the current minute."""
        self._roll()
        return self._used

    @property
    def paused_s(self) -> float:
        """Seconds until requests may leave again; 0: now."""
        return max(0.0, self._resume_at - self._clock()) if self._resume_at else 0.0

    def observe(self, used: int) -> None:
        """Believe the server's count of the current minute."""
        self._roll()
        self._used = used

    def pause(self, seconds: float, *, banned: bool = False) -> None:
        """Let nothing leave for a time: the server said 429, or 418 (`banned`)."""
        self._resume_at = max(self._resume_at, self._clock() + seconds)
        self.banned = banned
        self.on_pause()

    async def resumed(self) -> None:
        """Wait until no pause is on."""
        while wait_s := self.paused_s:  # noqa: ASYNC110 - a time passes, nobody sets an event
            await asyncio.sleep(wait_s)

    async def acquire(self, weight: int, *, urgent: bool = False, max_wait_s: float = 10.0) -> None:
        """Wait until a request of this weight may leave, and count it.

        Raises:
            RateLimited: that would take longer than `max_wait_s`.
        """
        deadline = self._clock() + max_wait_s
        while wait_s := self._wait_s(weight, urgent=urgent):
            if self._clock() + wait_s > deadline:
                state = "banned" if self.banned and self.paused_s else "out of request weight"
                raise RateLimited(
                    f"{state}: {self._used} of {self.limit} used, next in {wait_s:.1f} s", retry_after_s=wait_s
                )
            await asyncio.sleep(wait_s)
        self._used += weight

    def _wait_s(self, weight: int, *, urgent: bool) -> float:
        self._roll()
        if self.paused_s:
            return self.paused_s
        limit = self.limit if urgent else self.limit * (1 - self._reserve)
        if self._used == 0 or self._used + weight <= limit:
            return 0.0
        return (self._minute + 1) * _MINUTE_S - self._clock() + 0.01

    def _roll(self) -> None:
        minute = int(self._clock() // _MINUTE_S)
        if minute != self._minute:
            self._minute, self._used = minute, 0
        if self.banned and not self.paused_s:
            self.banned = False
