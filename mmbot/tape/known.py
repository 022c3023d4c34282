"""Units and fees of much recorded markets, as the venues had them in 2024: a recording does not state them itself."""

from __future__ import annotations

from typing import Any, Final

from mmbot._core.types import Instrument

_USDM: Final = {"perpetual": True, "maker_fee": 0.0002, "taker_fee": 0.0005}
_COINM: Final = {"perpetual": True, "inverse": True, "maker_fee": 0.0002, "taker_fee": 0.0005}
_SPOT: Final = {"perpetual": False, "amend_any": False, "maker_fee": 0.001, "taker_fee": 0.001}

_KNOWN: Final[dict[tuple[str, str], tuple[str, str, str, str]]] = {
    # venue, its symbol: unified symbol, tick, lot, contract size
    ("binance_usdm", "BTCUSDT"): ("BTC/USDT:USDT", "0.1", "0.001", "1"),
    ("binance_usdm", "ETHUSDT"): ("ETH/USDT:USDT", "0.01", "0.001", "1"),
    ("binance_coinm", "BTCUSD_PERP"): ("BTC/USD:BTC", "0.1", "1", "100"),
    ("binance_coinm", "ETHUSD_PERP"): ("ETH/USD:ETH", "0.01", "1", "10"),
    ("binance_spot", "BTCUSDT"): ("BTC/USDT", "0.01", "0.00001", "1"),
    ("binance_spot", "ETHUSDT"): ("ETH/USDT", "0.01", "0.0001", "1"),
}


def known_instrument(venue: str, venue_symbol: str) -> Instrument | None:
    """The instrument, or None. It has no limits on the size of an order."""
    found = _KNOWN.get((venue, venue_symbol))
    if found is None:
        return None
    symbol, tick, lot, contract = found
    pair, _, settle = symbol.partition(":")
    base, _, quote = pair.partition("/")
    of_venue: dict[str, Any] = {"binance_usdm": _USDM, "binance_coinm": _COINM, "binance_spot": _SPOT}[venue]
    return Instrument(
        venue=venue,
        symbol=symbol,
        venue_symbol=venue_symbol,
        base_asset=base,
        quote_asset=quote,
        settle_asset=settle or quote,
        tick_size=tick,
        lot_size=lot,
        contract_size=contract,
        **of_venue,
    )
