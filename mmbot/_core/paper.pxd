"""A modelled venue for one market: its book, our orders in it, and what it answers.

It is fed our requests when they arrive there; what the market does to our orders is in `resting.pxd`.
"""
from libc.stdint cimport int8_t, int64_t

from mmbot._core.resting cimport MAX_WALK, Answer, PaperOrder, RestingOrders
from mmbot._core.types cimport Command, Level


cpdef enum SelfTrade:           # a taking order of ours that meets a resting one
    IGNORED = 0                 # neither sees the other
    EXPIRE_MAKER = 1            # the resting one goes
    EXPIRE_TAKER = 2            # the taking one goes


cdef class PaperMarket(RestingOrders):
    # -- our requests, when they arrive; `id` is the venue's number of a new order
    cdef void request(self, const Command* command, int64_t id, int64_t exch_ns) noexcept nogil
    # A request that never arrives, which we know when `due_ns` comes.
    cdef void refuse(self, const Command* command, int64_t id, int64_t due_ns) noexcept nogil
    # The venue closes the position at the book's best and cancels every order.
    cdef void liquidate(self, int64_t exch_ns) noexcept nogil
    # A MARK batch of a tape. A new settlement time means that the one before has just been settled.
    cdef int mark(self, const Level* levels, int64_t exch_ns) except -1
    cdef int64_t mark_e8, rate_e12, next_funding_ns

    cdef void _place(self, const Command* command, int64_t id, int64_t exch_ns) noexcept nogil
    cdef void _amend(self, const Command* command, int64_t exch_ns) noexcept nogil
    cdef void _arrive(self, PaperOrder* order, int8_t request, int64_t exch_ns) noexcept nogil
    cdef void _end(self, const PaperOrder* order, int8_t request, int64_t exch_ns) noexcept nogil
    cdef bint _crosses(self, int side, int64_t price_ticks) noexcept nogil
    cdef bint _meets_own(self, const PaperOrder* order) noexcept nogil
    cdef bint _gives_way(self, const PaperOrder* order, int64_t exch_ns) noexcept nogil
    cdef Py_ssize_t _standing(self, int side, int64_t until_ticks, Level* levels) noexcept nogil
    cdef void _take(self, PaperOrder* order, int64_t exch_ns) noexcept nogil
