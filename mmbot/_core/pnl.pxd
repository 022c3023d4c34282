"""Where the money came from: total PnL of one market split into parts that add up to it exactly.

* spread: our passive (quote) fills, against the mid at the fill;
* hedge: hedge and flattening fills, against the mid at the fill;
* inventory: moves of the mid on what was held;
* fees and funding.

The price parts are kept in half value units (see `position`; the mid is ``bid + ask``, in half ticks), and telescope:
what one part gains by rounding (inverse contracts) the next one loses, so ``spread + hedge + inventory`` always equals
cash and the value held at the mid.
"""
cimport cython
from libc.stdint cimport int64_t

from mmbot._core.exact cimport int128
from mmbot._core.position cimport MAX_ASSETS, ValueUnit


@cython.final
cdef class PnlAttribution:
    cdef ValueUnit unit                     # of a whole value unit
    cdef readonly int64_t lots
    cdef readonly int64_t mid_x2            # bid + ask at the last valuation; 0: none yet
    cdef int128 cash, held                  # half value units: cash from trades; value of `lots` at `mid_x2`
    cdef int128 spread, hedge, inventory
    cdef readonly int64_t settle_asset      # fee-table index of the asset the market pays in
    cdef readonly int64_t fees_e8           # paid, settle asset, foreign assets converted at the rate of their moment
    cdef readonly int64_t funding_e8        # received
    cdef int64_t[MAX_ASSETS] rate_e8        # 1e-8 settle asset per unit of the fee asset; 0: not known
    cdef int64_t[MAX_ASSETS] apart_e8       # fees that could not be converted, by asset

    # mid_x2 = bid_ticks + ask_ticks; 0: not known, the last one stands (the very first: the fill's own price).
    # `purpose` is types.Purpose. 0, or -1 when refused with nothing changed (as `Position.apply_fill`).
    cdef int on_fill(self, int side, int64_t price_ticks, int64_t qty_lots, int64_t mid_x2, int purpose) noexcept nogil
    cdef void on_mid(self, int64_t mid_x2) noexcept nogil       # revalue; needed before reading only, not at each tick
    cdef int on_fee(self, int asset, int64_t fee_e8) noexcept nogil      # -1: asset outside the table
    cdef void on_funding(self, int64_t amount_e8) noexcept nogil
    cdef void set_rate(self, int asset, int64_t rate_e8) noexcept nogil
    # 1e-8 settle asset, each rounded half to even once
    cdef int64_t spread_e8(self) noexcept nogil
    cdef int64_t hedge_e8(self) noexcept nogil
    cdef int64_t inventory_e8(self) noexcept nogil
    cdef int64_t total_e8(self) noexcept nogil                  # after fees and funding
    cdef int64_t half_e8(self, int128 halves) noexcept nogil
    cdef object money(self, int128 halves)                      # exact Decimal of half value units
