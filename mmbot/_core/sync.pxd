"""Keeps one `Book` in the venue's sequence and says whether it can be trusted.

Steps are those of "How to manage a local order book correctly" (USD-M and Spot):
1 open the stream and buffer; 2 get the snapshot; 3 drop what is older; 4 the first diff must bridge the snapshot;
5 every further one must follow its predecessor, else start again; 6 quantities are absolute, 0 removes.
"""
from libc.stdint cimport int64_t

from mmbot._core.book cimport Book
from mmbot._core.message cimport Decoded


cpdef enum SequenceRule:
    BINANCE_USDM = 0        # `pu` equals the `u` before (COIN-M too)
    BINANCE_SPOT = 1        # `U` equals the `u` before + 1


cpdef enum Trust:
    EMPTY = 0               # nothing seen yet
    SYNCING = 1             # no snapshot yet, or one that no diff has bridged yet
    TRUSTED = 2             # provably in sync: the only state to quote on
    GAP = 3                 # a diff was missed: buffering, waiting for a snapshot
    CROSSED = 4             # bid >= ask after a message, or a level was lost: buffering, waiting for a snapshot
    STALE = 5               # silent for too long; the next diff in sequence restores trust
    DISCONNECTED = 6        # the feed is down


cpdef enum SyncResult:
    UNCHANGED = 0           # the book is as it was (buffered, or older than the book)
    APPLIED = 1             # the book changed
    LOST = 2                # trust was lost by this message
    REFUSED = 3             # a snapshot older than the buffered diffs allow: ask again


cdef enum:
    SYNC_BUFFER_BYTES = 32 << 10        # preallocated for buffered diffs
    SYNC_BUFFER_LIMIT = 16 << 20        # grown to this at most; then the buffered diffs are dropped and counted


cdef struct PendingDiff:                # a buffered diff; its bids, then its asks, follow in the arena
    int64_t event_ts_ns, recv_ns
    int64_t first_id, last_id, prev_id
    int64_t n_bids, n_asks


cdef class BookSync:
    """The state machine around one book."""
    cdef readonly Book book
    cdef readonly int rule              # SequenceRule
    cdef readonly int status            # Trust
    cdef readonly bint need_snapshot    # a snapshot should be fetched; cleared by `snapshot_requested` and by success
    cdef readonly int64_t last_id       # u of the last applied diff, or lastUpdateId of the snapshot
    cdef readonly int64_t event_ts_ns   # the venue's time of the last applied message
    cdef readonly int64_t recv_ts_ns    # local time of the last diff seen, also a buffered one
    # Statistics since construction.
    cdef readonly int64_t applied       # diffs applied
    cdef readonly int64_t dropped       # diffs older than the book
    cdef readonly int64_t gaps, crossed, stales, disconnects
    cdef readonly int64_t snapshots     # snapshots applied
    cdef readonly int64_t resyncs       # times trust was regained by a snapshot
    cdef readonly int64_t refused       # snapshots that were too old
    cdef readonly int64_t overflows     # times the buffer was full and its diffs were dropped
    cdef readonly int64_t buffered      # diffs in the buffer now
    cdef char* arena
    cdef Py_ssize_t arena_used, arena_capacity
    cdef readonly int64_t replayed_ts_ns    # receive time of the diff that `replay_one` took
    cdef bint bridging                  # a snapshot is in the book, the first diff that bridges it is still to come
    cdef bint lost_trust                # the book was trusted once and is not any more

    cdef bint is_trusted(self) noexcept nogil
    # `message` is a DEPTH of this market; returns SyncResult.
    cdef int on_diff(self, const Decoded* message, int64_t recv_ns) noexcept nogil
    # `message` is a SNAPSHOT of this market; replays the buffered diffs that bridge it; returns SyncResult.
    cdef int on_snapshot(self, const Decoded* message, int64_t recv_ns) noexcept nogil
    # The same in steps, to look at the book between them: load, then `replay_one` until it returns UNCHANGED.
    cdef int load_snapshot(self, const Decoded* message, int64_t recv_ns) noexcept nogil
    cdef int replay_one(self) noexcept nogil
    cdef void on_connect(self) noexcept nogil       # the feed is up: a fresh snapshot is needed
    cdef void on_disconnect(self) noexcept nogil
    # Marks STALE when TRUSTED and no diff came for `limit_ns`; True when this call did it.
    cdef bint check_stale(self, int64_t now_ns, int64_t limit_ns) noexcept nogil
    cdef void snapshot_requested(self) noexcept nogil   # a request is on its way
    cdef int _apply(self, const Decoded* message) noexcept nogil
    # Not trusted any more, for the reason given: buffering, a snapshot is needed.
    cdef void reset(self, int status) noexcept nogil
