"""From a frame's bytes to a market's book, and what is done when a book has lost its thread."""
cimport cython
from libc.stdint cimport int32_t, int64_t, uint64_t

from mmbot._core.execution cimport Execution
from mmbot._core.gate cimport MAX_MARKETS
from mmbot._core.latency cimport LatencyBoard
from mmbot._core.market cimport Market
from mmbot._core.message cimport Decoded
from mmbot._core.notes cimport Notes
from mmbot._core.venue_states cimport VenueStates


cdef enum News:             # what a frame told
    NOTHING                 # of no market, or not understood
    MARK                    # mark price, index price and funding rate
    SAME_TOUCH              # a book message that left best prices and trust as they were
    TOUCH                   # they changed
    TRADE                   # `message` is one


@cython.final
cdef class MarketData:
    cdef readonly tuple markets, decoders           # Market by index, Decoder by feed
    cdef readonly uint64_t frames, bad_frames
    cdef readonly int64_t stale_ns                  # a book without a message for this long is not trusted
    cdef readonly int64_t latency_budget_ns         # of the way from venue to us; 0: not watched
    cdef Execution execution
    cdef LatencyBoard latency
    cdef VenueStates venues
    cdef Notes notes
    cdef Decoded message                            # of the last frame
    cdef int64_t lap_ns                             # ... when its book was done
    cdef Market market                              # ... the market it is of
    cdef bint was_trusted                           # ... and whether that was trusted before
    cdef tuple feeds                                # venue of each feed
    cdef set up                                     # feeds that are
    cdef bint[MAX_MARKETS] can_follow               # by market: all sockets of its venue are up
    cdef int32_t[MAX_MARKETS] first_feed            # by market: a feed whose decoder knows it
    cdef int64_t[MAX_MARKETS] asked_ns              # by market: the latest snapshot asked for
    cdef int32_t[MAX_MARKETS] asks                  # ... and how many in a row
    cdef int64_t messages, slow, slowest_ns         # since the last look at the budget

    cdef News frame(self, int feed, const char* p, Py_ssize_t n, int64_t recv_ns, int64_t now_ns, int64_t t) noexcept
    cdef void snapshot(self, Market market, const char* p, Py_ssize_t n, int64_t now_ns) noexcept
    cdef void feed_changed(self, Market market, bint up, int64_t now_ns) noexcept
    cdef int note_feed(self, int feed, bint up) except -1
    cdef bint completes(self, int feed, Market market) noexcept
    cdef bint grew_stale(self, Market market, int64_t now_ns) noexcept
    cdef void ask_snapshot(self, Market market, int64_t now_ns) noexcept        # when the book needs one
    cdef int64_t oldest_ns(self, int64_t now_ns) noexcept                       # age of the worst maker market's book
    # The value of a look at the budget, 0 when it was kept; -1: too few messages since the last look.
    cdef int64_t over_budget_ns(self) noexcept
    cdef void _time_frame(self, int64_t latency_ns) noexcept
