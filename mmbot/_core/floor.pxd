"""The bare work, as plain C loops: what the benchmarks measure the core against in the same run."""
from libc.stdint cimport int64_t

from mmbot._core.types cimport Level


cdef class LevelTape:
    """Levels of many messages in one piece of memory."""
    cdef readonly int64_t n_levels, n_messages
    cdef Level* levels
    cdef int64_t* ends              # per message: end of its bids, end of its asks
    cdef int64_t lowest, highest    # ticks that occur


cdef class FrameTape:
    """Frames, one after the other, in one piece of memory."""
    cdef readonly int64_t n_bytes, n_frames
    cdef char* data
    cdef int64_t* ends
