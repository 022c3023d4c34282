"""Growing columns of batches; see ``columns.pxd``."""

from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy, memmove

from mmbot._core.types cimport Level

import numpy as np

cdef enum:
    LEAST_ROOM = 4096


cdef class BatchColumns:
    """Columns of a tape's batches; filled by compiled readers."""

    def __dealloc__(self):
        free(self.exch_ns)
        free(self.local_ns)
        free(self.seq)
        free(self.count)
        free(self.kind)
        free(self.side)
        free(self.flags)
        free(self.levels)

    cdef Level* open(
        self, int kind, int side, Py_ssize_t count, int64_t exch_ns, int64_t local_ns, int64_t seq, int flags,
    ) except NULL:
        cdef Py_ssize_t n = self.n
        if n == self.room:
            self._grow()
        if self.n_levels + count >= self.levels_room:       # never none: a batch without levels has a place too
            self._grow_levels(count)
        self.exch_ns[n], self.local_ns[n], self.seq[n] = exch_ns, local_ns, seq
        self.kind[n], self.side[n], self.flags[n] = <uint8_t> kind, <uint8_t> side, <uint8_t> flags
        self.count[n] = <uint32_t> count
        self.n += 1
        self.n_levels += count
        return self.levels + self.n_levels - count

    cdef int add(self, int64_t price_ticks, int64_t qty_lots) except -1:
        if self.n_levels + 1 >= self.levels_room:
            self._grow_levels(1)
        self.levels[self.n_levels].price_ticks, self.levels[self.n_levels].qty_lots = price_ticks, qty_lots
        self.n_levels += 1
        self.count[self.n - 1] += 1
        return 0

    cdef dict take(self, Py_ssize_t n):
        cdef Py_ssize_t left = self.n - n, left_levels = 0, i
        for i in range(n, self.n):
            left_levels += self.count[i]
        cdef Py_ssize_t n_levels = self.n_levels - left_levels
        columns = {
            "exch_ns": _copy(self.exch_ns, n * 8, "<i8"),
            "local_ns": _copy(self.local_ns, n * 8, "<i8"),
            "seq": _copy(self.seq, n * 8, "<i8"),
            "count": _copy(self.count, n * 4, "<u4"),
            "kind": _copy(self.kind, n, "u1"),
            "side": _copy(self.side, n, "u1"),
            "flags": _copy(self.flags, n, "u1"),
            "levels": _copy(self.levels, n_levels * 16, "<i8").reshape(-1, 2),
        }
        if left:
            memmove(self.exch_ns, self.exch_ns + n, left * 8)
            memmove(self.local_ns, self.local_ns + n, left * 8)
            memmove(self.seq, self.seq + n, left * 8)
            memmove(self.count, self.count + n, left * 4)
            memmove(self.kind, self.kind + n, left)
            memmove(self.side, self.side + n, left)
            memmove(self.flags, self.flags + n, left)
            memmove(self.levels, self.levels + n_levels, left_levels * sizeof(Level))
        self.n, self.n_levels = left, left_levels
        return columns

    cdef int _grow(self) except -1:
        cdef Py_ssize_t room = max(2 * self.room, <Py_ssize_t> LEAST_ROOM)
        _resize(<void**> &self.exch_ns, room * 8)
        _resize(<void**> &self.local_ns, room * 8)
        _resize(<void**> &self.seq, room * 8)
        _resize(<void**> &self.count, room * 4)
        _resize(<void**> &self.kind, room)
        _resize(<void**> &self.side, room)
        _resize(<void**> &self.flags, room)
        self.room = room
        return 0

    cdef int _grow_levels(self, Py_ssize_t more) except -1:
        cdef Py_ssize_t room = 2 * self.levels_room + more + LEAST_ROOM
        _resize(<void**> &self.levels, room * <Py_ssize_t> sizeof(Level))
        self.levels_room = room
        return 0


cdef object _copy(const void* start, Py_ssize_t size, str kind):
    column = np.empty(size, np.uint8)
    cdef uint8_t[::1] view
    if size:
        view = column
        memcpy(&view[0], start, size)
    return column.view(kind)


cdef int _resize(void** column, Py_ssize_t size) except -1:
    cdef void* grown = realloc(column[0], size)
    if grown == NULL:
        raise MemoryError
    column[0] = grown
    return 0
