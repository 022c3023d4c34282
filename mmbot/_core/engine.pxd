"""The deterministic core: events in, commands out. One thread, no clock, no socket, no file, no randomness."""
cimport cython
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint64_t

from mmbot._core.eventlog cimport EventRing
from mmbot._core.execution cimport Execution
from mmbot._core.hedges cimport Hedges
from mmbot._core.host cimport PluginHost
from mmbot._core.latency cimport LatencyBoard
from mmbot._core.limits cimport SessionLimits
from mmbot._core.market cimport Market
from mmbot._core.market_data cimport MarketData
from mmbot._core.notes cimport Notes
from mmbot._core.order_flow cimport OrderFlow
from mmbot._core.quoter cimport Quoter
from mmbot._core.reconcile cimport Reconciler
from mmbot._core.types cimport OrderUpdate
from mmbot._core.venue_states cimport VenueStates
from mmbot._core.wallets cimport Wallets
from mmbot._core.watch cimport Watch


@cython.final
cdef class Engine:
    cdef readonly tuple markets             # Market, by index
    cdef readonly tuple groups              # HedgeGroup
    # what was given
    cdef readonly Execution execution
    cdef readonly PluginHost host
    cdef readonly SessionLimits limits
    cdef readonly Reconciler reconciler
    cdef readonly LatencyBoard latency
    cdef EventRing ring                     # None: a replay, or a bench without a journal
    # the parts, each below those after it
    cdef readonly Notes notes
    cdef readonly VenueStates venue_states
    cdef readonly Hedges hedges
    cdef readonly Wallets wallets
    cdef readonly MarketData market_data
    cdef readonly Quoter quoter
    cdef readonly Watch watch
    cdef readonly OrderFlow order_flow
    # state of its own
    cdef list outlets                       # callables by market; None: commands wait for `take`
    cdef readonly uint64_t seq              # number of the last event
    cdef readonly int64_t now_ns            # its time; never goes back
    cdef readonly bint wake_always          # the strategy hears of every message, not of changes of the touch alone

    # Events as compiled drivers give them; commands that wait then.
    cdef int frame(self, int feed, const char* p, Py_ssize_t n, int64_t recv_ns) except -1
    cdef int order(self, const OrderUpdate* update, int64_t ts_ns) except -1
    # One step: begins, touches markets, ends. `end` returns the commands that wait.
    cdef void begin(self, uint8_t kind, uint16_t source, int64_t ts_ns, const void* body, Py_ssize_t size) noexcept
    cdef void touched(self, Market market, bint was_trusted, int64_t t) noexcept
    cdef int end(self) except -1

    cdef Market _market(self, Py_ssize_t index)
    cdef void _set_trading(self, int venue, bint up, bint reconciled) noexcept
    cdef int _command(self, str op, dict command) except -1
    cdef void _plugin_failures(self) noexcept
    cdef void _heed(self) noexcept
