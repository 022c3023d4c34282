"""An instrument as plain fields, as a tape's footer keeps it, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from mmbot._core.types import Instrument
from mmbot.errors import TapeError

if TYPE_CHECKING:
    from pathlib import Path

DESCRIPTION: Final = "market.json"
"""Beside the files of a recorded market: the instrument as the venue described it when the recording began."""

FIELDS: Final = (
    "venue",
    "symbol",
    "venue_symbol",
    "base_asset",
    "quote_asset",
    "settle_asset",
    "tick_size",
    "lot_size",
    "contract_size",
    "perpetual",
    "inverse",
    "amend_keeps_priority",
    "amend_any",
    "min_qty_lots",
    "max_qty_lots",
    "min_price_ticks",
    "max_price_ticks",
    "min_notional_e8",
    "max_open_orders",
    "maker_fee",
    "taker_fee",
)
"""What `Instrument` is constructed with."""


def instrument_fields(instrument: Instrument) -> dict[str, Any]:
    """Every field that makes `instrument`: ``Instrument(**instrument_fields(x))`` is its equal."""
    return {name: getattr(instrument, name) for name in FIELDS}


def described_instrument(folder: Path) -> Instrument | None:
    """The instrument that a recorder wrote beside its files; None: it did not.

    Raises:
        TapeError: the description is damaged.
        OSError: it cannot be read.
    """
    path = folder / DESCRIPTION
    if not path.is_file():
        return None
    try:
        return Instrument(**msgspec.json.decode(path.read_bytes())["instrument"])
    except (msgspec.MsgspecError, KeyError, TypeError, ValueError) as error:
        raise TapeError(f"{path}: expected an instrument: {error}") from error
