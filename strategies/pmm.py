"""Pure market making: a ladder of quotes around the mid, wider when prices move more, leaning against the position.

    half   = half_spread_bps + half_spread_ticks + volatility_factor * volatility
    lean   = skew_bps * position / max_position
    bids   = fair - half - lean, then a step lower each;    asks = fair + half - lean, then a step higher each

The side that adds to the position stops when it is full.
"""

from __future__ import annotations

from math import inf
from typing import Literal

from mmbot.strategy import Fill, Market, Params, Quotes, Strategy, field, ladders


class PmmParams(Params):
    """Distances given in bps and in ticks add up."""

    qty: float = field(0.005, gt=0, description="size of the best quote, base units")
    max_position: float = field(0.05, gt=0, description="position at which the adding side stops, base units")
    levels: int = field(2, ge=1, le=32, description="quotes a side")
    half_spread_bps: float = field(2.0, ge=0, le=1000, description="distance of the best quotes from the fair price")
    half_spread_ticks: float = field(0.0, ge=0, description="distance of the best quotes from the fair price")
    step_bps: float = field(1.0, ge=0, le=1000, description="distance between levels")
    step_ticks: float = field(0.0, ge=0, description="distance between levels")
    qty_growth: float = field(1.0, gt=0, le=10, description="each level's size over that of the level before it")
    skew_bps: float = field(2.0, ge=0, le=1000, description="how far both sides lean when the position is full")
    size_skew: float = field(0.0, ge=0, le=1, description="share of the adding side's size taken away when full")
    volatility_factor: float = field(0.5, ge=0, le=100, description="widening, in one-second standard deviations")
    hedge_cost_share: float = field(0.0, ge=0, le=1, description="share of the hedging cost to widen by")
    fair: Literal["mid", "microprice"] = field("mid", description="what the quotes lie around")
    refresh_tolerance_bps: float = field(0.2, ge=0, le=100, description="quotes stay while they are this close")
    refresh_tolerance_ticks: float = field(0.0, ge=0, description="quotes stay while they are this close")
    refresh_s: float = field(1.0, ge=0.05, le=60, description="how often spreads are computed anew")


class Pmm(Strategy):
    """Quotes every maker market it is given, each by itself."""

    params: PmmParams
    quotes: dict[int, Quotes]
    around_microprice: bool

    def on_start(self) -> None:
        """Lay out the ladders."""
        p = self.params
        self.around_microprice = p.fair == "microprice"
        self.quotes = ladders(
            self.markets, p.qty, p.max_position, levels=p.levels, qty_growth=p.qty_growth, size_skew=p.size_skew
        )
        self.set_timer("refresh", every_s=p.refresh_s)

    def on_book(self, market: Market) -> None:
        """Follow the fair price."""
        quotes: Quotes | None = self.quotes.get(market.index)
        if quotes is None:  # a market that is only observed
            return
        if not quotes.aimed:
            self.aim(market)
        fair = market.signals.microprice_ticks if self.around_microprice else market.mid_ticks
        if quotes.follow(fair, market.bid_ticks, market.ask_ticks):
            self.place(market, quotes)

    def on_fill(self, market: Market, fill: Fill) -> None:
        """Lean against the new position at once."""
        self.refresh(market)

    def on_timer(self, name: str) -> None:
        """Take in volatility, position and the price level."""
        for market in self.markets:
            self.refresh(market)

    def refresh(self, market: Market) -> None:
        """Compute the distances anew and quote."""
        if market.mid_ticks > 0 and market.index in self.quotes:  # not while the mid is NaN: no book yet
            self.aim(market)
        if market.trusted:
            self.on_book(market)

    def aim(self, market: Market) -> None:
        """Set how far from the fair price each side quotes."""
        p = self.params
        bps = market.mid_ticks / 1e4
        half = p.half_spread_bps * bps + p.half_spread_ticks
        if market.signals.volatility > 0:  # not while it is NaN: unknown
            half += p.volatility_factor * market.signals.volatility
        fill = market.position_lots / market.lots(p.max_position)
        bid, ask = half + p.skew_bps * bps * fill, half - p.skew_bps * bps * fill
        if market.hedge_buy_bps > 0:  # our bid is hedged by selling, our ask by buying
            ask += p.hedge_cost_share * market.hedge_buy_bps * bps
        if market.hedge_sell_bps > 0:
            bid += p.hedge_cost_share * market.hedge_sell_bps * bps
        self.quotes[market.index].aim(
            bid if fill < 1 else inf,
            ask if fill > -1 else inf,
            fill,
            p.step_bps * bps + p.step_ticks,
            p.refresh_tolerance_bps * bps + p.refresh_tolerance_ticks,
        )
        self.metric("half_spread_ticks", half)
