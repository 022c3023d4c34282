"""Batches as growing columns: what a reader makes of its input, in the order in which it came."""
from libc.stdint cimport int64_t, uint8_t, uint32_t

from mmbot._core.types cimport Level


cdef enum:
    BOTH = 3                    # TapeFlag.EXCH | TapeFlag.LOCAL


cdef class BatchColumns:
    """Columns of a tape's batches, one behind the other; a batch's levels lie behind those of the batch before.

    Pointers into it hold until the next `open`, `add` or `take`.
    """
    cdef int64_t* exch_ns
    cdef int64_t* local_ns
    cdef int64_t* seq
    cdef uint32_t* count        # levels of each
    cdef uint8_t* kind
    cdef uint8_t* side
    cdef uint8_t* flags
    cdef Level* levels
    cdef readonly Py_ssize_t n, n_levels
    cdef Py_ssize_t room, levels_room

    # Opens a batch of `count` levels; where they go.
    cdef Level* open(self, int kind, int side, Py_ssize_t count, int64_t exch_ns, int64_t local_ns, int64_t seq,
                     int flags) except NULL
    # Adds a level to the last batch.
    cdef int add(self, int64_t price_ticks, int64_t qty_lots) except -1
    cdef dict take(self, Py_ssize_t n)      # the first `n` batches as new arrays by name; the others stay
    cdef int _grow(self) except -1
    cdef int _grow_levels(self, Py_ssize_t more) except -1
