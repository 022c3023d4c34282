"""What a decoder knows of its feed: the symbols with their units, and room for the levels of one message."""
from libc.stdint cimport int32_t, int64_t, uint64_t

from mmbot._core.digits cimport MmUnit
from mmbot._core.types cimport Level


cdef enum:
    NAME_WORDS = 4
    NAME_BYTES = 8 * NAME_WORDS


cdef struct FeedMarket:
    uint64_t name[NAME_WORDS]   # the venue's symbol, zero padded
    MmUnit tick, lot
    int32_t market              # its index
    int32_t used                # 0: a free entry


cdef struct Feed:
    FeedMarket* table           # open addressing, a power of two
    int32_t table_mask, n_markets
    bint spot
    Level* levels               # of the current message: bids, then asks (or the other way round)
    Py_ssize_t capacity         # levels
    Py_ssize_t max_bytes        # no frame up to this long holds more levels than that


# A feed of up to `n_markets` symbols, or NULL without memory.
cdef Feed* feed_new(int32_t n_markets, bint spot) noexcept nogil
cdef void feed_free(Feed* feed) noexcept nogil
# `n` is 1 to NAME_BYTES - 1.
cdef FeedMarket* feed_add(Feed* feed, const char* symbol, Py_ssize_t n, int32_t market) noexcept nogil
# The entry of a symbol, or NULL.
cdef FeedMarket* feed_find(const Feed* feed, const char* symbol, Py_ssize_t n) noexcept nogil
# The entry of a market, or, for a negative one, the only entry; NULL when there is none.
cdef FeedMarket* feed_market(const Feed* feed, int32_t market) noexcept nogil
# Makes room for every level that a frame of `n` bytes, more than `max_bytes`, can hold; False without memory.
cdef bint feed_reserve(Feed* feed, Py_ssize_t n) noexcept nogil
