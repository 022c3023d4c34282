"""An instrument as plain fields, as a tape's footer keeps it, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from mmbot._core.types import Instrument

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
