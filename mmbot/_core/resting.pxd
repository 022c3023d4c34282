"""Our orders in one market of the modelled venue, and what the market does to them.

It is fed the exchange's own events in the exchange's time. What happens to an order becomes an answer, due at our side
after the response latency. Our orders never change the book: own market impact is not modelled.
"""
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint64_t

from mmbot._core.book cimport Book
from mmbot._core.exact cimport int128
from mmbot._core.l3 cimport L3Book
from mmbot._core.order_latency cimport OrderLatency
from mmbot._core.position cimport ValueUnit
from mmbot._core.queue_models cimport QueueRule, QueueState
from mmbot._core.types cimport Instrument, Level, OrderUpdate


cdef enum:
    FUNDING = 0                 # Answer.update.kind of a funding payment: fee_e8 received; no OrderEventKind
    CLOSED_KEPT = 4096          # ended orders that a query still finds; a power of two
    MAX_WALK = 256              # levels that one taking order may eat


cdef struct PaperOrder:         # one of ours at the venue
    uint64_t num                # the engine's number
    int64_t id                  # the venue's: counts up from 1 in the order of submission
    int64_t price_ticks
    int64_t qty_lots            # the whole quantity
    int64_t filled_lots
    QueueState queue
    int8_t side
    int8_t time_in_force
    int8_t reduce_only
    int8_t state                # OrderState


cdef struct Answer:
    int64_t due_ns              # when it reaches us
    double front_lots           # of an accepted order: the queue ahead of it; else NaN
    OrderUpdate update


cdef class RestingOrders:
    cdef readonly Instrument instrument
    cdef readonly int index
    cdef readonly Book book
    cdef readonly OrderLatency latency
    cdef readonly L3Book l3                     # single orders, once the tape tells of some; None: it does not
    cdef QueueRule queue
    cdef readonly bint partial                  # a fill takes what trades or stands there; else always the whole order
    cdef readonly bint as_hftbacktest           # that program's ways where ours differ
    cdef readonly int self_trade                # SelfTrade
    cdef readonly bint fee_in_received          # a buy pays its fee in the base asset (spot), else in the settle asset
    cdef readonly int64_t position_lots         # as the venue knows it
    cdef readonly int64_t feed_latency_ns       # of the newest event seen at our side
    cdef readonly uint64_t expired, fills
    cdef readonly int32_t n_open
    cdef readonly bint failed                   # memory ran out: the run must not go on
    # private
    cdef PaperOrder* open                       # in the order of arrival
    cdef PaperOrder* closed                     # ring
    cdef int32_t capacity
    cdef uint64_t n_closed
    cdef uint64_t[2] own_mask                   # bit (ticks & 63) of every open order's price, by side
    cdef int64_t[2] best_own                    # highest own bid, lowest own ask; 0: none
    cdef ValueUnit unit
    cdef int16_t settle_asset, base_asset
    cdef int64_t base_lot_e8
    cdef int64_t maker_e9, taker_e9             # fee rates
    cdef int128 fee_carry                       # what rounding to 1e-8 has left over, so that sums stay exact
    cdef int128 base_carry
    cdef int64_t trade_id, last_answer_ns
    cdef int64_t book_id                        # of the newest message of the book
    cdef int64_t top_id                         # of a ticker that is newer; 0: the book is
    cdef int64_t[2] top_ticks                   # its best bid and ask; 0: none
    cdef int64_t last_ticks                     # of the last trade; 0: none yet
    cdef Answer* answers                        # ring
    cdef int64_t head, tail, room

    # -- the exchange's events
    cdef void depth(self, int side, const Level* levels, Py_ssize_t n, int64_t exch_ns) noexcept nogil
    # The book has followed the venue up to this update.
    cdef inline void at_id(self, int64_t id) noexcept nogil:
        self.book_id = id
        if id >= self.top_id:
            self.top_id = 0
    # A book ticker: best bid and best ask, and the venue's update id. Of 0 lots: nobody but us stands there.
    cdef void ticker(self, const Level* best, int64_t id, int64_t exch_ns) noexcept nogil
    cdef void trade(self, int taker_side, int64_t price_ticks, int64_t qty_lots, int64_t exch_ns) noexcept nogil
    # One event about a single order: `kind` is a TapeKind, `order_id` the market's.
    cdef int l3_event(self, int kind, int64_t order_id, int side, const Level* level, int64_t exch_ns) except -1
    # -- answers
    cdef inline int64_t due_ns(self) noexcept nogil:
        return self.answers[self.head & (self.room - 1)].due_ns if self.head != self.tail else 0x7FFFFFFFFFFFFFFF
    cdef const Answer* pop(self) noexcept nogil     # valid until the next event; None must be waiting otherwise

    # -- private
    cdef int64_t _behind(self, int side, int64_t price_ticks) noexcept nogil
    cdef bint _before_top(self, int side, int64_t price_ticks) noexcept nogil
    cdef int64_t _best(self, int side) noexcept nogil
    cdef double _ahead(self, int side, int64_t price_ticks) noexcept nogil
    cdef void _level_changes(self, int side, const Level* level) noexcept nogil
    cdef void _reached(self, int side, int64_t price_ticks, int64_t exch_ns) noexcept nogil
    cdef PaperOrder* _rest(self, const PaperOrder* order) noexcept nogil
    cdef int32_t _find(self, uint64_t num) noexcept nogil
    cdef void _close(self, int32_t index, int8_t state) noexcept nogil
    cdef void _drop(self, int32_t index) noexcept nogil
    cdef void _keep(self, const PaperOrder* order, int8_t state) noexcept nogil
    cdef void _note_own(self) noexcept nogil
    cdef int64_t _next_own(self, int side, int64_t price_ticks) noexcept nogil
    cdef int64_t _to_close(self, int side) noexcept nogil
    cdef Answer* _fill(
        self, PaperOrder* order, int64_t price_ticks, int64_t lots, bint maker, int64_t exch_ns) noexcept nogil
    cdef void _fill_resting(self, int32_t index, int64_t lots, int64_t exch_ns) noexcept nogil
    cdef int64_t _fee(
        self, const PaperOrder* order, int64_t price_ticks, int64_t lots, bint maker, int16_t* asset) noexcept nogil
    cdef Answer* _answer(self, const PaperOrder* order, int8_t kind, int8_t request, int64_t exch_ns) noexcept nogil
    cdef Answer* _put(
        self, const PaperOrder* order, int8_t kind, int8_t request, int64_t exch_ns, int64_t due_ns) noexcept nogil


# One event about a single order: how many levels it changed (`l3.changes`), or -1: nothing, `l3.error` says why.
cdef int l3_apply(L3Book l3, int kind, int64_t order_id, int side, const Level* level) except -2
