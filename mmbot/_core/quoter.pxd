"""From what the plugin wants to what is working: as far as the state of the session allows it."""
cimport cython
from libc.stdint cimport int64_t, uint8_t

from mmbot._core.execution cimport Execution
from mmbot._core.gate cimport MAX_MARKETS
from mmbot._core.hedges cimport Hedges
from mmbot._core.host cimport PluginHost
from mmbot._core.limits cimport SessionLimits
from mmbot._core.market cimport Market
from mmbot._core.quoting cimport QuoteSet
from mmbot._core.venue_states cimport VenueStates


@cython.final
cdef class Quoter:
    cdef readonly tuple markets
    cdef readonly bint patient                      # orders follow declarations only; see `act`
    cdef Execution execution
    cdef PluginHost host
    cdef SessionLimits limits
    cdef Hedges hedges
    cdef VenueStates venues
    cdef uint8_t[MAX_MARKETS] dirty, paused         # by market; dirty: wanted and working may differ
    cdef QuoteSet nothing, reduced, cleared

    cdef void work(self, Market market) noexcept    # bring a market's orders in line, if they may be out of it
    cdef void follow(self, Market market) noexcept  # the same, and that of others about which the plugin has spoken
    cdef void work_all(self) noexcept
    cdef void mark(self, int market) noexcept       # look at it again, whether the plugin speaks or not
    cdef void mark_all(self) noexcept
    cdef void mark_venue(self, int venue) noexcept
    cdef void act(self, int64_t now_ns) noexcept    # patient: only once the plugin has spoken, and hedges after it
    cdef const QuoteSet* _allowed(self, Market market) noexcept
    cdef const QuoteSet* _reducing(self, const QuoteSet* wanted, int64_t held_lots) noexcept
