"""What orders may do, and what a venue's messages make of them; see ``orders.pxd`` for the three rules behind it."""

from libc.stdint cimport INT64_MAX, int8_t, int32_t, int64_t, uint16_t, uint64_t
from libc.string cimport memset

from mmbot._core.types cimport CommandKind, OrderEvent, OrderEventKind, OrderState, OrderUpdate, Owner

cdef enum:
    MAX_BACKOFF_SHIFT = 4           # queries are at most retry_ns << 4 apart
    MAX_COUNT = 255                 # of the uint8 counters
    # How much a message's price and quantity weigh.
    IN_PASSING = 0                  # of a fill or a listing
    OF_AMEND = 1                    # of an amend
    CERTAIN = 2                     # of an answer to a query sent after the grace time


cdef inline void _known(Order* order) noexcept nogil:
    """The venue has shown that it has the order."""
    order.flags = (order.flags | ACKED) & ~IN_FLIGHT_NEW


cdef inline void _amended(Order* order) noexcept nogil:
    """No amend is under way any more."""
    order.flags &= ~IN_FLIGHT_AMEND
    order.new_price_ticks = order.new_qty_lots = 0


cdef inline void _report(Order* order, int64_t cum_lots) noexcept nogil:
    """Takes in a stated cumulative quantity (-1: not stated)."""
    order.reported_lots = larger(order.reported_lots, cum_lots)
    if order.flags & ADOPTED:       # its earlier fills were booked without the table
        order.filled_lots = order.reported_lots


cdef bint _take_terms(Order* order, const OrderUpdate* update, int8_t weight) noexcept nogil:
    """Takes price and quantity from a message unless it may be older than what is known; False: it was ignored.

    Exchange times have a resolution, so two messages of the same time may be in either order. Then only an amend that
    is waited for decides, or a query's answer that can be trusted: a fill may show the terms before the amend, and a
    repeated amend message those before the latest one.
    """
    cdef int64_t stated_ns = update.exch_ts_ns
    cdef int64_t price = update.price_ticks if update.price_ticks else order.price_ticks
    cdef int64_t qty = update.qty_lots if update.qty_lots else order.qty_lots
    cdef bint awaited = (
        order.flags & IN_FLIGHT_AMEND != 0 and price == order.new_price_ticks and qty == order.new_qty_lots
    )
    if update.price_ticks == 0 and update.qty_lots == 0:
        return False
    if stated_ns == 0:
        if not awaited:
            return False
    elif stated_ns < order.terms_exch_ns:
        return False
    elif stated_ns == order.terms_exch_ns and weight != CERTAIN and not (weight == OF_AMEND and awaited):
        return False
    if awaited:
        _amended(order)
    order.price_ticks, order.qty_lots = price, qty
    order.terms_exch_ns = larger(order.terms_exch_ns, stated_ns)
    return True


cdef class OrderTable(OrderStore):
    """All orders of all markets of one engine, in memory allocated once.

    Args:
        markets: number of markets; their indexes run from 0.
        capacity: orders held at once, ended ones that are kept for late fills included; a power of two.
        ack_timeout_ns: request to answer, before the order counts as unknown and is queried.
        grace_ns: time after which the venue can no longer accept a request (Binance: recvWindow + 1 s).
        retry_ns: first wait between two queries.

    Raises:
        ValueError: an argument is out of range.
    """

    # ------------------------------------------------------------------ requests

    cpdef int32_t place(
        self, int32_t market, int8_t side, int64_t price_ticks, int64_t qty_lots, int8_t time_in_force,
        bint reduce_only, int8_t purpose, int64_t ts_ns,
    ) noexcept nogil:
        """Enters an order that is about to be sent; its slot, or -1 when the table is full."""
        cdef int32_t slot = self._take_slot()
        cdef Order* order
        if slot < 0:
            return -1
        self.generation += 1
        order = &self.orders[slot]
        memset(order, 0, sizeof(Order))
        order.num = self.generation * <uint64_t>self.capacity + <uint64_t>slot
        order.market, order.side, order.purpose = market, side, purpose
        order.price_ticks, order.qty_lots = price_ticks, qty_lots
        order.time_in_force, order.reduce_only = time_in_force, reduce_only
        order.created_ns = order.request_ns = ts_ns
        order.flags = IN_FLIGHT_NEW
        self._enlist(order, slot)
        self._expect(order, ts_ns)
        self._refresh(order)
        return slot

    cpdef bint amend(self, int32_t slot, int64_t price_ticks, int64_t qty_lots, int64_t ts_ns) noexcept nogil:
        """Notes an amend to a new price and whole quantity; False while another request is in flight or in doubt."""
        cdef Order* order = &self.orders[slot]
        if order.num == 0 or ended(order) or order.flags & (IN_FLIGHT | IN_DOUBT | CANCEL_WANTED):
            return False
        order.flags |= IN_FLIGHT_AMEND
        order.new_price_ticks, order.new_qty_lots = price_ticks, qty_lots
        order.request_ns = ts_ns
        if order.queries_out:
            order.early_until_ns = ts_ns + self.grace_ns
        self._expect(order, ts_ns)
        self._refresh(order)
        return True

    cpdef bint cancel(self, int32_t slot, int64_t ts_ns) noexcept nogil:
        """Notes a cancel; False when one is in flight. Legal beside any other request, and in doubt."""
        cdef Order* order = &self.orders[slot]
        if order.num == 0 or ended(order) or order.flags & IN_FLIGHT_CANCEL:
            return False
        order.flags |= IN_FLIGHT_CANCEL | CANCEL_WANTED
        if not order.flags & IN_DOUBT:
            self._expect(order, ts_ns)
        self._refresh(order)
        return True

    cpdef bint queried(self, int32_t slot, int64_t ts_ns) noexcept nogil:
        """Notes that a query of the order went out."""
        cdef Order* order = &self.orders[slot]
        if order.num == 0 or ended(order):
            return False
        order.queries_out += order.queries_out < MAX_COUNT
        if ts_ns < order.request_ns + self.grace_ns:
            order.early_until_ns = ts_ns + self.grace_ns
        return True

    cpdef bint unsent(self, int32_t slot, int8_t kind, int64_t ts_ns) noexcept nogil:
        """Takes back a request that never left this process: the place, amend or cancel in flight."""
        cdef Order* order = &self.orders[slot]
        if order.num == 0 or ended(order):
            return False
        if kind == CommandKind.PLACE and order.flags & IN_FLIGHT_NEW:
            self._end(order, OrderState.REJECTED)
        elif kind == CommandKind.AMEND_ORDER and order.flags & IN_FLIGHT_AMEND:
            _amended(order)
            self._refresh(order)
        elif kind == CommandKind.CANCEL_ORDER and order.flags & IN_FLIGHT_CANCEL:
            order.flags &= ~(IN_FLIGHT_CANCEL | CANCEL_WANTED)
            self._refresh(order)
        else:
            return False
        return True

    # ------------------------------------------------------------------ what the venue says

    cdef ApplyResult apply(self, const OrderUpdate* update, int64_t ts_ns) noexcept nogil:
        cdef ApplyResult result
        cdef Order* order
        cdef bint early = True, stale = True
        memset(&result, 0, sizeof(result))
        result.slot = -1
        if update.market < 0 or update.market >= self.markets:
            result.anomaly = Anomaly.MALFORMED
            return result
        result.slot = self._whose(update)
        if result.slot < 0:
            self._apply_stranger(update, &result)
            return result
        order = &self.orders[result.slot]
        result.old_state = order.state
        order.last_update_ns = ts_ns
        if update.venue_order_id:
            order.venue_order_id = update.venue_order_id
        if update.reason:
            order.reason = update.reason
        if update.request == CommandKind.QUERY_ORDER and order.queries_out:
            early, stale = ts_ns < order.early_until_ns, ts_ns < order.stale_until_ns
            order.queries_out -= 1
            if order.queries_out == 0:
                order.early_until_ns = order.stale_until_ns = 0
        if update.kind == OrderEventKind.FILL:
            self._apply_fill(order, update, &result)
        elif ended(order):
            _report(order, update.cum_filled_lots)
            result.anomaly = Anomaly.STALE
        else:
            result.anomaly = self._apply_open(order, update, ts_ns, early, stale)
        if not ended(order):
            self._finish_if_filled(order)
        self._refresh(order)
        if order.missing_lots and result.anomaly in (Anomaly.EXPECTED, Anomaly.STALE):
            result.anomaly = Anomaly.FILLS_MISSING
        result.missing_lots = order.missing_lots
        result.needs_reconcile |= order.missing_lots > 0
        result.new_state = order.state
        result.became_terminal = ended(order) and result.old_state < OrderState.FILLED
        result.needs_query = not ended(order) and order.deadline_ns <= ts_ns
        return result

    cdef int32_t _whose(self, const OrderUpdate* update) noexcept nogil:
        """The order a message is about, by number or by the venue's id; -1: none of the table."""
        cdef int32_t slot = -1
        if update.owner == Owner.OURS and update.order_num:
            slot = self.find(update.order_num)
        elif update.venue_order_id:
            slot = self.find_venue(update.market, update.venue_order_id)
        if slot >= 0 and self.orders[slot].market != update.market:
            return -1
        return slot

    cdef void _apply_stranger(self, const OrderUpdate* update, ApplyResult* result) noexcept nogil:
        """A fill of ours counts without its order, unless it may be of one whose venue id is not known yet."""
        cdef int32_t slot
        if update.owner == Owner.OTHER:
            result.anomaly = Anomaly.FOREIGN
            return
        result.anomaly = Anomaly.NOT_IN_TABLE
        if update.kind != OrderEventKind.FILL:
            return
        if update.last_qty_lots <= 0:
            result.anomaly = Anomaly.MALFORMED
            return
        if update.order_num == 0 and not self.trades.seen(update.market, update.side, update.trade_id):
            slot = self.first(update.market, update.side)
            while slot >= 0:
                if self.orders[slot].venue_order_id == 0:
                    result.needs_reconcile = True
                    return
                slot = self.orders[slot].next
        if self.trades.learn(update.market, update.side, update.trade_id):
            result.new_fill_lots = update.last_qty_lots
        else:
            result.anomaly = Anomaly.DUPLICATE

    cdef void _apply_fill(self, Order* order, const OrderUpdate* update, ApplyResult* result) noexcept nogil:
        if update.last_qty_lots <= 0:
            result.anomaly = Anomaly.MALFORMED
            return
        if self.trades.learn(order.market, order.side, update.trade_id):
            result.new_fill_lots = update.last_qty_lots
            if not order.flags & ADOPTED:
                order.filled_lots += update.last_qty_lots
            if ended(order):
                result.anomaly = Anomaly.AFTER_TERMINAL
            elif order.filled_lots > larger(order.qty_lots, order.new_qty_lots):
                result.anomaly = Anomaly.OVERFILL
        else:
            result.anomaly = Anomaly.DUPLICATE
        _report(order, larger(update.cum_filled_lots, order.filled_lots))
        if ended(order):
            return
        _known(order)
        if update.qty_lots and update.cum_filled_lots >= update.qty_lots:
            self._end(order, OrderState.FILLED)     # so the venue says; an amend in flight came too late
        else:
            _take_terms(order, update, IN_PASSING)

    cdef int8_t _apply_open(
        self, Order* order, const OrderUpdate* update, int64_t ts_ns, bint early, bint stale,
    ) noexcept nogil:
        """Any message but a fill, to an order that has not ended; an `Anomaly`."""
        cdef int8_t kind = update.kind
        if kind == OrderEventKind.STATUS:
            return self._apply_status(order, update, ts_ns, early, stale)
        if kind == OrderEventKind.NOT_FOUND:
            return self._apply_not_found(order, update, ts_ns, early)
        if kind == OrderEventKind.LOST:
            return self._apply_lost(order, update, ts_ns)
        if kind == OrderEventKind.AMEND or kind == OrderEventKind.AMEND_REJECT:
            return self._apply_amend(order, update, ts_ns)
        if kind == OrderEventKind.CANCEL:
            return self._apply_end(order, update, OrderState.CANCELED, ts_ns)
        if kind == OrderEventKind.EXPIRE:
            return self._apply_end(order, update, OrderState.EXPIRED, ts_ns)
        if kind == OrderEventKind.ACK:
            _known(order)
            _report(order, update.cum_filled_lots)
            return Anomaly.EXPECTED
        if kind == OrderEventKind.REJECT:
            if order.flags & IN_FLIGHT_NEW:
                self._end(order, OrderState.REJECTED)
                return Anomaly.EXPECTED
            return self._contradict(order, ts_ns)
        if kind == OrderEventKind.CANCEL_REJECT:
            order.flags &= ~IN_FLIGHT_CANCEL
            self._contradict(order, ts_ns)
            return Anomaly.EXPECTED
        return Anomaly.MALFORMED

    cdef int8_t _apply_end(self, Order* order, const OrderUpdate* update, int8_t state, int64_t ts_ns) noexcept nogil:
        """The venue says it is over. Without the filled quantity that is not enough: ask."""
        if update.cum_filled_lots < 0:
            _known(order)
            return self._contradict(order, ts_ns)
        _report(order, update.cum_filled_lots)
        self._end(order, state)
        return Anomaly.EXPECTED

    cdef int8_t _apply_amend(self, Order* order, const OrderUpdate* update, int64_t ts_ns) noexcept nogil:
        cdef bint answer = update.request == CommandKind.AMEND_ORDER
        if update.kind == OrderEventKind.AMEND_REJECT:
            if not order.flags & IN_FLIGHT_AMEND:
                return self._contradict(order, ts_ns)
            _amended(order)
            return Anomaly.EXPECTED
        _known(order)
        _report(order, update.cum_filled_lots)
        if update.price_ticks or update.qty_lots:
            return Anomaly.EXPECTED if _take_terms(order, update, OF_AMEND) else Anomaly.STALE
        if not answer or not order.flags & IN_FLIGHT_AMEND:
            return self._contradict(order, ts_ns)
        order.price_ticks, order.qty_lots = order.new_price_ticks, order.new_qty_lots
        order.terms_exch_ns = larger(order.terms_exch_ns, update.exch_ts_ns)
        _amended(order)
        return Anomaly.EXPECTED

    cdef int8_t _apply_status(
        self, Order* order, const OrderUpdate* update, int64_t ts_ns, bint early, bint stale,
    ) noexcept nogil:
        """A full picture. What it shows is a fact at once; what it lacks counts when asked after the grace time."""
        cdef bint answer = update.request == CommandKind.QUERY_ORDER
        cdef int64_t cum_lots = update.cum_filled_lots
        if update.state >= OrderState.FILLED:
            if update.state == OrderState.FILLED and cum_lots < 0:
                cum_lots = update.qty_lots if update.qty_lots else order.qty_lots
            _report(order, cum_lots)
            self._end(order, update.state)
            return Anomaly.EXPECTED
        _known(order)
        _report(order, cum_lots)
        _take_terms(order, update, CERTAIN if answer and not early else IN_PASSING)
        if not answer:
            return Anomaly.EXPECTED
        if order.flags & IN_FLIGHT_AMEND and not early:
            _amended(order)
        if order.flags & OVERDUE:
            order.flags &= ~IN_FLIGHT_CANCEL        # it has not worked yet; another one does no harm
        if not stale:
            order.flags &= ~SUSPECT
        return Anomaly.EXPECTED

    cdef int8_t _apply_not_found(
        self, Order* order, const OrderUpdate* update, int64_t ts_ns, bint early,
    ) noexcept nogil:
        """A cancel or an amend finds no *open* order, which proves nothing about fills: ask. A late query proves it."""
        if update.request == CommandKind.QUERY_ORDER:
            if early:
                if not order.flags & IN_DOUBT:
                    self._contradict(order, ts_ns)
                order.deadline_ns = ts_ns + self._backoff(order)
            elif order.flags & IN_FLIGHT_NEW:
                self._end(order, OrderState.REJECTED)       # it never reached the venue, and can no longer
            elif not self._finish_if_filled(order):
                self._end(order, OrderState.CANCELED)
            return Anomaly.EXPECTED
        if update.request == CommandKind.AMEND_ORDER:
            _amended(order)
        elif update.request == CommandKind.CANCEL_ORDER:
            order.flags &= ~IN_FLIGHT_CANCEL
        if not self._finish_if_filled(order):
            self._contradict(order, ts_ns)
        return Anomaly.EXPECTED

    cdef int8_t _apply_lost(self, Order* order, const OrderUpdate* update, int64_t ts_ns) noexcept nogil:
        cdef uint16_t lost = IN_FLIGHT
        if update.request == CommandKind.QUERY_ORDER:
            return Anomaly.EXPECTED             # asked again at the deadline
        if update.request == CommandKind.PLACE:
            lost = IN_FLIGHT_NEW
        elif update.request == CommandKind.CANCEL_ORDER:
            lost = IN_FLIGHT_CANCEL
        elif update.request == CommandKind.AMEND_ORDER:
            lost = IN_FLIGHT_AMEND
        if order.flags & lost:
            order.flags |= OVERDUE
            self._due(order, ts_ns)
        return Anomaly.EXPECTED

    cdef int8_t _contradict(self, Order* order, int64_t ts_ns) noexcept nogil:
        """What was said does not fit what is known: live at its worst until a query sent from now on is answered."""
        order.flags |= SUSPECT
        if order.queries_out:
            order.stale_until_ns = ts_ns + self.grace_ns
        self._due(order, ts_ns)
        return Anomaly.CONTRADICTION

    cpdef void suspect(self, int32_t slot, int64_t ts_ns) noexcept nogil:
        """Marks an open order that is not where it should be: UNKNOWN, and due for a query."""
        cdef Order* order = &self.orders[slot]
        if order.num and not ended(order):
            self._contradict(order, ts_ns)
            self._refresh(order)

    cdef int32_t adopt(self, const OrderUpdate* update, int64_t ts_ns) noexcept nogil:
        cdef int32_t slot = self.place(
            update.market, update.side, update.price_ticks, update.qty_lots, 0, False, 0, ts_ns)
        if slot < 0:
            return -1
        cdef Order* order = &self.orders[slot]
        order.flags = ACKED | ADOPTED
        order.venue_order_id = update.venue_order_id
        order.terms_exch_ns = update.exch_ts_ns
        _report(order, larger(update.cum_filled_lots, 0))
        self._refresh(order)
        return slot

    # ------------------------------------------------------------------ deadlines

    cdef int64_t _backoff(self, const Order* order) noexcept nogil:
        cdef int32_t shift = order.attempt - 1 if order.attempt else 0
        return self.retry_ns << (shift if shift < MAX_BACKOFF_SHIFT else MAX_BACKOFF_SHIFT)

    cdef void _expect(self, Order* order, int64_t ts_ns) noexcept nogil:
        """An answer is due in ack_timeout_ns."""
        self._due(order, ts_ns + self.ack_timeout_ns)

    cdef void _due(self, Order* order, int64_t deadline_ns) noexcept nogil:
        order.deadline_ns = deadline_ns
        if deadline_ns < self.next_deadline_ns:
            self.next_deadline_ns = deadline_ns

    cdef int32_t expire(self, int64_t ts_ns, int32_t* slots, int32_t room) noexcept nogil:
        cdef int32_t count = 0, index, slot, after
        cdef Order* order
        if ts_ns < self.next_deadline_ns:
            return 0
        self.next_deadline_ns = INT64_MAX
        for index in range(2 * self.markets):
            slot = self.heads[index]
            while slot >= 0:
                order = &self.orders[slot]
                after = order.next
                if order.deadline_ns <= ts_ns and count < room:
                    if order.flags & IN_FLIGHT:
                        order.flags |= OVERDUE
                    order.attempt += order.attempt < MAX_COUNT
                    order.deadline_ns = ts_ns + self._backoff(order)
                    self._refresh(order)
                    slots[count] = slot
                    count += 1
                if order.deadline_ns < self.next_deadline_ns:
                    self.next_deadline_ns = order.deadline_ns
                slot = after
        return count

    cdef bint _finish_if_filled(self, Order* order) noexcept nogil:
        """All of it is filled and no amend can have made it larger."""
        if order.flags & IN_FLIGHT_AMEND or order.reported_lots < order.qty_lots:
            return False
        self._end(order, OrderState.FILLED)
        return True

    # ------------------------------------------------------------------ looking

    cpdef int32_t find(self, uint64_t num) noexcept nogil:
        """The slot of an order that is open or kept, by its number; -1: gone."""
        cdef int32_t slot = <int32_t>(num & <uint64_t>(self.capacity - 1))
        return slot if num and self.orders[slot].num == num else -1

    cpdef int32_t find_venue(self, int32_t market, int64_t venue_order_id) noexcept nogil:
        """The slot of an order that is open or kept, by the venue's id; -1: none."""
        cdef int32_t index, slot
        if venue_order_id == 0:
            return -1
        for index in range(2 * market, 2 * market + 3):
            slot = self.heads[index] if index < 2 * market + 2 else self.grave_head
            while slot >= 0:
                if self.orders[slot].venue_order_id == venue_order_id and self.orders[slot].market == market:
                    return slot
                slot = self.orders[slot].next
        return -1

    # ------------------------------------------------------------------ Python's side

    def apply_event(self, OrderEvent event not None, int64_t ts_ns) -> dict[str, int]:
        """`apply` for Python: the `ApplyResult` by field name."""
        return self.apply(&event.data, ts_ns)

    def adopt_event(self, OrderEvent event not None, int64_t ts_ns) -> int:
        """`adopt` for Python."""
        if not 0 <= event.data.market < self.markets:
            raise IndexError(f"market {event.data.market} of {self.markets}")
        return self.adopt(&event.data, ts_ns)

    def due(self, int64_t ts_ns) -> list[int]:
        """`expire` for Python: slots to query."""
        cdef int32_t slots[64]
        cdef int32_t count = self.expire(ts_ns, slots, 64)
        return [slots[index] for index in range(count)]
