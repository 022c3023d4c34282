"""The strict scanner: walks the documented shapes of market-data frames byte by byte, and declines what deviates."""
from libc.stdint cimport int32_t

from mmbot._core.feed cimport Feed
from mmbot._core.message cimport Decoded


cdef enum:
    NOT_SCANNED = -1


# A frame of `n` bytes to `out`: its MessageKind, or NOT_SCANNED when only the full parser can tell. Never reads past
# `n`.
# `snapshot_market`: whose snapshot it is, should it be one that does not name its symbol; -1: the feed's only market.
cdef int scan(Feed* feed, const char* p, Py_ssize_t n, Decoded* out, int32_t snapshot_market) noexcept nogil
# Whether depthUpdate messages of this stream are diffs of the book: not `@depth20`, not `@rpiDepth`.
cdef bint is_diff_stream(const char* stream, Py_ssize_t n) noexcept nogil
