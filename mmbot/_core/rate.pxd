"""Message budgets: several windows at once, a share only cancels may use, and the venue's own count as the truth."""
cimport cython
from libc.stdint cimport int8_t, int32_t, int64_t


cdef enum:
    MAX_WINDOWS = 6


cdef struct RateWindow:
    int64_t window_ns
    int32_t limit               # weight allowed in any window of that length
    int32_t reserved            # of that, for cancels alone
    int32_t first, count        # ring of units taken, oldest first; count is the weight used now
    int8_t counts_cancels       # 0: cancels are free here (Binance's order counts)
    int64_t* stamps             # [limit] time of each unit taken


@cython.final
cdef class RateBudget:
    """Sliding windows, exact: at most `limit` in any `window_ns`, so a venue's fixed windows are kept as well.

    Time is what the caller passes; it may not go backwards (if it does, it counts as standing still).
    """
    cdef RateWindow windows[MAX_WINDOWS]
    cdef readonly int32_t n_windows
    cdef readonly int64_t blocked_until_ns
    cdef readonly int64_t refused           # takes that found no budget
    cdef int64_t now_ns

    # 0: not now; nothing is used then
    cpdef bint take(self, int32_t weight, bint is_cancel, int64_t ts_ns) noexcept nogil
    # weight that could be taken now
    cpdef int32_t available(self, bint is_cancel, int64_t ts_ns) noexcept nogil
    # earliest time `take` succeeds
    cpdef int64_t ready_ns(self, int32_t weight, bint is_cancel, int64_t ts_ns) noexcept nogil
    # The venue's count of window `index` (such as X-MBX-ORDER-COUNT-10S): raises ours when the venue has seen more.
    cpdef void sync(self, int32_t index, int32_t used, int64_t ts_ns) noexcept nogil
    # HTTP 429/418: nothing at all before, cancels included
    cpdef void block_until(self, int64_t until_ns) noexcept nogil

    cdef void _advance(self, int64_t ts_ns) noexcept nogil
