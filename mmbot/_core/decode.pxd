"""Binance market-data frames to one plain struct: a strict scanner, and a full JSON parser for the rest.

Shapes: developers.binance.com "Diff. Book Depth Streams", "Individual Symbol Book Ticker Streams", "Aggregate Trade
Streams", "Mark Price Stream", "Order Book" (USD-M, COIN-M, Spot); the ``trade`` stream as recorded.

Prices that are no whole tick are BAD. Quantities may carry *dust*: orders that rest since the venue's lot was finer
("25.42618900" where the lot is 0.00001; seen on spot). Such a quantity is cut to whole lots, but never to nothing, so
that the level stays; how many were cut is in `Decoded.n_dust` and counted in `Decoder.dust`. An instrument whose lot is
the finest quantity of the data keeps all of it.
"""
from libc.stdint cimport int8_t, int32_t, int64_t

from mmbot._core.types cimport Level


cpdef enum MessageKind:
    BAD = 0                 # malformed, or a price that is no whole tick: see `BadReason`; nothing may be applied
    DEPTH = 1               # bids, asks, first_id, last_id, prev_id
    BOOK_TICKER = 2         # bid_*, ask_*, last_id
    TRADE = 3               # price_ticks, qty_lots, taker_side, trade_id, is_market
    AGG_TRADE = 4           # the same; first_id, last_id: the trades it stands for
    MARK_PRICE = 5          # mark_price, index_price, settle_price, funding_rate, next_funding_ns
    SNAPSHOT = 6            # bids, asks, last_id
    CONTROL = 7             # an answer to our request: control_id, control_code
    IGNORED = 8             # well formed, but of a kind or symbol that is not ours


cpdef enum BadReason:
    REASON_NONE = 0
    REASON_JSON = 1         # not JSON, or truncated
    REASON_FIELD = 2        # a field is missing or of the wrong type
    REASON_PRICE = 3        # a price is no whole number of ticks, or does not fit
    REASON_QTY = 4          # a quantity is no plain decimal, or does not fit
    REASON_SYMBOL = 5       # (IGNORED) a symbol this feed was not constructed with
    REASON_KIND = 6         # (IGNORED) a kind of message that is not used
    REASON_MEMORY = 7       # no memory for the levels


cdef struct Decoded:
    # `bids` and `asks` point into the decoder and live until its next call; everything else is by value.
    int64_t event_ts_ns     # the venue's time of sending; 0: not stated
    int64_t txn_ts_ns       # the matching engine's time; 0: not stated
    int64_t first_id        # U
    int64_t last_id         # u, or a snapshot's lastUpdateId
    int64_t prev_id         # pu; -1: not stated (spot)
    const Level* bids
    const Level* asks
    int32_t n_bids, n_asks
    int32_t n_dust          # quantities cut to whole lots
    int32_t market          # index given at construction; -1: none
    int8_t kind             # MessageKind
    int8_t reason           # BadReason
    int8_t taker_side       # Side of the taker
    int8_t is_market        # trade: 1 a normal trade; 0 insurance fund, ADL, or no price or quantity
    int64_t bid_ticks, bid_lots, ask_ticks, ask_lots
    int64_t price_ticks, qty_lots, trade_id
    double mark_price, index_price, settle_price, funding_rate     # NaN: not stated
    int64_t next_funding_ns
    int64_t control_id      # -1: not stated or not a number
    int32_t control_code    # 0: accepted


# One symbol of the feed and its units; private.
cdef struct FeedMarket


cdef class Decoder:
    """Frames of one feed to `Decoded`; one decoder a feed, as its level scratch is reused by every call."""
    cdef readonly str kind          # "binance_usdm" (COIN-M too) or "binance_spot"
    cdef readonly bytes last_bad    # the first bytes of the latest BAD frame
    cdef FeedMarket* table          # open addressing, a power of two
    cdef int32_t table_mask, n_markets
    cdef bint spot
    cdef Level* scratch             # levels of the current message: bids, then asks (or the other way round)
    cdef Py_ssize_t scratch_capacity
    cdef int64_t counts[9]          # by MessageKind
    cdef int64_t reasons[8]         # BAD and IGNORED by BadReason
    cdef readonly int64_t dust      # quantities cut to whole lots
    cdef readonly int64_t fallbacks     # frames that needed the full parser

    # A websocket frame of `n` bytes (no NUL needed): its MessageKind, also in out.kind. Never raises, never reads past
    # `n`; takes the GIL only for frames the scanner does not know.
    cdef int decode(self, const char* p, Py_ssize_t n, Decoded* out) noexcept nogil
    # A REST depth body, which does not name its symbol: SNAPSHOT or BAD.
    cdef int decode_snapshot(self, int32_t market, const char* p, Py_ssize_t n, Decoded* out) noexcept nogil
    # The strict scanner alone: a MessageKind, or -1 when only the full parser can tell. Counts nothing.
    cdef int scan(self, const char* p, Py_ssize_t n, Decoded* out, int32_t snapshot_market) noexcept nogil
    # The full parser alone, the scanner's oracle. Counts nothing.
    cdef int parse(self, const char* p, Py_ssize_t n, Decoded* out, int32_t snapshot_market) noexcept with gil
    cdef int _finish(self, int kind, const char* p, Py_ssize_t n, Decoded* out) noexcept nogil
    cdef FeedMarket* _market(self, int32_t market) noexcept nogil


cdef class Frame:
    """Python's handle on one `Decoded`; its levels live until the decoder's next call."""
    cdef Decoded data
    cdef Decoder decoder
