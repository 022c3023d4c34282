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

from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import PydanticUndefined

from mmbot._core.market import Market
from mmbot._core.quoting import (
    Quotes,
    avellaneda_stoikov,
    avellaneda_stoikov_infinite,
    ceil_ticks,
    floor_ticks,
    glft_coefficients,
)
from mmbot._core.strategy import Fill, OrderView, Strategy
from mmbot._core.types import OrderState, Purpose, Side

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = [
    "Calibration",
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
    "ladders",
]


class Params(BaseModel):
    """Base of a plugin's parameters: typed, checked, immutable; an unknown name is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, validate_default=True)


class Bounds(TypedDict, total=False):
    """What a value of a parameter must be: ``gt`` is >, ``ge`` >=, ``lt`` <, ``le`` <=; of a text, its length."""

    gt: float
    ge: float
    lt: float
    le: float
    multiple_of: float
    min_length: int
    max_length: int
    pattern: str


def field(default: Any = PydanticUndefined, *, description: str | None = None, **bounds: Unpack[Bounds]) -> Any:
    """Say what a parameter is when it is not given (nothing: it must be), which values are right, and what it means.

    Raises:
        TypeError: a bound that does not exist, as a misspelt one.
    """
    if unknown := bounds.keys() - Bounds.__annotations__.keys():
        known = ", ".join(Bounds.__annotations__)
        raise TypeError(f"field(): no bound {', '.join(sorted(unknown))}; expected description and any of {known}")
    return Field(default, description=description, **bounds)


def ladders(
    markets: Iterable[Market],
    qty: float,
    max_position: float,
    *,
    levels: int = 1,
    qty_growth: float = 1.0,
    size_skew: float = 0.0,
) -> dict[int, Quotes]:
    """An empty ladder for each market that may be quoted, by market index.

    Args:
        markets: of the strategy; those that are only observed get none.
        qty: size of the best quote, base units.
        max_position: position that the strategy goes up to, base units.
        levels: quotes a side.
        qty_growth: each level's size over that of the level before it.
        size_skew: share of the adding side's size taken away at full position.

    Raises:
        ValueError: `qty` or `max_position` is less than a lot of a market.
    """
    made = {}
    for market in markets:
        if not market.maker:
            continue
        if market.lots(qty) < 1 or market.lots(max_position) < 1:
            raise ValueError(f"{market.id}: qty and max_position must be at least {market.qty(1)}, one lot")
        made[market.index] = Quotes(
            levels=levels,
            qty_lots=market.lots(qty),
            qty_growth=qty_growth,
            size_skew=size_skew,
            min_qty_lots=market.instrument.min_qty_lots,
        )
    return made


class Calibration:
    """What models are computed with, market by market: as measured, else as a predecessor knew it, else a fallback.

    Args:
        known: what a predecessor's `state` was; the next measurement replaces it.
    """

    def __init__(self, known: Mapping[str, Mapping[str, float]] | None = None) -> None:
        self._known = {market_id: dict(values) for market_id, values in (known or {}).items()}

    def of(self, market: Market, *, sigma: float, intensity: float, k: float) -> tuple[float, float, float]:
        """Volatility in ticks per square root of a second, A in trades a second, k in 1/ticks.

        A is that of one side, as in the models: half of what `Signals` counts on both.

        Args:
            market: where they are measured; see `Signals` for how.
            sigma: the fallbacks, in the same units.
            intensity: A.
            k: how fast trades thin out with their depth.
        """
        known, signals = self._known.setdefault(market.id, {}), market.signals
        if signals.volatility > 0:  # not while it is NaN: unknown
            known["sigma"] = signals.volatility
        if signals.k > 0:
            known["intensity"], known["k"] = signals.intensity / 2, signals.k
        return known.get("sigma", sigma), known.get("intensity", intensity), known.get("k", k)

    @property
    def state(self) -> dict[str, dict[str, float]]:
        """What a successor should know, JSON-able."""
        return {market_id: dict(values) for market_id, values in self._known.items()}
