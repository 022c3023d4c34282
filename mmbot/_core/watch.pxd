"""Watches what the session limits are about, and does what the risk level asks for."""
cimport cython
from libc.stdint cimport int64_t

from mmbot._core.execution cimport Execution
from mmbot._core.hedges cimport Hedges
from mmbot._core.limits cimport SessionLimits
from mmbot._core.market_data cimport MarketData
from mmbot._core.notes cimport Notes
from mmbot._core.quoter cimport Quoter
from mmbot._core.venue_states cimport VenueStates
from mmbot._core.wallets cimport Wallets


@cython.final
cdef class Watch:
    cdef readonly tuple markets
    cdef readonly SessionLimits limits
    cdef readonly double flatten_slippage           # fraction of the touch that a flattening order may pay
    # distances from liquidation, as fractions of the price; 0: not watched
    cdef readonly double near_distance, close_distance
    cdef Execution execution
    cdef Hedges hedges
    cdef MarketData market_data
    cdef Quoter quoter
    cdef VenueStates venues
    cdef Wallets wallets
    cdef Notes notes

    cdef void money(self, int64_t now_ns) noexcept          # PnL and margin at present prices
    cdef void margin(self, int64_t now_ns) noexcept         # what backs positions, and how far liquidation is
    cdef void time(self, int64_t now_ns) noexcept           # backlogs, feed latency, cool-downs
    cdef void obey(self) noexcept                           # report transitions, and do what the level asks for
    cdef void _flatten(self) noexcept
