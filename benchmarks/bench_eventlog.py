"""The event log: what the hot path pays to append, beside a bare copy; and the checksum.

pytest benchmarks/bench_eventlog.py
python benchmarks/bench_eventlog.py     ns a record and bytes a second, from a compiled loop
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from mmbot._core.eventlog import EventKind, EventRing, checksum

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

SIZES = [16, 120, 1600]  # a timer, an order update, a depth frame
TIMES = 4000  # fit the ring, so that nothing is drained while the clock runs


def ring() -> EventRing:
    found = EventRing(1 << 23)
    found.attach(os.open(os.devnull, os.O_WRONLY))
    return found


@pytest.mark.parametrize("size", SIZES)
def test_append_4k(benchmark: BenchmarkFixture, size: int) -> None:
    log, body = ring(), bytes(size)

    def setup() -> None:
        log.flush()

    taken = benchmark.pedantic(log.append_repeatedly, (EventKind.FRAME, body, TIMES), setup=setup, rounds=50)
    assert taken == TIMES
    assert log.stalls == 0


@pytest.mark.parametrize("size", SIZES)
def test_floor_copy(benchmark: BenchmarkFixture, size: int) -> None:
    target, body = bytearray(size), bytes(size)

    def copy() -> None:
        target[:] = body

    benchmark.pedantic(copy, rounds=50, iterations=1000)


def test_checksum_64k(benchmark: BenchmarkFixture) -> None:
    benchmark.pedantic(checksum, (bytes(1 << 16),), rounds=50, iterations=20)


def main() -> None:
    log = ring()
    for size in SIZES:
        body, best = bytes(size), float("inf")
        for _ in range(30):
            log.flush()
            start = time.perf_counter()
            log.append_repeatedly(EventKind.FRAME, body, TIMES)
            best = min(best, time.perf_counter() - start)
        print(f"append {size:5d} bytes: {best / TIMES * 1e9:6.1f} ns")
    log.flush()
    log.append_repeatedly(EventKind.FRAME, bytes(1600), TIMES)
    start = time.perf_counter()
    written = log.flush()
    print(f"drain with checksum: {written / (time.perf_counter() - start) / 1e9:.1f} GB/s")


if __name__ == "__main__":
    main()
