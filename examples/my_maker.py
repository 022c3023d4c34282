"""A small maker of your own: copy it, change it, swap it in.

It quotes one bid and one ask around the mid, leans against its position, stays away for a moment after each fill, and
hands what it has learned to its successor.
"""

from __future__ import annotations

from math import ceil, floor

from mmbot.strategy import Fill, Market, Params, Side, Strategy, field


class MyMakerParams(Params):
    """What `mmbot set` can change while it runs."""

    qty: float = field(0.005, gt=0, description="size of each quote, base units")
    half_spread_bps: float = field(3.0, gt=0, le=1000, description="distance of each quote from the mid")
    max_position: float = field(0.05, gt=0, description="position at which the adding side stops, base units")
    skew_bps: float = field(2.0, ge=0, le=1000, description="how far both quotes lean when the position is full")
    rest_s: float = field(0.5, ge=0.05, le=60, description="how long the filled side stays away")


class MyMaker(Strategy):
    """One bid, one ask."""

    params: MyMakerParams
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
