"""Binance market-data frames to `Decoded`; see ``decode.pxd`` for the contract.

`scan` walks the documented shapes byte by byte and declines whatever deviates by a blank; `parse` reads any JSON. Where
`scan` answers, `parse` would answer the same: the tests hold them together.
"""

from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memchr, memcpy, memset

from mmbot._core.types cimport Instrument, Level, Side

import re

import msgspec

cdef extern from "digits.h" nogil:
    """
    #define MM_IS(p, end, text, n) ((end) - (p) >= (n) && memcmp(p, text, n) == 0)
    #define MM_NAN __builtin_nan("")
    /* Prices and ids stay below this, so that no sum or window bound can wrap. */
    #define MM_VALUE_LIMIT (INT64_C(1) << 62)
    """
    ctypedef struct MmUnit:
        int64_t mantissa
        int32_t decimals
        int32_t fast
    enum:
        MM_FAST_BYTES
        MM_LEVEL_BYTES
        MM_NOT_WHOLE
    bint MM_IS(const char* p, const char* end, const char* text, Py_ssize_t n)
    bint MM_LIKELY(bint x)
    double MM_NAN
    int64_t MM_VALUE_LIMIT
    void mm_unit_init(MmUnit* unit, int64_t mantissa, int32_t decimals)
    int mm_parse_units(const char* text, Py_ssize_t n, int64_t mantissa, int32_t decimals, int64_t* units)
    const char* mm_fast_units(const char* p, const MmUnit* unit, int64_t* units)
    const char* mm_fast_level(const char* p, const MmUnit* tick, const MmUnit* lot, int64_t* ticks, int64_t* lots)
    const char* mm_scan_int(const char* p, const char* end, int64_t* out)
    const char* mm_scan_text(const char* p, const char* end)
    const char* mm_scan_double(const char* p, const char* end, double* out)

cdef enum:
    FALLBACK = -1
    NAME_WORDS = 4
    NAME_BYTES = 8 * NAME_WORDS
    LEVEL_BYTES = 9                 # `["1","1"]`: no level is shorter
    SCRATCH_LEVELS = 256
    BAD_BYTES_KEPT = 256

cdef int64_t MS_LIMIT = 9_223_372_036_854       # milliseconds whose nanoseconds fit int64

cdef struct FeedMarket:
    uint64_t name[NAME_WORDS]       # the venue's symbol, zero padded
    MmUnit tick, lot
    int32_t market
    int32_t used


# -- pieces of a frame -----------------------------------------------------------------------------------------------

cdef inline const char* _int(
    const char* p, const char* end, const char* key, Py_ssize_t n, int64_t* out,
) noexcept nogil:
    """`key` (with its comma, quotes and colon) and an integer."""
    if p == NULL or not MM_IS(p, end, key, n):
        return NULL
    return mm_scan_int(p + n, end, out)


cdef inline const char* _ms(
    const char* p, const char* end, const char* key, Py_ssize_t n, int64_t* out_ns,
) noexcept nogil:
    """`key` and a time in milliseconds, to nanoseconds."""
    cdef int64_t value = 0
    p = _int(p, end, key, n, &value)
    if p == NULL or value > MS_LIMIT:
        return NULL
    out_ns[0] = value * 1_000_000
    return p


cdef inline const char* _units(
    const char* p, const char* end, const char* key, Py_ssize_t n, const MmUnit* unit, int64_t* out,
) noexcept nogil:
    """`key` (with the opening quote) and a decimal of whole units."""
    cdef const char* after
    if p == NULL or not MM_IS(p, end, key, n):
        return NULL
    p += n
    if MM_LIKELY(end - p >= MM_FAST_BYTES and unit.fast):
        after = mm_fast_units(p, unit, out)
        if MM_LIKELY(after != NULL):
            return after
    after = <const char*> memchr(p, c'"', end - p)
    if after == NULL or mm_parse_units(p, after - p, unit.mantissa, unit.decimals, out) != 0:
        return NULL
    return after + 1 if out[0] < MM_VALUE_LIMIT else NULL


cdef int _cut(const char* text, Py_ssize_t n, const MmUnit* lot, int64_t* out, int32_t* n_dust) noexcept nogil:
    """A quantity to lots; dust is cut, but never to nothing."""
    cdef int code = mm_parse_units(text, n, lot.mantissa, lot.decimals, out)
    if code == MM_NOT_WHOLE:
        n_dust[0] += 1
        out[0] = max(out[0], <int64_t> 1)
        code = 0
    return code if code != 0 or out[0] < MM_VALUE_LIMIT else -1


cdef inline const char* _lots(
    const char* p, const char* end, const char* key, Py_ssize_t n, const MmUnit* unit, int64_t* out, int32_t* n_dust,
) noexcept nogil:
    """`key` (with the opening quote) and a quantity."""
    cdef const char* after
    if p == NULL or not MM_IS(p, end, key, n):
        return NULL
    p += n
    if MM_LIKELY(end - p >= MM_FAST_BYTES and unit.fast):
        after = mm_fast_units(p, unit, out)
        if MM_LIKELY(after != NULL):
            return after
    after = <const char*> memchr(p, c'"', end - p)
    return NULL if after == NULL or _cut(p, after - p, unit, out, n_dust) != 0 else after + 1


cdef inline const char* _text(const char* p, const char* end, const char* key, Py_ssize_t n) noexcept nogil:
    """`key` (with the opening quote) and any plain text; what follows its closing quote."""
    if p == NULL or not MM_IS(p, end, key, n):
        return NULL
    p = mm_scan_text(p + n, end)
    return NULL if p == NULL else p + 1


cdef const char* _extras(const char* p, const char* end) noexcept nogil:
    """The keys that newer messages carry and that are not used: `st` and `ps`."""
    cdef int64_t unused = 0
    while p != NULL:
        if MM_IS(p, end, b',"st":', 6):
            p = mm_scan_int(p + 6, end, &unused)
        elif MM_IS(p, end, b',"ps":"', 7):
            p = _text(p, end, b',"ps":"', 7)
        else:
            break
    return p


cdef inline const char* _bool(const char* p, const char* end, const char* key, Py_ssize_t n, bint* out) noexcept nogil:
    if p == NULL or not MM_IS(p, end, key, n):
        return NULL
    p += n
    if MM_IS(p, end, b"true", 4):
        out[0] = True
        return p + 4
    if MM_IS(p, end, b"false", 5):
        out[0] = False
        return p + 5
    return NULL


cdef const char* _slow_level(
    const char* p, const char* end, const FeedMarket* market, Level* out, int32_t* n_dust,
) noexcept nogil:
    """One `["price","quantity"]` by the bounded reader; what follows it."""
    p = _units(p, end, b'["', 2, &market.tick, &out.price_ticks)
    p = _lots(p, end, b',"', 2, &market.lot, &out.qty_lots, n_dust)
    return p + 1 if p != NULL and p < end and p[0] == c"]" else NULL


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
        q = NULL
        if MM_LIKELY(end - p >= MM_LEVEL_BYTES and fast):
            q = mm_fast_level(p, &market.tick, &market.lot, &out.price_ticks, &out.qty_lots)
        if not MM_LIKELY(q != NULL):
            q = _slow_level(p, end, market, out, n_dust)
            if q == NULL:
                return NULL
        if out.price_ticks == 0:
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


cdef inline uint64_t _hash(const uint64_t* name) noexcept nogil:
    cdef uint64_t mixed = name[0] ^ (name[1] * <uint64_t> 0x9E3779B97F4A7C15) ^ (name[2] << 17) ^ (name[3] << 31)
    return (mixed * <uint64_t> 0xD6E8FEB86659FD93) >> 40


cdef FeedMarket* _find(const FeedMarket* table, int32_t mask, const char* text, Py_ssize_t n) noexcept nogil:
    """The entry of a symbol, or NULL."""
    cdef uint64_t name[NAME_WORDS]
    cdef const FeedMarket* entry
    cdef uint64_t at
    if n <= 0 or n >= NAME_BYTES:
        return NULL
    memset(name, 0, NAME_BYTES)
    memcpy(name, text, n)
    at = _hash(name)
    while True:
        entry = &table[at & mask]
        if not entry.used:
            return NULL
        if (entry.name[0] == name[0] and entry.name[1] == name[1]
                and entry.name[2] == name[2] and entry.name[3] == name[3]):
            return <FeedMarket*> entry
        at += 1


cdef void _blank(Decoded* out) noexcept nogil:
    memset(out, 0, sizeof(Decoded))
    out.market = -1
    out.prev_id = -1
    out.control_id = -1
    out.mark_price = out.index_price = out.settle_price = out.funding_rate = MM_NAN


cdef bint _is_diff_stream(const char* stream, Py_ssize_t n) noexcept nogil:
    """Whether depthUpdate messages of this stream are diffs of the book: not `@depth20`, not `@rpiDepth`."""
    cdef const char* at = <const char*> memchr(stream, c"@", n)
    cdef const char* end = stream + n
    return at != NULL and MM_IS(at, end, b"@depth", 6) and (at + 6 == end or at[6] == c"@")


# -- the decoder -----------------------------------------------------------------------------------------------------

cdef class Decoder:
    """Decodes the frames of one feed.

    A `Decoded` (and a `Frame`) borrows its levels from the decoder: they live until the decoder's next call.

    Args:
        kind: ``"binance_usdm"`` (COIN-M frames have the same shapes) or ``"binance_spot"``.
        markets: venue symbol, such as ``"BTCUSDT"``, to the market's index and instrument.

    Raises:
        ValueError: an unknown kind, or a symbol that is empty or longer than 31 bytes.
    """

    def __cinit__(self, str kind not None, dict markets not None):
        cdef Instrument instrument
        cdef FeedMarket* entry
        cdef bytes name
        cdef uint64_t at
        cdef int32_t size = 4
        if kind not in ("binance_usdm", "binance_spot"):
            raise ValueError(f"decoder kind: expected binance_usdm or binance_spot, found {kind!r}")
        self.kind, self.spot, self.n_markets, self.last_bad = kind, kind == "binance_spot", len(markets), b""
        while size < 4 * len(markets):
            size *= 2
        self.table_mask = size - 1
        self.table = <FeedMarket*> calloc(size, sizeof(FeedMarket))
        self.scratch_capacity = SCRATCH_LEVELS
        self.scratch = <Level*> malloc(SCRATCH_LEVELS * sizeof(Level))
        if self.table == NULL or self.scratch == NULL:
            raise MemoryError
        for symbol, (market, instrument) in markets.items():
            name = symbol.encode()
            if not 0 < len(name) < NAME_BYTES:
                raise ValueError(f"venue symbol: expected 1 to {NAME_BYTES - 1} bytes, found {symbol!r}")
            entry = <FeedMarket*> calloc(1, sizeof(FeedMarket))
            if entry == NULL:
                raise MemoryError
            memcpy(entry.name, <const char*> name, len(name))
            at = _hash(entry.name)
            while self.table[at & self.table_mask].used:
                at += 1
            mm_unit_init(&entry.tick, instrument.tick.mantissa, instrument.tick.decimals)
            mm_unit_init(&entry.lot, instrument.lot.mantissa, instrument.lot.decimals)
            entry.market, entry.used = market, 1
            self.table[at & self.table_mask] = entry[0]
            free(entry)

    def __dealloc__(self):
        free(self.table)
        free(self.scratch)

    cdef FeedMarket* _market(self, int32_t market) noexcept nogil:
        cdef int32_t i
        for i in range(self.table_mask + 1):
            if self.table[i].used and (self.table[i].market == market or market < 0 and self.n_markets == 1):
                return &self.table[i]
        return NULL

    cdef int decode(self, const char* p, Py_ssize_t n, Decoded* out) noexcept nogil:
        cdef int kind = self.scan(p, n, out, -1)
        if kind == FALLBACK:
            self.fallbacks += 1
            kind = self.parse(p, n, out, -1)
        return self._finish(kind, p, n, out)

    cdef int decode_snapshot(self, int32_t market, const char* p, Py_ssize_t n, Decoded* out) noexcept nogil:
        cdef int kind = self.scan(p, n, out, market)
        if kind == FALLBACK:
            self.fallbacks += 1
            kind = self.parse(p, n, out, market)
        if kind != SNAPSHOT and kind != BAD:
            _blank(out)
            kind, out.reason = BAD, REASON_FIELD
        return self._finish(kind, p, n, out)

    cdef int _finish(self, int kind, const char* p, Py_ssize_t n, Decoded* out) noexcept nogil:
        out.kind = kind
        self.counts[kind] += 1
        self.dust += out.n_dust
        if out.reason:
            self.reasons[out.reason] += 1
            if kind == BAD:
                with gil:
                    self.last_bad = p[:min(n, BAD_BYTES_KEPT)]
        return kind

    cdef int scan(self, const char* p, Py_ssize_t n, Decoded* out, int32_t snapshot_market) noexcept nogil:
        cdef const char* end = p + n
        cdef const char* stream = NULL
        cdef const char* stream_end = NULL
        cdef int kind
        _blank(out)
        if not _make_room(self, n):
            return FALLBACK
        if MM_IS(p, end, b'{"stream":"', 11):
            stream = p + 11
            stream_end = mm_scan_text(stream, end)
            if stream_end == NULL or not MM_IS(stream_end, end, b'","data":', 9):
                return FALLBACK
            p = stream_end + 9
            end -= 1                                # the envelope's own closing brace
            if p >= end or end[0] != c"}":
                return FALLBACK
        if MM_IS(p, end, b'{"e":"depthUpdate"', 18):
            if stream != NULL and not _is_diff_stream(stream, stream_end - stream):
                return FALLBACK
            p = _scan_depth(self, p + 18, end, out)
            kind = DEPTH
        elif MM_IS(p, end, b'{"e":"bookTicker","u":', 22) or MM_IS(p, end, b'{"u":', 5):
            p = _scan_ticker(self, p, end, out)
            kind = BOOK_TICKER
        elif MM_IS(p, end, b'{"e":"trade"', 12):
            p = _scan_trade(self, p + 12, end, out)
            kind = TRADE
        elif MM_IS(p, end, b'{"e":"aggTrade"', 15):
            p = _scan_agg_trade(self, p + 15, end, out)
            kind = AGG_TRADE
        elif MM_IS(p, end, b'{"e":"markPriceUpdate"', 22):
            p = _scan_mark(self, p + 22, end, out)
            kind = MARK_PRICE
        elif stream == NULL and MM_IS(p, end, b'{"lastUpdateId":', 16):
            p = _scan_snapshot(self, p, end, out, snapshot_market)
            kind = SNAPSHOT
        else:
            return FALLBACK
        if p == NULL or end - p != 1 or p[0] != c"}":
            return FALLBACK
        out.kind = kind
        return kind

    cdef int parse(self, const char* p, Py_ssize_t n, Decoded* out, int32_t snapshot_market) noexcept with gil:
        cdef int kind
        _blank(out)
        try:
            if not _make_room(self, n):
                raise MemoryError
            kind = _parse(self, msgspec.json.decode(p[:n]), out, snapshot_market)
        except _Unusable as problem:
            kind, reason = problem.args
            _blank(out)
            out.reason = reason
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            kind = BAD
            _blank(out)
            out.reason = REASON_JSON
        except MemoryError:
            kind = BAD
            _blank(out)
            out.reason = REASON_MEMORY
        out.kind = kind
        return kind

    # -- the Python face -------------------------------------------------------------------------------------------

    def frame(self, bytes payload not None) -> Frame:
        """Decode one websocket frame; never raises on its content."""
        cdef Frame frame = Frame.__new__(Frame)
        frame.decoder = self
        self.decode(payload, len(payload), &frame.data)
        return frame

    def frame_at(self, size_t address, Py_ssize_t n) -> Frame:
        """Decode `n` bytes at a memory address, which must be readable: for tests of what is read and what is not."""
        cdef Frame frame = Frame.__new__(Frame)
        frame.decoder = self
        self.decode(<const char*> address, n, &frame.data)
        return frame

    def snapshot(self, int market, bytes payload not None) -> Frame:
        """Decode a REST depth body of `market`."""
        cdef Frame frame = Frame.__new__(Frame)
        frame.decoder = self
        self.decode_snapshot(market, payload, len(payload), &frame.data)
        return frame

    def scan_only(self, bytes payload not None, int market=-1) -> Frame | None:
        """What the strict scanner makes of a frame, None when it leaves it to the full parser; counts nothing."""
        cdef Frame frame = Frame.__new__(Frame)
        frame.decoder = self
        return None if self.scan(payload, len(payload), &frame.data, market) == FALLBACK else frame

    def parse_only(self, bytes payload not None, int market=-1) -> Frame:
        """What the full parser makes of a frame; counts nothing."""
        cdef Frame frame = Frame.__new__(Frame)
        frame.decoder = self
        self.parse(payload, len(payload), &frame.data, market)
        return frame

    @property
    def kinds(self) -> dict:
        """Frames decoded so far, by name of their `MessageKind`."""
        return {MessageKind(kind).name: self.counts[kind] for kind in range(9) if self.counts[kind]}

    @property
    def refusals(self) -> dict:
        """BAD and IGNORED frames so far, by name of their `BadReason`."""
        return {BadReason(reason).name: self.reasons[reason] for reason in range(8) if self.reasons[reason]}


cdef bint _make_room(Decoder decoder, Py_ssize_t n) noexcept nogil:
    """Scratch for every level that a frame of `n` bytes can hold."""
    cdef Py_ssize_t levels = n // LEVEL_BYTES + 2
    cdef Level* grown
    if levels <= decoder.scratch_capacity:
        return True
    grown = <Level*> malloc(2 * levels * sizeof(Level))
    if grown == NULL:
        return False
    free(decoder.scratch)
    decoder.scratch = grown
    decoder.scratch_capacity = 2 * levels
    return True


# -- the shapes ------------------------------------------------------------------------------------------------------

cdef inline const char* _symbol(
    Decoder decoder, const char* p, const char* end, const char* key, Py_ssize_t n, Decoded* out, FeedMarket** market,
) noexcept nogil:
    """`key` (with the opening quote) and a symbol of this feed, then extras."""
    cdef const char* start = p + n
    p = _text(p, end, key, n)
    if p == NULL:
        return NULL
    market[0] = _find(decoder.table, decoder.table_mask, start, p - 1 - start)
    if market[0] == NULL:
        return NULL
    out.market = market[0].market
    return _extras(p, end)


cdef const char* _scan_depth(Decoder decoder, const char* p, const char* end, Decoded* out) noexcept nogil:
    """USD-M e E T s U u pu b a; COIN-M has ps after s; spot has neither T nor pu."""
    cdef FeedMarket* market = NULL
    cdef Level* levels = decoder.scratch
    p = _ms(p, end, b',"E":', 5, &out.event_ts_ns)
    if p != NULL and MM_IS(p, end, b',"T":', 5):
        p = _ms(p, end, b',"T":', 5, &out.txn_ts_ns)
    p = _symbol(decoder, p, end, b',"s":"', 6, out, &market)
    p = _int(p, end, b',"U":', 5, &out.first_id)
    p = _int(p, end, b',"u":', 5, &out.last_id)
    if not decoder.spot:
        p = _int(p, end, b',"pu":', 6, &out.prev_id)
    if p == NULL or out.first_id > out.last_id or not MM_IS(p, end, b',"b":[', 6):
        return NULL
    out.bids = levels
    p = _levels(p + 6, end, market, levels, &out.n_bids, &out.n_dust)
    if p == NULL or not MM_IS(p, end, b',"a":[', 6):
        return NULL
    levels += out.n_bids
    out.asks = levels
    return _extras(_levels(p + 6, end, market, levels, &out.n_asks, &out.n_dust), end)


cdef const char* _scan_ticker(Decoder decoder, const char* p, const char* end, Decoded* out) noexcept nogil:
    """USD-M e u [E T] s b B a A [T E]; COIN-M u e s ps b B a A T E; spot u s b B a A."""
    cdef FeedMarket* market = NULL
    cdef bint named = MM_IS(p, end, b'{"e"', 4), timed = False
    p = _int(p + (17 if named else 0), end, b',"u":' if named else b'{"u":', 5, &out.last_id)
    if p != NULL and not named and MM_IS(p, end, b',"e":"bookTicker"', 17):
        p += 17
        named = True
    if p != NULL and MM_IS(p, end, b',"E":', 5):
        timed = True
        p = _ms(p, end, b',"E":', 5, &out.event_ts_ns)
        p = _ms(p, end, b',"T":', 5, &out.txn_ts_ns)
    if p == NULL or not named and not decoder.spot:
        return NULL
    p = _symbol(decoder, p, end, b',"s":"', 6, out, &market)
    if p == NULL:
        return NULL
    p = _units(p, end, b',"b":"', 6, &market.tick, &out.bid_ticks)
    p = _lots(p, end, b',"B":"', 6, &market.lot, &out.bid_lots, &out.n_dust)
    p = _units(p, end, b',"a":"', 6, &market.tick, &out.ask_ticks)
    p = _lots(p, end, b',"A":"', 6, &market.lot, &out.ask_lots, &out.n_dust)
    if p != NULL and not timed and MM_IS(p, end, b',"T":', 5):
        p = _ms(p, end, b',"T":', 5, &out.txn_ts_ns)
        p = _ms(p, end, b',"E":', 5, &out.event_ts_ns)
    return _extras(p, end)


cdef const char* _scan_trade(Decoder decoder, const char* p, const char* end, Decoded* out) noexcept nogil:
    """Futures e E T s t p q X m; spot e E s t p q [b a] T m M."""
    cdef FeedMarket* market = NULL
    cdef bint buyer_is_maker = False, unused = False, usual = True
    cdef int64_t order = 0
    p = _ms(p, end, b',"E":', 5, &out.event_ts_ns)
    if p != NULL and MM_IS(p, end, b',"T":', 5):
        p = _ms(p, end, b',"T":', 5, &out.txn_ts_ns)
    p = _symbol(decoder, p, end, b',"s":"', 6, out, &market)
    p = _int(p, end, b',"t":', 5, &out.trade_id)
    if p == NULL:
        return NULL
    p = _units(p, end, b',"p":"', 6, &market.tick, &out.price_ticks)
    p = _lots(p, end, b',"q":"', 6, &market.lot, &out.qty_lots, &out.n_dust)
    if p != NULL and MM_IS(p, end, b',"b":', 5):
        p = _int(p, end, b',"b":', 5, &order)
        p = _int(p, end, b',"a":', 5, &order)
    if p != NULL and MM_IS(p, end, b',"X":"', 6):
        usual = MM_IS(p + 6, end, b'MARKET"', 7)
        p = _text(p, end, b',"X":"', 6)
    elif p != NULL and out.txn_ts_ns == 0:
        p = _ms(p, end, b',"T":', 5, &out.txn_ts_ns)
    p = _bool(p, end, b',"m":', 5, &buyer_is_maker)
    if p != NULL and MM_IS(p, end, b',"M":', 5):
        p = _bool(p, end, b',"M":', 5, &unused)
    out.taker_side = Side.SELL if buyer_is_maker else Side.BUY
    out.is_market = usual and out.price_ticks > 0 and out.qty_lots > 0
    return _extras(p, end)


cdef const char* _scan_agg_trade(Decoder decoder, const char* p, const char* end, Decoded* out) noexcept nogil:
    """USD-M e E a s p q [nq] f l T m; spot e E s a p q f l T m M."""
    cdef FeedMarket* market = NULL
    cdef bint buyer_is_maker = False, unused = False, numbered
    p = _ms(p, end, b',"E":', 5, &out.event_ts_ns)
    numbered = p != NULL and MM_IS(p, end, b',"a":', 5)
    if numbered:
        p = _int(p, end, b',"a":', 5, &out.trade_id)
    p = _symbol(decoder, p, end, b',"s":"', 6, out, &market)
    if not numbered:
        p = _int(p, end, b',"a":', 5, &out.trade_id)
    if p == NULL:
        return NULL
    p = _units(p, end, b',"p":"', 6, &market.tick, &out.price_ticks)
    p = _lots(p, end, b',"q":"', 6, &market.lot, &out.qty_lots, &out.n_dust)
    if p != NULL and MM_IS(p, end, b',"nq":"', 7):
        p = _text(p, end, b',"nq":"', 7)
    p = _int(p, end, b',"f":', 5, &out.first_id)
    p = _int(p, end, b',"l":', 5, &out.last_id)
    p = _ms(p, end, b',"T":', 5, &out.txn_ts_ns)
    p = _bool(p, end, b',"m":', 5, &buyer_is_maker)
    if p != NULL and MM_IS(p, end, b',"M":', 5):
        p = _bool(p, end, b',"M":', 5, &unused)
    out.taker_side = Side.SELL if buyer_is_maker else Side.BUY
    out.is_market = out.price_ticks > 0 and out.qty_lots > 0
    return _extras(p, end)


cdef inline const char* _double(
    const char* p, const char* end, const char* key, Py_ssize_t n, double* out,
) noexcept nogil:
    if p == NULL or not MM_IS(p, end, key, n):
        return NULL
    return mm_scan_double(p + n, end, out)


cdef const char* _scan_mark(Decoder decoder, const char* p, const char* end, Decoded* out) noexcept nogil:
    """e E s p [ap] [P] [i] [P] r T: the order of P and i differs between USD-M and COIN-M."""
    cdef FeedMarket* market = NULL
    cdef bint settled
    p = _ms(p, end, b',"E":', 5, &out.event_ts_ns)
    p = _symbol(decoder, p, end, b',"s":"', 6, out, &market)
    p = _double(p, end, b',"p":"', 6, &out.mark_price)
    if p != NULL and MM_IS(p, end, b',"ap":"', 7):
        p = _text(p, end, b',"ap":"', 7)
    settled = p != NULL and MM_IS(p, end, b',"P":"', 6)
    if settled:
        p = _double(p, end, b',"P":"', 6, &out.settle_price)
    if p != NULL and MM_IS(p, end, b',"i":"', 6):
        p = _double(p, end, b',"i":"', 6, &out.index_price)
    if not settled:
        p = _double(p, end, b',"P":"', 6, &out.settle_price)
    p = _double(p, end, b',"r":"', 6, &out.funding_rate)
    return _extras(_ms(p, end, b',"T":', 5, &out.next_funding_ns), end)


cdef const char* _scan_snapshot(
    Decoder decoder, const char* p, const char* end, Decoded* out, int32_t wanted,
) noexcept nogil:
    """Spot lastUpdateId bids asks; USD-M has E T, COIN-M E T symbol pair after the id."""
    cdef FeedMarket* market = NULL
    cdef Level* levels = decoder.scratch
    p = _int(p, end, b'{"lastUpdateId":', 16, &out.last_id)
    if p != NULL and MM_IS(p, end, b',"E":', 5):
        p = _ms(p, end, b',"E":', 5, &out.event_ts_ns)
        p = _ms(p, end, b',"T":', 5, &out.txn_ts_ns)
    if p != NULL and MM_IS(p, end, b',"symbol":"', 11):
        p = _symbol(decoder, p, end, b',"symbol":"', 11, out, &market)
        p = _text(p, end, b',"pair":"', 9)
        if market == NULL or wanted >= 0 and wanted != market.market:
            return NULL
    else:
        market = decoder._market(wanted)
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


# -- the full parser -------------------------------------------------------------------------------------------------

class _Unusable(Exception):
    """A frame with nothing to apply: (MessageKind, BadReason)."""


_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_TICKER_KEYS = {"u", "s", "b", "B", "a", "A"}
_INT_LIMIT = 2**62


cdef object _need(dict data, str key, type kind):
    value = data.get(key)
    if type(value) is not kind:
        raise _Unusable(BAD, REASON_FIELD)
    return value


cdef int64_t _need_int(dict data, str key) except? -7:
    value = _need(data, key, int)
    if not 0 <= value < _INT_LIMIT:
        raise _Unusable(BAD, REASON_FIELD)
    return value


cdef int64_t _need_ns(dict data, str key, bint optional) except? -7:
    if optional and key not in data:
        return 0
    value = _need_int(data, key)
    if value > MS_LIMIT:
        raise _Unusable(BAD, REASON_FIELD)
    return value * 1_000_000


cdef int64_t _need_ticks(object text, const MmUnit* tick) except? -7:
    cdef bytes raw
    cdef int64_t ticks = 0
    if type(text) is not str:
        raise _Unusable(BAD, REASON_FIELD)
    raw = (<str> text).encode()
    if mm_parse_units(raw, len(raw), tick.mantissa, tick.decimals, &ticks) != 0 or ticks >= MM_VALUE_LIMIT:
        raise _Unusable(BAD, REASON_PRICE)
    return ticks


cdef int64_t _need_lots(object text, const MmUnit* lot, int32_t* n_dust) except? -7:
    cdef bytes raw
    cdef int64_t lots = 0
    if type(text) is not str:
        raise _Unusable(BAD, REASON_FIELD)
    raw = (<str> text).encode()
    if _cut(raw, len(raw), lot, &lots, n_dust) != 0:
        raise _Unusable(BAD, REASON_QTY)
    return lots


cdef double _need_double(dict data, str key, bint optional) except? -7.0:
    if optional and key not in data:
        return MM_NAN
    text = _need(data, key, str)
    if text == "":
        return MM_NAN
    if not _NUMBER.fullmatch(text):
        raise _Unusable(BAD, REASON_FIELD)
    return float(text)


cdef FeedMarket* _need_market(Decoder decoder, dict data, str key, Decoded* out) except NULL:
    cdef bytes name = _need(data, key, str).encode()
    cdef FeedMarket* market = _find(decoder.table, decoder.table_mask, name, len(name))
    if market == NULL:
        raise _Unusable(IGNORED, REASON_SYMBOL)
    out.market = market.market
    return market


cdef int _need_levels(
    dict data, str key, const FeedMarket* market, Level* out, Py_ssize_t room, int32_t* n_dust,
) except -1:
    cdef int n = 0
    for level in _need(data, key, list):
        if type(level) is not list or len(level) != 2:
            raise _Unusable(BAD, REASON_FIELD)
        if n >= room:
            raise MemoryError
        out[n].price_ticks = _need_ticks(level[0], &market.tick)
        out[n].qty_lots = _need_lots(level[1], &market.lot, n_dust)
        if out[n].price_ticks == 0:
            raise _Unusable(BAD, REASON_PRICE)
        n += 1
    return n


cdef int _parse_levels(
    Decoder decoder, dict data, str bids, str asks, const FeedMarket* market, Decoded* out,
) except -1:
    out.n_bids = _need_levels(data, bids, market, decoder.scratch, decoder.scratch_capacity, &out.n_dust)
    out.bids = decoder.scratch
    out.asks = decoder.scratch + out.n_bids
    out.n_asks = _need_levels(
        data, asks, market, decoder.scratch + out.n_bids, decoder.scratch_capacity - out.n_bids, &out.n_dust)
    return 0


cdef int _parse(Decoder decoder, object data, Decoded* out, int32_t snapshot_market) except -1:
    stream = None
    if type(data) is dict and "stream" in data and "data" in data:
        stream, data = _need(data, "stream", str), data["data"]
    if type(data) is list:
        raise _Unusable(IGNORED, REASON_KIND)
    if type(data) is not dict:
        raise _Unusable(BAD, REASON_FIELD)
    if "e" in data:
        kind = _need(data, "e", str)
        if kind == "depthUpdate":
            return _parse_depth(decoder, data, stream, out)
        if kind == "bookTicker":
            return _parse_ticker(decoder, data, out)
        if kind == "trade":
            return _parse_trade(decoder, data, out)
        if kind == "aggTrade":
            return _parse_agg_trade(decoder, data, out)
        if kind == "markPriceUpdate":
            return _parse_mark(decoder, data, out)
        raise _Unusable(IGNORED, REASON_KIND)
    if "lastUpdateId" in data:
        if stream is not None:                      # a partial book of spot, which is no part of the sequence
            raise _Unusable(IGNORED, REASON_KIND)
        return _parse_snapshot(decoder, data, out, snapshot_market)
    if decoder.spot and data.keys() >= _TICKER_KEYS:
        return _parse_ticker(decoder, data, out)
    if stream is None and ("result" in data or "error" in data or "code" in data):
        return _parse_control(data, out)
    raise _Unusable(BAD, REASON_FIELD)


cdef int _parse_depth(Decoder decoder, dict data, object stream, Decoded* out) except -1:
    cdef FeedMarket* market
    cdef bytes name
    if stream is not None:
        name = (<str> stream).encode()
        if not _is_diff_stream(name, len(name)):
            raise _Unusable(IGNORED, REASON_KIND)
    market = _need_market(decoder, data, "s", out)
    out.event_ts_ns = _need_ns(data, "E", True)
    out.txn_ts_ns = _need_ns(data, "T", True)
    out.first_id, out.last_id = _need_int(data, "U"), _need_int(data, "u")
    out.prev_id = -1 if decoder.spot else _need_int(data, "pu")
    if out.first_id > out.last_id:
        raise _Unusable(BAD, REASON_FIELD)
    _parse_levels(decoder, data, "b", "a", market, out)
    return DEPTH


cdef int _parse_ticker(Decoder decoder, dict data, Decoded* out) except -1:
    cdef FeedMarket* market = _need_market(decoder, data, "s", out)
    out.last_id = _need_int(data, "u")
    out.event_ts_ns = _need_ns(data, "E", True)
    out.txn_ts_ns = _need_ns(data, "T", True)
    out.bid_ticks = _need_ticks(data.get("b"), &market.tick)
    out.bid_lots = _need_lots(data.get("B"), &market.lot, &out.n_dust)
    out.ask_ticks = _need_ticks(data.get("a"), &market.tick)
    out.ask_lots = _need_lots(data.get("A"), &market.lot, &out.n_dust)
    return BOOK_TICKER


cdef int _parse_print(dict data, const FeedMarket* market, Decoded* out) except -1:
    """What both kinds of trade message state."""
    out.event_ts_ns = _need_ns(data, "E", True)
    out.txn_ts_ns = _need_ns(data, "T", True)
    out.price_ticks = _need_ticks(data.get("p"), &market.tick)
    out.qty_lots = _need_lots(data.get("q"), &market.lot, &out.n_dust)
    out.taker_side = Side.SELL if _need(data, "m", bool) else Side.BUY
    out.is_market = out.price_ticks > 0 and out.qty_lots > 0
    return 0


cdef int _parse_trade(Decoder decoder, dict data, Decoded* out) except -1:
    _parse_print(data, _need_market(decoder, data, "s", out), out)
    out.trade_id = _need_int(data, "t")
    if "X" in data and _need(data, "X", str) != "MARKET":
        out.is_market = 0
    return TRADE


cdef int _parse_agg_trade(Decoder decoder, dict data, Decoded* out) except -1:
    _parse_print(data, _need_market(decoder, data, "s", out), out)
    out.trade_id = _need_int(data, "a")
    out.first_id, out.last_id = _need_int(data, "f"), _need_int(data, "l")
    return AGG_TRADE


cdef int _parse_mark(Decoder decoder, dict data, Decoded* out) except -1:
    _need_market(decoder, data, "s", out)
    out.event_ts_ns = _need_ns(data, "E", True)
    out.mark_price = _need_double(data, "p", False)
    out.index_price = _need_double(data, "i", True)
    out.settle_price = _need_double(data, "P", True)
    out.funding_rate = _need_double(data, "r", True)
    out.next_funding_ns = _need_ns(data, "T", True)
    return MARK_PRICE


cdef int _parse_snapshot(Decoder decoder, dict data, Decoded* out, int32_t wanted) except -1:
    cdef FeedMarket* market
    if "symbol" in data:
        market = _need_market(decoder, data, "symbol", out)
        if wanted >= 0 and wanted != market.market:
            raise _Unusable(BAD, REASON_SYMBOL)
    else:
        market = decoder._market(wanted)
        if market == NULL:
            raise _Unusable(IGNORED, REASON_SYMBOL)
        out.market = market.market
    out.last_id = out.first_id = _need_int(data, "lastUpdateId")
    out.event_ts_ns = _need_ns(data, "E", True)
    out.txn_ts_ns = _need_ns(data, "T", True)
    _parse_levels(decoder, data, "bids", "asks", market, out)
    return SNAPSHOT


cdef int _parse_control(dict data, Decoded* out) except -1:
    """``{"result":null,"id":1}``, ``{"error":{"code":2,"msg":…},"id":1}``, ``{"code":2,"msg":…,"id":1}``."""
    number = data.get("id")
    if type(number) is int and 0 <= number < _INT_LIMIT:
        out.control_id = number
    error = data.get("error", data)
    code = error.get("code", 0) if type(error) is dict else 0
    if type(code) is not int or not -2**31 <= code < 2**31:
        raise _Unusable(BAD, REASON_FIELD)
    out.control_code = code
    return CONTROL


cdef class Frame:
    """One decoded frame, every field of `Decoded` by name; made by a `Decoder`."""

    @property
    def kind(self) -> int:
        """`MessageKind`."""
        return self.data.kind

    @property
    def market(self) -> int:
        """Index of its market, -1 for none."""
        return self.data.market

    @property
    def last_id(self) -> int:
        """The last update id it carries."""
        return self.data.last_id

    @property
    def event_ts_ns(self) -> int:
        """The venue's time of sending, 0 when not stated."""
        return self.data.event_ts_ns

    def as_dict(self) -> dict:
        """Every field; levels as lists of ``(price_ticks, qty_lots)``, valid only before the decoder's next call."""
        cdef Decoded* data = &self.data
        return {
            "kind": data.kind, "market": data.market, "reason": data.reason,
            "event_ts_ns": data.event_ts_ns, "txn_ts_ns": data.txn_ts_ns,
            "first_id": data.first_id, "last_id": data.last_id, "prev_id": data.prev_id,
            "bids": [(data.bids[i].price_ticks, data.bids[i].qty_lots) for i in range(data.n_bids)],
            "n_dust": data.n_dust,
            "asks": [(data.asks[i].price_ticks, data.asks[i].qty_lots) for i in range(data.n_asks)],
            "bid_ticks": data.bid_ticks, "bid_lots": data.bid_lots,
            "ask_ticks": data.ask_ticks, "ask_lots": data.ask_lots,
            "price_ticks": data.price_ticks, "qty_lots": data.qty_lots, "trade_id": data.trade_id,
            "taker_side": data.taker_side, "is_market": data.is_market,
            "mark_price": data.mark_price, "index_price": data.index_price,
            "settle_price": data.settle_price, "funding_rate": data.funding_rate,
            "next_funding_ns": data.next_funding_ns,
            "control_id": data.control_id, "control_code": data.control_code,
        }
