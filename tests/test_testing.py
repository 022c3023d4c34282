"""The rehearsal of a plugin, and through it what a plugin may ask of the engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmbot.errors import PluginError
from mmbot.plugins import load_source
from mmbot.strategy import Side
from mmbot.testing import Rehearsal

BID, ASK = 600_000, 600_001

TALKER = """
from mmbot.strategy import Fill, Market, Params, Strategy

class Talker(Strategy):
    def on_book(self, market: Market) -> None:
        self.note(f"mid {market.mid}")
    def on_trade(self, market: Market, side: int, price_ticks: int, qty_lots: int) -> None:
        self.hedge_target("BTC", 0.25)
        self.hedge_target("ETH", 1.0)
    def on_fill(self, market: Market, fill: Fill) -> None:
        1 / 0
    def on_funding(self, market: Market, amount_e8: int) -> None:
        self.metric("funding", amount_e8 / 1e8)
"""


@pytest.fixture
def bot() -> Rehearsal:
    made = Rehearsal(load_source(TALKER, Path("talker.py")))
    made.book(BID, ASK)
    return made


def test_notes_of_a_plugin_reach_the_log(bot: Rehearsal) -> None:
    """They once stayed in the plugin for ever."""
    assert bot.notes[-1] == "talker: mid 60000.05"


def test_a_hedge_target_moves_the_hedger_and_an_unknown_asset_is_told(bot: Rehearsal) -> None:
    bot.trade(Side.BUY, ASK)
    (group,) = bot.engine.groups
    assert group.target == 0.25
    assert bot.notes[-1] == "talker: hedge_target() of ETH, which nothing hedges: ignored"
    bot.trade(Side.BUY, ASK)
    assert len([note for note in bot.notes if "ETH" in note]) == 2


def test_an_exception_fails_the_test_and_names_the_line(bot: Rehearsal) -> None:
    with pytest.raises(PluginError, match=r"talker: on_fill raised ZeroDivisionError.*talker\.py, line 11"):
        bot.fill(Side.BUY, BID, 5)


def test_funding_arrives(bot: Rehearsal) -> None:
    bot.funding(-1.5)
    assert bot.strategy.metrics == {"funding": -1.5}


def test_a_book_that_meets_is_refused(bot: Rehearsal) -> None:
    with pytest.raises(ValueError, match="expected 0 < bid < ask"):
        bot.book(ASK, BID)


def test_a_swap_that_is_refused_leaves_the_old_plugin(bot: Rehearsal) -> None:
    before = bot.strategy
    with pytest.raises(PluginError, match="order limit"):
        bot.swap("pmm", qty=1.5, max_position=10)
    assert bot.strategy is before


WATCHER = """
from math import ceil, floor
from mmbot.strategy import Market, Strategy

class Watcher(Strategy):
    trades = 0
    def on_book(self, market: Market) -> None:
        perp, spot = self.markets
        if perp.trusted and spot.trusted:
            fair = perp.ticks(spot.mid)
            self.quote(perp, [(floor(fair) - 5, 10)], [(ceil(fair) + 5, 10)])
    def on_trade(self, market: Market, side: int, price_ticks: int, qty_lots: int) -> None:
        self.note(f"{market.id} {price_ticks} {qty_lots}")
    def on_timer(self, name: str) -> None:
        self.on_book(self.markets[0])
    def on_start(self) -> None:
        self.set_timer("again", every_s=0.5)
"""


def test_a_plugin_can_observe_a_second_market() -> None:
    bot = Rehearsal(load_source(WATCHER, Path("watcher.py")), observe=True)
    bot.book(BID, ASK)
    assert bot.bids == []
    bot.book(6_000_000, 6_000_100, market=bot.spot)  # the mid is 60,000.50
    assert (bot.bids, bot.asks) == ([(600_000, 10)], [(600_010, 10)])
    bot.book(6_000_200, 6_000_300, bid_lots=7, market=bot.spot)
    assert bot.bids == [(600_020, 10)]
    assert bot.spot.bid_lots == 7
    bot.trade(Side.BUY, 6_000_300, 100, market=bot.spot)
    assert bot.notes[-1] == "watcher: spot_btc 6000300 100"
    bot.wait(10)  # neither book goes stale
    assert bot.spot.trusted
    assert bot.bids == [(600_020, 10)]


def test_without_being_asked_there_is_one_market() -> None:
    bot = Rehearsal(load_source(TALKER, Path("talker.py")))
    assert [market.id for market in bot.strategy.markets] == ["perp_btc"]
