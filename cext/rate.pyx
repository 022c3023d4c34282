"""Message budgets; see ``rate.pxd`` for the contract."""

from libc.stdint cimport INT64_MAX
from libc.stdlib cimport calloc, free


cdef void _forget_old(RateWindow* window, int64_t ts_ns) noexcept nogil:
    """Drops the units that have left the window."""
    while window.count and window.stamps[window.first] + window.window_ns <= ts_ns:
        window.first = window.first + 1 if window.first + 1 < window.limit else 0
        window.count -= 1


cdef void _add(RateWindow* window, int32_t weight, int64_t ts_ns) noexcept nogil:
    cdef int32_t index = window.first + window.count
    cdef int32_t _unit
    for _unit in range(weight):
        if window.count == window.limit:
            return
        if index >= window.limit:
            index -= window.limit
        window.stamps[index] = ts_ns
        window.count += 1
        index += 1


cdef inline int32_t _share(const RateWindow* window, bint is_cancel) noexcept nogil:
    """The weight that this kind of message may bring the window to."""
    return window.limit if is_cancel else window.limit - window.reserved


cdef class RateBudget:
    """Message budgets of one account, in one or more sliding windows.

    Args:
        windows: one `(limit, window_ns, reserved, counts_cancels)` each: weight allowed in any window of that length,
            how much of it only cancels may use, and whether the venue counts cancels there at all.

    Raises:
        ValueError: no window, too many, or a value out of range.
    """

    def __cinit__(self, windows: list[tuple[int, int, int, bool]]):
        cdef RateWindow* window
        if not 1 <= len(windows) <= MAX_WINDOWS:
            raise ValueError(f"RateBudget: expected 1 to {MAX_WINDOWS} windows, found {len(windows)}")
        for limit, window_ns, reserved, counts_cancels in windows:
            if limit < 1 or window_ns < 1 or not 0 <= reserved < limit:
                raise ValueError("RateBudget: expected limit >= 1, window_ns >= 1 and 0 <= reserved < limit, found "
                                 f"{limit}, {window_ns}, {reserved}")
            window = &self.windows[self.n_windows]
            window.limit, window.window_ns, window.reserved = limit, window_ns, reserved
            window.counts_cancels = bool(counts_cancels)
            window.stamps = <int64_t*>calloc(window.limit, sizeof(int64_t))
            if window.stamps == NULL:
                raise MemoryError
            self.n_windows += 1

    def __dealloc__(self):
        cdef int32_t index
        for index in range(self.n_windows):
            free(self.windows[index].stamps)

    cdef void _advance(self, int64_t ts_ns) noexcept nogil:
        cdef int32_t index
        if ts_ns > self.now_ns:
            self.now_ns = ts_ns
        for index in range(self.n_windows):
            _forget_old(&self.windows[index], self.now_ns)

    cpdef bint take(self, int32_t weight, bint is_cancel, int64_t ts_ns) noexcept nogil:
        """Uses up weight in every window that counts the message; False, and nothing used, when one has too little."""
        cdef int32_t index
        cdef RateWindow* window
        if self.available(is_cancel, ts_ns) < weight:
            self.refused += 1
            return False
        for index in range(self.n_windows):
            window = &self.windows[index]
            if window.counts_cancels or not is_cancel:
                _add(window, weight, self.now_ns)
        return True

    cpdef int32_t available(self, bint is_cancel, int64_t ts_ns) noexcept nogil:
        """The weight that could be taken now; 2147483647 when nothing limits it."""
        cdef int32_t index, free_now, least = 0x7FFFFFFF
        cdef RateWindow* window
        self._advance(ts_ns)
        if self.now_ns < self.blocked_until_ns:
            return 0
        for index in range(self.n_windows):
            window = &self.windows[index]
            if window.counts_cancels or not is_cancel:
                free_now = _share(window, is_cancel) - window.count
                least = free_now if free_now < least else least
        return least if least > 0 else 0

    cpdef int64_t ready_ns(self, int32_t weight, bint is_cancel, int64_t ts_ns) noexcept nogil:
        """The earliest time at which `take` succeeds if nothing else is taken; 2**63 - 1: never, it is too much."""
        cdef int32_t index, excess, place
        cdef int64_t ready, at_ns
        cdef RateWindow* window
        self._advance(ts_ns)
        ready = self.now_ns if self.now_ns > self.blocked_until_ns else self.blocked_until_ns
        for index in range(self.n_windows):
            window = &self.windows[index]
            if is_cancel and not window.counts_cancels:
                continue
            if weight > _share(window, is_cancel):
                return INT64_MAX
            excess = weight + window.count - _share(window, is_cancel)
            if excess > 0:      # the excess-th oldest unit must have left
                place = window.first + excess - 1
                if place >= window.limit:
                    place -= window.limit
                at_ns = window.stamps[place] + window.window_ns
                ready = at_ns if at_ns > ready else ready
        return ready

    cpdef void sync(self, int32_t index, int32_t used, int64_t ts_ns) noexcept nogil:
        """Takes in the venue's own count of a window. A smaller one is ignored: it may lack our latest messages."""
        cdef RateWindow* window
        if index < 0 or index >= self.n_windows:
            return
        self._advance(ts_ns)
        window = &self.windows[index]
        if used > window.count:
            _add(window, used - window.count, self.now_ns)

    cpdef void block_until(self, int64_t until_ns) noexcept nogil:
        """Nothing at all may be sent before that time (HTTP 429 or 418); an end before the present one is ignored."""
        if until_ns > self.blocked_until_ns:
            self.blocked_until_ns = until_ns
