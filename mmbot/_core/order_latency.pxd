"""Order latency: how long a request needs to the exchange's matching engine, and its answer back to us.

A driver asks `entry_ns` when a request leaves and `response_ns` when the exchange has acted. Requests are then kept in
order by the driver: one that would overtake an earlier one arrives together with it; answers likewise.
"""
cimport cython
from libc.stdint cimport int8_t, int64_t


cdef class OrderLatency:
    # From us at `ts_ns` to the exchange. Below 0: the request is refused before it gets there; we know after -value.
    # `feed_latency_ns`: how old the newest market event was when we saw it; what `FeedLatency` scales.
    cdef int64_t entry_ns(self, int64_t ts_ns, int64_t feed_latency_ns) noexcept nogil
    # From the exchange at `exch_ns` back to us; never below 0.
    cdef int64_t response_ns(self, int64_t exch_ns, int64_t feed_latency_ns) noexcept nogil
    # The same of a fill of a resting order: no answer, but news on the venue's user stream.
    cdef int64_t fill_ns(self, int64_t exch_ns, int64_t feed_latency_ns) noexcept nogil


@cython.final
cdef class ConstantLatency(OrderLatency):
    cdef readonly int64_t entry, response


@cython.final
cdef class FeedLatency(OrderLatency):
    cdef readonly double entry_factor, response_factor
    cdef readonly int64_t entry_offset_ns, response_offset_ns


cdef struct LatencyPoint:   # a known latency
    int64_t at_ns
    int64_t latency_ns
    int64_t refused_ns      # there and back: after so long it would be known that a request was refused
    int8_t refused          # it was: there is no latency


cdef struct LatencyCurve:   # points by time; between two, a straight line
    LatencyPoint* points
    int64_t count
    int64_t cursor          # where the last answer was found: time mostly moves on
    int64_t turn_ns, turn   # the point at this very time that was last asked for
    bint in_turn            # points at the same time count one after the other
    bint forward            # points stand as they were recorded, and are gone through once


@cython.final
cdef class RecordedLatency(OrderLatency):
    cdef LatencyCurve entries, responses, fills

    cdef int _take_fills(self, fill_exch_ns, fill_resp_ns, int64_t offset_ns) except -1
