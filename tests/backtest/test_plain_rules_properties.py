"""mmbot's backtests against the rules in plain Python, on tapes that nobody would record."""

from __future__ import annotations

import random
import tempfile
from dataclasses import replace
from pathlib import Path

import plain_rules
from backtest_desk import BUY, SELL, START_NS, Batch, Desk, Played, instrument
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmbot.tape import TapeKind

MS = 1_000_000
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # a tape is made durable, which takes its time on a disk
KINDS = {
    TapeKind.DEPTH: plain_rules.DEPTH, TapeKind.SNAPSHOT: plain_rules.DEPTH,
    TapeKind.TRADE: plain_rules.TRADE, TapeKind.CLEAR: plain_rules.CLEAR,
}  # fmt: skip


class Hostile:
    """Tapes of one market: a random walk that crosses itself, empties, jumps, and comes here out of order.

    Args:
        seed: equal seeds give equal tapes; a shorter one is the beginning of a longer one.
        reach: how far a jump goes, in ticks.
        grid_ns: times are whole multiples of it, so that many are equal.
    """

    def __init__(self, seed: int, reach: int, grid_ns: int) -> None:
        self.rng = random.Random(seed)
        self.reach, self.grid_ns = reach, grid_ns
        self.centre, self.exch_ns = 50_000, START_NS
        self.lag = 2

    def tape(self, messages: int) -> list[Batch]:
        first = [
            Batch(START_NS, START_NS + self.grid_ns, TapeKind.DEPTH, side, ((self.centre + away, 4),))
            for side, away in ((BUY, -1), (SELL, 1))
        ]
        return first + [batch for _ in range(messages) for batch in self.message()]

    def message(self) -> list[Batch]:
        rng = self.rng
        self.exch_ns += rng.choice((0, 0, 1, 1, 1, 2, 3, 8)) * self.grid_ns
        if rng.random() < 0.1:
            self.lag = rng.choice((0, 1, 2, 5, 9))
        local_ns = self.exch_ns + self.lag * self.grid_ns + rng.choice((0, 0, 0, 0, -1, 1, 4)) * self.grid_ns
        self.centre += rng.choice((-1, 0, 0, 0, 1))
        if rng.random() < 0.02:
            self.centre = max(20_000, self.centre + rng.choice((-1, 1)) * rng.randint(1, self.reach))
        # A message without levels is none to the plain rules, which know rows alone.
        return [
            Batch(self.exch_ns, max(local_ns, START_NS + self.grid_ns), *columns)
            for columns in self.content()
            if columns[2]
        ]

    def content(self) -> list[tuple[TapeKind, int, tuple[tuple[int, int], ...]]]:
        rng, what, side = self.rng, self.rng.random(), self.rng.randrange(2)
        if what < 0.55:
            return [(TapeKind.DEPTH, side, self.levels(side)) for side in ((0, 1) if what < 0.2 else (side,))]
        if what < 0.9:
            price = self.centre + rng.randint(-4, 4)
            return [(TapeKind.TRADE, side, ((price, rng.randint(1, 9)),))]
        if what < 0.94:
            until = rng.choice((0, self.centre, self.centre - 3, self.centre + 3))
            return [(TapeKind.CLEAR, side, ((until, 0),))]
        found: list[tuple[TapeKind, int, tuple[tuple[int, int], ...]]] = []
        for one in (BUY, SELL):
            levels = tuple(level for level in self.levels(one) if level[1])
            until = levels[-1][0] if levels and rng.random() < 0.5 else 0
            found += [(TapeKind.CLEAR, one, ((until, 0),)), (TapeKind.SNAPSHOT, one, levels)]
        return found

    def levels(self, side: int) -> tuple[tuple[int, int], ...]:
        """A few levels about the centre, best first, rarely one across it or far away."""
        rng = self.rng
        away = -1 if side == BUY else 1
        ticks = {self.centre + away * rng.choice((-2, 0, 1, 1, 1, 2, 2, 3, 4, 6)) for _ in range(rng.randint(0, 5))}
        if rng.random() < 0.05:
            ticks.add(max(1, self.centre + away * rng.randint(1, self.reach)))
        return tuple((tick, rng.choice((0, 0, 1, 2, 3, 5, 8))) for tick in sorted(ticks, reverse=side == BUY))


def rows(tape: list[Batch]) -> list[plain_rules.Row]:
    return [
        plain_rules.Row(batch.exch_ns, batch.local_ns, KINDS[batch.kind], batch.side, tick, lots)
        for batch in tape
        for tick, lots in batch.levels
    ]


def play(folder: Path, tapes: list[list[Batch]], rules: plain_rules.Rules) -> Played:
    """The same with mmbot's own engine, reference strategy and modelled venue."""
    feed = rules.timer_ns is None
    desk = Desk(
        folder, *(instrument(symbol=f"{base}/USDT:USDT", base_asset=base) for base in ("BTC", "ETH")[: len(tapes)]),
        strategy={
            "id": "reference_mm", "wake": "message" if feed else "touch",
            "params": {
                "on": "feed" if feed else "timer", "interval_ms": (rules.timer_ns or MS) // MS,
                "half": rules.half, "skew": rules.skew, "warm_up_s": rules.warm_up_ns / 1e9,
                "max_orders": rules.max_orders, "lots": {f"m{i}": lots for i, lots in enumerate(rules.lots)},
            },
        },
        latency={"model": "constant", "entry_us": rules.entry_ns / 1e3, "response_us": rules.response_ns / 1e3},
        queue={"model": "risk_averse"} if rules.power is None else {"model": "power", "n": rules.power},
    )  # fmt: skip
    for market, tape in enumerate(tapes):
        desk.tape(tape, market=market)
    return desk.play()


def fills_of(played: Played) -> list[plain_rules.Fill]:
    found = [
        plain_rules.Fill(round(f.at * 1e6) + START_NS, f.order, market, f.side, f.price, f.lots)
        for market in range(len(played.backtest.lanes))
        for f in played.fills_of(market)
    ]
    return sorted(found, key=lambda fill: (fill.exch_ts, fill.order_id))


def compare(tapes: list[list[Batch]], rules: plain_rules.Rules) -> plain_rules.Run:
    expected = plain_rules.Run([rows(tape) for tape in tapes], rules)
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        played = play(Path(folder), tapes, rules)
    assert fills_of(played) == expected.fills
    assert len(played.arrays["orders"]) == expected.submitted
    assert sum(lane.paper.expired for lane in played.backtest.lanes) == expected.expired
    for lane, asset in zip(played.backtest.lanes, expected.assets, strict=True):
        market = lane.market
        assert market.position_lots == asset.position
        best = [market.bid_ticks if market.bid_lots else None, market.ask_ticks if market.ask_lots else None]
        assert best == asset.local.best  # also after the last message, which nobody decides on
        for side in (BUY, SELL):
            assert lane.paper.book.levels(side) == asset.exch.seen(side)
            assert lane.market.book.levels(side) == asset.local.seen(side)
    return expected


RULES = st.builds(
    plain_rules.Rules,
    power=st.sampled_from([None, 1.0, 2.0, 3.0]),
    entry_ns=st.sampled_from([0, MS, MS, 3 * MS, 20 * MS + 1]),
    response_ns=st.sampled_from([0, MS, MS, 2 * MS, 30 * MS + 1]),
    timer_ns=st.sampled_from([None, 5 * MS, 10 * MS]),
    warm_up_ns=st.sampled_from([0, 20 * MS]),
    half=st.sampled_from([0, 0.5, 1, 3]),
    skew=st.sampled_from([0, 0.5, 1, 2]),
    max_orders=st.sampled_from([1, 3, 10]),
    lots=st.sampled_from([(1, 1), (3, 2)]),
)


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 10**6), st.integers(1, 300), st.integers(1, 2), st.sampled_from([1, MS]), RULES)
def test_fills_and_books_are_those_of_the_plain_rules(
    seed: int, messages: int, markets: int, grid_ns: int, rules: plain_rules.Rules
) -> None:
    rules = replace(rules, lots=rules.lots[:markets])
    compare([Hostile(seed + i, 200, grid_ns).tape(messages) for i in range(markets)], rules)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 10**6), st.integers(1, 500), st.sampled_from([1500, 5000, 9000, 40_000]))
def test_books_that_jump_far_lose_no_level_but_those_that_were_crossed(seed: int, messages: int, reach: int) -> None:
    # A window of 4,096 ticks about the best is kept whole; what was crossed and then left far behind may be lost.
    tape = Hostile(seed, reach, MS).tape(messages)
    rules = plain_rules.Rules(warm_up_ns=10**15)
    (asset,) = plain_rules.Run([rows(tape)], rules).assets
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        (lane,) = play(Path(folder), [tape], rules).backtest.lanes
    for found, expected in ((lane.paper.book, asset.exch), (lane.market.book, asset.local)):
        for side in (BUY, SELL):
            levels, plain = found.levels(side), expected.seen(side)
            assert levels == sorted(levels, reverse=side == BUY)
            assert {tick for tick, _ in set(levels) ^ set(plain)} <= expected.passed[side]
