"""The time that the protocol servers live by."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

NANOS = 1_000_000_000


class ServerClock:
    """True time for the market, and the time that the venue claims to clients.

    Args:
        source: returns UTC nanoseconds.
    """

    def __init__(self, source: Callable[[], int] = time.time_ns) -> None:
        self.now_ns = source
        self.skew_ns = 0  # how far the venue's public clock is ahead (fault)

    def now_s(self) -> float:
        """UTC seconds."""
        return self.now_ns() / NANOS

    def public_ms(self) -> float:
        """What ``/time`` says and timestamps are held against, in milliseconds."""
        return (self.now_ns() + self.skew_ns) / 1_000_000
