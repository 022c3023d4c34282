"""Maintenance margin by tiers, and the liquidation price: pure functions over C structs.

Amounts are floats in units of the asset the margin is paid in (linear: quote, inverse: base): these are estimates of
what the venue will do, never entries of a ledger. Prices are floats in quote per base. NaN means "no such price".
`qty` is signed: base units for linear, quote units (contracts * contract size) for inverse.
"""
from libc.stdint cimport int32_t

cdef enum:
    MAX_TIERS = 32


cdef struct MarginTable:            # maintenance(notional) = notional * mmr[i] - cum[i] in tier i
    double[MAX_TIERS] floor         # notional where the tier begins, ascending, floor[0] = 0
    double[MAX_TIERS] mmr           # maintenance margin rate, a fraction
    double[MAX_TIERS] cum           # maintenance amount of the venue's table
    double[MAX_TIERS] max_leverage  # 0: not stated
    int32_t count                   # 0: no maintenance margin (spot)


cdef struct MarginAccount:          # what stands behind the position
    double wallet                   # cross: wallet balance; isolated: the position's own wallet
    double other_maintenance        # maintenance of all other positions in the same wallet (isolated: 0)
    double other_unrealized         # their unrealised PnL (isolated: 0)


cdef int tier_of(const MarginTable* table, double notional) noexcept nogil
cdef double maintenance_margin(const MarginTable* table, double notional) noexcept nogil
cdef double initial_margin(double notional, double leverage) noexcept nogil
cdef double liquidation_price(
    const MarginTable* table, const MarginAccount* account, double qty, double entry, bint inverse) noexcept nogil
# maintenance of everything / equity at `mark`: 1 or more is liquidation; infinity when equity <= 0 under a position.
cdef double margin_ratio(
    const MarginTable* table, const MarginAccount* account, double qty, double entry, double mark,
    bint inverse) noexcept nogil
# The same after a position of `qty` valued at `price` meets a move of `shock` (fraction, > 0) against it;
# `equity` is wallet and unrealised PnL of everything at `price`.
cdef double shocked_ratio(
    const MarginTable* table, double equity, double other_maintenance, double qty, double price, double shock,
    bint inverse) noexcept nogil


cdef class MarginTiers:
    """Python's handle on a `MarginTable`."""
    cdef MarginTable table
