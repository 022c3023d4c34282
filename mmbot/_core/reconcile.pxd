"""Compares what we believe with what the venue says: open orders and holdings."""
from libc.stdint cimport int8_t, int32_t, int64_t, uint64_t

from mmbot._core.execution cimport Execution
from mmbot._core.gate cimport MAX_MARKETS
from mmbot._core.market cimport Market
from mmbot._core.types cimport OrderEvent


cdef class Reconciler:
    cdef Execution execution
    cdef readonly tuple markets
    cdef uint64_t[MAX_MARKETS] activity         # event number of the last fill of each market
    cdef int64_t[MAX_MARKETS] baseline_e8       # holding from before this bot's book-keeping; inverse: contracts
    cdef int8_t[MAX_MARKETS] has_baseline
    cdef int32_t[MAX_MARKETS] mismatches        # in a row
    cdef int64_t[MAX_MARKETS] _difference       # found by the last look
    cdef uint64_t[MAX_MARKETS] _looked          # event number of the last look
    cdef readonly int64_t mismatch              # largest difference confirmed by a second look; 0: all add up
    cdef readonly uint64_t rounds, inconclusive, suspected, orphans
    cdef readonly uint64_t strays               # of ours, open at the venue though we hold them for ended

    cdef void touch(self, int32_t market, uint64_t event_seq) noexcept nogil
    cdef int64_t expected(self, Market market) noexcept
    cdef int _listed_order(self, OrderEvent event, int64_t asked_ns, int64_t ts_ns, set listed, list notes) except -1
    cdef bint _adopt(self, Market market, int64_t amount, object entry_price, list notes) except -1
    cdef int _missing_orders(self, Market market, set listed, int64_t asked_ns, int64_t ts_ns, list notes) except -1
    cdef bint _holding(self, Market market, int64_t amount, object entry_price, uint64_t asked, list notes) except -1
