"""Working orders: a fixed table, the order state machine, fill deduplication, worst-case exposure.

The table holds *facts* about an order (which requests are in flight, what the venue confirmed, which fills were applied);
`Order.state` is derived from them after every message, so no sequence of messages can leave the two disagreeing.

Three rules carry the rest:

* Nothing is inferred from silence. An overdue or lost answer makes the order UNKNOWN, which counts as live at its worst,
  and asks for a query.
* A fill is applied once, by venue trade id, whatever state the order is in; a cumulative quantity that is ahead of the applied
  fills is remembered as `missing`, never priced by guess, and stays in the exposure until the fills arrive.
* "No such order" proves something only as the answer to a query that was sent `grace_ns` after the last request. Choose
  `grace_ns` as the time after which the venue can no longer accept that request (Binance: recvWindow plus 1 s of clock lead).

What a connector owes the table: one outcome for every request; none later than `grace_ns` after sending (it says LOST before,
and nothing after); the exchange time and the new terms in every AMEND; the filled quantity in every CANCEL, EXPIRE and STATUS.
Stream messages may come late, twice, in any order, or not at all.
"""
cimport cython
from libc.stdint cimport int8_t, int32_t, int64_t, uint8_t, uint16_t, uint64_t

from mmbot._core.trade_ids cimport TradeIds
from mmbot._core.types cimport OrderEvent, OrderUpdate


cdef enum OrderFlag:
    IN_FLIGHT_NEW = 1           # placed, and neither acknowledged nor filled yet
    IN_FLIGHT_AMEND = 2         # new_price_ticks, new_qty_lots are under way
    IN_FLIGHT_CANCEL = 4
    IN_FLIGHT = 7               # any of the three
    OVERDUE = 8                 # the answer to a request in flight is lost or late
    SUSPECT = 16                # a contradiction: only a query's answer clears it
    IN_DOUBT = 24               # either: the state is UNKNOWN
    CANCEL_WANTED = 32          # a cancel was asked for; stays until the order is terminal
    ACKED = 64                  # the venue has shown that it knows the order
    ADOPTED = 128               # of an earlier session: found by venue_order_id


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


cdef struct Order:
    uint64_t num                # generation * capacity + slot; never used twice; 0: the slot is free
    int64_t price_ticks         # as last confirmed (as sent, while the place is in flight)
    int64_t qty_lots            # the whole quantity, filled part included
    int64_t filled_lots         # sum of the fills applied
    int64_t reported_lots       # largest cumulative quantity the venue stated; > filled_lots: fills are missing
    int64_t new_price_ticks     # the amend in flight; 0 without one
    int64_t new_qty_lots
    int64_t venue_order_id      # 0: not known yet
    int64_t created_ns
    int64_t request_ns          # when the latest place or amend went out
    int64_t last_update_ns      # when the latest message about it came in
    int64_t terms_exch_ns       # exchange time of the message that last set price_ticks and qty_lots
    int64_t deadline_ns         # when to ask the venue; INT64_MAX: never
    int64_t early_until_ns      # answers before then may be to a query sent before request_ns + grace_ns: prove no absence
    int64_t stale_until_ns      # answers before then may be to a query sent before the latest contradiction: do not clear it
    int64_t exposed_lots        # what it adds to the worst case of its side
    int64_t missing_lots        # reported, not applied
    int64_t touch_ticks         # its most aggressive price, the amend in flight included; 0: terminal
    int32_t market
    int32_t prev, next          # neighbours in its list, -1 at the ends
    int32_t reason              # latest venue error code
    uint16_t flags              # OrderFlag
    int8_t side
    int8_t state                # OrderState, derived
    int8_t purpose
    int8_t time_in_force
    int8_t reduce_only
    uint8_t attempt             # queries since the doubt began
    uint8_t queries_out         # queries unanswered


cdef struct ApplyResult:
    int64_t new_fill_lots       # > 0: book this fill (price, fee, side are in the message)
    int64_t missing_lots        # of this order: reported, not yet applied
    int32_t slot                # -1: no order of the table
    int8_t anomaly              # Anomaly
    int8_t old_state, new_state # OrderState
    int8_t became_terminal      # with this message
    int8_t needs_query          # the order is due in `expire` now
    int8_t needs_reconcile      # fills are missing: fetch fills since the last known


cdef struct Exposure:           # of one market, kept up to date by every call
    int64_t buy_lots, sell_lots             # worst case still to come: remaining, unknown, amends at the larger quantity, missing fills
    int64_t best_bid_ticks, best_ask_ticks  # most aggressive own price, amends in flight included; 0: none
    int64_t missing_lots                    # fills known to be missing, both sides
    int32_t open_orders                     # not terminal
    int32_t unknown_orders                  # of those, UNKNOWN


@cython.final
cdef class OrderTable:
    """All orders of all markets of one engine, in memory allocated once.

    Pointers from `at` stay valid for the life of the table, but the slot may be given to another order: keep the `num`.
    Not thread-safe: one engine, one thread.
    """
    cdef readonly int32_t capacity, markets
    cdef readonly int64_t ack_timeout_ns    # request to answer, before the order counts as unknown
    cdef readonly int64_t grace_ns          # see the module's third rule
    cdef readonly int64_t retry_ns          # first wait between queries; doubles up to 16 times that
    cdef readonly int64_t next_deadline_ns  # call `expire` when the event time reaches this
    cdef Order* orders
    cdef Exposure* exposures
    cdef int32_t* heads                     # [market * 2 + side], first open order, -1: none
    cdef int32_t* tails
    cdef readonly TradeIds trades           # fills applied; the ledger's are learnt at a restart
    cdef int32_t free_head, fresh_slot      # slots given back, and the first one never used
    cdef int32_t grave_head, grave_tail, grave_count   # terminal orders, oldest first, kept for late fills
    cdef uint64_t generation

    # -- requests the engine is about to send; all return 0 when the order's state forbids it
    cpdef int32_t place(self, int32_t market, int8_t side, int64_t price_ticks, int64_t qty_lots, int8_t time_in_force,
                       bint reduce_only, int8_t purpose, int64_t ts_ns) noexcept nogil      # slot, or -1: the table is full
    cpdef bint amend(self, int32_t slot, int64_t price_ticks, int64_t qty_lots, int64_t ts_ns) noexcept nogil
    cpdef bint cancel(self, int32_t slot, int64_t ts_ns) noexcept nogil
    cpdef bint queried(self, int32_t slot, int64_t ts_ns) noexcept nogil
    # The request never left (rate budget, socket down): take it back. kind: PLACE frees the order, AMEND_ORDER, CANCEL_ORDER.
    cpdef bint unsent(self, int32_t slot, int8_t kind, int64_t ts_ns) noexcept nogil

    # -- what the venue says
    cdef ApplyResult apply(self, const OrderUpdate* update, int64_t ts_ns) noexcept nogil
    # Orders due at ts_ns become UNKNOWN and are put into slots: send QUERY_ORDER for each and call `queried`.
    cdef int32_t expire(self, int64_t ts_ns, int32_t* slots, int32_t room) noexcept nogil
    # The order is not where it should be (reconciliation): UNKNOWN, and due at once.
    cpdef void suspect(self, int32_t slot, int64_t ts_ns) noexcept nogil
    # Takes in an open order of an earlier session of this bot; messages find it by venue_order_id. -1: the table is full.
    cdef int32_t adopt(self, const OrderUpdate* update, int64_t ts_ns) noexcept nogil

    # -- looking
    cpdef int32_t find(self, uint64_t num) noexcept nogil                   # slot (open or terminal and kept), or -1
    cpdef int32_t find_venue(self, int32_t market, int64_t venue_order_id) noexcept nogil    # open or kept; walks the lists
    cdef inline Order* at(self, int32_t slot) noexcept nogil:
        return &self.orders[slot]
    cdef inline int32_t first(self, int32_t market, int8_t side) noexcept nogil:    # then order.next, oldest first; -1: end
        return self.heads[market * 2 + side]
    cdef inline const Exposure* exposure(self, int32_t market) noexcept nogil:
        return &self.exposures[market]

    # -- private
    cdef int32_t _whose(self, const OrderUpdate* update) noexcept nogil
    cdef void _apply_stranger(self, const OrderUpdate* update, ApplyResult* result) noexcept nogil
    cdef void _apply_fill(self, Order* order, const OrderUpdate* update, ApplyResult* result) noexcept nogil
    cdef int8_t _apply_open(self, Order* order, const OrderUpdate* update, int64_t ts_ns, bint early, bint stale) noexcept nogil
    cdef int8_t _apply_end(self, Order* order, const OrderUpdate* update, int8_t state, int64_t ts_ns) noexcept nogil
    cdef int8_t _apply_amend(self, Order* order, const OrderUpdate* update, int64_t ts_ns) noexcept nogil
    cdef int8_t _apply_status(self, Order* order, const OrderUpdate* update, int64_t ts_ns, bint early, bint stale) noexcept nogil
    cdef int8_t _apply_not_found(self, Order* order, const OrderUpdate* update, int64_t ts_ns, bint early) noexcept nogil
    cdef int8_t _apply_lost(self, Order* order, const OrderUpdate* update, int64_t ts_ns) noexcept nogil
    cdef int8_t _contradict(self, Order* order, int64_t ts_ns) noexcept nogil
    cdef int64_t _backoff(self, const Order* order) noexcept nogil
    cdef void _expect(self, Order* order, int64_t ts_ns) noexcept nogil
    cdef void _due(self, Order* order, int64_t deadline_ns) noexcept nogil
    cdef bint _finish_if_filled(self, Order* order) noexcept nogil
    cdef void _end(self, Order* order, int8_t state) noexcept nogil
    cdef bint _exhume(self) noexcept nogil
    cdef int32_t _take_slot(self) noexcept nogil
    cdef void _enlist(self, Order* order, int32_t slot) noexcept nogil
    cdef void _unlist(self, Order* order) noexcept nogil
    cdef void _refresh(self, Order* order) noexcept nogil
    cdef void _refresh_touch(self, Order* order) noexcept nogil
