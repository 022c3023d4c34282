"""Frames into fields and into the book, beside the bare C loop and a JSON library: `extra_info` has ns a byte.

Run with ``pytest benchmarks/bench_decode.py``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec
import pytest
from market_data import feed, frames

from mmbot._core.book import Book
from mmbot._core.floor import FrameTape
from mmbot._core.sync import BookSync, SequenceRule

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_benchmark.fixture import BenchmarkFixture


def measure(benchmark: BenchmarkFixture, work: Callable[[], object], tape: FrameTape) -> None:
    benchmark.pedantic(work, rounds=15, warmup_rounds=2)
    if benchmark.stats is None:  # --benchmark-disable
        return
    stats = benchmark.stats.stats
    benchmark.extra_info["ns_per_byte_median"] = round(stats.median / tape.n_bytes * 1e9, 3)
    benchmark.extra_info["ns_per_byte_min"] = round(stats.min / tape.n_bytes * 1e9, 3)
    benchmark.extra_info["ns_per_message_median"] = round(stats.median / tape.n_frames * 1e9, 1)


@pytest.mark.benchmark(group="depth frame to book")
def test_depth_floor(benchmark: BenchmarkFixture) -> None:
    payloads = frames("depthUpdate")[1:]
    prices = [int(price.replace(b".", b"")) for payload in payloads for price in re.findall(rb'\["([0-9.]+)"', payload)]
    tape = FrameTape(payloads)
    measure(benchmark, lambda: tape.through_floor(min(prices), max(prices)), tape)


@pytest.mark.benchmark(group="depth frame to book")
def test_depth_decoded_sequenced_applied(benchmark: BenchmarkFixture) -> None:
    tape, one = FrameTape(frames("depthUpdate")), feed().decoder()
    syncs = []

    def work() -> None:
        syncs.append(BookSync(Book(), SequenceRule.BINANCE_USDM))
        tape.through_core(one, syncs[-1])

    measure(benchmark, work, tape)
    assert all(sync.trusted and not sync.gaps for sync in syncs)


@pytest.mark.benchmark(group="frame to fields")
@pytest.mark.parametrize("kind", ["depthUpdate", "bookTicker", "trade"])
def test_decode(benchmark: BenchmarkFixture, kind: str) -> None:
    tape, one = FrameTape(frames(kind)), feed().decoder()
    measure(benchmark, lambda: tape.through_decoder(one), tape)
    assert one.fallbacks == 0


@pytest.mark.benchmark(group="frame to fields")
@pytest.mark.parametrize("kind", ["depthUpdate", "bookTicker", "trade"])
def test_full_parser(benchmark: BenchmarkFixture, kind: str) -> None:
    """The same frames with a blank where the venue has none: each is beyond the scanner."""
    payloads = [payload.replace(b'"E":', b'"E": ', 1) for payload in frames(kind)]
    tape, one = FrameTape(payloads), feed().decoder()
    measure(benchmark, lambda: tape.through_decoder(one), tape)
    assert one.fallbacks % len(payloads) == 0
    assert one.fallbacks > 0


@pytest.mark.benchmark(group="frame to fields")
@pytest.mark.parametrize("kind", ["depthUpdate", "bookTicker", "trade"])
def test_json_library(benchmark: BenchmarkFixture, kind: str) -> None:
    payloads = frames(kind)
    measure(benchmark, lambda: [msgspec.json.decode(payload) for payload in payloads], FrameTape(payloads))
