"""Binance USD-M futures: perpetuals, one-way position mode.

Docs: developers.binance.com, "Derivatives Trading / USDS Margined Futures".
"""

from mmbot.venues.binance_usdm.connector import BinanceUsdm

__all__ = ["BinanceUsdm"]
