"""The markets a connector is bound to, by the engine's number and by the venue's symbol."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mmbot._core.decimal import Unit, lot_unit, tick_unit
from mmbot._core.types import Owner
from mmbot.venues.binance.messages import units

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mmbot._core.types import Instrument
    from mmbot.venues.client_id import ClientIds


@dataclass(frozen=True, slots=True)
class BoundMarket:
    """One market: its number in the engine, its instrument, and its units."""

    index: int
    instrument: Instrument
    tick: Unit
    lot: Unit

    @property
    def symbol(self) -> str:
        """The venue's own name."""
        return self.instrument.venue_symbol

    def ticks(self, text: str) -> int:
        """Read a price; raises DecodeError unless it is whole ticks."""
        return units(text, self.tick, f"{self.symbol} price")

    def lots(self, text: str) -> int:
        """Read a quantity; raises DecodeError unless it is whole lots."""
        return units(text, self.lot, f"{self.symbol} quantity", signed=True)


class MarketTable:
    """All markets of one connector."""

    def __init__(self, markets: Mapping[int, Instrument]) -> None:
        bound = [BoundMarket(index, each, tick_unit(each), lot_unit(each)) for index, each in markets.items()]
        self._by_index = {market.index: market for market in bound}
        self._by_symbol = {market.symbol: market for market in bound}

    def __iter__(self) -> Iterator[BoundMarket]:
        """Iterate in the engine's order."""
        return iter(self._by_index.values())

    def __len__(self) -> int:
        """Count the markets."""
        return len(self._by_index)

    def get(self, symbol: str) -> BoundMarket | None:
        """Find a market by the venue's symbol; None: not bound, so none of our business."""
        return self._by_symbol.get(symbol)

    def at(self, index: int) -> BoundMarket:
        """Find a market by its number.

        Raises:
            ValueError: it was not bound to this venue.
        """
        market = self._by_index.get(index)
        if market is None:
            raise ValueError(f"market {index}: expected one of {sorted(self._by_index)}")
        return market


def owner_of(ids: ClientIds, *texts: str) -> tuple[Owner, int]:
    """Tell whose order it is by the first text that is an id of ours."""
    for text in texts:
        owner, number = ids.parse(text)
        if owner is not Owner.OTHER:
            return owner, number
    return Owner.OTHER, 0
