"""Lines of a recording to batches of a tape, in the order of the file: the first half of a conversion.

Every line is decoded, put in its place in the venue's sequence, and turned into batches in growing columns, which
`Intake.take` hands out. Two sets of rules:

* *followed* (mmbot's own): what a live bot would make of the messages. GAP before the first diff and where one is
  missing, diffs older than the book dropped, snapshots that cannot be bridged or are no news dropped; a snapshot
  replaces the whole side, and the diffs that came before it and go beyond it follow it once more, as replays.
* *plain* (the rules of hftbacktest): every message as it stands, whatever its place. A snapshot clears up to its last
  level. Prices and quantities are rounded, half away from zero, to ticks and lots.
"""
from libc.stdint cimport int32_t, int64_t

from mmbot._core.book cimport Book
from mmbot._core.columns cimport BatchColumns
from mmbot._core.decode cimport Decoder
from mmbot._core.message cimport Decoded
from mmbot._core.types cimport Level


cdef enum:
    AGG_KIND = 32           # TapeKind of an aggregated trade, until it is known whether there are single ones
    UNTIMED_FLAG = 4        # beside TapeFlag: the venue stated no time, exch_ns is the latest seen before
    REPLAY_FLAG = 8         # beside TapeFlag: repeated after its snapshot


cdef struct KeptDiff:       # a diff that may have to follow a snapshot; its bids, then its asks, come after it
    int64_t exch_ns, first_id, last_id, prev_id
    int32_t n_bids, n_asks


cdef class Intake:
    """What is known of one recording so far."""
    cdef Decoder decoder
    cdef readonly Book book         # of the messages in file order
    cdef BatchColumns out
    cdef Decoded frame
    cdef bint spot, followed, tickers, marks, strict
    cdef double tick, lot, unit     # plain rules: size of tick and lot, units of the decoder per one; 0: exact
    cdef object odd_line
    cdef int64_t file_first_ns, file_latest_ns  # receive times: of the file's first message; the latest so far
    cdef int64_t last_id            # of the latest diff; -1: none
    cdef int64_t snapshot_id        # of a snapshot that the next diff must bridge; -1: none
    cdef bint trusted               # a snapshot and every diff since are in the book
    cdef bint unknown               # a GAP was said and no snapshot has ended it
    cdef bint was_crossed
    cdef char* kept                 # diffs since the GAP
    cdef Py_ssize_t kept_used, kept_room
    cdef int64_t* seen              # hash set of `_distinct`
    cdef Py_ssize_t seen_room
    # What the report needs.
    cdef readonly int64_t lines, offset
    cdef readonly int64_t undecodable, empty, no_messages
    cdef readonly int64_t gaps, older, snapshots, refused, redundant, crossed, crossings
    cdef readonly int64_t trades_dropped, left_out, split
    cdef readonly int64_t exch_back, local_back, exch_back_max_ns, local_back_max_ns, untimed
    cdef readonly int64_t first_exch_ns, last_exch_ns, last_local_ns, latest_event_ns
    cdef readonly object fault      # of the first undecodable line: (line, offset, reason, its beginning), or None
    cdef readonly list gap_places   # of the first gaps: (line, local_ns, expected id, found id)

    cdef bint _line(self, const char* p, const char* end) except -1
    cdef int _odd(self, const char* p, const char* end) except -1
    cdef int _message(self, const char* p, Py_ssize_t n, int64_t local_ns, int32_t market) except -1
    cdef int _depth(self, int64_t local_ns) except -1
    cdef int _snapshot(self, int64_t local_ns) except -1
    cdef int _look(self) noexcept
    cdef int _place(self) noexcept
    cdef int _gap(self, int64_t exch_ns, int64_t local_ns) except -1
    cdef int _keep(self, int64_t exch_ns) except -1
    cdef bint _bridged(self, int64_t snapshot_id) noexcept
    cdef int _replay(self, int64_t snapshot_id, int64_t exch_ns, int64_t local_ns) except -1
    cdef int _print(self, int64_t local_ns) except -1
    cdef int _ticker(self, int64_t local_ns) except -1
    cdef int _mark(self, int64_t local_ns) except -1
    cdef bint _is_in_order(self, int64_t local_ns) noexcept
    cdef bint _is_sensible(self, int64_t local_ns, int64_t exch_ns) noexcept
    cdef int64_t _time(self, int64_t exch_ns, int64_t local_ns) except? -1
    cdef int64_t _ticks(self, int64_t price) noexcept
    cdef int64_t _lots(self, int64_t qty) noexcept
    cdef int _side(self, int kind, int side, const Level* levels, Py_ssize_t n, int64_t exch_ns, int64_t local_ns,
                   int64_t seq, int flags) except -1
    cdef Py_ssize_t _distinct(self, const Level* levels, Py_ssize_t n) except -1
    cdef int _undecodable(self, const char* p, Py_ssize_t n, str reason) except -1
