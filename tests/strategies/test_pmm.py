"""Pure market making on a made-up market: where the ladder lies, and when it moves."""

from __future__ import annotations

import math

import pytest

from mmbot._core.types import Side
from mmbot.errors import PluginError
from mmbot.plugins import Plugin, load
from mmbot.testing import Rehearsal

BID, ASK = 600_000, 600_001  # 60,000.0 USDT: a basis point is 60 ticks
PLAIN = {"levels": 1, "half_spread_bps": 2.0, "volatility_factor": 0.0, "refresh_tolerance_bps": 0.0}


@pytest.fixture(scope="module")
def pmm() -> Plugin:
    return load("pmm")


def session(plugin: Plugin, **params: object) -> Rehearsal:
    made = Rehearsal(plugin, **(PLAIN | params))
    made.book(BID, ASK)
    return made


def test_a_flat_ladder_mirrors_around_the_mid(pmm: Plugin) -> None:
    bids, asks = session(pmm, levels=3, step_bps=1.0, qty_growth=2.0).quotes
    assert bids == [(599_880, 5), (599_820, 10), (599_760, 20)]
    assert asks == [(600_121, 5), (600_181, 10), (600_241, 20)]


def test_bps_and_ticks_add_up(pmm: Plugin) -> None:
    bids, _ = session(pmm, half_spread_ticks=30.0, levels=2, step_bps=0.5, step_ticks=10.0).quotes
    assert bids == [(599_850, 5), (599_810, 5)]


def test_a_position_leans_both_sides_against_it(pmm: Plugin) -> None:
    bot = session(pmm, skew_bps=2.0, max_position=0.05)
    bot.fill(Side.BUY, BID, 25)  # half full: leans by 1 bps
    assert bot.quotes == ([(599_820, 5)], [(600_061, 5)])
    bot.fill(Side.SELL, ASK, 50)  # half full the other way
    assert bot.quotes == ([(599_940, 5)], [(600_181, 5)])


def test_a_full_position_stops_the_adding_side(pmm: Plugin) -> None:
    bot = session(pmm, max_position=0.05)
    bot.fill(Side.SELL, ASK, 50)
    bids, asks = bot.quotes
    assert asks == []
    assert len(bids) == 1


def test_size_skew_thins_the_adding_side(pmm: Plugin) -> None:
    bot = session(pmm, qty=0.01, max_position=0.1, size_skew=0.8, skew_bps=0.0)
    bot.fill(Side.BUY, BID, 50)
    assert bot.quotes == ([(599_880, 6)], [(600_121, 10)])


def test_never_crosses_the_book(pmm: Plugin) -> None:
    bot = session(pmm, half_spread_bps=0.0, skew_bps=10.0)
    bot.fill(Side.BUY, BID, 40)
    assert bot.quotes[1][0][0] == BID + 1


def test_volatility_widens(pmm: Plugin) -> None:
    bot = session(pmm, volatility_factor=2.0)
    calm = bot.quotes
    for step in range(300):  # a tick up or down each 100 ms: sqrt(10) ticks per root second
        bot.now_ns += 100_000_000
        bot.book(BID + step % 2, ASK + step % 2)
    bot.wait(1)
    sigma = bot.market.signals.volatility
    assert sigma > 2.5
    assert bot.strategy.metrics["half_spread_ticks"] == pytest.approx(2e-4 * bot.market.mid_ticks + 2 * sigma, rel=1e-3)
    assert bot.quotes[0][0][0] < calm[0][0][0]


def test_quotes_stay_inside_the_tolerance(pmm: Plugin) -> None:
    bot = session(pmm, refresh_tolerance_bps=0.0, refresh_tolerance_ticks=20.0)
    first = bot.quotes
    bot.book(BID + 20, ASK + 20)
    bot.wait(3)
    assert bot.quotes == first
    bot.book(BID + 21, ASK + 21)
    assert bot.quotes[0] == [(first[0][0][0] + 21, 5)]


def test_microprice_moves_the_quotes_to_the_thin_side(pmm: Plugin) -> None:
    bot = session(pmm, fair="microprice")
    bot.book(BID, BID + 100, bid_lots=900, ask_lots=100)
    # Weighted mid: 90 ticks above the bid (the plain mid would be at 50); 2 bps of the first mid are 120.0001 ticks.
    assert bot.quotes[0][0][0] == math.floor(BID + 90 - 120.0001)


def test_hedging_cost_is_unknown_without_a_book_of_the_hedge_market(pmm: Plugin) -> None:
    assert session(pmm, hedge_cost_share=1.0).quotes == session(pmm).quotes


def test_amounts_below_a_lot_are_refused_at_the_start(pmm: Plugin) -> None:
    with pytest.raises(PluginError, match=r"perp_btc: qty and max_position must be at least 0\.001"):
        Rehearsal(pmm, qty=0.0001)


@pytest.mark.parametrize("params", [{"qty": 0}, {"levels": 33}, {"half_spread_bps": -1}, {"fair": "last"}, {"typo": 1}])
def test_wrong_params_are_refused(pmm: Plugin, params: dict[str, object]) -> None:
    with pytest.raises(PluginError, match="wrong params"):
        pmm.params(params)
