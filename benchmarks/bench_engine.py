"""The whole engine on the recorded (or generated) feed: one market event, plugin interpreted and compiled.

Run with ``pytest benchmarks/bench_engine.py``; ``mmbot bench`` gives the distribution of the events that make orders,
this the mean over all events of a feed, for profiling and for comparing commits with pytest-benchmark.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from market_data import feed as market_feed

from mmbot._core.types import OrderEvent, OrderEventKind, OrderState
from mmbot.bench import bot
from mmbot.engine.inbox import encode

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

    from mmbot.bench.feed import Feed
    from mmbot.plugins import Plugin

EVENTS = 5_000


@pytest.fixture(scope="module")
def feed() -> Feed:
    return market_feed()


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


@pytest.fixture
def running(feed: Feed, plugins: dict[str, Plugin]) -> bot.Bot:
    """A bot that quotes."""
    one = bot.Bot(feed, plugins["compiled"], None)
    for ts_ns, payload in feed.frames[:1_000]:
        one.inbox.frame(0, payload, ts_ns)
        one.answer(ts_ns)
    return one


@pytest.mark.benchmark(group="between events")
def test_time_with_nothing_due(benchmark: BenchmarkFixture, running: bot.Bot) -> None:
    engine = running.engine
    benchmark.pedantic(engine.on_time, (engine.now_ns,), rounds=100, iterations=1000, warmup_rounds=3)


@pytest.mark.benchmark(group="between events")
def test_reconcile(benchmark: BenchmarkFixture, running: bot.Bot) -> None:
    """What a venue holds and lists, compared with what is believed: frames wait while it runs."""
    engine = running.engine
    table = engine.execution.table
    orders = []
    for slot in table.open_slots(0):
        order = table.order(slot)
        listed = OrderEvent(
            kind=OrderEventKind.STATUS, market=0, order_num=order["num"], venue_order_id=order["venue_order_id"],
            side=order["side"], state=OrderState.LIVE, price_ticks=order["price_ticks"], qty_lots=order["qty_lots"],
            cum_filled_lots=0,
        )  # fmt: skip
        orders.append(listed.as_dict())
    assert orders

    def picture() -> tuple[tuple[bytes, int], dict[str, object]]:
        seen = {"venue": 0, "asked_seq": engine.seq, "asked_ns": engine.now_ns, "orders": orders}
        return (encode(seen | {"holdings": [[0, 0, "0"]]}), engine.now_ns), {}

    benchmark.pedantic(engine.on_reconcile, setup=picture, rounds=300)
    assert (engine.reconciler.mismatch, engine.reconciler.suspected) == (0, 0)


@pytest.mark.benchmark(group="swap")
@pytest.mark.parametrize("way", ["compiled", "python"])
def test_swap(benchmark: BenchmarkFixture, feed: Feed, plugins: dict[str, Plugin], way: str) -> None:
    gaps = benchmark.pedantic(bot.swap_gap, (feed, plugins[way], 20), rounds=3)
    assert max(gaps) < 100_000
