"""The strategy that is measured: it lays out a ladder, as `pmm` does, and moves a quote whenever the touch changes."""

from __future__ import annotations

from mmbot.strategy import Market, Params, Quotes, Strategy, field


class MakerParams(Params):
    """Fixed distances."""

    qty: float = field(0.01, gt=0, description="size of each quote, base units")
    half_spread_bps: float = field(1.0, gt=0, le=100, description="distance of the quotes from the mid")


class Maker(Strategy):
    """One bid and one ask; the bid a tick higher or lower each time: every change of the touch makes an order."""

    params: MakerParams
    quotes: Quotes
    half_ticks: float
    lean_ticks: float

    def on_start(self) -> None:
        """Lay out one level a side."""
        market = self.markets[0]
        self.quotes = Quotes(levels=1, qty_lots=market.lots(self.params.qty))
        self.half_ticks = self.lean_ticks = 0.0

    def on_book(self, market: Market) -> None:
        """Follow the mid, and lean the other way than last time."""
        if self.half_ticks == 0.0:
            self.half_ticks = market.mid_ticks * self.params.half_spread_bps / 1e4
        self.lean_ticks = 1.0 - self.lean_ticks
        fill = market.position_lots / 1000
        if self.quotes.place(
            market.mid_ticks,
            self.half_ticks + self.lean_ticks,
            self.half_ticks,
            fill,
            market.bid_ticks,
            market.ask_ticks,
        ):
            self.place(market, self.quotes)
