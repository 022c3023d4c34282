"""One side of a book: a window of ticks around the touch, and a sorted overflow for the levels beyond it.

Both sides are kept the same way by storing a level under its *key*: the price in ticks for bids, minus that for asks.
The best level is then always the highest key, and "worse" is always "lower". Who owns the ladder keeps the best key.
"""
from libc.stdint cimport int32_t, int64_t, uint64_t

from mmbot._core.types cimport Level


cdef extern from *:
    const int64_t NO_KEY "INT64_MIN"    # lower than every key: the side is empty


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


cdef int ladder_init(Ladder* side, int64_t slots, int64_t max_slots, int32_t bid) except -1
cdef void ladder_free(Ladder* side) noexcept nogil
# Forgets every level, in time proportional to the window's words and the levels there are.
cdef void ladder_clear(Ladder* side) noexcept nogil
# Sets absolute quantities (levels in prices, 0 lots removes); the best key after it.
cdef int64_t ladder_apply(Ladder* side, const Level* levels, Py_ssize_t n, int64_t best) noexcept nogil
cdef int64_t ladder_far_lots(const Ladder* side, int64_t key) noexcept nogil


cdef inline int64_t ladder_lots(const Ladder* side, int64_t key) noexcept nogil:
    """The quantity at a key, 0 when there is none."""
    if <uint64_t> (key - side.low) <= <uint64_t> side.mask:
        return side.lots[key & side.mask]
    return ladder_far_lots(side, key)


# The best key below `key`, which lies not above the window, brought into the window; NO_KEY: there is none.
cdef int64_t ladder_step(Ladder* side, int64_t key) noexcept nogil
# The next key below `key`: the window's, then the overflow's; NO_KEY at the end. Start with far_left = n_far.
cdef int64_t ladder_next(const Ladder* side, int64_t key, int32_t* far_left) noexcept nogil
# The best `n` levels, best first, in prices; the number written.
cdef Py_ssize_t ladder_depth(const Ladder* side, int64_t best, Level* out, Py_ssize_t n) noexcept nogil
# Lots at key `limit` and above.
cdef int64_t ladder_through(const Ladder* side, int64_t best, int64_t limit) noexcept nogil
# Lots of the best `n` levels.
cdef double ladder_sum(const Ladder* side, int64_t best, Py_ssize_t n) noexcept nogil
# Mean distance from the best, in ticks, of taking `qty_lots`; NaN when there are fewer.
cdef double ladder_slip(const Ladder* side, int64_t best, int64_t qty_lots) noexcept nogil
