"""The decoder of one feed: the scanner first, the full parser for the rest; see ``decode.pxd``."""

from libc.stdint cimport int32_t

from mmbot._core.digits cimport mm_unit_init
from mmbot._core.feed cimport NAME_BYTES, Feed, FeedMarket, feed_add, feed_free, feed_new
from mmbot._core.full_parser cimport parse
from mmbot._core.message cimport BAD, REASON_FIELD, SNAPSHOT, Decoded, Frame, blank
from mmbot._core.scan cimport NOT_SCANNED, scan
from mmbot._core.types cimport Instrument

from mmbot._core.message import BadReason, MessageKind

cdef enum:
    BAD_BYTES_KEPT = 256


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
        cdef int32_t market
        if kind not in ("binance_usdm", "binance_spot"):
            raise ValueError(f"decoder kind: expected binance_usdm or binance_spot, found {kind!r}")
        self.kind, self.last_bad = kind, b""
        self.feed = feed_new(len(markets), kind == "binance_spot")
        if self.feed == NULL:
            raise MemoryError
        for symbol, (market, instrument) in markets.items():
            name = symbol.encode()
            if not 0 < len(name) < NAME_BYTES:
                raise ValueError(f"venue symbol: expected 1 to {NAME_BYTES - 1} bytes, found {symbol!r}")
            entry = feed_add(<Feed*> self.feed, name, len(name), market)
            mm_unit_init(&entry.tick, instrument.tick.mantissa, instrument.tick.decimals)
            mm_unit_init(&entry.lot, instrument.lot.mantissa, instrument.lot.decimals)

    def __dealloc__(self):
        feed_free(<Feed*> self.feed)

    cdef int decode(self, const char* p, Py_ssize_t n, Decoded* out) noexcept nogil:
        return _count(self, _either(self, p, n, out, -1), p, n, out)

    cdef int decode_snapshot(self, int32_t market, const char* p, Py_ssize_t n, Decoded* out) noexcept nogil:
        cdef int kind = _either(self, p, n, out, market)
        if kind != SNAPSHOT and kind != BAD:
            blank(out)
            kind, out.reason = BAD, REASON_FIELD
        return _count(self, kind, p, n, out)

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
        if scan(<Feed*> self.feed, payload, len(payload), &frame.data, market) == NOT_SCANNED:
            return None
        return frame

    def parse_only(self, bytes payload not None, int market=-1) -> Frame:
        """What the full parser makes of a frame; counts nothing."""
        cdef Frame frame = Frame.__new__(Frame)
        frame.decoder = self
        parse(<Feed*> self.feed, payload, len(payload), &frame.data, market)
        return frame

    @property
    def kinds(self) -> dict:
        """Frames decoded so far, by name of their `MessageKind`."""
        return {MessageKind(kind).name: self.counts[kind] for kind in range(9) if self.counts[kind]}

    @property
    def refusals(self) -> dict:
        """BAD and IGNORED frames so far, by name of their `BadReason`."""
        return {BadReason(reason).name: self.reasons[reason] for reason in range(8) if self.reasons[reason]}


cdef inline int _either(Decoder self, const char* p, Py_ssize_t n, Decoded* out, int32_t market) noexcept nogil:
    cdef int kind = scan(<Feed*> self.feed, p, n, out, market)
    if kind == NOT_SCANNED:
        self.fallbacks += 1
        kind = parse(<Feed*> self.feed, p, n, out, market)
    return kind


cdef inline int _count(Decoder self, int kind, const char* p, Py_ssize_t n, Decoded* out) noexcept nogil:
    out.kind = kind
    self.counts[kind] += 1
    self.dust += out.n_dust
    if out.reason:
        self.reasons[out.reason] += 1
        if kind == BAD:
            with gil:
                self.last_bad = p[:min(n, BAD_BYTES_KEPT)]
    return kind
