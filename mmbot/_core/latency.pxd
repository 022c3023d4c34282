"""Latency histograms of fixed size, and the clock that feeds them.

Logarithmic buckets: 32 per octave, so a reported percentile is within 1.6 % of the recorded value, from 1 ns to 137 s
(values outside are counted in the first or last bucket; `max` and `mean` stay exact). Recording allocates nothing.

Stamps are measurement only: nothing that decides may read `now_ns`.
"""
cimport cython
from libc.stdint cimport int64_t, uint64_t

cdef enum:
    SUB_BUCKET_BITS = 5
    BUCKETS = 1056          # (37 - 5 + 1) octaves of 32: up to 2**37 ns
    HOPS = 9


cpdef enum Hop:             # durations along one event's way; each ends where the next begins
    EXCHANGE = 0            # venue's own timestamp -> our receive stamp (two clocks: only as good as their sync)
    RECEIVE = 1             # receive stamp -> the engine's entry
    DECODE = 2
    BOOK = 3                # sync rule, book and signals
    STRATEGY = 4            # the plugin's callback
    DIFF_RISK = 5           # desired against working orders, and the gate
    ENCODE = 6              # message text and signature
    SEND = 7                # the socket write
    ACK = 8                 # order sent -> the venue's answer


cdef struct HistogramData:
    uint64_t count
    uint64_t total_ns       # of all recorded values, for the mean
    int64_t max_ns
    int64_t min_ns
    uint64_t buckets[BUCKETS]


cdef int64_t now_ns() noexcept nogil            # monotonic, with a start of its own: only differences mean something
cdef void histogram_clear(HistogramData* data) noexcept nogil
cdef void histogram_record(HistogramData* data, int64_t value_ns) noexcept nogil
cdef double histogram_percentile(const HistogramData* data, double percent) noexcept nogil    # ns; NaN when empty


@cython.final
cdef class Histogram:
    """One histogram of durations in ns."""
    cdef HistogramData data

    cpdef void record(self, int64_t value_ns) noexcept nogil


@cython.final
cdef class LatencyBoard:
    """One histogram per `Hop`, and laps between them."""
    cdef HistogramData hops[HOPS]
    cdef public bint off                # laps read no clock and count nothing: in a backtest they mean nothing
    cdef int64_t anchor_ns, anchor_utc_ns       # one instant by both clocks

    cdef int64_t start(self) noexcept nogil                                    # where the first hop starts
    cdef void record(self, Hop hop, int64_t value_ns) noexcept nogil
    cdef void received(self, int64_t recv_ns, int64_t now_ns) noexcept nogil   # RECEIVE, from a UTC stamp until a lap's
    cdef int64_t lap(self, Hop hop, int64_t start_ns) noexcept nogil           # records now - start, returns now
