"""Instruments that the tests of the risk family share."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from mmbot._core.types import Instrument


def instrument(**changes: Any) -> Instrument:
    """BTCUSDT of USD-M futures (tick 0.1, lot 0.001) with changes."""
    fields: dict[str, Any] = {
        "venue": "binance_usdm",
        "symbol": "BTC/USDT:USDT",
        "venue_symbol": "BTCUSDT",
        "base_asset": "BTC",
        "quote_asset": "USDT",
        "settle_asset": "USDT",
        "tick_size": "0.1",
        "lot_size": "0.001",
    }
    return Instrument(**(fields | changes))


def inverse(**changes: Any) -> Instrument:
    """BTCUSD of COIN-M futures: contracts of 100 USD, paid in BTC."""
    fields = {
        "venue": "binance_coinm",
        "symbol": "BTC/USD:BTC",
        "venue_symbol": "BTCUSD_PERP",
        "quote_asset": "USD",
        "settle_asset": "BTC",
        "lot_size": "1",
        "contract_size": "100",
        "inverse": True,
    }
    return instrument(**(fields | changes))


def spot(**changes: Any) -> Instrument:
    """BTCUSDT of spot (tick 0.01, lot 0.00001)."""
    fields = {
        "venue": "binance_spot",
        "symbol": "BTC/USDT",
        "perpetual": False,
        "tick_size": "0.01",
        "lot_size": "0.00001",
    }
    return instrument(**(fields | changes))


def value(market: Instrument, price_ticks: Fraction | int, lots: int) -> Fraction:
    """Exact worth of signed lots in the settlement asset, such that PnL = value(exit) - value(entry)."""
    size = lots * Fraction(market.lot_size) * Fraction(market.contract_size)
    price = Fraction(price_ticks) * Fraction(market.tick_size)
    return -size / price if market.inverse else size * price
