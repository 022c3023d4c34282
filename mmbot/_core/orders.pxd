"""Working orders: a fixed table, the order state machine, fill deduplication, worst-case exposure.

The table holds *facts* about an order (which requests are in flight, what the venue confirmed, which fills were
applied); `Order.state` is derived from them after every message, so no sequence of messages can leave them disagreeing.

Three rules carry the rest:

* Nothing is inferred from silence. An overdue or lost answer makes the order UNKNOWN, which counts as live at its
  worst, and asks for a query.
* A fill is applied once, by venue trade id, whatever state the order is in; a cumulative quantity that is ahead of the
  applied fills is remembered as `missing`, never priced by guess, and stays in the exposure until the fills arrive.
* "No such order" proves something only as the answer to a query that was sent `grace_ns` after the last request. Choose
  `grace_ns` as the time after which the venue can no longer accept that request (Binance: recvWindow plus 1 s of clock
  lead).

What a connector owes the table: one outcome for every request; none later than `grace_ns` after sending (it says LOST
before, and nothing after); the exchange time and the new terms in every AMEND; the filled quantity in every CANCEL,
EXPIRE and STATUS. Stream messages may come late, twice, in any order, or not at all.
"""
cimport cython
from libc.stdint cimport int8_t, int32_t, int64_t, uint64_t

from mmbot._core.order_store cimport (
    ACKED, ADOPTED, CANCEL_WANTED, IN_DOUBT, IN_FLIGHT, IN_FLIGHT_AMEND, IN_FLIGHT_CANCEL, IN_FLIGHT_NEW, OVERDUE,
    SUSPECT, Exposure, Order, OrderFlag, OrderStore, ended, larger,
)
from mmbot._core.types cimport OrderUpdate


cpdef enum Anomaly:             # why a message was not taken at face value
    EXPECTED = 0
    DUPLICATE = 1               # a fill that was applied already
    STALE = 2                   # older than what is known
    NOT_IN_TABLE = 3            # ours, but evicted or of an earlier session: a fill in it still counts
    FOREIGN = 4                 # not ours: ignored
    AFTER_TERMINAL = 5          # a fill after the order ended: counts
    OVERFILL = 6                # more was filled than was ordered
    FILLS_MISSING = 7           # the cumulative quantity is ahead of the fills seen
    CONTRADICTION = 8           # such as a reject of an acknowledged order
    MALFORMED = 9               # market out of range, or a fill without a positive quantity


cdef struct ApplyResult:
    int64_t new_fill_lots       # > 0: book this fill (price, fee, side are in the message)
    int64_t missing_lots        # of this order: reported, not yet applied
    int32_t slot                # -1: no order of the table
    int8_t anomaly              # Anomaly
    int8_t old_state, new_state     # OrderState
    int8_t became_terminal      # with this message
    int8_t needs_query          # the order is due in `expire` now
    int8_t needs_reconcile      # fills are missing: fetch fills since the last known


@cython.final
cdef class OrderTable(OrderStore):
    """All orders of all markets of one engine, in memory allocated once. Not thread-safe: one engine, one thread."""
    # -- requests the engine is about to send; all return 0 when the order's state forbids it
    # its slot, or -1: the table is full
    cpdef int32_t place(
        self, int32_t market, int8_t side, int64_t price_ticks, int64_t qty_lots, int8_t time_in_force,
        bint reduce_only, int8_t purpose, int64_t ts_ns,
    ) noexcept nogil
    cpdef bint amend(self, int32_t slot, int64_t price_ticks, int64_t qty_lots, int64_t ts_ns) noexcept nogil
    cpdef bint cancel(self, int32_t slot, int64_t ts_ns) noexcept nogil
    cpdef bint queried(self, int32_t slot, int64_t ts_ns) noexcept nogil
    # The request (PLACE, AMEND_ORDER, CANCEL_ORDER) never left (rate budget, socket down): take it back.
    cpdef bint unsent(self, int32_t slot, int8_t kind, int64_t ts_ns) noexcept nogil

    # -- what the venue says
    cdef ApplyResult apply(self, const OrderUpdate* update, int64_t ts_ns) noexcept nogil
    # Orders due at ts_ns become UNKNOWN and are put into slots: send QUERY_ORDER for each and call `queried`.
    cdef int32_t expire(self, int64_t ts_ns, int32_t* slots, int32_t room) noexcept nogil
    # The order is not where it should be (reconciliation): UNKNOWN, and due at once.
    cpdef void suspect(self, int32_t slot, int64_t ts_ns) noexcept nogil
    # Takes in an open order of an earlier session; messages find it by venue_order_id. -1: the table is full.
    cdef int32_t adopt(self, const OrderUpdate* update, int64_t ts_ns) noexcept nogil

    # -- looking
    cpdef int32_t find(self, uint64_t num) noexcept nogil                   # slot (open or terminal and kept), or -1
    cpdef int32_t find_venue(self, int32_t market, int64_t venue_order_id) noexcept nogil  # walks the lists

    # -- private
    cdef int32_t _whose(self, const OrderUpdate* update) noexcept nogil
    cdef void _apply_stranger(self, const OrderUpdate* update, ApplyResult* result) noexcept nogil
    cdef void _apply_fill(self, Order* order, const OrderUpdate* update, ApplyResult* result) noexcept nogil
    cdef int8_t _apply_open(
        self, Order* order, const OrderUpdate* update, int64_t ts_ns, bint early, bint stale,
    ) noexcept nogil
    cdef int8_t _apply_end(self, Order* order, const OrderUpdate* update, int8_t state, int64_t ts_ns) noexcept nogil
    cdef int8_t _apply_amend(self, Order* order, const OrderUpdate* update, int64_t ts_ns) noexcept nogil
    cdef int8_t _apply_status(
        self, Order* order, const OrderUpdate* update, int64_t ts_ns, bint early, bint stale,
    ) noexcept nogil
    cdef int8_t _apply_not_found(
        self, Order* order, const OrderUpdate* update, int64_t ts_ns, bint early,
    ) noexcept nogil
    cdef int8_t _apply_lost(self, Order* order, const OrderUpdate* update, int64_t ts_ns) noexcept nogil
    cdef int8_t _contradict(self, Order* order, int64_t ts_ns) noexcept nogil
    cdef int64_t _backoff(self, const Order* order) noexcept nogil
    cdef void _expect(self, Order* order, int64_t ts_ns) noexcept nogil
    cdef void _due(self, Order* order, int64_t deadline_ns) noexcept nogil
    cdef bint _finish_if_filled(self, Order* order) noexcept nogil
