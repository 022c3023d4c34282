"""Runs the strategy plugin: callbacks guarded, swaps between two events, roll-back when it raises."""
from libc.stdint cimport int64_t, uint8_t, uint64_t

from mmbot._core.market cimport Market
from mmbot._core.quoting cimport QuoteSet
from mmbot._core.strategy cimport Fill, OrderView, Strategy


cpdef enum HostState:
    IDLE = 0                # no plugin yet
    RUNNING = 1
    FAILED = 2              # it raised and there was nothing to go back to: its quotes are pulled
    STOPPED = 3


cdef class PluginHost:
    cdef readonly Strategy active, previous, shadow     # the last two: None unless there is one
    cdef bint hears_book, hears_trade                   # whether the active one has such callbacks
    cdef object book_method, trade_method               # and these, where they are Python's; else None
    cdef readonly int state                             # HostState
    cdef readonly bint rollback                         # policy: go back to the previous plugin on an exception
    cdef readonly str name, previous_name, shadow_name
    cdef readonly list failures                         # texts of exceptions, taken by the engine
    cdef readonly uint64_t swaps, rollbacks, raised
    cdef readonly uint64_t shadow_events, shadow_differences
    cdef int64_t shadow_until_ns
    cdef int64_t now_ns
    cdef tuple markets
    cdef int n_markets                                  # of the engine
    cdef bint[64] sees                                  # by market index
    cdef uint8_t[64] inherited                          # by market index: the quotes are a predecessor's
    cdef int64_t inherited_until_ns                     # INT64_MAX: there are none

    cdef inline bint runs(self) noexcept:
        return self.state == 1
    cdef void on_book(self, Market market) noexcept
    cdef void on_trade(self, Market market, int side, int64_t price_ticks, int64_t qty_lots) noexcept
    cdef void on_order(self, Market market, OrderView order) noexcept
    cdef void on_fill(self, Market market, Fill fill) noexcept
    cdef void on_funding(self, Market market, int64_t amount_e8) noexcept
    cdef void on_time(self, int64_t now_ns) noexcept
    cdef void stop(self) noexcept
    cdef void restart(self) noexcept
    cdef const QuoteSet* wanted(self, int market) noexcept     # NULL: the plugin has not said, or has failed
    cdef bint has_spoken(self, int market) noexcept         # what `take_changed` would say
    cdef bint take_changed(self, int market) noexcept
    cdef uint64_t all_changed(self) noexcept                # a bit for each market that it would say yes to
    cdef void _failed(self, Strategy culprit, str where, object error) noexcept
    cdef void _compare(self, int market) noexcept
    cdef void _complain(self, str text) noexcept
    cdef void _switch(self) noexcept
    cdef void _listen(self, Strategy plugin, str name) noexcept
    cdef void _roll_back(self) noexcept
    cdef void _disinherit(self) noexcept
    cdef dict _state_of(self, Strategy old)
    cdef tuple _both(self)
    cdef int _try(self, Strategy candidate, dict state) except -1
