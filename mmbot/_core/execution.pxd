"""From intentions to commands: the one place where orders are placed, amended and canceled.

Every way out runs: order table (a number and a state) -> risk gate (approve) -> rate budget -> redeem -> outbox. There
is no other function that writes a PLACE or AMEND_ORDER command.
"""
from libc.stdint cimport int8_t, int32_t, int64_t, uint8_t, uint64_t

from mmbot._core.diff cimport Action, DiffRules, MAX_ACTIONS
from mmbot._core.eventlog cimport EventRing
from mmbot._core.gate cimport MAX_MARKETS, RiskGate
from mmbot._core.orders cimport Order, OrderTable
from mmbot._core.quoting cimport QuoteSet
from mmbot._core.rate cimport RateBudget
from mmbot._core.types cimport Command, OrderUpdate

cdef enum:
    OUTBOX_SIZE = 4096      # commands; a power of two
    NO_ROOM = -100          # the order table or the outbox is full
    NO_BUDGET = -101        # the message budget of the venue is used up
    WRONG_STATE = -102      # the order's state forbids the request


cdef class Execution:
    cdef readonly OrderTable table
    cdef readonly RiskGate gate
    cdef readonly tuple budgets                     # RateBudget by venue
    cdef void* budget_of[MAX_MARKETS]                  # RateBudget of each market's venue
    cdef int32_t[MAX_MARKETS] hedge_reserve         # messages that quotes leave to hedges
    cdef DiffRules[MAX_MARKETS] rules
    cdef readonly int32_t n_markets
    cdef EventRing ring                             # None: nothing is journalled
    cdef Command[OUTBOX_SIZE] outbox
    cdef uint64_t head, tail
    cdef Action[MAX_ACTIONS] actions
    cdef uint64_t event_seq                         # of the event being handled
    cdef int64_t ts_ns
    cdef bint journal_failed                        # the ring refused a record: the engine must halt
    cdef readonly uint64_t placed, amended, canceled, queried
    cdef int32_t[MAX_MARKETS] last_refusal          # RiskReason (> 0) or one of the codes above; 0: none

    cdef readonly int64_t first_place_ns            # event time of the first PLACE handed out; 0: none yet

    cdef void begin(self, uint64_t event_seq, int64_t ts_ns) noexcept nogil
    # Hand every waiting command, those that this causes too, to `outlets[command.market]`.
    cdef int dispatch(self, list outlets) except -1
    # Slot of the new order, or minus a RiskReason, or a code above.
    cdef int32_t place(
        self, int32_t market, int8_t side, int64_t price_ticks, int64_t qty_lots, int8_t time_in_force,
        bint reduce_only, int8_t purpose) noexcept nogil
    # 0, or as for `place`.
    cdef int32_t amend(self, int32_t slot, int64_t price_ticks, int64_t qty_lots) noexcept nogil
    cdef int32_t cancel(self, int32_t slot) noexcept nogil
    cdef int32_t cancel_stray(self, const OrderUpdate* listed) noexcept nogil
    # Close the difference between `wanted` and what is working; True when nothing more could be done now or is needed.
    cdef bint work(self, int32_t market, const QuoteSet* wanted) noexcept nogil
    # Cancel every order of a market but those of purpose `keep` (-1: none); number of cancels still to be sent.
    cdef int32_t cancel_market(self, int32_t market, int8_t keep) noexcept nogil
    cdef void suspect_resting_ioc(self) noexcept nogil
    cdef int32_t query_overdue(self) noexcept nogil
    cdef void tell_gate(self, int32_t market) noexcept nogil
    cdef int emit(self, int8_t kind, int32_t market) noexcept nogil
    cdef int push(self, const Command* command) noexcept nogil
    cdef inline int32_t waiting(self) noexcept nogil:
        return <int32_t>(self.head - self.tail)
    cdef bint pop(self, Command* out) noexcept nogil
    cdef bint _take(self, int32_t market, bint is_cancel) noexcept nogil
    cdef bint _take_for(self, int32_t market, int8_t purpose) noexcept nogil
    cdef void _of_order(self, Command* command, const Order* order, int8_t kind) noexcept nogil
