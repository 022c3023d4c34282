"""Instruments from a saved ``exchangeInfo`` answer of Binance (USD-M, COIN-M, spot), as it came, plain or gzipped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from mmbot._core.types import Instrument
from mmbot.errors import ConfigError
from mmbot.tape.lines import Intact, line_blocks

if TYPE_CHECKING:
    from pathlib import Path

    from mmbot.tape.request import Listing


def listing_of(path: Path) -> Listing:
    """Knows the instruments of an ``exchangeInfo`` file; fees are not in there and are 0.

    Raises:
        ConfigError: the file holds no such answer, or (when it is asked) a symbol's filters are not complete.
        TapeError: its compression is cut off.
        OSError: it cannot be read.
    """
    text = b"".join(line_blocks(path, Intact(), keep_going=False))
    start = text.find(b"{")
    try:
        answer = msgspec.json.decode(text[start:].split(b"\n", 1)[0]) if start >= 0 else None
        if answer is None or not isinstance(answer.get("symbols"), list):
            answer = msgspec.json.decode(text)  # laid out over several lines
        symbols = {each["symbol"]: each for each in answer["symbols"]}
    except (msgspec.MsgspecError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{path}: expected an exchangeInfo answer with symbols, found none: {error}") from None

    def listing(venue: str, venue_symbol: str) -> Instrument | None:
        fields = symbols.get(venue_symbol)
        return None if fields is None else _instrument(path, venue, fields)

    return listing


def _instrument(path: Path, venue: str, fields: dict[str, Any]) -> Instrument:
    spot, inverse = venue == "binance_spot", venue == "binance_coinm"
    name = fields["symbol"]
    try:
        filters = {each["filterType"]: each for each in fields["filters"]}
        base, quote = fields["baseAsset"], fields["quoteAsset"]
        settle = quote if spot else fields.get("marginAsset", base if inverse else quote)
        return Instrument(
            venue=venue,
            symbol=f"{base}/{quote}" if spot else f"{base}/{quote}:{settle}",
            venue_symbol=name,
            base_asset=base,
            quote_asset=quote,
            settle_asset=settle,
            tick_size=filters["PRICE_FILTER"]["tickSize"],
            lot_size=filters["LOT_SIZE"]["stepSize"],
            contract_size=str(fields.get("contractSize", 1)),
            perpetual=not spot,
            inverse=inverse,
            amend_any=not spot,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"{path}: {name}: expected PRICE_FILTER and LOT_SIZE, found {error!r}") from None
