"""What one order update sets off: table, books, hedge, plugin and counters."""
cimport cython
from libc.stdint cimport int32_t, int64_t, uint64_t

from mmbot._core.execution cimport Execution
from mmbot._core.gate cimport MAX_MARKETS
from mmbot._core.hedges cimport Hedges
from mmbot._core.host cimport PluginHost
from mmbot._core.latency cimport LatencyBoard
from mmbot._core.market cimport Market
from mmbot._core.notes cimport Notes
from mmbot._core.orders cimport ApplyResult, Order
from mmbot._core.reconcile cimport Reconciler
from mmbot._core.strategy cimport Fill
from mmbot._core.types cimport OrderUpdate
from mmbot._core.venue_states cimport VenueStates
from mmbot._core.watch cimport Watch


@cython.final
cdef class OrderFlow:
    cdef readonly tuple markets
    cdef readonly uint64_t fills, hedge_fills, acked, rejected, canceled, unknown, foreign
    cdef readonly list executions                   # Fill objects not yet taken; always the same list
    cdef readonly list ended                        # orders not yet taken, a dict each; always the same list
    cdef public bint keep_ended                     # somebody takes them
    cdef int64_t reject_streak
    cdef int32_t[MAX_MARKETS] settle_asset, base_asset      # by market
    cdef Execution execution
    cdef Hedges hedges
    cdef PluginHost host
    cdef LatencyBoard latency
    cdef Reconciler reconciler
    cdef VenueStates venues
    cdef Watch watch
    cdef Notes notes

    # False: the order is not ours, and nothing was done.
    cdef bint take(self, const OrderUpdate* update, uint64_t seq, int64_t now_ns) except -1
    cdef int funding(self, Market market, int64_t amount_e8, int64_t now_ns) except -1
    cdef void ask_overdue(self, int64_t now_ns) noexcept    # for every order whose answer is
    cdef Fill _book(self, Market market, const OrderUpdate* update, int64_t lots, int purpose, int64_t now_ns)
    cdef int _filled(
        self, Market market, const OrderUpdate* update, int64_t lots, const Order* order, int64_t now_ns) except -1
    cdef void _count(
        self, Market market, const OrderUpdate* update, const ApplyResult* result, const Order* order,
        int64_t now_ns) noexcept
    cdef void _moved(self, Market market, const ApplyResult* result, const Order* order, int64_t now_ns) noexcept
    cdef int64_t _unknown_orders(self) noexcept
