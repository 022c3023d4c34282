"""The market maker that backtests are compared with: one quote a side, moved with the touch and with the position.

    c   = (bid + ask) / 2 - skew * n              n = position in order sizes
    bid = min(floor(c - half), ask - 1)           ask = max(ceil(c + half), bid + 1)         in ticks

Simple enough to be written down in any backtester, so that two of them can be held against each other fill by fill.
It decides every `interval_ms`, or (`on: feed`, with `strategy.wake: message`) after every market message.
"""

from __future__ import annotations

from typing import Literal

from mmbot.strategy import Market, Params, Strategy, ceil_ticks, field, floor_ticks


class ReferenceMmParams(Params):
    """Distances are in ticks."""

    on: Literal["timer", "feed"] = field("timer", description="what it decides at")
    interval_ms: float = field(100.0, ge=0.001, le=3_600_000, description="time between decisions on the timer")
    half: float = field(0.0, ge=-1e6, le=1e6, description="distance of the quotes from the centre, ticks")
    skew: float = field(1.0, ge=-1e6, le=1e6, description="ticks that the centre moves for each order size held")
    lots: dict[str, int] = field({}, description="order size by market id, in lots")
    max_orders: int = field(10, ge=1, description="position, in order sizes, at which the adding side stops")
    warm_up_s: float = field(10.0, ge=0, description="time before the first decision")


class ReferenceMm(Strategy):
    """Quotes every market it is given, each by itself."""

    params: ReferenceMmParams
    start_ns: int
    on_feed: bool
    half: float
    skew: float
    max_orders: int
    lots: list[int]

    def on_start(self) -> None:
        """Fix the order sizes and start the clock."""
        p = self.params
        self.start_ns = self.now_ns + int(p.warm_up_s * 1e9)
        self.on_feed = p.on == "feed"
        self.half, self.skew, self.max_orders = p.half, p.skew, p.max_orders
        self.lots = []
        for market in self.markets:
            lots = p.lots.get(market.id, 0)
            if market.maker and lots < 1:
                raise ValueError(f"{market.id}: expected an order size of 1 lot or more in params.lots, found {lots}")
            self.lots.append(lots)
        if not self.on_feed:
            self.set_timer("decide", every_s=p.interval_ms / 1000)

    def on_book(self, market: Market) -> None:
        """A message came."""
        if self.on_feed:
            self.decide()

    def on_timer(self, name: str) -> None:
        """It is time."""
        self.decide()

    def decide(self) -> None:
        """Quote every market."""
        if self.now_ns >= self.start_ns:
            for i, market in enumerate(self.markets):
                self.quote_around(market, self.lots[i])

    def quote_around(self, market: Market, lots: int) -> None:
        """Quote one market around its mid, leaning against the position."""
        if lots == 0 or market.bid_lots == 0 or market.ask_lots == 0:
            return
        held = floor_ticks(abs(market.position_lots / lots) + 0.5)  # order sizes, to the nearest
        short = market.position_lots < 0
        lean = self.skew * held
        centre = (market.bid_ticks + market.ask_ticks) / 2 + (lean if short else -lean)
        full = held >= self.max_orders
        self.quote_pair(
            market,
            min(floor_ticks(centre - self.half), market.ask_ticks - 1),
            0 if full and not short else lots,
            max(ceil_ticks(centre + self.half), market.bid_ticks + 1),
            0 if full and short else lots,
        )
