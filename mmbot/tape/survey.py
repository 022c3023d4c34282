"""A first look at a raw recording: which markets it is of, by which sequence rule, with how many decimals."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, urlsplit

from mmbot._core.types import Instrument
from mmbot.errors import ConfigError
from mmbot.recordings import EntryKind, Reading, read

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

VENUES: Final = ("binance_usdm", "binance_coinm", "binance_spot")
LOOKED_AT: Final = 20_000
"""Messages; symbols and decimals show long before."""

_SYMBOL: Final = re.compile(rb'"s":\s*"([^"]{1,31})"')
_LEVEL: Final = re.compile(rb'\[\s*"([0-9.]+)"\s*,\s*"([0-9.]+)"\s*\]')
_PRINT: Final = re.compile(rb'"p":\s*"([0-9.]+)"\s*,\s*"q":\s*"([0-9.]+)"')
_COIN_MARGINED: Final = re.compile(r"USD_(PERP|\d{6})$")
_QUOTES: Final = ("USDT", "USDC", "FDUSD", "BUSD", "TUSD", "BTC", "ETH", "BNB", "EUR", "TRY", "USD")


@dataclass(slots=True)
class Survey:
    """What the first messages show, by the venue's symbol.

    Attributes:
        messages: market data.
        depth: messages of the book.
        futures: messages that only futures have.
        price_decimals: the most that a price has.
        qty_decimals: the most that a quantity has.
    """

    messages: Counter[str] = field(default_factory=Counter)
    depth: Counter[str] = field(default_factory=Counter)
    futures: Counter[str] = field(default_factory=Counter)
    price_decimals: Counter[str] = field(default_factory=Counter)
    qty_decimals: Counter[str] = field(default_factory=Counter)

    def choose(self, asked: str | None, where: Path) -> str:
        """The symbol that is meant.

        Raises:
            ConfigError: none was asked for and there are several, or none; or the one asked for is not there.
        """
        if not self.messages:
            raise ConfigError(f"{where}: expected Binance market data, found none in the first {LOOKED_AT} lines")
        return choose_symbol(self.messages, asked, where)

    def venue_of(self, symbol: str) -> str:
        """The venue whose messages these are."""
        if _COIN_MARGINED.search(symbol):
            return "binance_coinm"
        return "binance_usdm" if self.futures[symbol] else "binance_spot"

    def infer(self, venue: str, symbol: str) -> Instrument:
        """An instrument with the finest decimals seen as tick and lot, and no fees."""
        spot, inverse = venue == "binance_spot", venue == "binance_coinm"
        pair = symbol.partition("_")[0]
        quote = next((each for each in _QUOTES if pair.endswith(each) and pair != each), "")
        base = pair[: len(pair) - len(quote)] if quote else pair
        settle = base if inverse else quote
        unified = f"{base}/{quote}" if quote else symbol
        return Instrument(
            venue=venue,
            symbol=unified if spot or not quote else f"{unified}:{settle}",
            venue_symbol=symbol,
            base_asset=base,
            quote_asset=quote,
            settle_asset=settle,
            tick_size=decimal_size(self.price_decimals[symbol]),
            lot_size=decimal_size(self.qty_decimals[symbol]),
            # "1 contract is 100 USD for BTC, 10 USD for all others": COIN-M contract specifications.
            contract_size=("100" if base == "BTC" else "10") if inverse else "1",
            perpetual=not spot,
            inverse=inverse,
        )


def choose_symbol(recorded: Collection[str], asked: str | None, where: Path | str) -> str:
    """The symbol that is meant, of those in a recording.

    Args:
        recorded: the venue's symbols; at least one.
        asked: unified or the venue's; None: the only one there is.
        where: for the error.

    Raises:
        ConfigError: none was asked for and there are several; or the one asked for is not there.
    """
    names = ", ".join(sorted(recorded))
    if asked is None:
        if len(recorded) > 1:
            raise ConfigError(f"{where}: it holds several markets, choose one with --symbol: {names}")
        return next(iter(recorded))
    for name in venue_symbols(asked):
        if name in recorded:
            return name
    raise ConfigError(f"{where}: expected --symbol to be one of {names}, found {asked!r}")


def survey(paths: Sequence[Path], most: int | None = LOOKED_AT) -> Survey:
    """Look at the first `most` messages of a recording's files, merged by time; None: at all of them.

    Raises:
        OSError: a file cannot be read.
    """
    found = Survey()
    bare: list[bytes] = []
    for entry in islice(read(paths, Reading()), most):
        payload = entry.payload
        if b"lastUpdateId" in payload and entry.kind in (EntryKind.FRAME, EntryKind.REST):
            asked = parse_qs(urlsplit(entry.url).query).get("symbol")
            if asked:
                _note_decimals(found, asked[0].upper(), payload)
            else:
                bare.append(payload)
        elif entry.kind is EntryKind.FRAME and (match := _SYMBOL.search(payload)):
            name = match[1].decode(errors="replace")
            found.messages[name] += 1
            found.depth[name] += b'"depthUpdate"' in payload
            found.futures[name] += b'"pu":' in payload or b'"X":' in payload or b"markPriceUpdate" in payload
            _note_decimals(found, name, payload)
    for payload in bare:  # they do not say whose they are: the finest of all does no harm
        for name in found.messages:
            _note_decimals(found, name, payload)
    return found


def _note_decimals(found: Survey, name: str, payload: bytes) -> None:
    price, qty = found.price_decimals[name], found.qty_decimals[name]
    for pattern in (_LEVEL, _PRINT):
        for price_text, qty_text in pattern.findall(payload):
            price = max(price, _decimals(price_text))
            qty = max(qty, _decimals(qty_text))
    found.price_decimals[name], found.qty_decimals[name] = price, qty


def _decimals(text: bytes) -> int:
    return len(text.partition(b".")[2].rstrip(b"0"))


def decimal_size(decimals: int) -> str:
    """The unit with that many decimals, 18 at most."""
    decimals = min(decimals, 18)
    return f"0.{'1'.zfill(decimals)}" if decimals else "1"


def venue_symbols(symbol: str) -> tuple[str, ...]:
    """The names by which Binance may know `symbol`: itself, or what a unified symbol stands for."""
    pair, _, settle = symbol.upper().partition(":")
    if "/" not in pair:
        return (symbol.upper(),)
    base, _, quote = pair.partition("/")
    return (f"{base}{quote}_PERP",) if settle and settle == base else (f"{base}{quote}",)
