"""Timing loops around what takes tens of nanoseconds: called from Python, the call would be most of the figure."""
from libc.stdint cimport int64_t

cdef int64_t stamp_cost_ns() noexcept nogil     # what two stamps around nothing differ by, at best
