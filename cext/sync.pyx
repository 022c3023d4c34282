"""The venue's sequence rules around one book; see ``sync.pxd`` for the states and the numbered steps."""

from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy, memmove, memset

from mmbot._core.book cimport Book
from mmbot._core.decode cimport Decoder
from mmbot._core.message cimport DEPTH, SNAPSHOT, Decoded, Frame
from mmbot._core.types cimport Level


cdef class BookSync:
    """Applies one market's diffs and snapshots to its book, in the venue's sequence, and says whether to trust it.

    Diffs that cannot be applied yet are kept in a buffer that grows to 16 MiB at most; when it is full they are all
    dropped and counted in `overflows`: a snapshot older than the next diff is then refused, and asked for again.

    Args:
        book: the book to keep; cleared when trust is regained, not before, so that it can be looked at meanwhile.
        rule: `SequenceRule`.

    Raises:
        ValueError: an unknown rule.
    """

    def __cinit__(self, Book book not None, int rule):
        if rule != BINANCE_USDM and rule != BINANCE_SPOT:
            raise ValueError(f"rule: expected a SequenceRule, found {rule}")
        self.book, self.rule, self.status, self.last_id = book, rule, EMPTY, -1
        self.need_snapshot = True
        self.arena = <char*> malloc(SYNC_BUFFER_BYTES)
        self.arena_capacity = SYNC_BUFFER_BYTES
        if self.arena == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.arena)

    cdef bint is_trusted(self) noexcept nogil:
        return self.status == TRUSTED

    cdef int on_diff(self, const Decoded* message, int64_t recv_ns) noexcept nogil:
        cdef int place
        self.recv_ts_ns = recv_ns
        if self.status == DISCONNECTED:                 # data without a connect: the feed is up again
            self.on_connect()
        elif self.status == EMPTY:
            self.status = SYNCING
        if self.status != TRUSTED and self.status != STALE and not self.bridging:
            _keep(self, message, recv_ns)               # step 1
            return UNCHANGED
        place = _place(self, message)
        if place == OLDER:                              # step 3, or a repeated or late frame
            self.dropped += 1
            return UNCHANGED
        if place == NEXT:
            return self._apply(message)
        if self.status == SYNCING:                      # step 4 fails: the snapshot was too old
            self.refused += 1
            self.reset(SYNCING)
        else:                                           # step 5 fails
            self.gaps += 1
            self.reset(GAP)
        _keep(self, message, recv_ns)
        return LOST

    cdef int on_snapshot(self, const Decoded* message, int64_t recv_ns) noexcept nogil:
        cdef int result = self.load_snapshot(message, recv_ns), step
        if result != APPLIED:
            return result
        while True:
            step = self.replay_one()
            if step != APPLIED:
                return step if step == LOST else result

    cdef int load_snapshot(self, const Decoded* message, int64_t recv_ns) noexcept nogil:
        cdef bint running = self.status == TRUSTED or self.status == STALE
        if self.status == DISCONNECTED:
            return UNCHANGED
        if (running or self.bridging) and message.last_id <= self.last_id:
            self.dropped += 1                           # not newer than the book
            return UNCHANGED
        if not _buffer_bridges(self, message.last_id):
            self.refused += 1                           # step 4 fails: the buffered diffs begin after the snapshot
            self.need_snapshot = True
            return REFUSED
        self.book.clear()
        self.book.apply(0, message.bids, message.n_bids)
        self.book.apply(1, message.asks, message.n_asks)
        self.last_id = message.last_id
        self.event_ts_ns = message.event_ts_ns
        self.snapshots += 1
        if self.book.is_crossed() or self.book.is_incomplete():
            self.crossed += 1
            self.reset(CROSSED)
            return LOST
        # Trust waits for the diff that bridges; a book that was in sync stays so, as its stream went on unbroken.
        if not running:
            self.status = SYNCING
        self.bridging = True
        self.need_snapshot = False
        return APPLIED

    cdef int replay_one(self) noexcept nogil:
        cdef const PendingDiff* kept
        cdef Decoded message
        cdef Py_ssize_t at = 0
        cdef int place, result = UNCHANGED
        memset(&message, 0, sizeof(Decoded))
        while at < self.arena_used and result == UNCHANGED and (self.bridging or self.status == TRUSTED):
            kept = <const PendingDiff*> (self.arena + at)
            message.event_ts_ns, message.first_id = kept.event_ts_ns, kept.first_id
            message.last_id, message.prev_id = kept.last_id, kept.prev_id
            message.n_bids, message.n_asks = <int32_t> kept.n_bids, <int32_t> kept.n_asks
            message.bids = <const Level*> (kept + 1)
            message.asks = message.bids + kept.n_bids
            self.replayed_ts_ns = kept.recv_ns
            place = _place(self, &message)
            if place == MISSED:                         # it and what follows wait for the next snapshot
                self.gaps += 1
                self.reset(GAP)
                result = LOST
                break
            at += sizeof(PendingDiff) + (kept.n_bids + kept.n_asks) * sizeof(Level)
            self.buffered -= 1
            if place == OLDER:
                self.dropped += 1
            else:
                result = self._apply(&message)
        self.arena_used -= at
        memmove(self.arena, self.arena + at, self.arena_used)
        return result

    cdef int _apply(self, const Decoded* message) noexcept nogil:
        """Step 6, and what follows from it."""
        self.book.apply(0, message.bids, message.n_bids)
        self.book.apply(1, message.asks, message.n_asks)
        self.last_id = message.last_id
        self.event_ts_ns = message.event_ts_ns
        self.bridging = False
        self.applied += 1
        if self.book.is_crossed() or self.book.is_incomplete():
            self.crossed += 1
            self.reset(CROSSED)
            return LOST
        if self.status != TRUSTED:
            self.resyncs += self.lost_trust
            self.lost_trust = False
            self.status = TRUSTED
        return APPLIED

    cdef void on_connect(self) noexcept nogil:
        if self.status == TRUSTED or self.status == STALE:
            self.lost_trust = True
        self.status = SYNCING
        self.need_snapshot = True
        self.bridging = False
        self.arena_used = self.buffered = 0

    cdef void on_disconnect(self) noexcept nogil:
        if self.status == DISCONNECTED:
            return
        self.disconnects += 1
        self.on_connect()
        self.status = DISCONNECTED
        self.need_snapshot = False                      # none can bridge before the feed is up again

    cdef bint check_stale(self, int64_t now_ns, int64_t limit_ns) noexcept nogil:
        if self.status != TRUSTED or now_ns - self.recv_ts_ns <= limit_ns:
            return False
        self.stales += 1
        self.status = STALE
        return True

    cdef void snapshot_requested(self) noexcept nogil:
        self.need_snapshot = False

    cdef void reset(self, int status) noexcept nogil:
        if self.status == TRUSTED or self.status == STALE:
            self.lost_trust = True
        self.status = GAP if status == TRUSTED else status
        self.bridging = False
        self.need_snapshot = self.status != DISCONNECTED

    # -- the Python face -------------------------------------------------------------------------------------------

    def apply_frame(self, Frame frame not None, int64_t recv_ns) -> int:
        """Hand over one DEPTH or SNAPSHOT frame of this market; a `SyncResult`.

        Raises:
            ValueError: another kind of frame.
        """
        if frame.data.kind == DEPTH:
            return self.on_diff(&frame.data, recv_ns)
        if frame.data.kind == SNAPSHOT:
            return self.on_snapshot(&frame.data, recv_ns)
        raise ValueError(f"frame: expected a depth update or a snapshot, found kind {frame.data.kind}")

    def load_frame(self, Frame frame not None, int64_t recv_ns) -> int:
        """Put a SNAPSHOT frame into the book without replaying what is buffered; a `SyncResult`."""
        if frame.data.kind != SNAPSHOT:
            raise ValueError(f"frame: expected a snapshot, found kind {frame.data.kind}")
        return self.load_snapshot(&frame.data, recv_ns)

    def replay_step(self) -> int:
        """Apply the next buffered diff; UNCHANGED when none is left. `replayed_ts_ns` is its receive time."""
        return self.replay_one()

    def play(self, Decoder decoder not None, list payloads not None, int64_t recv_ns=0) -> int:
        """Decode frames of one market and apply them, in one go; how many changed the book."""
        cdef Decoded message
        cdef bytes payload
        cdef int kind, result
        cdef int64_t changed = 0
        for payload in payloads:
            kind = decoder.decode(payload, len(payload), &message)
            if kind == DEPTH:
                result = self.on_diff(&message, recv_ns)
            elif kind == SNAPSHOT:
                result = self.on_snapshot(&message, recv_ns)
            else:
                continue
            changed += result == APPLIED
        return changed

    def connected(self) -> None:
        """The feed is up: buffer, and ask for a snapshot."""
        self.on_connect()

    def disconnected(self) -> None:
        """The feed is down: nothing can be trusted."""
        self.on_disconnect()

    def stale_at(self, int64_t now_ns, int64_t limit_ns) -> bool:
        """Mark the book stale when no diff came for `limit_ns`; whether this call did it."""
        return self.check_stale(now_ns, limit_ns)

    def asked(self) -> None:
        """A snapshot has been asked for: `need_snapshot` is False until another one is needed."""
        self.snapshot_requested()

    def restart(self) -> None:
        """Give up the book by hand and ask for a snapshot."""
        self.reset(SYNCING)

    @property
    def trusted(self) -> bool:
        """Whether the book is provably in sync."""
        return self.is_trusted()


cdef enum:
    OLDER = 0       # the book has it already
    NEXT = 1
    MISSED = 2      # something before it is missing


cdef int _place(BookSync sync, const Decoded* message) noexcept nogil:
    """Where a diff stands relative to the book."""
    cdef int64_t last = sync.last_id
    if sync.rule == BINANCE_SPOT:
        if message.last_id <= last:
            return OLDER
        if sync.bridging:                               # step 4: U <= lastUpdateId + 1 <= u
            return NEXT if message.first_id <= last + 1 else MISSED
        return NEXT if message.first_id == last + 1 else MISSED
    if sync.bridging:
        if message.last_id < last:                      # step 3
            return OLDER
        # Step 4: U <= lastUpdateId <= u. A diff whose `pu` is not after the snapshot leaves nothing out either.
        return NEXT if message.first_id <= last or message.prev_id <= last else MISSED
    if message.last_id <= last:
        return OLDER
    return NEXT if message.prev_id == last else MISSED


cdef bint _buffer_bridges(BookSync sync, int64_t snapshot_id) noexcept nogil:
    """Whether the first buffered diff that is not older than the snapshot, if there is one, bridges it."""
    cdef const PendingDiff* kept
    cdef Py_ssize_t at = 0
    while at < sync.arena_used:
        kept = <const PendingDiff*> (sync.arena + at)
        at += sizeof(PendingDiff) + (kept.n_bids + kept.n_asks) * sizeof(Level)
        if sync.rule == BINANCE_SPOT:
            if kept.last_id > snapshot_id:
                return kept.first_id <= snapshot_id + 1
        elif kept.last_id >= snapshot_id:
            return kept.first_id <= snapshot_id or kept.prev_id <= snapshot_id
    return True


cdef void _keep(BookSync sync, const Decoded* message, int64_t recv_ns) noexcept nogil:
    """Append a diff to the buffer."""
    cdef Py_ssize_t need = sizeof(PendingDiff) + (message.n_bids + message.n_asks) * sizeof(Level)
    cdef Py_ssize_t capacity = sync.arena_capacity
    cdef PendingDiff* kept
    cdef char* grown
    if sync.arena_used + need > capacity:
        while capacity < sync.arena_used + need and capacity < SYNC_BUFFER_LIMIT:
            capacity *= 2
        grown = NULL
        if capacity >= sync.arena_used + need:
            grown = <char*> realloc(sync.arena, capacity)
        if grown == NULL:
            sync.overflows += 1
            sync.arena_used = sync.buffered = 0
            if need > sync.arena_capacity:
                return
        else:
            sync.arena = grown
            sync.arena_capacity = capacity
    kept = <PendingDiff*> (sync.arena + sync.arena_used)
    kept.event_ts_ns, kept.recv_ns = message.event_ts_ns, recv_ns
    kept.first_id, kept.last_id, kept.prev_id = message.first_id, message.last_id, message.prev_id
    kept.n_bids, kept.n_asks = message.n_bids, message.n_asks
    memcpy(kept + 1, message.bids, message.n_bids * sizeof(Level))
    memcpy(<Level*> (kept + 1) + message.n_bids, message.asks, message.n_asks * sizeof(Level))
    sync.arena_used += need
    sync.buffered += 1
