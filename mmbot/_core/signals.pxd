"""Market signals of one market, incremental: O(1) an event, no clock (time is the events' own), no allocation.

Feed every book change (`on_book`, and `on_depth` if levels beyond the touch count) and every market trade
(`on_trade`). Each result is a field, NaN while not known yet, so a compiled plugin reads it at the cost of a load.

Mid changes and trade depths are sampled on a 100 ms grid aligned to UTC. A pause of more than 60 s between
events counts as an outage: it adds no samples.
"""
cimport cython
from libc.stdint cimport int32_t, int64_t

from mmbot._core.types cimport Level

cdef enum:
    SAMPLE_NS = 100_000_000
    MAX_DEPTH_HALF_TICKS = 1023     # deeper trades count as this deep
    FIT_EVERY = 50                  # samples between two fits of intensity and k: 5 s


cdef struct Sample:                 # one 100 ms interval
    int32_t change_half_ticks       # of the mid, over the interval
    int32_t depth_half_ticks        # of its deepest market trade from the mid before it; 0: none


@cython.final
cdef class Signals:
    # touch
    cdef readonly double mid_ticks
    # weighted mid: I*ask + (1-I)*bid, I = bid_qty / (bid_qty + ask_qty); not the fitted micro-price of S. Stoikov, 2018
    cdef readonly double microprice_ticks
    cdef readonly double imbalance              # (bid_qty - ask_qty) / (bid_qty + ask_qty) at the touch, -1 .. 1
    cdef readonly double depth_imbalance        # the same over the levels last given to `on_depth`, or their totals
    # volatility, ticks per sqrt(second)
    cdef readonly double volatility             # exponentially weighted
    cdef readonly double realised_volatility    # standard deviation over the window
    # market orders of both sides: arrivals per second deeper than d ticks from the mid ~ intensity * exp(-k * d)
    cdef readonly double intensity
    cdef readonly double k
    # trade flow, as of the last trade
    cdef readonly double flow_lots_per_s        # signed: > 0, buyers take more
    cdef readonly double volume_lots_per_s
    # settings
    cdef readonly double half_life_s, flow_half_life_s, window_s, fit_depth_ticks
    # accumulators
    cdef readonly int64_t samples               # 100 ms intervals in the window
    cdef int64_t _mid_half_ticks, _sampled_half_ticks       # now, and at the end of the last interval; 0: none yet
    cdef int64_t _last_ns, _next_sample_ns, _trade_ns
    cdef int64_t _change_sum, _change_square_sum            # over the window, half ticks
    cdef int64_t _capacity, _position, _until_fit
    cdef double _decay, _variance, _variance_weight         # of the squared change per interval
    cdef double _flow_rate, _signed_lots, _total_lots
    cdef int32_t _deepest_half_ticks, _fit_half_ticks
    cdef int32_t _depth_counts[MAX_DEPTH_HALF_TICKS + 1]
    cdef Sample* _ring

    cpdef void on_book(
        self, int64_t bid_ticks, int64_t bid_lots, int64_t ask_ticks, int64_t ask_lots, int64_t ts_ns,
    ) noexcept nogil
    cpdef void on_mid(self, int64_t mid_half_ticks, int64_t ts_ns) noexcept nogil      # mid_half_ticks = bid + ask
    cdef void on_depth(self, const Level* bids, int n_bids, const Level* asks, int n_asks) noexcept nogil
    cpdef void set_depth_imbalance(self, int64_t bid_lots, int64_t ask_lots) noexcept nogil
    cpdef void on_trade(self, int side, int64_t price_ticks, int64_t qty_lots, int64_t ts_ns) noexcept nogil
    cpdef void on_time(self, int64_t ts_ns) noexcept nogil      # nothing happened until now
    cpdef void forget_mid(self) noexcept nogil                  # the book is untrusted: prices unknown, history kept
    cpdef bint calibrated(self) noexcept nogil                  # volatility, intensity and k are all known

    cdef void _close_intervals(self, int64_t ts_ns) noexcept nogil
    cdef void _push(self, int32_t change_half_ticks, int32_t depth_half_ticks) noexcept nogil
    cdef void _count(self, const Sample* sample, int32_t sign) noexcept nogil
    cdef void _update_volatility(self, double change_square) noexcept nogil
    cdef void _fit(self) noexcept nogil
    cdef int _restore(self, list values, bytes ring) except -1
