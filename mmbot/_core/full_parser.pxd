"""The full parser: any JSON of a market-data frame, for the few that the scanner declines; its oracle in tests."""
from libc.stdint cimport int32_t

from mmbot._core.feed cimport Feed
from mmbot._core.message cimport Decoded


# A frame of `n` bytes to `out`: its MessageKind. Never raises: what is wrong with a BAD frame is in out.reason.
# `snapshot_market` as for `scan`.
cdef int parse(Feed* feed, const char* p, Py_ssize_t n, Decoded* out, int32_t snapshot_market) noexcept with gil
