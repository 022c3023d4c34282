"""Everything a strategy plugin imports, and the only thing it imports.

    from math import ceil, floor

    from mmbot.strategy import Market, Params, Strategy, field

    class MyParams(Params):
        half_spread_bps: float = field(5.0, gt=0, description="distance of each quote from the mid")
        qty: float = field(0.01, gt=0, description="size of each quote, base units")

    class MyMaker(Strategy):
        params: MyParams

        def on_book(self, market: Market) -> None:
            half = market.mid_ticks * self.params.half_spread_bps / 1e4
            lots = market.lots(self.params.qty)
            self.quote(market, bids=[(floor(market.mid_ticks - half), lots)],
                               asks=[(ceil(market.mid_ticks + half), lots)])

One module holds one `Strategy` subclass and one `Params` subclass. Prices are whole ticks, quantities whole lots;
`market.lots()` and `market.ticks()` convert from decimal numbers. Nothing else of mmbot is imported by a plugin.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict
from pydantic import Field as field  # noqa: N813 - reads as a word in a plugin's params

from mmbot._core.market import Market
from mmbot._core.quoting import Quotes, avellaneda_stoikov, avellaneda_stoikov_infinite, ceil_ticks, floor_ticks, glft_coefficients
from mmbot._core.strategy import Fill, OrderView, Strategy
from mmbot._core.types import OrderState, Purpose, Side

__all__ = [
    "Fill",
    "Market",
    "OrderState",
    "OrderView",
    "Params",
    "Purpose",
    "Quotes",
    "Side",
    "Strategy",
    "avellaneda_stoikov",
    "avellaneda_stoikov_infinite",
    "ceil_ticks",
    "field",
    "floor_ticks",
    "glft_coefficients",
]


class Params(BaseModel):
    """Base of a plugin's parameters: typed, checked, immutable; an unknown name is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
