"""The whole engine on the recorded (or generated) feed: one market event, plugin interpreted and compiled.

Run with ``pytest benchmarks/bench_engine.py``; ``mmbot bench`` gives the distribution of the events that make orders,
this the mean over all events of a feed, for profiling and for comparing commits with pytest-benchmark.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from market_data import RECORDING

from mmbot.bench import bot
from mmbot.bench.feed import Feed, generated, recorded

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

    from mmbot.plugins import Plugin

EVENTS = 5_000


@pytest.fixture(scope="module")
def feed() -> Feed:
    return recorded(RECORDING) if RECORDING.exists() else generated()


@pytest.fixture(scope="module")
def plugins(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Plugin]:
    return bot.plugins(tmp_path_factory.mktemp("compiled"))


@pytest.mark.benchmark(group=f"{EVENTS} events through the engine")
@pytest.mark.parametrize("way", ["compiled", "python"])
def test_events(benchmark: BenchmarkFixture, feed: Feed, plugins: dict[str, Plugin], way: str) -> None:
    frames = itertools.cycle(feed.frames)

    def setup() -> tuple[tuple[bot.Bot, list[tuple[int, bytes]]], dict[str, object]]:
        return (bot.Bot(feed, plugins[way], None), list(itertools.islice(frames, EVENTS))), {}

    def play(one: bot.Bot, events: list[tuple[int, bytes]]) -> None:
        for ts_ns, payload in events:
            one.inbox.frame(0, payload, ts_ns)

    benchmark.pedantic(play, setup=setup, rounds=10)


@pytest.mark.benchmark(group="swap")
@pytest.mark.parametrize("way", ["compiled", "python"])
def test_swap(benchmark: BenchmarkFixture, feed: Feed, plugins: dict[str, Plugin], way: str) -> None:
    gaps = benchmark.pedantic(bot.swap_gap, (feed, plugins[way], 20), rounds=3)
    assert max(gaps) < 100_000
