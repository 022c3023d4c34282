"""The order of a tape; see ``reorder.pxd``."""

from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from mmbot._core.tape cimport TapeFlag
from mmbot._core.types cimport Level

import numpy as np


cdef class Merge:
    """Gives batches in the order of a tape.

    Args:
        columns: of all batches, by name, contiguous: ``exch_ns local_ns seq start`` int64, ``count`` uint32, ``kind
            side flags`` uint8, ``levels`` int64 [m, 2]; ``start`` is where a batch's levels begin.
        exch_order: rows sorted by exchange time within each run of `run` rows, stably, and the first time of each run;
            None: they are so throughout.
        local_order: the same by local time.
        run: rows of a run.
        shift_ns: added to every local time.
        renamed: batches of the first kind are given as the second; 0: as none, they are left out.

    Raises:
        ValueError: columns of different lengths, or a batch whose levels are not there.
    """

    def __cinit__(
        self, dict columns not None, tuple exch_order, tuple local_order, *, int64_t run, int64_t shift_ns,
        tuple renamed not None,
    ):
        cdef const int64_t[::1] exch_ns = columns["exch_ns"]
        cdef const int64_t[::1] local_ns = columns["local_ns"]
        cdef const int64_t[::1] seq = columns["seq"]
        cdef const int64_t[::1] start = columns["start"]
        cdef const uint32_t[::1] count = columns["count"]
        cdef const uint8_t[::1] kind = columns["kind"]
        cdef const uint8_t[::1] side = columns["side"]
        cdef const uint8_t[::1] flags = columns["flags"]
        cdef const int64_t[:, ::1] levels = columns["levels"]
        self.columns = columns, exch_order, local_order
        self.n, self.n_levels, self.shift_ns = exch_ns.shape[0], levels.shape[0], shift_ns
        self.from_kind, self.to_kind = renamed
        lengths = {name: len(column) for name, column in columns.items() if name != "levels"}
        if set(lengths.values()) != {self.n} or run <= 0 or levels.shape[1] != 2:
            raise ValueError(f"columns: expected one length, and levels of two numbers, found {lengths}")
        if self.n:
            self.exch_ns, self.local_ns, self.seq, self.start = &exch_ns[0], &local_ns[0], &seq[0], &start[0]
            self.count, self.kind, self.side, self.flags = &count[0], &kind[0], &side[0], &flags[0]
        if self.n_levels:
            self.levels = <const Level*> &levels[0, 0]
        _begin(&self.exch, self.exch_ns, exch_order, self.n, run, TapeFlag.EXCH)
        _begin(&self.local, self.local_ns, local_order, self.n, run, TapeFlag.LOCAL)
        self._advance(&self.exch)
        self._advance(&self.local)

    def __dealloc__(self):
        free(self.exch.heap)
        free(self.local.heap)

    def take(self, Py_ssize_t n, int64_t most_levels) -> dict:
        """The next `n` batches at most, or fewer with `most_levels` levels together, but one at least; by column.

        Empty columns when there are none left.

        Raises:
            ValueError: an order names a row, or a batch levels, that do not exist.
        """
        cdef int64_t[::1] rows = np.empty(n, np.int64)
        flags = np.empty(n, np.uint8)
        cdef uint8_t[::1] flags_view = flags
        cdef int64_t n_levels = 0
        cdef Py_ssize_t picked
        with nogil:
            picked = self._pick(n, most_levels, &rows[0], &flags_view[0], &n_levels)
        if picked < 0:
            raise ValueError("order: it names a row, or a batch levels, that do not exist")
        out = {name: np.empty(picked, np.int64) for name in ("exch_ns", "local_ns", "seq")}
        out["count"] = np.empty(picked, np.uint32)
        out["kind"], out["side"] = np.empty(picked, np.uint8), np.empty(picked, np.uint8)
        out["flags"] = flags[:picked]
        out["levels"] = np.empty((n_levels, 2), np.int64)
        _gather(self, rows[:picked], out)
        return out

    cdef void _advance(self, Walk* walk) noexcept nogil:
        cdef int64_t row
        while True:
            row = _next(walk)
            if row < 0 or row >= self.n:
                break
            if self.flags[row] & walk.need and (self.to_kind or self.kind[row] != self.from_kind):
                break
        walk.row = row

    cdef Py_ssize_t _pick(
        self, Py_ssize_t n, int64_t most_levels, int64_t* rows, uint8_t* flags, int64_t* n_levels,
    ) noexcept nogil:
        cdef Py_ssize_t i
        cdef int64_t a, b, row
        for i in range(n):
            a, b = self.exch.row, self.local.row
            if a < 0 and b < 0:
                return i
            if a >= self.n or b >= self.n:
                return -1
            if a < 0:
                row = b
            elif b < 0:
                row = a
            elif self.exch_ns[a] != self.exch_ns[b]:
                row = a if self.exch_ns[a] < self.exch_ns[b] else b
            else:
                row = a if self.local_ns[a] <= self.local_ns[b] else b
            if self.start[row] < 0 or self.start[row] + self.count[row] > self.n_levels:
                return -1
            if i and n_levels[0] + self.count[row] > most_levels:
                return i
            n_levels[0] += self.count[row]
            rows[i], flags[i] = row, 0
            if row == a:
                flags[i] |= <uint8_t> TapeFlag.EXCH
                self._advance(&self.exch)
            if row == b:
                flags[i] |= <uint8_t> TapeFlag.LOCAL
                self._advance(&self.local)
        return n


cdef int _begin(Walk* walk, const int64_t* keys, tuple order, int64_t n, int64_t run, uint8_t need) except -1:
    """Sets a walk before its first row; neither rows nor keys are read, which would bring every run into memory."""
    cdef const int64_t[::1] rows
    cdef const int64_t[::1] heads
    cdef Py_ssize_t i
    walk.keys, walk.need, walk.end = keys, need, n
    if order is None or n == 0:
        return 0
    rows, heads = order
    walk.n_runs = (n + run - 1) // run
    if rows.shape[0] != n or heads.shape[0] != walk.n_runs:
        raise ValueError(f"order: expected {n} rows in {walk.n_runs} runs, found {rows.shape[0]} in {heads.shape[0]}")
    walk.order = &rows[0]
    walk.heap = <Run*> malloc(walk.n_runs * sizeof(Run))
    if walk.heap == NULL:
        raise MemoryError
    for i in range(walk.n_runs):
        walk.heap[i].at, walk.heap[i].end = i * run, min(n, (i + 1) * run)
        walk.heap[i].key = heads[i]
    for i in range(walk.n_runs // 2, -1, -1):
        _sift(walk, i)
    return 0


cdef inline bint _before(const Run* a, const Run* b) noexcept nogil:
    return a.key < b.key or (a.key == b.key and a.at < b.at)


cdef void _sift(Walk* walk, Py_ssize_t i) noexcept nogil:
    """Puts a run that may have become greater where it belongs."""
    cdef Run moved = walk.heap[i]
    cdef Py_ssize_t child = 2 * i + 1
    while child < walk.n_runs:
        if child + 1 < walk.n_runs and _before(&walk.heap[child + 1], &walk.heap[child]):
            child += 1
        if not _before(&walk.heap[child], &moved):
            break
        walk.heap[i] = walk.heap[child]
        i, child = child, 2 * child + 1
    walk.heap[i] = moved


cdef inline int64_t _next(Walk* walk) noexcept nogil:
    """The next row; -1: none."""
    cdef Run* least
    cdef int64_t row
    if walk.order == NULL:
        if walk.at >= walk.end:
            return -1
        walk.at += 1
        return walk.at - 1
    if walk.n_runs == 0:
        return -1
    least = &walk.heap[0]
    row = walk.order[least.at]
    least.at += 1
    if least.at < least.end and 0 <= walk.order[least.at] < walk.end:
        least.key = walk.keys[walk.order[least.at]]
    else:
        walk.n_runs -= 1
        walk.heap[0] = walk.heap[walk.n_runs]
    if walk.n_runs:
        _sift(walk, 0)
    return row


cdef int _gather(Merge merge, const int64_t[::1] rows, dict out) except -1:
    cdef int64_t[::1] exch_ns = out["exch_ns"], local_ns = out["local_ns"], seq = out["seq"]
    cdef uint32_t[::1] count = out["count"]
    cdef uint8_t[::1] kind = out["kind"], side = out["side"]
    cdef int64_t[:, ::1] levels = out["levels"]
    cdef Level* target = <Level*> &levels[0, 0] if levels.shape[0] else NULL
    cdef Py_ssize_t i
    cdef int64_t row
    with nogil:
        for i in range(rows.shape[0]):
            row = rows[i]
            exch_ns[i], local_ns[i] = merge.exch_ns[row], merge.local_ns[row] + merge.shift_ns
            seq[i], count[i], side[i] = merge.seq[row], merge.count[row], merge.side[row]
            kind[i] = <uint8_t> merge.to_kind if merge.kind[row] == merge.from_kind else merge.kind[row]
            if count[i]:
                memcpy(target, merge.levels + merge.start[row], count[i] * sizeof(Level))
                target += count[i]
    return 0
