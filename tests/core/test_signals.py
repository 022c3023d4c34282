"""Market signals against known processes and a plain recomputation."""

from __future__ import annotations

import math
import random
from itertools import pairwise

import numpy as np
import pytest

from mmbot._core.signals import Signals
from mmbot._core.types import Side

START_NS = 1_723_075_200_000_000_000  # on the 100 ms grid
STEP_NS = 100_000_000


def walk(signals: Signals, seconds: float, *, jump_half_ticks: int = 2, per_second: int = 10, seed: int = 1) -> int:
    """Feed a symmetric random walk; returns the time after it."""
    rng = random.Random(seed)
    mid, ts_ns = 200_001, START_NS
    for _ in range(int(seconds * per_second)):
        signals.on_mid(mid, ts_ns)
        mid += rng.choice((-jump_half_ticks, jump_half_ticks))
        ts_ns += 1_000_000_000 // per_second
    signals.on_time(ts_ns)
    return ts_ns


def test_nothing_is_known_at_first() -> None:
    signals = Signals()
    for name in (
        "mid_ticks", "microprice_ticks", "imbalance", "depth_imbalance", "volatility", "realised_volatility",
        "intensity", "k", "flow_lots_per_s", "volume_lots_per_s",
    ):  # fmt: skip
        assert math.isnan(getattr(signals, name)), name
    assert not signals.calibrated()


# --- the touch --------------------------------------------------------------------------------------------------------


def test_weighted_mid_and_imbalance() -> None:
    # bid 100.00 x 500, ask 100.10 x 50, tick 0.01: W = 100.0909.
    signals = Signals()
    signals.on_book(10_000, 500, 10_010, 50, START_NS)
    assert signals.microprice_ticks / 100 == pytest.approx(100.0909, abs=5e-5)
    assert signals.microprice_ticks == pytest.approx(10_000 + 10 * 500 / 550, rel=1e-15)
    assert signals.imbalance == pytest.approx((500 - 50) / 550, rel=1e-15)
    assert signals.mid_ticks == 10_005.0


def test_mid_may_lie_between_ticks() -> None:
    signals = Signals()
    signals.on_book(100, 1, 101, 1, START_NS)
    assert (signals.mid_ticks, signals.microprice_ticks, signals.imbalance) == (100.5, 100.5, 0.0)


@pytest.mark.parametrize("book", [(0, 0, 101, 5), (100, 5, 0, 0), (101, 5, 101, 5), (102, 5, 101, 5), (100, 0, 101, 5)])
def test_a_book_that_is_not_two_sided_tells_nothing(book: tuple[int, int, int, int]) -> None:
    signals = Signals()
    signals.on_book(*book, START_NS)
    assert math.isnan(signals.mid_ticks)
    signals.on_book(100, 2, 101, 2, START_NS)
    signals.on_book(*book, START_NS + 1)
    assert signals.mid_ticks == 100.5


def test_depth_imbalance_from_totals() -> None:
    signals = Signals()
    signals.set_depth_imbalance(0, 0)
    assert math.isnan(signals.depth_imbalance)
    signals.set_depth_imbalance(30, 10)
    assert signals.depth_imbalance == 0.5


# --- volatility -------------------------------------------------------------------------------------------------------


def test_volatility_of_a_random_walk_in_ticks_per_root_second() -> None:
    # +-1 tick (2 half ticks) every 100 ms: variance 1 tick^2 per 0.1 s.
    signals = Signals(half_life_s=120.0)
    walk(signals, 900)
    assert signals.realised_volatility == pytest.approx(math.sqrt(10), rel=0.01)
    assert signals.volatility == pytest.approx(math.sqrt(10), rel=1e-4)  # every squared change is the same


def test_volatility_does_not_depend_on_how_often_quotes_come() -> None:
    # Jumps of 1 tick every second: variance 1 tick^2 per second, whatever the number of events between.
    signals = Signals(half_life_s=600.0)
    walk(signals, 3000, per_second=1)
    assert signals.realised_volatility == pytest.approx(1.0, rel=0.02)
    assert signals.volatility == pytest.approx(1.0, rel=0.02)


def test_volatility_is_unknown_before_ten_seconds() -> None:
    signals = Signals()
    walk(signals, 9.9)
    assert math.isnan(signals.volatility)
    signals = Signals()
    walk(signals, 10.1)
    assert signals.volatility > 0
    assert signals.realised_volatility > 0


def test_ewma_volatility_halves_its_memory_in_a_half_life() -> None:
    signals = Signals(half_life_s=30.0)
    after = walk(signals, 1200)
    before = signals.volatility
    signals.on_time(after + 30_000_000_000)  # 30 s without a change
    assert signals.volatility == pytest.approx(before * math.sqrt(0.5), rel=1e-6)


def test_a_still_market_has_no_volatility() -> None:
    signals = Signals()
    signals.on_mid(2001, START_NS)
    for second in range(1, 20):
        signals.on_time(START_NS + second * 1_000_000_000)
    assert (signals.volatility, signals.realised_volatility) == (0.0, 0.0)


def test_an_outage_adds_no_samples() -> None:
    signals = Signals()
    after = walk(signals, 20)
    samples, known = signals.samples, signals.volatility
    signals.on_mid(900_001, after + 61_000_000_000)
    signals.on_mid(900_001, after + 61_200_000_000)
    assert signals.samples <= samples + 2
    assert signals.volatility <= known  # the jump over the outage is nobody's volatility


def test_an_untrusted_book_counts_no_jump() -> None:
    signals = Signals()
    after = walk(signals, 20)
    known = signals.volatility
    signals.forget_mid()
    assert math.isnan(signals.mid_ticks)
    signals.on_mid(900_001, after + 5_000_000_000)
    signals.on_mid(900_001, after + 5_200_000_000)
    assert signals.volatility <= known


def test_time_going_back_stands_still() -> None:
    straight, jittered = Signals(), Signals()
    rng = random.Random(9)
    for i in range(3000):
        ts_ns = START_NS + i * 20_000_000
        mid = 2000 + rng.randrange(5)
        straight.on_mid(mid, ts_ns)
        jittered.on_mid(mid, ts_ns)
        jittered.on_time(ts_ns - 500_000_000)
    assert jittered.export_state() == straight.export_state()


def test_realised_volatility_forgets_what_left_the_window() -> None:
    signals = Signals(window_s=60.0)
    after = walk(signals, 120, jump_half_ticks=40)
    mid = 2 * int(signals.mid_ticks)
    for i in range(601):
        signals.on_mid(mid + i % 2, after + i * STEP_NS)
    # Mid flips by half a tick every sample.
    assert signals.samples == 600
    assert signals.realised_volatility == pytest.approx(0.5 * math.sqrt(10), rel=0.02)


# --- arrivals ---------------------------------------------------------------------------------------------------------


def trade_at(signals: Signals, depth_half_ticks: int, ts_ns: int, *, side: Side, mid_half_ticks: int) -> None:
    signed = depth_half_ticks if side == Side.BUY else -depth_half_ticks
    assert (mid_half_ticks + signed) % 2 == 0
    signals.on_trade(side, (mid_half_ticks + signed) // 2, 1, ts_ns)


def test_intensity_and_k_are_recovered_per_second_and_per_tick() -> None:
    # At most one market order per 100 ms, with P(depth > d) = exp(-k d) for a share p of intervals: A = p / 0.1 s.
    rng = np.random.default_rng(4)
    k, share = 0.35, 0.3
    signals = Signals(window_s=3600.0, fit_depth_ticks=8.0)
    for i in range(36_000):
        ts_ns = START_NS + i * STEP_NS
        mid = 200_000 + i % 2  # whole ticks and half ticks, so that every depth occurs
        signals.on_mid(mid, ts_ns)
        if rng.random() < share:
            depth = math.ceil(2 * rng.exponential(1 / k))
            if (depth + mid) % 2 == 0:
                trade_at(signals, depth, ts_ns + 1, side=Side(int(rng.integers(2))), mid_half_ticks=mid)
    # Half of all drawn depths cannot occur at their mid and are dropped.
    assert signals.k == pytest.approx(k, rel=0.05)
    assert signals.intensity == pytest.approx(0.5 * share * 10, rel=0.05)


def test_fit_equals_least_squares_written_out() -> None:
    rng = random.Random(11)
    signals = Signals(window_s=600.0, fit_depth_ticks=10.0)
    deepest: list[int] = []
    for i in range(6000):
        ts_ns = START_NS + i * STEP_NS
        signals.on_mid(200_000, ts_ns)
        depths = [2 * rng.randrange(0, 12) for _ in range(rng.choice((0, 0, 1, 3)))]
        for n, depth in enumerate(depths):
            trade_at(signals, depth, ts_ns + 1 + n, side=rng.choice(list(Side)), mid_half_ticks=200_000)
        deepest.append(max(depths, default=0))
    signals.on_time(START_NS + 6000 * STEP_NS)
    x, y = [], []
    for half_ticks in range(1, 21):
        beyond = sum(depth > half_ticks for depth in deepest)
        if beyond >= 5:
            x.append(half_ticks / 2)
            y.append(math.log(beyond / 600.0))
    slope, log_intensity = np.polyfit(x, y, 1)
    assert signals.samples == 6000
    assert signals.k == pytest.approx(-slope, rel=1e-9)
    assert signals.intensity == pytest.approx(math.exp(log_intensity), rel=1e-9)
    assert signals.calibrated()


def test_depth_counts_from_the_mid_before_the_trade_and_on_the_takers_side() -> None:
    # Trades that would be at negative depth (a buyer below the mid) must not count.
    signals = Signals()
    for i in range(1200):
        signals.on_mid(200_000, START_NS + i * STEP_NS)
        signals.on_trade(Side.BUY, 99_990, 1, START_NS + i * STEP_NS + 1)
    assert math.isnan(signals.k)


def test_trades_before_any_mid_have_no_depth() -> None:
    signals = Signals()
    signals.on_trade(Side.BUY, 100, 5, START_NS)
    assert signals.flow_lots_per_s > 0
    assert signals.samples == 0


# --- flow -------------------------------------------------------------------------------------------------------------


def test_trade_flow_is_signed_and_in_lots_per_second() -> None:
    signals = Signals(flow_half_life_s=5.0)
    signals.on_mid(2000, START_NS)
    for i in range(600):  # 3 lots bought and 1 sold each 100 ms: 40 lots/s in all, 20 net
        signals.on_trade(Side.BUY, 1000, 3, START_NS + i * STEP_NS)
        signals.on_trade(Side.SELL, 1000, 1, START_NS + i * STEP_NS)
    assert signals.volume_lots_per_s == pytest.approx(40, rel=0.01)
    assert signals.flow_lots_per_s == pytest.approx(20, rel=0.01)


def test_trade_flow_halves_in_its_half_life() -> None:
    signals = Signals(flow_half_life_s=5.0)
    signals.on_trade(Side.SELL, 1000, 10, START_NS)
    first = signals.flow_lots_per_s
    assert first < 0
    signals.on_trade(Side.SELL, 1000, 0, START_NS + 5_000_000_000)
    assert signals.flow_lots_per_s == pytest.approx(first / 2, rel=1e-12)


# --- state ------------------------------------------------------------------------------------------------------------


def feed(signals: Signals, events: range) -> None:
    for i in events:
        rng = random.Random(i)
        ts_ns = START_NS + i * 7_000_000
        bid = 100_000 + rng.randrange(-20, 20)
        signals.on_book(bid, rng.randrange(1, 99), bid + rng.randrange(1, 4), rng.randrange(1, 99), ts_ns)
        if rng.random() < 0.2:
            signals.on_trade(rng.choice(list(Side)), bid + rng.randrange(-9, 12), rng.randrange(1, 50), ts_ns)


@pytest.mark.parametrize("cut", [0, 1, 500, 9_000, 19_999])
def test_a_restored_state_continues_to_the_last_bit(cut: int) -> None:
    whole, first = Signals(window_s=60.0), Signals(window_s=60.0)
    feed(whole, range(20_000))
    feed(first, range(cut))
    second = Signals(window_s=60.0)
    second.import_state(first.export_state())
    assert second.export_state() == first.export_state()
    feed(second, range(cut, 20_000))
    assert second.export_state() == whole.export_state()
    assert whole.calibrated()


def test_state_of_other_settings_is_refused() -> None:
    state = Signals(window_s=60.0).export_state()
    other = Signals(window_s=120.0)
    with pytest.raises(ValueError, match=r"expected version 1 with settings \[30.0, 10.0, 120.0, 35.0\]"):
        other.import_state(state)


@pytest.mark.parametrize("mutilate", [lambda _: b"", lambda s: s[:50], lambda s: s + b"x", lambda s: s[:-8]])
def test_mutilated_state_is_refused_and_changes_nothing(mutilate) -> None:
    source = Signals()
    walk(source, 20)
    target = Signals()
    before = target.export_state()
    with pytest.raises(ValueError, match="signals state"):
        target.import_state(mutilate(source.export_state()))
    assert target.export_state() == before


@pytest.mark.parametrize(
    "settings",
    [
        {"half_life_s": 0.0}, {"half_life_s": math.nan}, {"flow_half_life_s": -1.0}, {"window_s": 10.0},
        {"window_s": 1e9}, {"fit_depth_ticks": 1.0}, {"fit_depth_ticks": 1e6},
    ],
)  # fmt: skip
def test_settings_outside_their_limits_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="expected"):
        Signals(**settings)


def test_samples_lie_on_the_utc_grid() -> None:
    early, late = Signals(), Signals()
    mids = [2000, 2004, 2002, 2010]
    for signals, offset in ((early, 1), (late, 99_999_999)):
        for i, mid in enumerate(mids * 40):
            signals.on_mid(mid, START_NS + i * STEP_NS + offset)
    assert early.samples == late.samples
    # None in the first interval; the last is under way.
    changes = [0, *[b - a for a, b in pairwise(mids * 40)][:-1]]
    assert early.realised_volatility == late.realised_volatility
    assert early.realised_volatility == pytest.approx(0.5 * np.std(changes) * math.sqrt(10), rel=1e-12)
