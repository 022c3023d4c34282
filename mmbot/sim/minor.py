"""Markets beside the two that are listed in detail: any ``<BASE>USDT``, with units made up from its name.

They let a bot or client be tried with a market of any name, or with a venue that lists a thousand of them.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Final
from zlib import crc32

from mmbot.errors import ConfigError
from mmbot.listings import FEES
from mmbot.sim.instruments import SPOT, USDM, SimInstrument, tiers

if TYPE_CHECKING:
    from collections.abc import Iterable

QUOTE: Final = "USDT"
_SYMBOL: Final = re.compile(r"[A-Z0-9]{2,15}USDT")
_TIERS: Final = tiers(
    [
        (5_000, 75, "0.01"),
        (25_000, 50, "0.015"),
        (100_000, 25, "0.02"),
        (500_000, 10, "0.05"),
        (2_000_000, 5, "0.1"),
        (10_000_000, 2, "0.2"),
        (20_000_000, 1, "0.5"),
    ]
)
_PRICES: Final = (0.2, 1000.0)  # the name decides where between them a market begins


def perpetual(symbol: str) -> SimInstrument:
    """The USD-M contract of this name.

    Raises:
        ConfigError: no market can be called so.
    """
    return USDM.get(symbol) or _made_up("binance_usdm", symbol)(
        price_decimals=4,
        qty_decimals=1,
        multiplier_up="1.15",
        multiplier_down="0.85",
        tiers=_TIERS,
    )


def spot_market(symbol: str) -> SimInstrument:
    """The spot market of this name.

    Raises:
        ConfigError: no market can be called so.
    """
    return SPOT.get(symbol) or _made_up("binance_spot", symbol)(
        price_decimals=8,
        qty_decimals=8,
        multiplier_up="5",
        multiplier_down="0.2",
    )


def is_minor(symbol: str) -> bool:
    """Whether a market's units are made up."""
    return symbol not in USDM


def minor_symbols(number: int) -> Iterable[str]:
    """Names of so many markets that no venue has."""
    return (f"SIM{index:04d}{QUOTE}" for index in range(1, number + 1))


def _made_up(venue: str, symbol: str) -> partial[SimInstrument]:
    if not _SYMBOL.fullmatch(symbol):
        raise ConfigError(f"simulated exchange: expected a symbol such as BTCUSDT or SOLUSDT, found {symbol!r}")
    low, high = _PRICES
    price = low * (high / low) ** (crc32(symbol.encode()) / 2**32)
    maker, taker = FEES[venue]
    return partial(
        SimInstrument,
        symbol=symbol,
        base=symbol.removesuffix(QUOTE),
        quote=QUOTE,
        tick="0.0001" if price < 10 else "0.01",
        lot="0.1",
        min_price="0.0001" if price < 10 else "0.01",
        max_price="100000",
        min_qty="0.1",
        max_qty="1000000",
        market_max_qty="100000",
        min_notional="5",
        maker_fee=maker,
        taker_fee=taker,
        start_price=f"{price:.2f}",
    )
