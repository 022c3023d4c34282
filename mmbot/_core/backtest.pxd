"""Plays tapes to an engine and a modelled venue, on one clock.

Four kinds of happenings are merged by time: at each market, what we see of it (local events), what the venue answers
us, what happens at the exchange, and our requests' arrival there. At equal times the lower market comes first, and
within a market that order. The strategy is called once everything of an instant has been taken in.
"""
from libc.stdint cimport int8_t, int32_t, int64_t, uint64_t

from mmbot._core.blotter cimport Blotter
from mmbot._core.engine cimport Engine
from mmbot._core.l3 cimport L3Book
from mmbot._core.market cimport Market
from mmbot._core.paper cimport PaperMarket
from mmbot._core.solvency cimport Solvency
from mmbot._core.tape cimport Tape, TapeChunk
from mmbot._core.types cimport Command, Level


cdef struct Cursor:             # one walk over a market's tapes
    const TapeChunk* chunk
    int64_t ts_ns               # of the batch it stands at; INT64_MAX: the end
    int32_t tape, index         # which tape, and which of its chunks
    int64_t at                  # batch of the chunk


cdef struct Request:
    int64_t due_ns              # when it arrives at the exchange
    int64_t id                  # the venue's number of a new order
    Command command


cdef struct Print:              # a trade seen, not yet told to the strategy
    int64_t price_ticks, qty_lots
    int32_t lane
    int8_t side


cdef class Lane:
    """One market of a backtest: its tapes, its engine-side `Market` and its modelled venue."""
    cdef readonly Market market
    cdef readonly PaperMarket paper
    cdef readonly list tapes            # Tape, in the order of time
    cdef readonly bint trust_from_start  # the book counts before its first snapshot
    cdef L3Book l3                      # single orders as we see them; None: the tape tells of none
    cdef Cursor local, exch
    cdef Request* requests  # ring
    cdef int64_t head, tail, room, last_request_ns
    cdef bint touched, traded           # in this instant
    cdef bint changed, was_trusted      # by it; before it

    cdef void _rewind(self, Cursor* cursor) noexcept
    cdef int next(self, Cursor* cursor, int flag) noexcept
    cdef Request* push(self) noexcept
    cdef inline int64_t request_due_ns(self) noexcept nogil:
        return self.requests[self.head & (self.room - 1)].due_ns if self.head != self.tail else 0x7FFFFFFFFFFFFFFF


cdef class Backtest:
    cdef readonly Engine engine
    cdef readonly Blotter blotter
    cdef readonly tuple lanes           # Lane, by market index
    cdef readonly int64_t start_ns      # of the strategy; what is earlier only builds the books
    cdef readonly int64_t end_ns        # happenings from then on are not played
    cdef readonly int64_t now_ns
    cdef readonly int64_t every_ns      # how often time passes when no timer is due
    cdef readonly int64_t open_ns       # when the venues begin to take orders
    cdef const int64_t[::1] looks       # when time passes, instead of timers and `every_ns`; empty: by these
    cdef Py_ssize_t next_look
    cdef bint opened
    cdef readonly int64_t placed        # orders submitted: their numbers count up from 1
    cdef readonly int64_t steps         # times the strategy was asked
    cdef readonly list notes            # of the engine, with their times: (ts_ns, text)
    cdef readonly bint liquidated       # the venue has closed everything; from then on nothing is quoted
    cdef Solvency solvency
    cdef object daily                   # called at each new UTC day; None: nothing to do
    cdef int64_t day
    cdef bint pending, failed
    cdef int64_t housekeeping_ns
    cdef Print* prints
    cdef Py_ssize_t n_prints, room_prints

    cdef int _local_l3(self, Lane lane, int kind, int64_t order_id, int side, const Level* level) except -1
    cdef int _local(self, Lane lane, int32_t index) except -1
    cdef int _exchange(self, Lane lane) except -1
    cdef int _settle(self) except -1
    cdef int _answer(self, Lane lane) except -1
    cdef int _time(self, int64_t ts_ns) except -1
    cdef int _watch_margin(self) except -1
    cdef int _drain(self) except -1
    cdef int64_t _timer_ns(self) noexcept
    cdef void _request(self, Lane lane) noexcept
    cdef bint _more_prints(self) noexcept
    cdef int _take_notes(self) except -1
