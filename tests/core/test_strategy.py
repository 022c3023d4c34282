"""What a plugin may declare, and how it is told that it may not."""

from __future__ import annotations

from typing import Any

import pytest
from engine_desk import LADDER, PERP, Desk

from mmbot._core.strategy import Strategy, bind
from mmbot.strategy import Quotes


@pytest.fixture
def desk() -> Desk:
    return Desk().open()


@pytest.mark.parametrize(
    ("bids", "asks", "message"),
    [
        ([(599_000, 1), (599_001, 1)], [], "best first"),
        ([(599_000, 1), (599_000, 1)], [], "best first"),
        ([], [(601_001, 1), (601_000, 1)], "best first"),
        ([(0, 1)], [], "must be positive"),
        ([(599_000, 0)], [], "must be positive"),
        ([(599_000 - i, 1) for i in range(33)], [], "at most 32 bids"),
    ],
)
def test_quotes_that_make_no_sense_are_an_error_and_the_earlier_ones_stand(
    desk: Desk, bids: list[Any], asks: list[Any], message: str
) -> None:
    plugin, market = desk.engine.host.active, desk.engine.markets[PERP]
    before = plugin.quotes_of(market)
    with pytest.raises(ValueError, match=message):
        plugin.quote(market, bids, asks)
    assert plugin.quotes_of(market) == before


@pytest.mark.parametrize("bad", [[(599_000.5, 1)], [(2**70, 1)], [("a", 1)], [5], 7])
def test_quotes_of_a_wrong_type_are_an_error(desk: Desk, bad: Any) -> None:
    with pytest.raises((TypeError, ValueError, OverflowError)):
        desk.engine.host.active.quote(desk.engine.markets[PERP], bad)


@pytest.mark.parametrize(
    ("bids", "message"),
    [
        ([(599_000, 1), (598_000.5, 1)], r"bids\[1\] must be .*two whole numbers, found \(598000.5, 1\)"),
        ([599_000], r"bids\[0\] must be .*found 599000"),
        (None, r"bids must be a list of \(price_ticks, qty_lots\), found None"),
    ],
)
def test_quotes_of_a_wrong_type_say_which_and_what_is_wanted(desk: Desk, bids: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        desk.engine.host.active.quote(desk.engine.markets[PERP], bids)


def test_none_is_an_error_and_not_a_crash(desk: Desk) -> None:
    """It once ended the process."""
    plugin: Any = desk.engine.host.active
    for call in (plugin.quote, plugin.pull, plugin.quotes_of):
        with pytest.raises(TypeError, match="expected a Market"):
            call(None)
    with pytest.raises(TypeError, match="expected Quotes"):
        plugin.place(desk.engine.markets[PERP], None)
    with pytest.raises(TypeError, match="expected a Market"):
        plugin.place(None, Quotes())


def test_a_generator_of_quotes_may_fail_halfway(desk: Desk) -> None:
    plugin, market = desk.engine.host.active, desk.engine.markets[PERP]
    before = plugin.quotes_of(market)

    def halfway() -> Any:
        yield (599_000, 1)
        raise KeyError

    with pytest.raises(KeyError):
        plugin.quote(market, halfway())
    assert plugin.quotes_of(market) == before


def test_pull_wants_nothing(desk: Desk) -> None:
    plugin, market = desk.engine.host.active, desk.engine.markets[PERP]
    plugin.pull(market)
    assert plugin.quotes_of(market) == ([], [])
    desk.tick(10)
    desk.settle()
    assert desk.quotes() == []


def test_an_unbound_plugin_cannot_quote(desk: Desk) -> None:
    with pytest.raises(RuntimeError, match="from on_start on"):
        Strategy().quote(desk.engine.markets[PERP])


def test_a_plugin_is_bound_once(desk: Desk) -> None:
    plugin = Strategy()
    bind(plugin, None, desk.engine.markets, 3)
    with pytest.raises(RuntimeError, match="bound once"):
        bind(plugin, None, desk.engine.markets, 3)


def test_a_market_of_another_engine_is_refused() -> None:
    plugin = Strategy()
    small, large = Desk(), Desk()
    bind(plugin, None, small.engine.markets[:1], 1)
    with pytest.raises(ValueError, match="spot_btc is not one of this engine"):
        plugin.quote(large.engine.markets[2])


def test_a_hedge_target_is_a_number() -> None:
    with pytest.raises(ValueError, match="NaN"):
        Desk().engine.host.active.hedge_target("BTC", float("nan"))


def test_metrics_are_kept_by_name_and_notes_are_bounded(desk: Desk) -> None:
    plugin = desk.engine.host.active
    plugin.metric("edge", 1.5)
    plugin.metric("edge", 2.5)
    assert plugin.metrics == {"edge": 2.5}
    for index in range(2_000):
        plugin.note(f"line {index}")
    desk.notes.clear()
    desk.tick()
    assert desk.notes[0] == "ladder: line 0"
    assert len(desk.notes) == 1_000


def test_fields_of_a_plugin_that_are_the_engines_cannot_be_set() -> None:
    plugin: Any = Desk(LADDER).engine.host.active
    for name in ("now_ns", "markets", "params", "metrics"):
        with pytest.raises(AttributeError):
            setattr(plugin, name, 1)
