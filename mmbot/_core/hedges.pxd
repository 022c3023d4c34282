"""All hedge groups of an engine, found by market."""
cimport cython
from libc.stdint cimport int32_t, int64_t

from mmbot._core.gate cimport MAX_MARKETS
from mmbot._core.hedge cimport HedgeGroup


@cython.final
cdef class Hedges:
    cdef readonly tuple groups                      # HedgeGroup
    cdef int32_t[MAX_MARKETS] group_of              # by market: index of its group; -1: none
    cdef bint[MAX_MARKETS] is_hedge                 # by market: others are hedged on it

    cdef inline HedgeGroup of(self, int market):    # None: nothing hedges it
        return <HedgeGroup>self.groups[self.group_of[market]] if self.group_of[market] >= 0 else None
    # Side on which the market's quotes make way for a hedge that is about to cross it; -1: neither.
    cdef int clearing_side(self, int market) noexcept
    cdef void price(self, int market) noexcept      # its book, trust or funding changed: what hedging costs now
    cdef void step(self, int market, int64_t now_ns) noexcept           # hedge what is open in its group
    cdef void wake(self, int64_t now_ns) noexcept                       # a venue came or went
    cdef void on_time(self, int64_t now_ns) noexcept
    cdef int64_t worst_backlog_ns(self, int64_t now_ns) noexcept        # age; one above its size limit is overdue
    cdef int64_t worst_down_ns(self, int64_t now_ns) noexcept           # longest time without a market to hedge on
    cdef void step_held(self, int64_t now_ns) noexcept                  # of groups that act only when they are told to
    cdef list aim(self, dict targets, int64_t now_ns)                   # base asset -> delta; assets nobody hedges
