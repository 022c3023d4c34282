"""Avellaneda-Stoikov on a made-up market: the paper's quotes, its horizons, and what is handed over."""

from __future__ import annotations

import math

import pytest

from mmbot._core.types import Side
from mmbot.plugins import Plugin, load
from mmbot.testing import START_NS, Rehearsal

BID, ASK = 600_000, 600_001
MID, BPS = 600_000.5, 60.00005
GAMMA, SIGMA, K = 1e-4, BPS, 1 / BPS  # the fallbacks: 1 bps per root second, 1/k = 1 bps
EXACT = {"gamma": GAMMA, "refresh_tolerance_bps": 0.0, "min_half_spread_bps": 0.0}


@pytest.fixture(scope="module")
def plugin() -> Plugin:
    return load("avellaneda_stoikov")


def session(plugin: Plugin, **params: object) -> Rehearsal:
    made = Rehearsal(plugin, **(EXACT | params))
    made.book(BID, ASK)
    return made


def paper(q: float, horizon_s: float) -> tuple[int, int]:
    """The paper's formulas, written out."""
    risk = GAMMA * SIGMA**2 * horizon_s
    r = MID - q * risk
    half = risk / 2 + math.log(1 + GAMMA / K) / GAMMA
    return math.floor(r - half), math.ceil(r + half)


def best(bot: Rehearsal) -> tuple[int, int]:
    bids, asks = bot.quotes
    return bids[0][0], asks[0][0]


@pytest.mark.parametrize("filled_lots", [0, 5, 15, -20])
def test_rolling_horizon_quotes_the_papers_formula(plugin: Plugin, filled_lots: int) -> None:
    bot = session(plugin, horizon_s=10.0)
    if filled_lots:
        bot.fill(Side.BUY if filled_lots > 0 else Side.SELL, BID, abs(filled_lots))
    bot.wait(7)
    assert best(bot) == paper(filled_lots / 5, 10.0)


def test_a_session_counts_down_and_starts_again(plugin: Plugin) -> None:
    bot = session(plugin, horizon="session", horizon_s=10.0, fallback_volatility_bps=1.0)
    bot.fill(Side.BUY, BID, 10)
    for elapsed in (0.0, 4.0, 9.0, 10.0, 13.0):
        bot.wait(elapsed - (bot.now_ns - START_NS) / 1e9)
        # Volatility becomes known, and zero, in this still market: the fallback goes on serving.
        assert best(bot) == paper(2, 10.0 - elapsed % 10.0), elapsed


def test_infinite_horizon_needs_no_volatility(plugin: Plugin) -> None:
    narrow = session(plugin, horizon="infinite", fallback_volatility_bps=0.1)
    wide = session(plugin, horizon="infinite", fallback_volatility_bps=50.0)
    assert narrow.quotes == wide.quotes
    for bot in (narrow, wide):
        bot.fill(Side.BUY, BID, 50)
    assert narrow.quotes[0] == []


def test_half_spread_has_a_floor_that_keeps_the_lean(plugin: Plugin) -> None:
    bot = session(plugin, min_half_spread_bps=5.0)
    bid, ask = best(bot)
    assert (bid, ask) == (math.floor(MID - 5 * BPS), math.ceil(MID + 5 * BPS))
    bot.fill(Side.BUY, BID, 10)
    leaned_bid, leaned_ask = best(bot)
    assert leaned_bid < bid
    assert leaned_ask - leaned_bid == pytest.approx(ask - bid, abs=1)


def test_a_full_position_stops_the_adding_side(plugin: Plugin) -> None:
    bot = session(plugin, max_position=0.02)
    bot.fill(Side.SELL, ASK, 20)
    bids, asks = bot.quotes
    assert asks == []
    assert len(bids) == 1


def test_session_and_measurements_survive_a_swap(plugin: Plugin) -> None:
    bot = session(plugin, horizon="session", horizon_s=60.0)
    for step in range(200):
        bot.now_ns += 100_000_000
        bot.book(BID + step % 2, ASK + step % 2)
    bot.wait(1)
    before, old = bot.quotes, bot.strategy
    assert before[0] != []
    bot.swap(plugin, **EXACT, horizon="session", horizon_s=60.0)
    assert bot.strategy is not old
    assert bot.quotes == before
    state = bot.strategy.export_state()
    assert state["session_start_ns"] == START_NS
    assert state["calibration"]["perp_btc"]["sigma"] == bot.market.signals.volatility


def test_state_of_another_model_is_taken_as_far_as_it_goes(plugin: Plugin) -> None:
    bot = Rehearsal(load("glft"))
    bot.book(BID, ASK)
    bot.swap(plugin, **EXACT)
    assert len(bot.quotes[0]) == 1
