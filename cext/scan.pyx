"""The strict scanner; see ``scan.pxd``. Where it answers, the full parser answers the same: the tests compare them."""

from libc.stdint cimport int32_t, int64_t
from libc.string cimport memchr

from mmbot._core.digits cimport MM_IS, MmUnit, mm_scan_text
from mmbot._core.feed cimport FeedMarket, feed_find, feed_market, feed_reserve
from mmbot._core.message cimport AGG_TRADE, BOOK_TICKER, DEPTH, MARK_PRICE, SNAPSHOT, TRADE, blank
from mmbot._core.tokens cimport key_bool, key_double, key_int, key_lots, key_ms, key_text, key_units, skip_extras
from mmbot._core.types cimport Level, Side

cdef extern from "levels.h" nogil:
    ctypedef const char* (*MmLevelReader)(
        const char* p, const char* end, const MmUnit* tick, const MmUnit* lot, int64_t** out) noexcept nogil
    MmLevelReader mm_levels_portable, mm_levels_avx2
    bint mm_has_avx2()
    void mm_forms_init()

cdef MmLevelReader _read_levels


cdef int scan(Feed* feed, const char* p, Py_ssize_t n, Decoded* out, int32_t snapshot_market) noexcept nogil:
    cdef const char* end = p + n
    cdef const char* stream = NULL
    cdef const char* stream_end = NULL
    cdef int kind
    blank(out)
    if n > feed.max_bytes and not feed_reserve(feed, n):
        return NOT_SCANNED
    if MM_IS(p, end, b'{"stream":"', 11):
        stream = p + 11
        stream_end = mm_scan_text(stream, end)
        if stream_end == NULL or not MM_IS(stream_end, end, b'","data":', 9):
            return NOT_SCANNED
        p = stream_end + 9
        end -= 1                                # the envelope's own closing brace
        if p >= end or end[0] != c"}":
            return NOT_SCANNED
    if MM_IS(p, end, b'{"e":"depthUpdate"', 18):
        if stream != NULL and not is_diff_stream(stream, stream_end - stream):
            return NOT_SCANNED
        p = _scan_depth(feed, p + 18, end, out)
        kind = DEPTH
    elif MM_IS(p, end, b'{"e":"bookTicker","u":', 22) or MM_IS(p, end, b'{"u":', 5):
        p = _scan_ticker(feed, p, end, out)
        kind = BOOK_TICKER
    elif MM_IS(p, end, b'{"e":"trade"', 12):
        p = _scan_trade(feed, p + 12, end, out)
        kind = TRADE
    elif MM_IS(p, end, b'{"e":"aggTrade"', 15):
        p = _scan_agg_trade(feed, p + 15, end, out)
        kind = AGG_TRADE
    elif MM_IS(p, end, b'{"e":"markPriceUpdate"', 22):
        p = _scan_mark(feed, p + 22, end, out)
        kind = MARK_PRICE
    elif stream == NULL and MM_IS(p, end, b'{"lastUpdateId":', 16):
        p = _scan_snapshot(feed, p, end, out, snapshot_market)
        kind = SNAPSHOT
    else:
        return NOT_SCANNED
    if p == NULL or end - p != 1 or p[0] != c"}":
        return NOT_SCANNED
    out.kind = kind
    return kind


cdef const char* _slow_level(
    const char* p, const char* end, const FeedMarket* market, Level* out, int32_t* n_dust,
) noexcept nogil:
    """One `["price","quantity"]` by the bounded reader; what follows it."""
    p = key_units(p, end, b'["', 2, &market.tick, &out.price_ticks)
    p = key_lots(p, end, b',"', 2, &market.lot, &out.qty_lots, n_dust)
    if p == NULL or p >= end or p[0] != c"]":
        return NULL
    return p + 1


cdef const char* _levels(
    const char* p, const char* end, const FeedMarket* market, Level* out, int32_t* n_out, int32_t* n_dust,
) noexcept nogil:
    """The levels after an opening bracket; what follows the closing one."""
    cdef Level* first = out
    cdef const char* q
    cdef bint fast = market.tick.fast and market.lot.fast
    if p == NULL:
        return NULL
    if p < end and p[0] == c"]":
        n_out[0] = 0
        return p + 1
    while True:
        q = p
        if fast:
            q = _read_levels(p, end, &market.tick, &market.lot, <int64_t**> &out)
        if q == p:
            q = _slow_level(p, end, market, out, n_dust)
            if q == NULL or out.price_ticks == 0:
                return NULL
            out += 1
        p = q
        if p >= end:
            return NULL
        if p[0] == c",":
            p += 1
        elif p[0] == c"]":
            n_out[0] = <int32_t> (out - first)
            return p + 1
        else:
            return NULL


cdef bint is_diff_stream(const char* stream, Py_ssize_t n) noexcept nogil:
    """Whether depthUpdate messages of this stream are diffs of the book: not `@depth20`, not `@rpiDepth`."""
    cdef const char* at = <const char*> memchr(stream, c"@", n)
    cdef const char* end = stream + n
    return at != NULL and MM_IS(at, end, b"@depth", 6) and (at + 6 == end or at[6] == c"@")


cdef inline const char* _symbol(
    Feed* feed, const char* p, const char* end, const char* key, Py_ssize_t n, Decoded* out, FeedMarket** market,
) noexcept nogil:
    """`key` (with the opening quote) and a symbol of this feed, then extras."""
    cdef const char* start = p + n
    p = key_text(p, end, key, n)
    if p == NULL:
        return NULL
    market[0] = feed_find(feed, start, p - 1 - start)
    if market[0] == NULL:
        return NULL
    out.market = market[0].market
    return skip_extras(p, end)


cdef const char* _scan_depth(Feed* feed, const char* p, const char* end, Decoded* out) noexcept nogil:
    """USD-M e E T s U u pu b a; COIN-M has ps after s; spot has neither T nor pu."""
    cdef FeedMarket* market = NULL
    cdef Level* levels = feed.levels
    p = key_ms(p, end, b',"E":', 5, &out.event_ts_ns)
    if p != NULL and MM_IS(p, end, b',"T":', 5):
        p = key_ms(p, end, b',"T":', 5, &out.txn_ts_ns)
    p = _symbol(feed, p, end, b',"s":"', 6, out, &market)
    p = key_int(p, end, b',"U":', 5, &out.first_id)
    p = key_int(p, end, b',"u":', 5, &out.last_id)
    if not feed.spot:
        p = key_int(p, end, b',"pu":', 6, &out.prev_id)
    if p == NULL or out.first_id > out.last_id or not MM_IS(p, end, b',"b":[', 6):
        return NULL
    out.bids = levels
    p = _levels(p + 6, end, market, levels, &out.n_bids, &out.n_dust)
    if p == NULL or not MM_IS(p, end, b',"a":[', 6):
        return NULL
    levels += out.n_bids
    out.asks = levels
    return skip_extras(_levels(p + 6, end, market, levels, &out.n_asks, &out.n_dust), end)


cdef const char* _scan_ticker(Feed* feed, const char* p, const char* end, Decoded* out) noexcept nogil:
    """USD-M e u [E T] s b B a A [T E]; COIN-M u e s ps b B a A T E; spot u s b B a A."""
    cdef FeedMarket* market = NULL
    cdef bint named = MM_IS(p, end, b'{"e"', 4), timed = False
    p = key_int(p + (17 if named else 0), end, b',"u":' if named else b'{"u":', 5, &out.last_id)
    if p != NULL and not named and MM_IS(p, end, b',"e":"bookTicker"', 17):
        p += 17
        named = True
    if p != NULL and MM_IS(p, end, b',"E":', 5):
        timed = True
        p = key_ms(p, end, b',"E":', 5, &out.event_ts_ns)
        p = key_ms(p, end, b',"T":', 5, &out.txn_ts_ns)
    if p == NULL or not named and not feed.spot:
        return NULL
    p = _symbol(feed, p, end, b',"s":"', 6, out, &market)
    if p == NULL:
        return NULL
    p = key_units(p, end, b',"b":"', 6, &market.tick, &out.bid_ticks)
    p = key_lots(p, end, b',"B":"', 6, &market.lot, &out.bid_lots, &out.n_dust)
    p = key_units(p, end, b',"a":"', 6, &market.tick, &out.ask_ticks)
    p = key_lots(p, end, b',"A":"', 6, &market.lot, &out.ask_lots, &out.n_dust)
    if p != NULL and not timed and MM_IS(p, end, b',"T":', 5):
        p = key_ms(p, end, b',"T":', 5, &out.txn_ts_ns)
        p = key_ms(p, end, b',"E":', 5, &out.event_ts_ns)
    return skip_extras(p, end)


cdef const char* _scan_trade(Feed* feed, const char* p, const char* end, Decoded* out) noexcept nogil:
    """Futures e E T s t p q X m; spot e E s t p q [b a] T m M."""
    cdef FeedMarket* market = NULL
    cdef bint buyer_is_maker = False, unused = False, usual = True
    cdef int64_t order = 0
    p = key_ms(p, end, b',"E":', 5, &out.event_ts_ns)
    if p != NULL and MM_IS(p, end, b',"T":', 5):
        p = key_ms(p, end, b',"T":', 5, &out.txn_ts_ns)
    p = _symbol(feed, p, end, b',"s":"', 6, out, &market)
    p = key_int(p, end, b',"t":', 5, &out.trade_id)
    if p == NULL:
        return NULL
    p = key_units(p, end, b',"p":"', 6, &market.tick, &out.price_ticks)
    p = key_lots(p, end, b',"q":"', 6, &market.lot, &out.qty_lots, &out.n_dust)
    if p != NULL and MM_IS(p, end, b',"b":', 5):
        p = key_int(p, end, b',"b":', 5, &order)
        p = key_int(p, end, b',"a":', 5, &order)
    if p != NULL and MM_IS(p, end, b',"X":"', 6):
        usual = MM_IS(p + 6, end, b'MARKET"', 7)
        p = key_text(p, end, b',"X":"', 6)
    elif p != NULL and out.txn_ts_ns == 0:
        p = key_ms(p, end, b',"T":', 5, &out.txn_ts_ns)
    p = key_bool(p, end, b',"m":', 5, &buyer_is_maker)
    if p != NULL and MM_IS(p, end, b',"M":', 5):
        p = key_bool(p, end, b',"M":', 5, &unused)
    out.taker_side = Side.SELL if buyer_is_maker else Side.BUY
    out.is_market = usual and out.price_ticks > 0 and out.qty_lots > 0
    return skip_extras(p, end)


cdef const char* _scan_agg_trade(Feed* feed, const char* p, const char* end, Decoded* out) noexcept nogil:
    """USD-M e E a s p q [nq] f l T m; spot e E s a p q f l T m M."""
    cdef FeedMarket* market = NULL
    cdef bint buyer_is_maker = False, unused = False, numbered
    p = key_ms(p, end, b',"E":', 5, &out.event_ts_ns)
    numbered = p != NULL and MM_IS(p, end, b',"a":', 5)
    if numbered:
        p = key_int(p, end, b',"a":', 5, &out.trade_id)
    p = _symbol(feed, p, end, b',"s":"', 6, out, &market)
    if not numbered:
        p = key_int(p, end, b',"a":', 5, &out.trade_id)
    if p == NULL:
        return NULL
    p = key_units(p, end, b',"p":"', 6, &market.tick, &out.price_ticks)
    p = key_lots(p, end, b',"q":"', 6, &market.lot, &out.qty_lots, &out.n_dust)
    if p != NULL and MM_IS(p, end, b',"nq":"', 7):
        p = key_text(p, end, b',"nq":"', 7)
    p = key_int(p, end, b',"f":', 5, &out.first_id)
    p = key_int(p, end, b',"l":', 5, &out.last_id)
    p = key_ms(p, end, b',"T":', 5, &out.txn_ts_ns)
    p = key_bool(p, end, b',"m":', 5, &buyer_is_maker)
    if p != NULL and MM_IS(p, end, b',"M":', 5):
        p = key_bool(p, end, b',"M":', 5, &unused)
    out.taker_side = Side.SELL if buyer_is_maker else Side.BUY
    out.is_market = out.price_ticks > 0 and out.qty_lots > 0
    return skip_extras(p, end)


cdef const char* _scan_mark(Feed* feed, const char* p, const char* end, Decoded* out) noexcept nogil:
    """e E s p [ap] [P] [i] [P] r T: the order of P and i differs between USD-M and COIN-M."""
    cdef FeedMarket* market = NULL
    cdef bint settled
    p = key_ms(p, end, b',"E":', 5, &out.event_ts_ns)
    p = _symbol(feed, p, end, b',"s":"', 6, out, &market)
    p = key_double(p, end, b',"p":"', 6, &out.mark_price)
    if p != NULL and MM_IS(p, end, b',"ap":"', 7):
        p = key_text(p, end, b',"ap":"', 7)
    settled = p != NULL and MM_IS(p, end, b',"P":"', 6)
    if settled:
        p = key_double(p, end, b',"P":"', 6, &out.settle_price)
    if p != NULL and MM_IS(p, end, b',"i":"', 6):
        p = key_double(p, end, b',"i":"', 6, &out.index_price)
    if not settled:
        p = key_double(p, end, b',"P":"', 6, &out.settle_price)
    p = key_double(p, end, b',"r":"', 6, &out.funding_rate)
    return skip_extras(key_ms(p, end, b',"T":', 5, &out.next_funding_ns), end)


cdef const char* _scan_snapshot(
    Feed* feed, const char* p, const char* end, Decoded* out, int32_t wanted,
) noexcept nogil:
    """Spot lastUpdateId bids asks; USD-M has E T, COIN-M E T symbol pair after the id."""
    cdef FeedMarket* market = NULL
    cdef Level* levels = feed.levels
    p = key_int(p, end, b'{"lastUpdateId":', 16, &out.last_id)
    if p != NULL and MM_IS(p, end, b',"E":', 5):
        p = key_ms(p, end, b',"E":', 5, &out.event_ts_ns)
        p = key_ms(p, end, b',"T":', 5, &out.txn_ts_ns)
    if p != NULL and MM_IS(p, end, b',"symbol":"', 11):
        p = _symbol(feed, p, end, b',"symbol":"', 11, out, &market)
        p = key_text(p, end, b',"pair":"', 9)
        if market == NULL or wanted >= 0 and wanted != market.market:
            return NULL
    else:
        market = feed_market(feed, wanted)
        if market == NULL:
            return NULL
        out.market = market.market
    if p == NULL or not MM_IS(p, end, b',"bids":[', 9):
        return NULL
    out.bids = levels
    p = _levels(p + 9, end, market, levels, &out.n_bids, &out.n_dust)
    if p == NULL or not MM_IS(p, end, b',"asks":[', 9):
        return NULL
    levels += out.n_bids
    out.asks = levels
    out.first_id = out.last_id
    return _levels(p + 9, end, market, levels, &out.n_asks, &out.n_dust)


def level_readers() -> tuple:
    """Names of the readers of price levels that this CPU can run, the best one last. They differ in speed alone."""
    return ("portable", "avx2") if mm_has_avx2() else ("portable",)


def use_level_reader(str name not None) -> None:
    """Make every decoder of this process use another reader: for tests and measurements.

    Raises:
        ValueError: it is none of `level_readers`.
    """
    global _read_levels
    if name not in level_readers():
        raise ValueError(f"level reader: expected one of {', '.join(level_readers())}, found {name!r}")
    _read_levels = mm_levels_avx2 if name == "avx2" else mm_levels_portable


mm_forms_init()
use_level_reader("avx2" if mm_has_avx2() else "portable")
