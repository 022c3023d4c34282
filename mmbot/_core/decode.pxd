"""Binance market-data frames to one plain struct: a strict scanner, and a full JSON parser for the rest.

Shapes: developers.binance.com "Diff. Book Depth Streams", "Individual Symbol Book Ticker Streams", "Aggregate Trade
Streams", "Mark Price Stream", "Order Book" (USD-M, COIN-M, Spot); the ``trade`` stream as recorded.

Prices that are no whole tick are BAD. Quantities may carry *dust*: orders that rest since the venue's lot was finer
("25.42618900" where the lot is 0.00001; seen on spot). Such a quantity is cut to whole lots, but never to nothing, so
that the level stays; how many were cut is in `Decoded.n_dust` and counted in `Decoder.dust`. An instrument whose lot is
the finest quantity of the data keeps all of it.
"""
from libc.stdint cimport int32_t, int64_t

from mmbot._core.message cimport Decoded


cdef class Decoder:
    """Frames of one feed to `Decoded`; one decoder a feed, as its level scratch is reused by every call."""
    cdef readonly str kind          # "binance_usdm" (COIN-M too) or "binance_spot"
    cdef readonly bytes last_bad    # the first bytes of the latest BAD frame
    cdef void* feed                 # its `Feed`: the symbols and their units, and room for the levels of one message
    cdef int64_t counts[9]          # by MessageKind
    cdef int64_t reasons[8]         # BAD and IGNORED by BadReason
    cdef readonly int64_t dust      # quantities cut to whole lots
    cdef readonly int64_t fallbacks     # frames that needed the full parser

    # A websocket frame of `n` bytes (no NUL needed): its MessageKind, also in out.kind. Never raises, never reads past
    # `n`; takes the GIL only for frames the scanner does not know.
    cdef int decode(self, const char* p, Py_ssize_t n, Decoded* out) noexcept nogil
    # A REST depth body, which does not name its symbol: SNAPSHOT or BAD.
    cdef int decode_snapshot(self, int32_t market, const char* p, Py_ssize_t n, Decoded* out) noexcept nogil
