"""The journal's record format and the ring between the engine and the thread that writes.

A record on disk and in the ring, little-endian::

    u32 length      of all that follows crc
    u32 crc         CRC-32C of all that follows it
    u8  kind        EventKind
    u8  flags
    u16 source      feed or market index, by kind
    i64 ts_ns       the event's time
    u64 seq         the event's number, from 1, without holes
    ... body
"""
cimport cython
from cpython.pythread cimport PyThread_type_lock
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t


cpdef enum EventKind:
    START = 1               # a session begins: config, seed, versions
    FRAME = 2               # raw websocket payload of a feed
    FEED = 3                # a feed went up or down
    SNAPSHOT = 4            # raw REST depth body of a market
    ORDER = 5               # one OrderUpdate
    ACCOUNT = 6             # balance or funding
    RECONCILE = 7           # a venue's full picture
    TIME = 8                # a timer tick
    COMMAND = 9             # an operator's command
    SWAP = 10               # a plugin or its parameters changed: code hash, params
    STATE_SNAPSHOT = 11     # the engine's state, to restart from
    OUT_COMMAND = 12        # not an event: a command the engine answered with
    NOTE = 13               # not an event: for people
    STOP = 14               # the session ended in good order


cdef enum:
    FRAMING_BYTES = 8       # length and crc
    HEADER_BYTES = 20       # kind .. seq
    MAX_BODY_BYTES = 1 << 26


cdef uint32_t crc32c(uint32_t crc, const uint8_t* data, size_t size) noexcept nogil    # start with 0; chains


@cython.final
cdef class EventRing:
    """Single-producer byte ring holding records exactly as the file will.

    The producer copies; the thread that drains computes the checksums and writes. When the ring is full the producer
    drains it itself (counted in `stalls`), so nothing is ever dropped. A failed write is remembered in `error` and
    every later `push` returns -1.
    """
    cdef uint8_t* data
    cdef readonly uint64_t capacity         # a power of two
    cdef uint64_t head                      # bytes pushed ever; written by the producer only
    cdef uint64_t tail                      # bytes written to the file ever; under the drain lock
    cdef PyThread_type_lock lock
    cdef int fd
    cdef readonly int error                 # errno of the failed write, 0: none
    cdef readonly uint64_t stalls           # times the producer had to drain
    cdef readonly uint64_t records
    cdef readonly uint64_t written          # bytes, since the file was attached

    # 0, or -1 when the log cannot take it any more: the engine must halt.
    cdef int push(self, uint8_t kind, uint8_t flags, uint16_t source, int64_t ts_ns, uint64_t seq,
                  const void* body, uint32_t size) noexcept nogil
    cdef int64_t drain(self) noexcept nogil     # bytes written, or -errno; any thread

    # -- private
    cdef int _push_past(self, uint8_t kind, uint8_t flags, uint16_t source, int64_t ts_ns, uint64_t seq,
                        const void* body, uint32_t size) noexcept nogil
    cdef void _copy_in(self, uint64_t position, const uint8_t* source, uint64_t size) noexcept nogil
    cdef void _copy_out(self, uint64_t position, uint8_t* target, uint64_t size) noexcept nogil
    cdef void _seal(self, uint64_t tail, uint64_t head) noexcept nogil
    cdef void _write(self, const uint8_t* data, uint64_t size) noexcept nogil
