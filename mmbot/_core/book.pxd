"""The L2 book of one market: a tick ladder a side around the touch, a sorted overflow for far levels."""
from libc.stdint cimport int64_t

from mmbot._core.ladder cimport Ladder
from mmbot._core.types cimport Level


cdef enum:
    BOOK_DEFAULT_WINDOW = 4096
    BOOK_MAX_WINDOW = 131072


cdef class Book:
    """One market's L2 book; sides are `Side` (BUY=0: bids, SELL=1: asks). A side with 0 lots at the best is empty."""
    # Current after every call; ticks are 0 when the lots are.
    cdef readonly int64_t best_bid_ticks, best_bid_lots
    cdef readonly int64_t best_ask_ticks, best_ask_lots
    cdef Ladder sides[2]

    # One absolute quantity; 0 removes, and removing what is not there is normal. O(1) inside the window.
    cdef void set_level(self, int side, int64_t price_ticks, int64_t qty_lots) noexcept nogil
    cdef void apply(self, int side, const Level* levels, Py_ssize_t n) noexcept nogil
    # As `apply`, but what crosses is taken as news: the other side's best steps back behind it, and the levels passed
    # stay stored until the venue removes them.
    cdef void apply_stepping(self, int side, const Level* levels, Py_ssize_t n) noexcept nogil
    # Removes every level from the side's best to `price_ticks` (0: all of the side).
    cdef void clear_to(self, int side, int64_t price_ticks) noexcept nogil
    cdef void clear(self) noexcept nogil
    # The best `n` levels, best first; the number written.
    cdef Py_ssize_t depth(self, int side, Level* out, Py_ssize_t n) noexcept nogil
    cdef void _set_best(self, int side, int64_t best) noexcept nogil
    cdef int64_t best_key(self, int side) noexcept nogil    # the ladder's own: ticks, negated for asks
    cdef int64_t qty_at(self, int side, int64_t price_ticks) noexcept nogil
    # Lots of `side` at `price_ticks` or better.
    cdef int64_t lots_through(self, int side, int64_t price_ticks) noexcept nogil
    # Mean price, in ticks, of taking `qty_lots` out of `side`; NaN when the side holds less.
    cdef double vwap_ticks(self, int side, int64_t qty_lots) noexcept nogil
    # |vwap - best| in ticks: what taking `qty_lots` costs beyond the touch; NaN when the side holds less.
    cdef double impact_ticks(self, int side, int64_t qty_lots) noexcept nogil
    # (bids - asks) / (bids + asks) over the best `n` levels a side, -1..1; NaN when both are empty.
    cdef double imbalance(self, Py_ssize_t n) noexcept nogil
    # (bid * ask_lots + ask * bid_lots) / (bid_lots + ask_lots), in ticks; NaN unless both sides have a level.
    cdef double microprice_ticks(self) noexcept nogil
    # (bid + ask) / 2, in ticks; NaN unless both sides have a level.
    cdef double mid_ticks(self) noexcept nogil
    # Both sides have a level and bid >= ask.
    cdef bint is_crossed(self) noexcept nogil
    # An allocation failed since the last `clear`: the book is not complete.
    cdef bint is_incomplete(self) noexcept nogil
