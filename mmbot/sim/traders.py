"""The simulated traders as a market source: one fair price an asset, a perpetual and a spot market on each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmbot._core.crowd import Crowd
from mmbot._core.matching import MatchingEngine
from mmbot.sim.market import first_ids
from mmbot.sim.minor import is_minor

if TYPE_CHECKING:
    from mmbot.sim.instruments import SimInstrument
    from mmbot.sim.market import Market
    from mmbot.sim.schedule import Schedule
    from mmbot.sim.venue import Venue

YEARLY_VOLATILITY = {"BTC": 0.45, "ETH": 0.6}
ORDER_SIZE = {"BTC": 0.02, "ETH": 0.4}
"""Median size of a maker's order, in the asset."""
ORDER_VALUE = 1000.0
"""The same of minor markets, in the quote asset."""
BUSY_MARKETS = 20
"""Where more symbols are listed, the minor ones have a small crowd."""
MINOR_SHARE = 0.01
"""How busy that is, beside the crowd of a major market."""
STICKINESS, MINOR_STICKINESS = 0.00005, 0.0005
"""By how much the fair price moves before makers follow: where they act seldom, they cannot follow every move."""
MAJOR_ORDERS, MINOR_ORDERS = 1000, 150
"""Resting orders a side."""
PERP_BASIS = -0.0003
"""Mean of perpetual / spot - 1: the perpetual a little below, as recorded in August 2024."""
PERP_RATE, SPOT_RATE = 400.0, 250.0
"""Actions a second and market, in calm; about one in sixteen is a trade."""


class TraderSource:
    """Drives the markets of both venues with one seeded crowd.

    Args:
        seed: of the crowd.
        schedule: the exchange's clock.
        activity: scales how often the crowd acts.
        markets: how many symbols will be listed. Where they are many, the minor ones are quiet.
    """

    finished = False

    def __init__(self, seed: int, schedule: Schedule, *, activity: float, markets: int = 1) -> None:
        self._crowded = markets > BUSY_MARKETS
        self._crowd = Crowd(seed, schedule.now_ns)
        self._schedule = schedule
        self._activity = activity
        self._assets: dict[str, int] = {}
        self._markets: list[tuple[Venue, Market]] = []

    def open(self, venue: Venue, instrument: SimInstrument) -> Market:
        """List a symbol on a venue, with a book made by the crowd. The spot market of an asset comes first."""
        asset = self._assets.get(instrument.base)
        if asset is None:
            volatility = YEARLY_VOLATILITY.get(instrument.base, 0.5)
            asset = self._crowd.add_asset(float(instrument.start_price), yearly_volatility=volatility)
            self._assets[instrument.base] = asset
        minor = self._crowded and is_minor(instrument.symbol)
        engine = MatchingEngine(1024 if minor else 8192)
        size = ORDER_SIZE.get(instrument.base, ORDER_VALUE / float(instrument.start_price))
        index = self._crowd.add_market(
            engine,
            asset=asset,
            tick=float(instrument.tick),
            rate=(PERP_RATE if venue.futures else SPOT_RATE) * self._activity * (MINOR_SHARE if minor else 1.0),
            target=MINOR_ORDERS if minor else MAJOR_ORDERS,
            median_lots=max(1.0, size / float(instrument.lot)),
            stickiness=MINOR_STICKINESS if minor else STICKINESS,
            basis=PERP_BASIS if venue.futures else 0.0,
            basis_deviation=0.00008 if venue.futures else 0.00001,
        )
        update_id, trade_id = first_ids(index)
        market = venue.list_market(instrument, engine, update_id=update_id, trade_id=trade_id)
        self._markets.append((venue, market))
        return market

    @property
    def next_ns(self) -> int:
        """When the crowd acts next."""
        return self._crowd.next_ns

    def step(self, limit_ns: int) -> None:
        """Let the crowd act once, if it is due, and announce what came of it."""
        acted = self._crowd.step(limit_ns)
        if acted >= 0:
            venue, market = self._markets[acted]
            market.publish(self._schedule.at(self._crowd.now_ns))
            venue.settle_touched(market)
