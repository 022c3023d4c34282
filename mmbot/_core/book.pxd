"""The L2 book of one market: a tick ladder a side around the touch, a sorted overflow for far levels."""
from libc.stdint cimport int32_t, int64_t, uint64_t

from mmbot._core.types cimport Level


cdef enum:
    BOOK_DEFAULT_WINDOW = 4096
    BOOK_MAX_WINDOW = 131072


cdef struct Ladder:
    # The window: ticks [low, low + mask], slot = ticks & mask. Holds the best level whenever the side is not empty.
    int64_t* lots           # quantity of each slot, 0 = no level
    uint64_t* words         # occupancy, a bit a slot
    uint64_t* summary       # a bit a word; may be set for an empty word, never clear for an occupied one
    int64_t low
    int64_t mask            # slots - 1
    int64_t max_slots       # what the window may be widened to
    int64_t far_work        # messages about far levels since it was last widened
    # The overflow: every level worse than the window, the nearest to the touch last.
    Level* far
    int32_t n_far, far_capacity
    int32_t bid             # 1: the best is the highest price; 0: the lowest
    int32_t lost            # 1: an allocation failed and a far level could not be kept


cdef class Book:
    """One market's L2 book; sides are `Side` (BUY=0: bids, SELL=1: asks). A side with 0 lots at the best is empty."""
    # Current after every call; ticks are 0 when the lots are.
    cdef readonly int64_t best_bid_ticks, best_bid_lots
    cdef readonly int64_t best_ask_ticks, best_ask_lots
    cdef Ladder sides[2]

    # One absolute quantity; 0 removes, and removing what is not there is normal. O(1) inside the window.
    cdef void set_level(self, int side, int64_t price_ticks, int64_t qty_lots) noexcept nogil
    cdef void apply(self, int side, const Level* levels, Py_ssize_t n) noexcept nogil
    cdef void clear(self) noexcept nogil
    # The best `n` levels, best first; the number written.
    cdef Py_ssize_t depth(self, int side, Level* out, Py_ssize_t n) noexcept nogil
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
