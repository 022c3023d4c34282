"""Fill deduplication; see ``trade_ids.pxd`` for the contract."""

from libc.stdint cimport INT64_MIN, uint64_t
from libc.stdlib cimport calloc, free, malloc

cdef enum:
    SLOTS = 2 * TRADES_KEPT
    MASK = SLOTS - 1
    HASH_SHIFT = 64 - 17            # SLOTS is 2**17


cdef inline int64_t _key(int8_t side, int64_t trade_id) noexcept nogil:
    cdef int64_t key = <int64_t>((<uint64_t>trade_id << 1) | <uint64_t>(side & 1))
    return key if key != INT64_MIN else INT64_MIN + 1       # INT64_MIN marks an empty place


cdef inline int32_t _home(int64_t key) noexcept nogil:
    return <int32_t>((<uint64_t>key * <uint64_t>0x9E3779B97F4A7C15) >> HASH_SHIFT)


cdef inline int32_t _locate(const TradeWindow* window, int64_t key) noexcept nogil:
    """Where the key is, or the empty place where it belongs."""
    cdef int32_t place = _home(key)
    while window.table[place] != INT64_MIN and window.table[place] != key:
        place = (place + 1) & MASK
    return place


cdef void _forget(TradeWindow* window, int64_t key) noexcept nogil:
    """Takes a key out and closes the hole, so that probing needs no tombstones (Knuth, vol. 3, algorithm 6.4 R)."""
    cdef int32_t hole = _locate(window, key)
    cdef int32_t place = hole
    cdef int32_t home
    while True:
        place = (place + 1) & MASK
        if window.table[place] == INT64_MIN:
            break
        home = _home(window.table[place])
        if ((place - home) & MASK) >= ((place - hole) & MASK):
            window.table[hole] = window.table[place]
            hole = place
    window.table[hole] = INT64_MIN


cdef class TradeIds:
    """Remembers which fills were applied.

    Args:
        markets: how many markets there are; market indexes run from 0.
    """

    def __cinit__(self, int32_t markets):
        cdef int32_t market, place
        if markets < 1:
            raise ValueError(f"TradeIds: expected at least one market, found {markets}")
        self.windows = <TradeWindow*>calloc(markets, sizeof(TradeWindow))
        if self.windows == NULL:
            raise MemoryError
        self.markets = markets
        for market in range(markets):
            self.windows[market].table = <int64_t*>malloc(SLOTS * sizeof(int64_t))
            self.windows[market].ring = <int64_t*>malloc(TRADES_KEPT * sizeof(int64_t))
            if self.windows[market].table == NULL or self.windows[market].ring == NULL:
                raise MemoryError
            for place in range(SLOTS):
                self.windows[market].table[place] = INT64_MIN

    def __dealloc__(self):
        cdef int32_t market
        if self.windows == NULL:
            return
        for market in range(self.markets):
            free(self.windows[market].table)
            free(self.windows[market].ring)
        free(self.windows)

    cpdef bint seen(self, int32_t market, int8_t side, int64_t trade_id) noexcept nogil:
        """Whether that fill was applied (as far back as `TRADES_KEPT`)."""
        cdef TradeWindow* window = &self.windows[market]
        return window.table[_locate(window, _key(side, trade_id))] != INT64_MIN

    cpdef bint learn(self, int32_t market, int8_t side, int64_t trade_id) noexcept nogil:
        """Remembers a fill; False when it was known already."""
        cdef TradeWindow* window = &self.windows[market]
        cdef int64_t key = _key(side, trade_id)
        cdef int32_t place = _locate(window, key)
        if window.table[place] != INT64_MIN:
            return False
        if window.count == TRADES_KEPT:
            _forget(window, window.ring[window.oldest])
            place = _locate(window, key)        # closing the hole may have moved where it belongs
            window.ring[window.oldest] = key
            window.oldest = (window.oldest + 1) % TRADES_KEPT
        else:
            window.ring[(window.oldest + window.count) % TRADES_KEPT] = key
            window.count += 1
        window.table[place] = key
        return True

    def export(self, int32_t market) -> list[int]:
        """Every key kept of a market (trade id * 2 + side), oldest first."""
        if not 0 <= market < self.markets:
            raise IndexError(f"market {market} of {self.markets}")
        cdef TradeWindow* window = &self.windows[market]
        return [window.ring[(window.oldest + index) % TRADES_KEPT] for index in range(window.count)]

    def load(self, int32_t market, list keys not None) -> None:
        """Learns what `export` gave, oldest first."""
        if not 0 <= market < self.markets:
            raise IndexError(f"market {market} of {self.markets}")
        for key in keys:
            self.learn(market, key & 1, key >> 1)
