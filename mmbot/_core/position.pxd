"""A position of one market, exact: signed lots, cost, realised PnL, fees and funding.

Everything is kept in *value units* of the market, in which a trade of ``lots`` (signed) at ``price_ticks`` is worth

* linear and spot: ``price_ticks * lots`` (tick-lots; exact);
* inverse: ``-lots * 10**18 / price_ticks``, rounded half to even (1e-18 lots per tick; at most half a unit a trade).

In both, ``PnL = value(exit) - value(entry)``. A value unit is ``e8_num / e8_den`` of 1e-8 of the asset the market pays
in (linear: quote, inverse: base).
"""
cimport cython
from libc.stdint cimport int32_t, int64_t

from mmbot._core.exact cimport int128
from mmbot._core.types cimport DecimalUnit, Instrument

cdef enum:
    MAX_ASSETS = 32             # size of every per-asset fee table; indices as in `OrderUpdate.fee_asset`


cdef struct ValueUnit:          # what one value unit of a market is worth
    int64_t e8_num              # 1e-8 settle asset per value unit = e8_num / e8_den, in lowest terms
    int64_t e8_den
    double to_asset             # the same as a float, settle asset per value unit: for estimates only
    int32_t inverse


cdef int value_unit_of(Instrument instrument, ValueUnit* unit) except -1

cdef int128 value_of(const ValueUnit* unit, int64_t price_ticks, int64_t lots) noexcept nogil


@cython.final
cdef class Position:
    cdef ValueUnit unit
    cdef DecimalUnit tick
    cdef readonly int64_t lots              # signed: > 0 long, < 0 short
    cdef readonly int64_t fills             # fills applied
    cdef readonly int64_t traded_lots       # sum of quantities of all fills
    cdef int128 cost                        # value of the open lots at their entry, same sign rule as `value_of`
    cdef int128 realized                    # value units, fees and funding apart
    cdef readonly int64_t funding_e8        # > 0 received, < 0 paid
    cdef int64_t[MAX_ASSETS] fees_e8        # by fee asset; > 0 paid, < 0 rebate

    # 0, or -1 when refused with nothing changed: quantity or price not positive, side not 0/1, or anything above 2**53.
    cdef int apply_fill(self, int side, int64_t price_ticks, int64_t qty_lots) noexcept nogil
    # 0, or -1 when the asset is outside the table (nothing changed).
    cdef int apply_fee(self, int asset, int64_t fee_e8) noexcept nogil
    cdef void apply_funding(self, int64_t amount_e8) noexcept nogil
    # All in 1e-8 settle asset, rounded half to even; exact wherever e8_den == 1 (most linear markets).
    cdef int64_t realized_e8(self) noexcept nogil
    cdef int64_t unrealized_e8(self, int64_t mark_ticks) noexcept nogil
    cdef int64_t total_e8(self, int64_t mark_ticks) noexcept nogil      # realised + unrealised, rounded once
    cdef int128 open_value(self, int64_t mark_ticks) noexcept nogil     # unrealised in value units; 0 without a mark
    cdef double entry_ticks(self) noexcept nogil                        # average entry; NaN when flat
    cdef object money(self, int128 value)                               # exact Decimal of a value
