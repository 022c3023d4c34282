"""Record framing and the ring to the writing thread; see ``eventlog.pxd`` for the contract."""

from cpython.pythread cimport (
    PyThread_acquire_lock, PyThread_allocate_lock, PyThread_free_lock, PyThread_release_lock, WAIT_LOCK,
)
from libc.errno cimport EINTR, EIO, EMSGSIZE, errno
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

cdef extern from "crc32c.h" nogil:
    uint32_t mmbot_crc32c(uint32_t crc, const uint8_t* data, size_t size)
    uint32_t mmbot_crc32c_by_table(uint32_t crc, const uint8_t* data, size_t size)
    uint32_t mmbot_crc32c_by_instruction(uint32_t crc, const uint8_t* data, size_t size)
    int mmbot_crc32c_prepare()
    uint64_t mmbot_load_acquire(const uint64_t* at)
    void mmbot_store_release(uint64_t* at, uint64_t value)

cdef extern from "<unistd.h>" nogil:
    ssize_t posix_write "write"(int fd, const void* data, size_t size)

CRC_BY_INSTRUCTION = bool(mmbot_crc32c_prepare())


cdef uint32_t crc32c(uint32_t crc, const uint8_t* data, size_t size) noexcept nogil:
    return mmbot_crc32c(crc, data, size)


def checksum(const uint8_t[::1] data not None, uint32_t crc=0) -> int:
    """CRC-32C of the bytes; pass an earlier result to go on from it."""
    return mmbot_crc32c(crc, &data[0] if data.shape[0] else NULL, data.shape[0])


def checksum_ways(const uint8_t[::1] data not None) -> tuple[int, int]:
    """CRC-32C by table and, if the CPU has it, by instruction (else by table again): the two must be equal."""
    cdef const uint8_t* start = &data[0] if data.shape[0] else NULL
    cdef uint32_t by_table = mmbot_crc32c_by_table(0, start, data.shape[0])
    if not CRC_BY_INSTRUCTION:
        return by_table, by_table
    return by_table, mmbot_crc32c_by_instruction(0, start, data.shape[0])


cdef inline void _put_head(
    uint8_t* at, uint32_t length, uint8_t kind, uint8_t flags, uint16_t source, int64_t ts_ns, uint64_t seq,
) noexcept nogil:
    cdef uint32_t no_crc = 0
    memcpy(at, &length, 4)
    memcpy(at + 4, &no_crc, 4)
    at[8], at[9] = kind, flags
    memcpy(at + 10, &source, 2)
    memcpy(at + 12, &ts_ns, 8)
    memcpy(at + 20, &seq, 8)


def frame(int kind, int flags, int source, int64_t ts_ns, uint64_t seq, const uint8_t[::1] body not None) -> bytes:
    """One record exactly as it stands in a journal, checksum included."""
    cdef uint8_t head[FRAMING_BYTES + HEADER_BYTES]
    cdef uint32_t crc
    _put_head(head, <uint32_t>(HEADER_BYTES + body.shape[0]), kind, flags, source, ts_ns, seq)
    crc = mmbot_crc32c(0, head + FRAMING_BYTES, HEADER_BYTES)
    if body.shape[0]:
        crc = mmbot_crc32c(crc, &body[0], body.shape[0])
    memcpy(head + 4, &crc, 4)
    return head[:FRAMING_BYTES + HEADER_BYTES] + bytes(body)


cdef class EventRing:
    """Byte ring between the engine, which appends records, and a thread that writes them to a file.

    One producer; any thread may drain. Give it a file with `attach` before it can fill up.

    Args:
        capacity: bytes, a power of two from 4096.

    Raises:
        ValueError: the capacity is not such a number.
    """

    def __cinit__(self, uint64_t capacity=1 << 23):
        if capacity < 4096 or capacity & (capacity - 1):
            raise ValueError(f"EventRing: capacity must be a power of two from 4096, found {capacity}")
        self.fd = -1
        self.capacity = capacity
        self.data = <uint8_t*>malloc(capacity)
        self.lock = PyThread_allocate_lock()
        if self.data == NULL or self.lock == NULL:
            raise MemoryError
        memset(self.data, 0, capacity)      # the system hands its pages out now, not in the middle of an event

    def __dealloc__(self):
        free(self.data)
        if self.lock != NULL:
            PyThread_free_lock(self.lock)

    # ------------------------------------------------------------------ producer

    cdef int push(
        self, uint8_t kind, uint8_t flags, uint16_t source, int64_t ts_ns, uint64_t seq, const void* body,
        uint32_t size,
    ) noexcept nogil:
        cdef uint8_t head[FRAMING_BYTES + HEADER_BYTES]
        cdef uint64_t total = FRAMING_BYTES + HEADER_BYTES + <uint64_t>size
        if self.error:
            return -1
        if size > MAX_BODY_BYTES:
            self.error = EMSGSIZE
            return -1
        if self.capacity - (self.head - mmbot_load_acquire(&self.tail)) < total:
            self.stalls += 1
            if self.fd < 0:
                self.error = EIO            # nowhere to put it
            if self.drain() < 0:
                return -1
            if total > self.capacity:
                return self._push_past(kind, flags, source, ts_ns, seq, body, size)
        _put_head(head, HEADER_BYTES + size, kind, flags, source, ts_ns, seq)
        self._copy_in(self.head, head, FRAMING_BYTES + HEADER_BYTES)
        self._copy_in(self.head + FRAMING_BYTES + HEADER_BYTES, <const uint8_t*>body, size)
        mmbot_store_release(&self.head, self.head + total)
        self.records += 1
        return 0

    cdef int _push_past(
        self, uint8_t kind, uint8_t flags, uint16_t source, int64_t ts_ns, uint64_t seq, const void* body,
        uint32_t size,
    ) noexcept nogil:
        """A record larger than the ring goes straight to the file; the ring is empty."""
        cdef uint8_t head[FRAMING_BYTES + HEADER_BYTES]
        cdef uint32_t crc
        _put_head(head, HEADER_BYTES + size, kind, flags, source, ts_ns, seq)
        crc = mmbot_crc32c(0, head + FRAMING_BYTES, HEADER_BYTES)
        crc = mmbot_crc32c(crc, <const uint8_t*>body, size)
        memcpy(head + 4, &crc, 4)
        PyThread_acquire_lock(self.lock, WAIT_LOCK)
        self._write(head, FRAMING_BYTES + HEADER_BYTES)
        if not self.error:
            self._write(<const uint8_t*>body, size)
        PyThread_release_lock(self.lock)
        self.records += 1
        return -1 if self.error else 0

    cdef void _copy_in(self, uint64_t position, const uint8_t* source, uint64_t size) noexcept nogil:
        cdef uint64_t start = position & (self.capacity - 1)
        cdef uint64_t straight = self.capacity - start
        if size <= straight:
            memcpy(self.data + start, source, size)
        else:
            memcpy(self.data + start, source, straight)
            memcpy(self.data, source + straight, size - straight)

    # ------------------------------------------------------------------ consumer

    cdef int64_t drain(self) noexcept nogil:
        cdef uint64_t head, tail, start, straight
        PyThread_acquire_lock(self.lock, WAIT_LOCK)
        tail = self.tail
        head = mmbot_load_acquire(&self.head)
        if self.error or self.fd < 0:
            head = tail
        if head != tail:
            self._seal(tail, head)
            start = tail & (self.capacity - 1)
            straight = self.capacity - start
            if head - tail <= straight:
                self._write(self.data + start, head - tail)
            else:
                self._write(self.data + start, straight)
                if not self.error:
                    self._write(self.data, head - tail - straight)
            if not self.error:
                mmbot_store_release(&self.tail, head)
        PyThread_release_lock(self.lock)
        return -self.error if self.error else <int64_t>(head - tail)

    cdef void _seal(self, uint64_t tail, uint64_t head) noexcept nogil:
        """Fills in the checksum of every record between two positions."""
        cdef uint32_t length, crc
        cdef uint64_t mask = self.capacity - 1
        cdef uint64_t start, straight
        while tail != head:
            self._copy_out(tail, <uint8_t*>&length, 4)
            start = (tail + FRAMING_BYTES) & mask
            straight = self.capacity - start
            if length <= straight:
                crc = mmbot_crc32c(0, self.data + start, length)
            else:
                crc = mmbot_crc32c(0, self.data + start, straight)
                crc = mmbot_crc32c(crc, self.data, length - straight)
            self._copy_in(tail + 4, <const uint8_t*>&crc, 4)
            tail += FRAMING_BYTES + length

    cdef void _copy_out(self, uint64_t position, uint8_t* target, uint64_t size) noexcept nogil:
        cdef uint64_t index
        for index in range(size):
            target[index] = self.data[(position + index) & (self.capacity - 1)]

    cdef void _write(self, const uint8_t* data, uint64_t size) noexcept nogil:
        """Writes all of it, or remembers why not."""
        cdef ssize_t written
        while size:
            written = posix_write(self.fd, data, size)
            if written < 0:
                if errno == EINTR:
                    continue
                self.error = errno
                return
            data += written
            size -= <uint64_t>written
            self.written += <uint64_t>written

    # ------------------------------------------------------------------ Python's side

    def attach(self, int fd) -> None:
        """Drains into another file from now on; what was pushed before goes to the old one.

        Raises:
            OSError: writing to the old file failed.
        """
        if self.fd >= 0:
            self.flush()
        PyThread_acquire_lock(self.lock, WAIT_LOCK)
        self.fd = fd
        self.written = 0
        PyThread_release_lock(self.lock)

    def detach(self) -> None:
        """Has no file any more; what is appended from now on stays in the ring until there is one."""
        PyThread_acquire_lock(self.lock, WAIT_LOCK)
        self.fd = -1
        PyThread_release_lock(self.lock)

    def fail(self, int error) -> None:
        """Makes every later append fail with an errno, as a failed write does: the file could not be made durable."""
        if not self.error:
            self.error = error

    def flush(self) -> int:
        """Writes out what is in the ring; the number of bytes.

        Raises:
            OSError: the write failed, now or earlier.
        """
        cdef int64_t written
        with nogil:
            written = self.drain()
        if written < 0:
            raise OSError(-written, f"event log: write failed ({-written})")
        return written

    def append(
        self, int kind, int flags, int source, int64_t ts_ns, uint64_t seq, const uint8_t[::1] body not None,
    ) -> None:
        """`push` for Python.

        Raises:
            OSError: the log cannot take it any more.
        """
        if self.push(kind, flags, source, ts_ns, seq, &body[0] if body.shape[0] else NULL, <uint32_t>body.shape[0]) < 0:
            raise OSError(self.error, f"event log: write failed ({self.error})")

    def append_repeatedly(self, int kind, const uint8_t[::1] body not None, int64_t times) -> int:
        """Pushes a record that many times in compiled code, for measurements; how many were taken."""
        cdef const void* start = &body[0] if body.shape[0] else NULL
        cdef uint32_t size = <uint32_t>body.shape[0]
        cdef int64_t index, taken = 0
        with nogil:
            for index in range(times):
                taken += self.push(kind, 0, 0, index, index, start, size) == 0
        return taken

    @property
    def pending_bytes(self) -> int:
        """Bytes that are in the ring and not yet in the file."""
        return self.head - mmbot_load_acquire(&self.tail)
