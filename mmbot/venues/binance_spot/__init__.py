"""Binance spot.

Docs: github.com/binance/binance-spot-api-docs.
"""

from mmbot.venues.binance_spot.connector import BinanceSpot

__all__ = ["BinanceSpot"]
