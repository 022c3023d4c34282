"""The first version of a plugin of your own: a strategy that works, its test, and a config that runs it on paper."""

from __future__ import annotations

import re
from string import Template
from typing import TYPE_CHECKING

from mmbot.errors import ConfigError
from mmbot.plugins.loader import shipped_folder

if TYPE_CHECKING:
    from pathlib import Path

STRATEGY = '''\
"""A small maker of your own: copy it, change it, swap it in.

It quotes one bid and one ask around the mid, leans against its position, stays away for a moment after each fill, and
hands what it has learned to its successor.
"""

from __future__ import annotations

from math import ceil, floor

from mmbot.strategy import Fill, Market, Params, Side, Strategy, field


class ${Class}Params(Params):
    """What `mmbot set` can change while it runs."""

    qty: float = field(0.005, gt=0, description="size of each quote, base units")
    half_spread_bps: float = field(3.0, gt=0, le=1000, description="distance of each quote from the mid")
    max_position: float = field(0.05, gt=0, description="position at which the adding side stops, base units")
    skew_bps: float = field(2.0, ge=0, le=1000, description="how far both quotes lean when the position is full")
    rest_s: float = field(0.5, ge=0.05, le=60, description="how long the filled side stays away")


class ${Class}(Strategy):
    """One bid, one ask."""

    params: ${Class}Params
    fills: int
    resting: int

    def __init__(self) -> None:
        self.fills = 0  # ours, over all swaps
        self.resting = -1  # the side that was just filled; -1: none

    def on_book(self, market: Market) -> None:
        """Quote around the mid."""
        p = self.params
        bps = market.mid_ticks / 1e4
        full = market.position_lots / market.lots(p.max_position)
        fair = market.mid_ticks - p.skew_bps * bps * full
        half = p.half_spread_bps * bps
        lots = market.lots(p.qty)
        bids = [(min(floor(fair - half), market.ask_ticks - 1), lots)]
        asks = [(max(ceil(fair + half), market.bid_ticks + 1), lots)]
        if full >= 1 or self.resting == Side.BUY:
            bids = []
        if full <= -1 or self.resting == Side.SELL:
            asks = []
        self.quote(market, bids, asks)

    def on_fill(self, market: Market, fill: Fill) -> None:
        """Take the filled side away for a moment."""
        self.fills += 1
        self.metric("fills", self.fills)
        self.resting = fill.side
        self.set_timer("rested", after_s=self.params.rest_s)
        if market.trusted:
            self.on_book(market)

    def on_timer(self, name: str) -> None:
        """Quote both sides again."""
        self.resting = -1
        for market in self.markets:
            if market.trusted:
                self.on_book(market)

    def export_state(self) -> dict[str, int]:
        """What the next version should know."""
        return {"fills": self.fills}

    def import_state(self, state: dict[str, int]) -> None:
        """Take over from the version before; there may be none, or another strategy."""
        self.fills = state.get("fills", 0)
'''

TEST = '''\
"""$name on a made-up market: a BTC perpetual with ticks of 0.1 USDT and lots of 0.001 BTC."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmbot.errors import PluginError
from mmbot.strategy import Side
from mmbot.testing import Rehearsal

PLUGIN = Path(__file__).with_name("$name.py")
PLAIN = {"qty": 0.01, "half_spread_bps": 5.0, "max_position": 0.1, "skew_bps": 2.0, "rest_s": 0.5}


@pytest.fixture
def bot() -> Rehearsal:
    made = Rehearsal(PLUGIN, **PLAIN)
    made.book(599_999, 600_001)  # the mid is 60,000.0 USDT, a basis point 60 ticks
    return made


def test_quotes_lie_around_the_mid(bot: Rehearsal) -> None:
    assert bot.bids == [(599_700, 10)]
    assert bot.asks == [(600_300, 10)]


def test_the_filled_side_stays_away_for_a_moment_and_both_lean(bot: Rehearsal) -> None:
    bot.fill(Side.BUY, 599_700, 50)  # half of max_position: leans by 1 bps
    assert bot.bids == []
    assert bot.asks == [(600_240, 10)]
    bot.wait(0.5)
    assert bot.bids == [(599_640, 10)]


def test_a_full_position_is_not_added_to(bot: Rehearsal) -> None:
    bot.fill(Side.SELL, 600_300, 100)
    bot.wait(1)
    assert bot.asks == []
    assert len(bot.bids) == 1


def test_a_swap_hands_over_what_was_counted(bot: Rehearsal) -> None:
    bot.fill(Side.BUY, 599_700, 10)
    bot.swap(PLUGIN, **PLAIN | {"half_spread_bps": 4.0})
    bot.fill(Side.SELL, 600_300, 10)
    assert bot.strategy.metrics["fills"] == 2


def test_wrong_params_are_refused() -> None:
    with pytest.raises(PluginError, match="half_spread_bps"):
        Rehearsal(PLUGIN, half_spread_bps=0)
'''

CONFIG = """\
# $name on paper: the embedded exchange with simulated traders; every fill is hedged on spot.
#
#   mmbot run $name.yaml --watch

bot: {name: $name, seed: 7}

venues:
  perp: {kind: binance_usdm, endpoint: sim}
  spot: {kind: binance_spot, endpoint: sim}

exchange: {source: traders, balances: {USDT: 100000, BTC: 1}}

markets:
  perp_btc: {venue: perp, symbol: "BTC/USDT:USDT", role: maker}
  spot_btc: {venue: spot, symbol: BTC/USDT, role: hedge}

strategy:
  id: $name                     # $name.py beside this file
  markets: [perp_btc]
  params: {qty: 0.005}

hedge:
  BTC: {markets: [spot_btc], band: 0.002, max_slippage_bps: 10}

risk:
  max_order_qty: 0.05           # BTC
  max_order_notional: 5000      # USDT
  max_position: 0.2             # BTC
  max_daily_loss: 1000          # USDT
  max_drawdown: 500             # USDT
"""


def scaffold(name: str) -> dict[str, str]:
    """The files of a new strategy called `name`, by file name.

    Raises:
        ConfigError: `name` cannot be a strategy's id, or a shipped one has it.
    """
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name):
        raise ConfigError(f"strategy {name!r}: expected lower-case words joined by _, as my_maker")
    if (shipped_folder() / f"{name}.py").exists():
        raise ConfigError(f"strategy {name!r}: a shipped strategy has this name; choose another")
    words = {"name": name, "Class": "".join(word.capitalize() for word in name.split("_"))}
    texts = {f"{name}.py": STRATEGY, f"test_{name}.py": TEST, f"{name}.yaml": CONFIG}
    return {file: Template(text).substitute(words) for file, text in texts.items()}


def write_scaffold(name: str, folder: Path) -> list[Path]:
    """Write the files of a new strategy into `folder`, which is made when it is not there; return them.

    Raises:
        ConfigError: the name is wrong, or a file is there already: nothing is written.
    """
    files = {folder / file: text for file, text in scaffold(name).items()}
    for path in files:
        if path.exists():
            raise ConfigError(f"{path}: is there already; nothing was written")
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in files.items():
        path.write_text(text, encoding="utf-8")
    return list(files)
