"""The bare work, as plain C loops, and the same input through the core: one call each, timed by the caller.

The floor knows the data beforehand (one array over every price that occurs, no bounds, no sequence, no statistics, no
malformed input), so nothing that must be safe can be expected to reach it; it is the yardstick, not a rival.
"""

from libc.stdint cimport INT64_MAX, int64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy

from mmbot._core.book cimport Book
from mmbot._core.decode cimport Decoder
from mmbot._core.message cimport DEPTH, SNAPSHOT, Decoded
from mmbot._core.sync cimport BookSync
from mmbot._core.types cimport Level


cdef struct Flat:       # one array over all prices
    int64_t* bids
    int64_t* asks
    int64_t lowest, n, best_bid, best_ask


cdef int _flat_init(Flat* flat, int64_t lowest, int64_t highest) except -1:
    flat.lowest, flat.n = lowest - 1, highest - lowest + 3
    flat.bids = <int64_t*> calloc(flat.n, sizeof(int64_t))
    flat.asks = <int64_t*> calloc(flat.n, sizeof(int64_t))
    flat.best_bid, flat.best_ask = 0, flat.n - 1
    if flat.bids == NULL or flat.asks == NULL:
        raise MemoryError
    return 0


cdef inline void _flat_bid(Flat* flat, int64_t ticks, int64_t lots) noexcept nogil:
    cdef int64_t at = ticks - flat.lowest
    flat.bids[at] = lots
    if lots:
        if at > flat.best_bid:
            flat.best_bid = at
    elif at == flat.best_bid:
        while at > 0 and flat.bids[at] == 0:
            at -= 1
        flat.best_bid = at


cdef inline void _flat_ask(Flat* flat, int64_t ticks, int64_t lots) noexcept nogil:
    cdef int64_t at = ticks - flat.lowest
    flat.asks[at] = lots
    if lots:
        if at < flat.best_ask:
            flat.best_ask = at
    elif at == flat.best_ask:
        while at < flat.n - 1 and flat.asks[at] == 0:
            at += 1
        flat.best_ask = at


cdef class LevelTape:
    """Messages as ``(bids, asks)``, each a list of ``(price_ticks, qty_lots)``."""

    def __cinit__(self, list messages not None):
        cdef int64_t at = 0, i = 0
        self.n_messages = len(messages)
        self.n_levels = sum(len(bids) + len(asks) for bids, asks in messages)
        self.levels = <Level*> malloc((self.n_levels + 1) * sizeof(Level))
        self.ends = <int64_t*> malloc((2 * self.n_messages + 1) * sizeof(int64_t))
        if self.levels == NULL or self.ends == NULL:
            raise MemoryError
        self.lowest, self.highest = INT64_MAX, 0
        for sides in messages:
            for side in sides:
                for ticks, lots in side:
                    self.levels[at].price_ticks, self.levels[at].qty_lots = ticks, lots
                    self.lowest = min(self.lowest, self.levels[at].price_ticks)
                    self.highest = max(self.highest, self.levels[at].price_ticks)
                    at += 1
                self.ends[i] = at
                i += 1

    def __dealloc__(self):
        free(self.levels)
        free(self.ends)

    def through_floor(self) -> int:
        """Every level through one flat array; the sum of the best prices after each message."""
        cdef Flat flat
        cdef int64_t i, at = 0, total = 0
        _flat_init(&flat, self.lowest, self.highest)
        for i in range(self.n_messages):
            while at < self.ends[2 * i]:
                _flat_bid(&flat, self.levels[at].price_ticks, self.levels[at].qty_lots)
                at += 1
            while at < self.ends[2 * i + 1]:
                _flat_ask(&flat, self.levels[at].price_ticks, self.levels[at].qty_lots)
                at += 1
            total += flat.best_bid + flat.best_ask + 2 * flat.lowest
        free(flat.bids)
        free(flat.asks)
        return total

    def through_book(self, Book book not None) -> int:
        """Every level through `book`; the sum of the best prices after each message."""
        cdef int64_t i, at = 0, total = 0
        for i in range(self.n_messages):
            book.apply(0, self.levels + at, self.ends[2 * i] - at)
            at = self.ends[2 * i]
            book.apply(1, self.levels + at, self.ends[2 * i + 1] - at)
            at = self.ends[2 * i + 1]
            total += book.best_bid_ticks + book.best_ask_ticks
        return total


cdef const char* _number(const char* p, int64_t* out) noexcept nogil:
    """Digits with a point somewhere, up to the closing quote, as one integer; what follows the quote."""
    cdef int64_t value = 0
    while p[0] != c'"':
        if p[0] != c".":
            value = 10 * value + (p[0] - c"0")
        p += 1
    out[0] = value
    return p + 1


cdef class FrameTape:
    """Payloads of frames, in order."""

    def __cinit__(self, list payloads not None):
        cdef int64_t at = 0, i
        cdef bytes payload
        self.n_frames = len(payloads)
        self.n_bytes = sum(len(payload) for payload in payloads)
        self.data = <char*> malloc(self.n_bytes + 1)
        self.ends = <int64_t*> malloc((self.n_frames + 1) * sizeof(int64_t))
        if self.data == NULL or self.ends == NULL:
            raise MemoryError
        for i in range(self.n_frames):
            payload = payloads[i]
            memcpy(self.data + at, <const char*> payload, len(payload))
            at += len(payload)
            self.ends[i] = at

    def __dealloc__(self):
        free(self.data)
        free(self.ends)

    def through_floor(self, int64_t lowest, int64_t highest) -> int:
        """Depth frames, digit by digit, into a flat array over the raw price integers `lowest` to `highest`."""
        cdef Flat flat
        cdef int64_t i, price = 0, qty = 0, total = 0
        cdef const char* p
        cdef const char* end
        _flat_init(&flat, lowest, highest)
        p = self.data
        for i in range(self.n_frames):
            end = self.data + self.ends[i]
            while p < end and not (p[0] == c"b" and p[1] == c'"' and p[2] == c":" and p[3] == c"["):
                p += 1
            if p < end:
                p += 4
                while p[0] == c"[" or p[0] == c"," and p[1] == c"[":
                    p = _number(p + (2 if p[0] == c"[" else 3), &price)
                    p = _number(p + 2, &qty) + 1
                    _flat_bid(&flat, price, qty)
                p += 7                              # `],"a":[`
                while p[0] == c"[" or p[0] == c"," and p[1] == c"[":
                    p = _number(p + (2 if p[0] == c"[" else 3), &price)
                    p = _number(p + 2, &qty) + 1
                    _flat_ask(&flat, price, qty)
            p = end
            total += flat.best_bid + flat.best_ask + 2 * flat.lowest
        free(flat.bids)
        free(flat.asks)
        return total

    def through_decoder(self, Decoder decoder not None) -> int:
        """Decode every frame; the sum of their kinds."""
        cdef Decoded message
        cdef int64_t i, at = 0, total = 0
        for i in range(self.n_frames):
            total += decoder.decode(self.data + at, self.ends[i] - at, &message)
            at = self.ends[i]
        return total

    def through_core(self, Decoder decoder not None, BookSync sync not None) -> int:
        """Decode every frame and apply it in sequence; the sum of the best prices after each."""
        cdef Decoded message
        cdef Book book = sync.book
        cdef int64_t i, at = 0, total = 0
        cdef int kind
        for i in range(self.n_frames):
            kind = decoder.decode(self.data + at, self.ends[i] - at, &message)
            at = self.ends[i]
            if kind == DEPTH:
                sync.on_diff(&message, 0)
            elif kind == SNAPSHOT:
                sync.on_snapshot(&message, 0)
            total += book.best_bid_ticks + book.best_ask_ticks
        return total
