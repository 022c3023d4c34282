"""GLFT on a made-up market: the closed form, live calibration with its fallbacks, and what is handed over."""

from __future__ import annotations

import math
import random

import pytest

from mmbot._core.types import Side
from mmbot.plugins import Plugin, load
from mmbot.testing import Rehearsal

BID, ASK = 600_000, 600_001
MID, BPS = 600_000.5, 60.00005
GAMMA = 5e-4
EXACT = {"gamma": GAMMA, "refresh_tolerance_bps": 0.0, "min_half_spread_bps": 0.0}


@pytest.fixture(scope="module")
def plugin() -> Plugin:
    return load("glft")


def session(plugin: Plugin, **params: object) -> Rehearsal:
    made = Rehearsal(plugin, **(EXACT | params))
    made.book(BID, ASK)
    return made


def closed_form(q: float, sigma: float, intensity: float, k: float, mid: float = MID) -> tuple[int, int]:
    """The paper's formulas, written out."""
    c1 = math.log(1 + GAMMA / k) / GAMMA
    w = math.sqrt(sigma**2 * GAMMA / (2 * k * intensity) * (1 + GAMMA / k) ** (1 + k / GAMMA))
    return math.floor(mid - (c1 + (2 * q + 1) / 2 * w)), math.ceil(mid + (c1 - (2 * q - 1) / 2 * w))


def best(bot: Rehearsal) -> tuple[int, int]:
    bids, asks = bot.quotes
    return bids[0][0], asks[0][0]


def busy_market(bot: Rehearsal, seconds: int) -> None:
    """A random walk of the mid, and trades whose depth falls off exponentially."""
    rng, bid = random.Random(21), BID
    for _ in range(10 * seconds):
        bot.now_ns += 100_000_000
        bid += rng.choice((-3, 3))
        bot.book(bid, bid + 1)
        if rng.random() < 0.5:
            depth = int(rng.expovariate(0.1))
            side = rng.choice(list(Side))
            bot.trade(side, bid + 1 + depth if side == Side.BUY else bid - depth)
        bot.engine.on_time(bot.now_ns)


@pytest.mark.parametrize("filled_lots", [0, 5, -15])
def test_fallbacks_serve_until_the_market_is_known(plugin: Plugin, filled_lots: int) -> None:
    bot = session(plugin)
    if filled_lots:
        bot.fill(Side.BUY if filled_lots > 0 else Side.SELL, BID, abs(filled_lots))
    assert best(bot) == closed_form(filled_lots / 5, BPS, 1.0, 1 / BPS)


def test_calibration_takes_over_from_the_fallbacks(plugin: Plugin) -> None:
    bot = session(plugin)
    busy_market(bot, 90)
    signals = bot.market.signals
    assert signals.calibrated()
    assert signals.volatility == pytest.approx(3 * math.sqrt(10), rel=0.01)
    assert signals.k == pytest.approx(0.1, rel=0.2)
    bot.fill(Side.BUY, BID, 10)
    # The model's A is the market orders of one side; the signal counted those of both.
    want = closed_form(2, signals.volatility, signals.intensity / 2, signals.k, bot.market.mid_ticks)
    assert best(bot) == want
    assert want != closed_form(2, signals.volatility, signals.intensity, signals.k, bot.market.mid_ticks)
    assert bot.strategy.metrics["A"] == signals.intensity / 2
    assert bot.strategy.metrics["k"] == signals.k


def test_factors_scale_spread_and_skew(plugin: Plugin) -> None:
    plain = session(plugin)
    scaled = session(plugin, spread_factor=2.0, skew_factor=0.0)
    assert scaled.strategy.metrics["half_ticks"] == 2 * plain.strategy.metrics["half_ticks"]
    flat = scaled.quotes
    scaled.fill(Side.BUY, BID, 10)
    assert scaled.quotes == flat


def test_adverse_selection_widens(plugin: Plugin) -> None:
    plain = session(plugin).strategy.metrics["half_ticks"]
    adverse = session(plugin, adverse_bps=1.0).strategy.metrics["half_ticks"]
    assert adverse > plain + 0.5 * BPS


def test_half_spread_has_a_floor(plugin: Plugin) -> None:
    bot = session(plugin, min_half_spread_bps=10.0)
    assert best(bot) == (math.floor(MID - 10 * BPS), math.ceil(MID + 10 * BPS))


def test_levels_and_a_full_position(plugin: Plugin) -> None:
    bot = session(plugin, levels=2, step_bps=1.0, max_position=0.02)
    bids, asks = bot.quotes
    assert bids[0][0] - bids[1][0] == 60
    assert asks[1][0] - asks[0][0] == 60
    bot.fill(Side.BUY, BID, 20)
    bids, asks = bot.quotes
    assert bids == []
    assert len(asks) == 2


def test_measurements_survive_a_swap_into_a_fresh_market(plugin: Plugin) -> None:
    """A successor that starts before its own market is measured uses what its predecessor knew."""
    bot = session(plugin)
    busy_market(bot, 90)
    state = bot.strategy.export_state()
    measured = state["calibration"]["perp_btc"]
    assert set(measured) == {"sigma", "intensity", "k"}
    fresh = session(plugin)
    fresh.strategy.import_state(state)
    fresh.wait(1)
    assert best(fresh) == closed_form(0, measured["sigma"], measured["intensity"], measured["k"])
    state["calibration"]["perp_btc"]["sigma"] = 1e9
    fresh.wait(1)
    assert best(fresh) == closed_form(0, fresh.strategy.metrics["sigma"], measured["intensity"], measured["k"])
    assert fresh.strategy.metrics["sigma"] < 1e9


def test_a_swap_with_the_same_params_moves_no_quote(plugin: Plugin) -> None:
    bot = session(plugin)
    busy_market(bot, 70)
    bot.wait(2)
    before = bot.quotes
    bot.swap(plugin, **EXACT)
    assert bot.quotes == before
