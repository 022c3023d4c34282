"""The full parser of market-data frames; see ``full_parser.pxd``."""

from libc.stdint cimport int32_t, int64_t

from mmbot._core.digits cimport MM_MAX_MS, MM_NAN, MM_VALUE_LIMIT, MmUnit, mm_parse_units
from mmbot._core.feed cimport FeedMarket, feed_find, feed_market, feed_reserve
from mmbot._core.message cimport (
    AGG_TRADE, BAD, BOOK_TICKER, CONTROL, DEPTH, IGNORED, MARK_PRICE, REASON_FIELD, REASON_JSON, REASON_KIND,
    REASON_MEMORY, REASON_PRICE, REASON_QTY, REASON_SYMBOL, SNAPSHOT, TRADE, blank,
)
from mmbot._core.scan cimport is_diff_stream
from mmbot._core.tokens cimport cut_lots
from mmbot._core.types cimport Level, Side

import re

import msgspec


class _Unusable(Exception):
    """A frame with nothing to apply: (MessageKind, BadReason)."""


_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_TICKER_KEYS = {"u", "s", "b", "B", "a", "A"}
_INT_LIMIT = 2**62


cdef int parse(Feed* feed, const char* p, Py_ssize_t n, Decoded* out, int32_t snapshot_market) noexcept with gil:
    cdef int kind
    blank(out)
    try:
        if n > feed.max_bytes and not feed_reserve(feed, n):
            raise MemoryError
        kind = _parse(feed, msgspec.json.decode(p[:n]), out, snapshot_market)
    except _Unusable as problem:
        kind, reason = problem.args
        blank(out)
        out.reason = reason
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        kind = BAD
        blank(out)
        out.reason = REASON_JSON
    except MemoryError:
        kind = BAD
        blank(out)
        out.reason = REASON_MEMORY
    out.kind = kind
    return kind


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
    if value > MM_MAX_MS:
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
    if cut_lots(raw, len(raw), lot, &lots, n_dust) != 0:
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


cdef FeedMarket* _need_market(Feed* feed, dict data, str key, Decoded* out) except NULL:
    cdef bytes name = _need(data, key, str).encode()
    cdef FeedMarket* market = feed_find(feed, name, len(name))
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
    Feed* feed, dict data, str bids, str asks, const FeedMarket* market, Decoded* out,
) except -1:
    out.n_bids = _need_levels(data, bids, market, feed.levels, feed.capacity, &out.n_dust)
    out.bids = feed.levels
    out.asks = feed.levels + out.n_bids
    out.n_asks = _need_levels(
        data, asks, market, feed.levels + out.n_bids, feed.capacity - out.n_bids, &out.n_dust)
    return 0


cdef int _parse(Feed* feed, object data, Decoded* out, int32_t snapshot_market) except -1:
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
            return _parse_depth(feed, data, stream, out)
        if kind == "bookTicker":
            return _parse_ticker(feed, data, out)
        if kind == "trade":
            return _parse_trade(feed, data, out)
        if kind == "aggTrade":
            return _parse_agg_trade(feed, data, out)
        if kind == "markPriceUpdate":
            return _parse_mark(feed, data, out)
        raise _Unusable(IGNORED, REASON_KIND)
    if "lastUpdateId" in data:
        if stream is not None:                      # a partial book of spot, which is no part of the sequence
            raise _Unusable(IGNORED, REASON_KIND)
        return _parse_snapshot(feed, data, out, snapshot_market)
    if feed.spot and data.keys() >= _TICKER_KEYS:
        return _parse_ticker(feed, data, out)
    if stream is None and ("result" in data or "error" in data or "code" in data):
        return _parse_control(data, out)
    raise _Unusable(BAD, REASON_FIELD)


cdef int _parse_depth(Feed* feed, dict data, object stream, Decoded* out) except -1:
    cdef FeedMarket* market
    cdef bytes name
    if stream is not None:
        name = (<str> stream).encode()
        if not is_diff_stream(name, len(name)):
            raise _Unusable(IGNORED, REASON_KIND)
    market = _need_market(feed, data, "s", out)
    out.event_ts_ns = _need_ns(data, "E", True)
    out.txn_ts_ns = _need_ns(data, "T", True)
    out.first_id, out.last_id = _need_int(data, "U"), _need_int(data, "u")
    out.prev_id = -1 if feed.spot else _need_int(data, "pu")
    if out.first_id > out.last_id:
        raise _Unusable(BAD, REASON_FIELD)
    _parse_levels(feed, data, "b", "a", market, out)
    return DEPTH


cdef int _parse_ticker(Feed* feed, dict data, Decoded* out) except -1:
    cdef FeedMarket* market = _need_market(feed, data, "s", out)
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


cdef int _parse_trade(Feed* feed, dict data, Decoded* out) except -1:
    _parse_print(data, _need_market(feed, data, "s", out), out)
    out.trade_id = _need_int(data, "t")
    if "X" in data and _need(data, "X", str) != "MARKET":
        out.is_market = 0
    return TRADE


cdef int _parse_agg_trade(Feed* feed, dict data, Decoded* out) except -1:
    _parse_print(data, _need_market(feed, data, "s", out), out)
    out.trade_id = _need_int(data, "a")
    out.first_id, out.last_id = _need_int(data, "f"), _need_int(data, "l")
    return AGG_TRADE


cdef int _parse_mark(Feed* feed, dict data, Decoded* out) except -1:
    _need_market(feed, data, "s", out)
    out.event_ts_ns = _need_ns(data, "E", True)
    out.mark_price = _need_double(data, "p", False)
    out.index_price = _need_double(data, "i", True)
    out.settle_price = _need_double(data, "P", True)
    out.funding_rate = _need_double(data, "r", True)
    out.next_funding_ns = _need_ns(data, "T", True)
    return MARK_PRICE


cdef int _parse_snapshot(Feed* feed, dict data, Decoded* out, int32_t wanted) except -1:
    cdef FeedMarket* market
    if "symbol" in data:
        market = _need_market(feed, data, "symbol", out)
        if wanted >= 0 and wanted != market.market:
            raise _Unusable(BAD, REASON_SYMBOL)
    else:
        market = feed_market(feed, wanted)
        if market == NULL:
            raise _Unusable(IGNORED, REASON_SYMBOL)
        out.market = market.market
    out.last_id = out.first_id = _need_int(data, "lastUpdateId")
    out.event_ts_ns = _need_ns(data, "E", True)
    out.txn_ts_ns = _need_ns(data, "T", True)
    _parse_levels(feed, data, "bids", "asks", market, out)
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
