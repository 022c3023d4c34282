"""A strategy that holds the event loop up is told of; it once did so for forty seconds without a word."""

from __future__ import annotations

from mmbot._core.latency import Hop, LatencyBoard
from mmbot.engine.slowness import Slowness

MS = 1_000_000


def test_a_slow_callback_is_told_once_until_a_slower_one_comes() -> None:
    latency = LatencyBoard()
    slowness = Slowness(latency)
    latency.add(Hop.STRATEGY, 40 * MS)
    latency.add(Hop.ENCODE, 900 * MS)
    assert slowness.look("pmm") == ""
    latency.add(Hop.STRATEGY, 200 * MS)
    assert slowness.look("pmm") == "strategy pmm: a callback took 200 ms, and everything else waited for it"
    latency.add(Hop.STRATEGY, 150 * MS)
    assert slowness.look("pmm") == ""
    latency.add(Hop.STRATEGY, 300 * MS)
    assert "300 ms" in slowness.look("pmm")
