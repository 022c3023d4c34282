"""What a market-data frame says, as one plain struct; every decoder fills it, everything behind it reads it."""
from libc.math cimport NAN
from libc.stdint cimport int8_t, int32_t, int64_t
from libc.string cimport memset

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


cdef inline void blank(Decoded* out) noexcept nogil:
    """Nothing stated."""
    memset(out, 0, sizeof(Decoded))
    out.market = -1
    out.prev_id = -1
    out.control_id = -1
    out.mark_price = out.index_price = out.settle_price = out.funding_rate = NAN


cdef class Frame:
    """Python's handle on one `Decoded`; its levels live until the decoder's next call."""
    cdef Decoded data
    cdef object decoder         # keeps the levels' memory alive
