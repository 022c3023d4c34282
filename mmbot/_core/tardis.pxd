"""Rows of Tardis' CSV files to batches of a tape, in the order of the file.

Columns and meanings: docs.tardis.dev "Downloadable CSV files", "Data types". Times are microseconds. Three kinds:

* ``incremental_book_L2``: one level a row, absolute amounts, 0 removes. Rows of one message (equal timestamp,
  local_timestamp, is_snapshot, side, one behind the other) become a batch. A snapshot row behind one that was none, or
  at the start, throws the book away: CLEAR of both sides, then SNAPSHOT. Rows before the first snapshot are skipped.
* ``trades``: one trade a row; `side` is the taker's.
* ``derivative_ticker``: MARK, whenever mark price, index price, funding rate or its time changed. An empty field keeps
  its last value; before the first it is 0.
"""
from libc.stdint cimport int64_t

from mmbot._core.columns cimport BatchColumns
from mmbot._core.types cimport DecimalUnit, Level


cdef enum:
    MAX_FIELDS = 32


cdef struct Text:               # one field of a row
    const char* p
    Py_ssize_t n


cdef struct Row:                # what all kinds have
    int64_t exch_ns, local_ns
    Text field[MAX_FIELDS]
    int n_fields


cdef class TardisRows:
    """The rows of one file so far."""
    cdef readonly str kind
    cdef readonly bytes exchange, symbol    # as the first row names them
    cdef readonly int64_t others        # rows of other symbols
    cdef readonly int64_t wrong         # rows left out because something is wrong with them
    cdef readonly int64_t lines         # rows seen, without the header
    cdef readonly int64_t skipped       # book rows before the first snapshot
    cdef readonly int64_t sideless      # trades whose taker is not known: left out
    cdef readonly int64_t dust          # amounts cut to whole lots
    cdef readonly int64_t snapshots
    cdef readonly int64_t local_back, exch_back     # rows whose time is before that of the row before
    cdef readonly int price_decimals, qty_decimals  # the finest that `survey` saw
    cdef readonly object fault          # the first: (row, what was expected, what was found), or None
    cdef DecimalUnit tick, lot
    cdef int place[MAX_FIELDS]          # of each column that is needed, in a row
    cdef int which                      # kind, as a number
    cdef int n_fields                   # of the header
    cdef Row row
    cdef int64_t last_exch_ns, last_local_ns
    cdef bint any_snapshot, in_snapshot
    cdef int batch_side                 # of the batch that the next row may continue; -1: none
    cdef bint batch_snapshot
    cdef int order                      # its prices so far rise (1), fall (-1), do neither (0)
    cdef int64_t mark[4]                # as on the tape
    cdef bint any_mark, chosen, strict
    cdef BatchColumns out

    cdef bint _line(self, const char* p, const char* end) except -1
    cdef int _ours(self) except -1
    cdef bint _book(self) except -1
    cdef bint _trade(self) except -1
    cdef bint _ticker(self) except -1
    cdef bint _number(self, int column, const DecimalUnit* unit, int64_t* out, bint cut) except -1
    cdef bint _scaled(self, int column, double scale, int64_t* out) except -1
    cdef bint _wrong(self, str expected, const char* p, Py_ssize_t n) except -1
    cdef bint _repeats(self, int64_t price_ticks) noexcept nogil
    cdef int _batch(self, int kind, int side, int64_t seq) except -1
