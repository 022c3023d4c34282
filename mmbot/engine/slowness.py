"""Notices a strategy that holds everything else up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmbot._core.latency import Hop

if TYPE_CHECKING:
    from mmbot._core.latency import LatencyBoard

SLOW_NS = 50_000_000


class Slowness:
    """Watches how long the strategy's longest callback took: market data, hedges and control wait for its end.

    Args:
        latency: where the engine counts it; a busy machine counts too.
    """

    def __init__(self, latency: LatencyBoard) -> None:
        self._latency = latency
        self._told_ns = SLOW_NS

    def look(self, name: str) -> str:
        """What to say of the strategy called `name`: "" unless a callback was slow, and slower than any before."""
        longest_ns = self._latency.histogram(Hop.STRATEGY).max_ns
        if longest_ns <= self._told_ns:
            return ""
        self._told_ns = longest_ns
        return f"strategy {name}: a callback took {longest_ns / 1e6:.0f} ms, and everything else waited for it"
