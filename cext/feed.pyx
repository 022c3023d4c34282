"""The symbols of a feed and its level memory; see ``feed.pxd``."""

from libc.stdint cimport int32_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy

from mmbot._core.types cimport Level

cdef enum:
    LEVEL_BYTES = 9                 # `["1","1"]`: no level is shorter
    FIRST_LEVELS = 256


cdef inline void _set_capacity(Feed* feed, Py_ssize_t levels) noexcept nogil:
    feed.capacity, feed.max_bytes = levels, (levels - 1) * LEVEL_BYTES - 1


cdef Feed* feed_new(int32_t n_markets, bint spot) noexcept nogil:
    cdef Feed* feed = <Feed*> calloc(1, sizeof(Feed))
    cdef int32_t size = 4
    if feed == NULL:
        return NULL
    while size < 4 * n_markets:
        size *= 2
    feed.table_mask, feed.spot = size - 1, spot
    _set_capacity(feed, FIRST_LEVELS)
    feed.table = <FeedMarket*> calloc(size, sizeof(FeedMarket))
    feed.levels = <Level*> malloc(FIRST_LEVELS * sizeof(Level))
    if feed.table == NULL or feed.levels == NULL:
        feed_free(feed)
        return NULL
    return feed


cdef void feed_free(Feed* feed) noexcept nogil:
    if feed != NULL:
        free(feed.table)
        free(feed.levels)
        free(feed)


cdef inline uint64_t _hash(const uint64_t* name) noexcept nogil:
    cdef uint64_t mixed = name[0] ^ (name[1] * <uint64_t> 0x9E3779B97F4A7C15) ^ (name[2] << 17) ^ (name[3] << 31)
    return (mixed * <uint64_t> 0xD6E8FEB86659FD93) >> 40


cdef inline uint64_t _word(const char* text, Py_ssize_t n) noexcept nogil:
    """The first `n` bytes as a number, at most eight; none is read beyond them."""
    cdef uint64_t word = 0
    cdef uint32_t first, last
    cdef Py_ssize_t i
    if n >= 8:
        memcpy(&word, text, 8)
    elif n >= 4:
        memcpy(&first, text, 4)
        memcpy(&last, text + n - 4, 4)      # overlaps the first four with the same bytes
        word = first | <uint64_t> last << 8 * (n - 4)
    else:
        for i in range(n):
            word |= <uint64_t> <unsigned char> text[i] << 8 * i
    return word


cdef inline void _name(const char* symbol, Py_ssize_t n, uint64_t* name) noexcept nogil:
    """A symbol as words; made in registers, as copying it byte by byte and loading it again would stall."""
    cdef int i
    for i in range(NAME_WORDS):
        name[i] = _word(symbol + 8 * i, n - 8 * i)


cdef FeedMarket* feed_add(Feed* feed, const char* symbol, Py_ssize_t n, int32_t market) noexcept nogil:
    cdef uint64_t name[NAME_WORDS]
    cdef FeedMarket* entry
    cdef uint64_t at
    _name(symbol, n, name)
    at = _hash(name)
    while feed.table[at & feed.table_mask].used:
        at += 1
    entry = &feed.table[at & feed.table_mask]
    memcpy(entry.name, name, NAME_BYTES)
    entry.market, entry.used = market, 1
    feed.n_markets += 1
    return entry


cdef FeedMarket* feed_find(const Feed* feed, const char* symbol, Py_ssize_t n) noexcept nogil:
    cdef uint64_t name[NAME_WORDS]
    cdef FeedMarket* entry
    cdef uint64_t at
    if n <= 0 or n >= NAME_BYTES:
        return NULL
    _name(symbol, n, name)
    at = _hash(name)
    while True:
        entry = &feed.table[at & feed.table_mask]
        if not entry.used:
            return NULL
        if (entry.name[0] == name[0] and entry.name[1] == name[1]
                and entry.name[2] == name[2] and entry.name[3] == name[3]):
            return entry
        at += 1


cdef FeedMarket* feed_market(const Feed* feed, int32_t market) noexcept nogil:
    cdef int32_t i
    for i in range(feed.table_mask + 1):
        if feed.table[i].used and (feed.table[i].market == market or market < 0 and feed.n_markets == 1):
            return &feed.table[i]
    return NULL


cdef bint feed_reserve(Feed* feed, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t capacity = 2 * (n // LEVEL_BYTES + 2)
    cdef Level* grown = <Level*> malloc(capacity * sizeof(Level))
    if grown == NULL:
        return False
    free(feed.levels)
    feed.levels = grown
    _set_capacity(feed, capacity)
    return True
