"""What holds for every shipped strategy: compiled or not it quotes the same, and its config is good."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from mmbot._core.types import Side
from mmbot.config import load as load_config
from mmbot.plugins import Plugin, load, load_file
from mmbot.plugins.compile import compile_plugin
from mmbot.testing import Rehearsal

ROOT = Path(__file__).resolve().parents[2]
IDS = ["avellaneda_stoikov", "glft", "pmm"]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Plugin]:
    """Every shipped strategy, compiled."""
    folder = tmp_path_factory.mktemp("compiled")
    return {name: load_file(compile_plugin(ROOT / "strategies" / f"{name}.py", folder)) for name in IDS}


def quotes_over_a_day_in_the_market(plugin: Plugin) -> list[object]:
    """Ten minutes of moves, trades, fills and idle time; the quotes wanted after each event."""
    bot, rng, bid, seen = Rehearsal(plugin), random.Random(5), 600_000, []
    for _ in range(1500):
        bot.now_ns += rng.randrange(1, 800_000_000)
        bid += rng.randrange(-9, 10)
        bot.book(bid, bid + rng.randrange(1, 6), bid_lots=rng.randrange(1, 900), ask_lots=rng.randrange(1, 900))
        seen.append(bot.quotes)
        if rng.random() < 0.5:
            bot.trade(rng.choice(list(Side)), bid + rng.randrange(-30, 31))
        if rng.random() < 0.02:
            bot.fill(rng.choice(list(Side)), bid, rng.randrange(1, 9))
        bot.engine.on_time(bot.now_ns)
        seen.append(bot.quotes)
    assert bot.market.signals.calibrated()
    seen.append(bot.strategy.export_state())
    seen.append(bot.strategy.metrics)
    return seen


@pytest.mark.parametrize("name", IDS)
def test_compiled_and_interpreted_quote_the_same(compiled: dict[str, Plugin], name: str) -> None:
    interpreted = quotes_over_a_day_in_the_market(load(name))
    assert len({str(quotes) for quotes in interpreted}) > 100
    assert quotes_over_a_day_in_the_market(compiled[name]) == interpreted


@pytest.mark.parametrize("name", IDS)
def test_compiled_and_interpreted_swap_into_each_other(compiled: dict[str, Plugin], name: str) -> None:
    bot = Rehearsal(load(name))
    bot.book(600_000, 600_001)
    bot.fill(Side.BUY, 600_000, 7)
    wanted, state = bot.quotes, bot.strategy.export_state()
    bot.swap(compiled[name])
    assert (bot.quotes, bot.strategy.export_state()) == (wanted, state)
    bot.swap(load(name))
    assert (bot.quotes, bot.strategy.export_state()) == (wanted, state)


@pytest.mark.parametrize("name", IDS)
def test_the_config_of_a_strategy_fits_it(name: str) -> None:
    config = load_config(ROOT / "configs" / f"{name}.yaml")
    assert (config.bot.name, config.strategy.id) == (name, name)
    load(name).params(config.strategy.params)


@pytest.mark.parametrize("name", IDS)
def test_an_untrusted_book_is_not_quoted_on_and_comes_back(name: str) -> None:
    bot = Rehearsal(load(name))
    bot.book(600_000, 600_001)
    bot.engine.on_time(bot.now_ns + 60_000_000_000)
    assert not bot.market.trusted
    bot.now_ns += 60_000_000_000
    bot.fill(Side.BUY, 600_000, 5)
    bot.book(600_100, 600_101)
    bids, asks = bot.quotes
    assert bids[0][0] < 600_100
    assert asks[0][0] > 600_100
    assert bids[0][0] + asks[0][0] < 2 * 600_100  # leans against the fill that came meanwhile


@pytest.mark.parametrize("name", IDS)
def test_every_param_says_what_it_means(name: str) -> None:
    page = (ROOT / "docs" / "strategies" / f"{name}.md").read_text()
    for param, described in load(name).params_class.model_fields.items():
        assert described.description, param
        assert f"`{param}`" in page, param
