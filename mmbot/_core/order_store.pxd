"""Where orders live: slots, lists, worst-case exposure, and the ended orders that are kept for late fills."""
from libc.stdint cimport int8_t, int32_t, int64_t, uint8_t, uint16_t, uint64_t

from mmbot._core.trade_ids cimport TradeIds
from mmbot._core.types cimport OrderState


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
    int64_t early_until_ns      # answers before then may be to a query sent before request_ns + grace_ns
    int64_t stale_until_ns      # answers before then may be to a query sent before the latest contradiction
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


cdef struct Exposure:           # of one market, kept up to date by every call
    # The worst that may still be filled: remaining and unknown orders, amends at the larger quantity, missing fills.
    int64_t buy_lots, sell_lots
    int64_t best_bid_ticks, best_ask_ticks  # most aggressive own price, amends in flight included; 0: none
    int64_t missing_lots                    # fills known to be missing, both sides
    int32_t open_orders                     # not terminal
    int32_t unknown_orders                  # of those, UNKNOWN


cdef inline bint ended(const Order* order) noexcept nogil:
    return order.state >= OrderState.FILLED


cdef inline int64_t larger(int64_t a, int64_t b) noexcept nogil:
    return a if a > b else b


cdef class OrderStore:
    """The memory of an `OrderTable`, allocated once.

    Pointers from `at` stay valid for the life of the table, but the slot may be given to another order: keep the `num`.
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

    # -- looking
    cdef inline Order* at(self, int32_t slot) noexcept nogil:
        return &self.orders[slot]
    # The oldest open order of a side; then order.next, until -1.
    cdef inline int32_t first(self, int32_t market, int8_t side) noexcept nogil:
        return self.heads[market * 2 + side]
    cdef inline const Exposure* exposure(self, int32_t market) noexcept nogil:
        return &self.exposures[market]

    # -- for OrderTable
    cdef void _end(self, Order* order, int8_t state) noexcept nogil
    cdef bint _exhume(self) noexcept nogil
    cdef int32_t _take_slot(self) noexcept nogil
    cdef void _enlist(self, Order* order, int32_t slot) noexcept nogil
    cdef void _unlist(self, Order* order) noexcept nogil
    cdef void _refresh(self, Order* order) noexcept nogil
    cdef void _refresh_touch(self, Order* order) noexcept nogil
