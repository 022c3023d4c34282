"""The reader of tapes; see ``tape.pxd`` for the format."""

import json
import mmap
import os

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t, uintptr_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcmp, memcpy
from posix.mman cimport MADV_DONTNEED, madvise

from mmbot._core.eventlog cimport crc32c
from mmbot._core.types cimport Instrument, Level

from mmbot.errors import TapeError

cdef enum:
    _HEAD = 16
    _CHUNK_HEAD = 16
    _TAIL = 16
    _KEPT = 8           # chunks behind the one that is asked for which stay in memory

cdef uintptr_t _PAGE = mmap.PAGESIZE
cdef const char* _HEAD_TEXT = "MMTAPE\r\n"
cdef const char* _TAIL_TEXT = "MMTAPEND"

VERSION = 1
HEAD = <bytes> _HEAD_TEXT
TAIL = <bytes> _TAIL_TEXT
BYTE_ORDER = 0x01020304
HEAD_BYTES = _HEAD
CHUNK_HEAD_BYTES = _CHUNK_HEAD
TAIL_BYTES = _TAIL
MAX_PER_CHUNK = 1 << 28
"""Batches, and levels, that a chunk may hold at most."""
_CHUNK_FIELDS = 7
_COLUMNS = (
    ("exch_ns", "<i8"), ("local_ns", "<i8"), ("seq", "<i8"), ("first", "<u4"), ("count", "<u4"),
    ("kind", "u1"), ("side", "u1"), ("flags", "u1"),
)


cdef inline int64_t _padded(int64_t size) noexcept nogil:
    return (size + 7) & ~<int64_t> 7


cdef inline int64_t _columns_bytes(int64_t batches, int64_t levels) noexcept nogil:
    return 24 * batches + 2 * _padded(4 * batches) + 3 * _padded(batches) + <int64_t> sizeof(Level) * levels


cdef inline uint32_t _needs(uint8_t kind) noexcept nogil:
    """Levels that a batch of this kind has at least; more than there can be: no such kind."""
    if kind == DEPTH or kind == SNAPSHOT or kind == GAP or kind == L3_CANCEL:
        return 0
    if kind == TRADE or kind == CLEAR or kind == L3_ADD or kind == L3_MODIFY or kind == L3_FILL:
        return 1
    if kind == TICKER or kind == MARK:
        return 2
    return 0xFFFFFFFF


cdef void _release(const TapeChunk* chunk) noexcept nogil:
    """Gives back the memory that a chunk's pages take here: days of data are played in as much as minutes are.

    They stay in the file, and are mapped again when somebody reads them.
    """
    cdef uintptr_t start = <uintptr_t> chunk.exch_ns + _PAGE - 1
    cdef uintptr_t end = <uintptr_t> chunk.exch_ns + _columns_bytes(chunk.batches, chunk.n_levels)
    start, end = start // _PAGE * _PAGE, end // _PAGE * _PAGE
    if start < end:
        madvise(<void*> start, end - start, MADV_DONTNEED)


cdef class Tape:
    """An open tape; made by `open_tape`.

    The file is mapped, not read: it must not be cut while a tape of it is open. Arrays of `arrays` keep the mapping
    alive by themselves.
    """

    def __cinit__(self):
        self.path, self.footer = "", {}

    def __dealloc__(self):
        free(self.chunks)
        free(self.verified)

    cdef const TapeChunk* chunk(self, int index) noexcept nogil:
        if index < 0 or index >= self.n_chunks:
            return NULL
        if self.verified[index] == 0:
            self.verified[index] = 1 if self._fault(index) == NULL else 2
        if index >= _KEPT:
            _release(&self.chunks[index - _KEPT])
        return &self.chunks[index] if self.verified[index] == 1 else NULL

    cdef const char* _fault(self, int index) noexcept nogil:
        cdef const TapeChunk* chunk = &self.chunks[index]
        cdef const uint8_t* columns = <const uint8_t*> chunk.exch_ns
        cdef uint32_t head[4]
        cdef uint32_t i
        memcpy(head, columns - 16, 16)
        if head[0] != chunk.batches or head[1] != chunk.n_levels or head[3] != 0:
            return "its head differs from the footer"
        if crc32c(0, columns, _columns_bytes(chunk.batches, chunk.n_levels)) != head[2]:
            return "its checksum is wrong"
        for i in range(chunk.batches):
            if <uint64_t> chunk.first[i] + chunk.count[i] > chunk.n_levels:
                return "a batch has levels outside of it"
            if chunk.count[i] < _needs(chunk.kind[i]):
                return "a batch is of no known kind, or has too few levels"
            if chunk.side[i] > 1 or chunk.flags[i] == 0 or chunk.flags[i] > (EXCH | LOCAL):
                return "a batch has no valid side or flags"
        return NULL

    # -- the Python face -------------------------------------------------------------------------------------------

    def check_chunk(self, int index) -> None:
        """Verify one chunk, unless that was done before.

        Raises:
            TapeError: it is damaged.
            IndexError: there is no such chunk.
        """
        cdef const char* fault
        if not 0 <= index < self.n_chunks:
            raise IndexError(f"{self.path}: expected a chunk below {self.n_chunks}, found {index}")
        if self.chunk(index) != NULL:
            return
        fault = self._fault(index)
        what = fault.decode() if fault != NULL else "it changed while it was open"
        offset = self.footer["chunks"][index][0]
        raise TapeError(f"{self.path}: chunk {index} at offset {offset} is damaged: {what}")

    def check(self) -> None:
        """Verify every chunk, and that the batches are in order.

        Raises:
            TapeError: one is damaged, or its times do not follow the order of the format.
        """
        cdef const TapeChunk* chunk
        cdef int64_t exch = -0x7FFFFFFFFFFFFFFF, local = -0x7FFFFFFFFFFFFFFF
        cdef uint32_t i
        cdef int index
        for index in range(self.n_chunks):
            self.check_chunk(index)
            chunk = &self.chunks[index]
            for i in range(chunk.batches):
                if chunk.flags[i] & EXCH:
                    if chunk.exch_ns[i] < exch:
                        raise TapeError(
                            f"{self.path}: chunk {index}, batch {i}: expected exch_ns >= {exch}, "
                            f"found {chunk.exch_ns[i]}")
                    exch = chunk.exch_ns[i]
                if chunk.flags[i] & LOCAL:
                    if chunk.local_ns[i] < local:
                        raise TapeError(
                            f"{self.path}: chunk {index}, batch {i}: expected local_ns >= {local}, "
                            f"found {chunk.local_ns[i]}")
                    local = chunk.local_ns[i]

    def arrays(self, int index) -> dict:
        """Read-only views of a chunk's columns, by name; ``levels`` has shape [m, 2]: ticks, lots.

        Raises:
            TapeError: the chunk is damaged.
            IndexError: there is no such chunk.
        """
        import numpy as np
        self.check_chunk(index)
        cdef const TapeChunk* chunk = &self.chunks[index]
        cdef int64_t offset = <const uint8_t*> chunk.exch_ns - self.data
        out = {}
        for name, kind in _COLUMNS:
            column = np.frombuffer(self.mapping, kind, chunk.batches, offset)
            offset += _padded(column.nbytes)
            out[name] = column
        out["levels"] = np.frombuffer(self.mapping, "<i8", 2 * chunk.n_levels, offset).reshape(-1, 2)
        return out

    def __repr__(self) -> str:
        return f"Tape({self.path!r}: {self.instrument.venue_symbol}, {self.batches} batches, {self.levels} levels)"


def open_tape(path) -> Tape:
    """Map a tape and read its footer; chunks are verified when they are asked for.

    Raises:
        TapeError: the file is no tape, damaged, or of a version that is not known.
        OSError: it cannot be opened.
    """
    cdef Tape tape = Tape.__new__(Tape)
    cdef const uint8_t[::1] view
    cdef uint32_t numbers[2]
    cdef int64_t footer_at
    tape.path = os.fspath(path)
    with open(path, "rb") as file:
        tape.size = os.fstat(file.fileno()).st_size
        if tape.size < _HEAD + _TAIL:
            raise TapeError(f"{path}: expected a tape, found a file of {tape.size} bytes")
        tape.mapping = memoryview(mmap.mmap(file.fileno(), tape.size, access=mmap.ACCESS_READ))
    view = tape.mapping
    tape.data = &view[0]
    if memcmp(tape.data, _HEAD_TEXT, 8) != 0:
        raise TapeError(f"{path}: expected a tape, which begins with {HEAD!r}, found {bytes(view[:8])!r}")
    memcpy(numbers, tape.data + 8, 8)
    if numbers[1] != BYTE_ORDER:
        raise TapeError(f"{path}: expected a little-endian tape, found the byte-order mark {numbers[1]:#010x}")
    if numbers[0] != VERSION:
        raise TapeError(f"{path}: expected a tape of version {VERSION}, found {numbers[0]}; convert its source again")
    if memcmp(tape.data + tape.size - 8, _TAIL_TEXT, 8) != 0:
        raise TapeError(f"{path}: expected {TAIL!r} at its end, found {bytes(view[tape.size - 8:])!r}: it is cut off")
    memcpy(numbers, tape.data + tape.size - _TAIL, 8)
    footer_at = tape.size - _TAIL - numbers[0]
    if footer_at < _HEAD or crc32c(0, tape.data + footer_at, numbers[0]) != numbers[1]:
        raise TapeError(f"{path}: the footer at offset {footer_at} is damaged")
    _read_footer(tape, bytes(view[footer_at:tape.size - _TAIL]))
    _place_chunks(tape, footer_at)
    return tape


cdef int _read_footer(Tape tape, bytes text) except -1:
    try:
        footer = json.loads(text)
        tape.instrument = Instrument(**footer["instrument"])
        tape.footer = footer
        rows = footer["chunks"]
        if any(len(row) != _CHUNK_FIELDS or any(type(value) is not int for value in row) for row in rows):
            raise ValueError("a chunk is not described by seven numbers")
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        raise TapeError(f"{tape.path}: the footer is not as it should be: {error!r}") from None
    return 0


cdef int _place_chunks(Tape tape, int64_t footer_at) except -1:
    """Points every chunk into the mapping; they must fill it from the header to the footer."""
    cdef const uint8_t* at
    cdef TapeChunk* chunk
    cdef int64_t batches, levels, offset = _HEAD
    rows = tape.footer["chunks"]
    tape.n_chunks = len(rows)
    tape.chunks = <TapeChunk*> calloc(tape.n_chunks + 1, sizeof(TapeChunk))
    tape.verified = <uint8_t*> calloc(tape.n_chunks + 1, 1)
    if tape.chunks == NULL or tape.verified == NULL:
        raise MemoryError
    for index, row in enumerate(rows):
        if row[0] != offset or not 0 < row[1] <= MAX_PER_CHUNK or not 0 <= row[2] <= MAX_PER_CHUNK:
            raise TapeError(f"{tape.path}: expected chunk {index} at offset {offset}, found {row}")
        batches, levels = row[1], row[2]
        at = tape.data + offset + _CHUNK_HEAD
        offset += _CHUNK_HEAD + _columns_bytes(batches, levels)
        if offset > footer_at:
            raise TapeError(f"{tape.path}: chunk {index} ends at offset {offset}, beyond the footer at {footer_at}")
        chunk = &tape.chunks[index]
        chunk.batches, chunk.n_levels = <uint32_t> batches, <uint32_t> levels
        chunk.exch_ns = <const int64_t*> at
        chunk.local_ns = chunk.exch_ns + chunk.batches
        chunk.seq = chunk.local_ns + chunk.batches
        chunk.first = <const uint32_t*> (chunk.seq + chunk.batches)
        chunk.count = <const uint32_t*> (<const uint8_t*> chunk.first + _padded(4 * batches))
        chunk.kind = <const uint8_t*> chunk.count + _padded(4 * batches)
        chunk.side = chunk.kind + _padded(batches)
        chunk.flags = chunk.side + _padded(batches)
        chunk.levels = <const Level*> (chunk.flags + _padded(batches))
        tape.batches += batches
        tape.levels += levels
    if offset != footer_at:
        raise TapeError(f"{tape.path}: expected the footer at offset {offset}, found it at {footer_at}")
    return 0
