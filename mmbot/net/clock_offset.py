"""How far a server's clock is ahead of ours."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ClockSample:
    """One question for the server's time: `offset_ns` is server minus ours, off by at most half of `round_trip_ns`."""

    offset_ns: int
    round_trip_ns: int


class ClockOffset:
    """Offset from the quickest of the latest samples: the shorter the round trip, the less it can be off.

    Args:
        window: how many samples are remembered; old ones make way, so that a drifting clock is followed.
    """

    def __init__(self, window: int = 8) -> None:
        self._samples: deque[ClockSample] = deque(maxlen=window)

    def add(self, sent_ns: int, server_ns: int, received_ns: int) -> None:
        """Take in one sample: our clock at sending and at receiving, the server's in its answer."""
        round_trip_ns = max(0, received_ns - sent_ns)
        self._samples.append(ClockSample(server_ns - sent_ns - round_trip_ns // 2, round_trip_ns))

    def forget(self) -> None:
        """Drop all samples: the server said that they are wrong."""
        self._samples.clear()

    @property
    def offset_ns(self) -> int:
        """Server time minus ours; 0 before the first sample."""
        best = min(self._samples, key=lambda sample: sample.round_trip_ns, default=None)
        return best.offset_ns if best else 0

    @property
    def uncertainty_ns(self) -> int:
        """How far `offset_ns` may be off; -1 before the first sample."""
        best = min(self._samples, key=lambda sample: sample.round_trip_ns, default=None)
        return best.round_trip_ns // 2 if best else -1
