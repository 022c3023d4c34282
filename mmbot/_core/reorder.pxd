"""Batches in the order of a file to the order of a tape: the second half of a conversion.

Two stable orders, by exchange time and by local time, are walked together. Where their heads are the same batch it is
given once for both, else the head with the lesser (exch_ns, local_ns) alone. Columns lie in mapped files; what is kept
in memory is a cursor a sorted run.
"""
from libc.stdint cimport int64_t, uint8_t, uint32_t

from mmbot._core.types cimport Level


cdef struct Run:
    int64_t key                 # of the row at `at`
    int64_t at, end             # places in the order


cdef struct Walk:               # one of the two orders
    const int64_t* keys
    const int64_t* order        # rows, sorted by key within each run; NULL: the rows themselves, sorted throughout
    Run* heap                   # of the runs with rows left, the least (key, place) first
    Py_ssize_t n_runs
    int64_t at, end             # without an order
    int64_t row                 # the head; -1: none left
    uint8_t need                # TapeFlag that a row must carry to be in it


cdef class Merge:
    """The walk over both orders."""
    cdef object columns         # keeps them alive
    cdef const int64_t* exch_ns
    cdef const int64_t* local_ns
    cdef const int64_t* seq
    cdef const int64_t* start   # of the batch's levels
    cdef const uint32_t* count
    cdef const uint8_t* kind
    cdef const uint8_t* side
    cdef const uint8_t* flags
    cdef const Level* levels
    cdef int64_t n, n_levels, shift_ns
    cdef int from_kind, to_kind
    cdef Walk exch, local

    cdef void _advance(self, Walk* walk) noexcept nogil
    cdef Py_ssize_t _pick(self, Py_ssize_t n, int64_t most_levels, int64_t* rows, uint8_t* flags,
                          int64_t* n_levels) noexcept nogil
