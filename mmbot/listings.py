"""Units and fees of much traded markets, as the venues listed them in 2024.

A recording does not state them, and the simulated exchange lists its markets by them.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from mmbot._core.types import Instrument


class Listing(NamedTuple):
    """What a venue lists of a market: numbers as decimal text."""

    symbol: str
    """Unified."""
    tick: str
    lot: str
    contract_size: str = "1"

    @property
    def base(self) -> str:
        """The asset that is traded."""
        return self.symbol.partition("/")[0]

    @property
    def quote(self) -> str:
        """The asset of the price."""
        return self.symbol.partition("/")[2].partition(":")[0]

    @property
    def settle(self) -> str:
        """The asset of profit and loss."""
        return self.symbol.partition(":")[2] or self.quote


FEES: Final = {
    "binance_usdm": ("0.0002", "0.0005"),
    "binance_coinm": ("0.0002", "0.0005"),
    "binance_spot": ("0.001", "0.001"),
}
"""Maker's and taker's, as fractions of notional, of an account without discounts."""

LISTINGS: Final = {
    ("binance_usdm", "BTCUSDT"): Listing("BTC/USDT:USDT", "0.1", "0.001"),
    ("binance_usdm", "ETHUSDT"): Listing("ETH/USDT:USDT", "0.01", "0.001"),
    ("binance_coinm", "BTCUSD_PERP"): Listing("BTC/USD:BTC", "0.1", "1", "100"),
    ("binance_coinm", "ETHUSD_PERP"): Listing("ETH/USD:ETH", "0.01", "1", "10"),
    ("binance_spot", "BTCUSDT"): Listing("BTC/USDT", "0.01", "0.00001"),
    ("binance_spot", "ETHUSDT"): Listing("ETH/USDT", "0.01", "0.0001"),
}
"""By venue and its own symbol."""

_MORE: Final[dict[str, dict[str, Any]]] = {
    "binance_usdm": {"perpetual": True},
    "binance_coinm": {"perpetual": True, "inverse": True},
    "binance_spot": {"perpetual": False, "amend_any": False},
}


def known_instrument(venue: str, venue_symbol: str) -> Instrument | None:
    """The instrument, or None. It has no limits on the size of an order."""
    found = LISTINGS.get((venue, venue_symbol))
    if found is None:
        return None
    maker, taker = FEES[venue]
    return Instrument(
        venue=venue,
        symbol=found.symbol,
        venue_symbol=venue_symbol,
        base_asset=found.base,
        quote_asset=found.quote,
        settle_asset=found.settle,
        tick_size=found.tick,
        lot_size=found.lot,
        contract_size=found.contract_size,
        maker_fee=float(maker),
        taker_fee=float(taker),
        **_MORE[venue],
    )
