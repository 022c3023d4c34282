"""Where orders live; see ``order_store.pxd`` for the contract."""

from libc.stdint cimport INT64_MAX, uint8_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from mmbot._core.types cimport OrderState, Side

cdef struct TableImage:          # head of an exported table; lists, exposures and orders follow
    uint64_t generation
    int64_t next_deadline_ns
    int32_t order_bytes, exposure_bytes, markets, capacity
    int32_t fresh_slot, free_head, grave_head, grave_tail, grave_count


cdef inline int8_t _open_state(const Order* order) noexcept nogil:
    """The state that the facts amount to."""
    if order.flags & IN_DOUBT:
        return OrderState.UNKNOWN
    if order.flags & IN_FLIGHT_CANCEL:
        return OrderState.PENDING_CANCEL
    if order.flags & IN_FLIGHT_NEW:
        return OrderState.PENDING_NEW
    if order.flags & IN_FLIGHT_AMEND:
        return OrderState.PENDING_AMEND
    return OrderState.PARTIALLY_FILLED if order.reported_lots > 0 else OrderState.LIVE


cdef inline int64_t _exposed(const Order* order) noexcept nogil:
    """Lots that may still come: to the larger quantity while it is open, the missing fills afterwards."""
    cdef int64_t total = order.reported_lots
    if not ended(order):
        total = larger(total, order.qty_lots)
        if order.flags & IN_FLIGHT_AMEND:
            total = larger(total, order.new_qty_lots)
    return larger(total - order.filled_lots, 0)


cdef inline bint _more_aggressive(int8_t side, int64_t price, int64_t other) noexcept nogil:
    return other == 0 or (price > other if side == Side.BUY else price < other)


cdef inline int64_t _touch(const Order* order) noexcept nogil:
    """The most aggressive price the order may have at the venue."""
    if ended(order):
        return 0
    if order.flags & IN_FLIGHT_AMEND and _more_aggressive(order.side, order.new_price_ticks, order.price_ticks):
        return order.new_price_ticks
    return order.price_ticks


cdef class OrderStore:
    """Slots, lists, exposure and the ended orders that are kept; `OrderTable` adds what orders may do."""

    def __cinit__(
        self, int32_t markets, *, int32_t capacity=4096, int64_t ack_timeout_ns=1_000_000_000,
        int64_t grace_ns=6_000_000_000, int64_t retry_ns=500_000_000,
    ):
        cdef int32_t index
        if capacity < 2 or capacity & (capacity - 1):
            raise ValueError(f"OrderTable: capacity must be a power of two from 2, found {capacity}")
        if ack_timeout_ns <= 0 or grace_ns < ack_timeout_ns or retry_ns <= 0:
            raise ValueError("OrderTable: expected 0 < ack_timeout_ns <= grace_ns and 0 < retry_ns, found "
                             f"{ack_timeout_ns}, {grace_ns}, {retry_ns}")
        self.trades = TradeIds(markets)
        self.markets, self.capacity = markets, capacity
        self.ack_timeout_ns, self.grace_ns, self.retry_ns = ack_timeout_ns, grace_ns, retry_ns
        self.next_deadline_ns = INT64_MAX
        self.orders = <Order*>calloc(capacity, sizeof(Order))
        self.exposures = <Exposure*>calloc(markets, sizeof(Exposure))
        self.heads = <int32_t*>calloc(4 * markets, sizeof(int32_t))
        if self.orders == NULL or self.exposures == NULL or self.heads == NULL:
            raise MemoryError
        self.tails = self.heads + 2 * markets
        for index in range(4 * markets):
            self.heads[index] = -1
        self.free_head = self.grave_head = self.grave_tail = -1

    def __dealloc__(self):
        free(self.orders)
        free(self.exposures)
        free(self.heads)

    # ------------------------------------------------------------------ bookkeeping

    cdef void _end(self, Order* order, int8_t state) noexcept nogil:
        """Moves an order to those kept for late fills."""
        cdef int32_t slot = <int32_t>(order - self.orders)
        if ended(order):
            return
        self._unlist(order)
        if order.state == OrderState.UNKNOWN:
            self.exposures[order.market].unknown_orders -= 1
        self.exposures[order.market].open_orders -= 1
        order.state = state
        order.flags &= ~(IN_FLIGHT | IN_DOUBT)
        order.deadline_ns = INT64_MAX
        self._refresh(order)
        order.prev, order.next = self.grave_tail, -1
        if self.grave_tail >= 0:
            self.orders[self.grave_tail].next = slot
        else:
            self.grave_head = slot
        self.grave_tail = slot
        self.grave_count += 1
        if self.grave_count > self.capacity // 4:
            self._exhume()

    cdef bint _exhume(self) noexcept nogil:
        """Gives back the slot of the oldest ended order that no fill is missing of."""
        cdef int32_t slot = self.grave_head
        cdef Order* order
        while slot >= 0 and self.orders[slot].missing_lots:
            slot = self.orders[slot].next
        if slot < 0:
            return False
        order = &self.orders[slot]
        if order.prev >= 0:
            self.orders[order.prev].next = order.next
        else:
            self.grave_head = order.next
        if order.next >= 0:
            self.orders[order.next].prev = order.prev
        else:
            self.grave_tail = order.prev
        self.grave_count -= 1
        order.num = 0
        order.state = OrderState.NONE
        order.next = self.free_head
        self.free_head = slot
        return True

    cdef int32_t _take_slot(self) noexcept nogil:
        cdef int32_t slot
        if self.free_head < 0 and self.fresh_slot < self.capacity:
            self.fresh_slot += 1
            return self.fresh_slot - 1
        if self.free_head < 0 and not self._exhume():
            return -1
        slot = self.free_head
        self.free_head = self.orders[slot].next
        return slot

    cdef void _enlist(self, Order* order, int32_t slot) noexcept nogil:
        cdef int32_t index = order.market * 2 + order.side
        order.prev, order.next = self.tails[index], -1
        if self.tails[index] >= 0:
            self.orders[self.tails[index]].next = slot
        else:
            self.heads[index] = slot
        self.tails[index] = slot
        self.exposures[order.market].open_orders += 1

    cdef void _unlist(self, Order* order) noexcept nogil:
        cdef int32_t index = order.market * 2 + order.side
        if order.prev >= 0:
            self.orders[order.prev].next = order.next
        else:
            self.heads[index] = order.next
        if order.next >= 0:
            self.orders[order.next].prev = order.prev
        else:
            self.tails[index] = order.prev

    cdef void _refresh(self, Order* order) noexcept nogil:
        """Brings everything that is derived from the facts up to date: state, deadline, exposure."""
        cdef Exposure* exposure = &self.exposures[order.market]
        cdef int8_t state
        cdef int64_t exposed, missing
        if not ended(order):
            if not order.flags & IN_FLIGHT:
                order.flags &= ~OVERDUE
                if not order.flags & IN_DOUBT:
                    order.deadline_ns = INT64_MAX
            state = _open_state(order)
            exposure.unknown_orders += (state == OrderState.UNKNOWN) - (order.state == OrderState.UNKNOWN)
            order.state = state
            if state != OrderState.UNKNOWN:
                order.attempt = 0
        exposed, missing = _exposed(order), larger(order.reported_lots - order.filled_lots, 0)
        if order.side == Side.BUY:
            exposure.buy_lots += exposed - order.exposed_lots
        else:
            exposure.sell_lots += exposed - order.exposed_lots
        exposure.missing_lots += missing - order.missing_lots
        order.exposed_lots, order.missing_lots = exposed, missing
        self._refresh_touch(order)

    cdef void _refresh_touch(self, Order* order) noexcept nogil:
        cdef Exposure* exposure = &self.exposures[order.market]
        cdef int64_t* best = &exposure.best_bid_ticks if order.side == Side.BUY else &exposure.best_ask_ticks
        cdef int64_t touch = _touch(order)
        cdef int64_t before = order.touch_ticks
        cdef int32_t slot
        if touch == before:
            return
        order.touch_ticks = touch
        if touch and _more_aggressive(order.side, touch, best[0]):
            best[0] = touch
        elif before == best[0]:
            best[0] = 0
            slot = self.first(order.market, order.side)
            while slot >= 0:
                touch = self.orders[slot].touch_ticks
                if touch and _more_aggressive(order.side, touch, best[0]):
                    best[0] = touch
                slot = self.orders[slot].next

    # ------------------------------------------------------------------ looking

    def order(self, int32_t slot) -> dict[str, int]:
        """Every field of the order in a slot."""
        if not 0 <= slot < self.capacity:
            raise IndexError(f"slot {slot} of {self.capacity}")
        return self.orders[slot]

    def exposure_of(self, int32_t market) -> dict[str, int]:
        """Every field of a market's `Exposure`."""
        if not 0 <= market < self.markets:
            raise IndexError(f"market {market} of {self.markets}")
        return self.exposures[market]

    def open_slots(self, int32_t market) -> list[int]:
        """Slots of a market's open orders, bids then asks, oldest first."""
        if not 0 <= market < self.markets:
            raise IndexError(f"market {market} of {self.markets}")
        found = []
        cdef int32_t index, slot
        for index in range(2 * market, 2 * market + 2):
            slot = self.heads[index]
            while slot >= 0:
                found.append(slot)
                slot = self.orders[slot].next
        return found

    # ------------------------------------------------------------------ restart

    def export_state(self) -> bytes:
        """Everything the table holds but the trade ids (`trades.export`), for `import_state`."""
        cdef TableImage image
        cdef int32_t markets = self.markets
        memset(&image, 0, sizeof(image))
        image.order_bytes, image.exposure_bytes = sizeof(Order), sizeof(Exposure)
        image.markets, image.capacity, image.fresh_slot = markets, self.capacity, self.fresh_slot
        image.free_head, image.grave_count = self.free_head, self.grave_count
        image.grave_head, image.grave_tail = self.grave_head, self.grave_tail
        image.generation, image.next_deadline_ns = self.generation, self.next_deadline_ns
        return (
            (<char*>&image)[:sizeof(image)]
            + (<char*>self.heads)[:4 * markets * sizeof(int32_t)]
            + (<char*>self.exposures)[:markets * sizeof(Exposure)]
            + (<char*>self.orders)[:self.fresh_slot * sizeof(Order)]
        )

    def import_state(self, const uint8_t[::1] state not None) -> None:
        """Replaces what the table holds by what `export_state` gave.

        Raises:
            ValueError: it is of another build, or of a table of another size.
        """
        cdef TableImage image
        cdef size_t lists = 4 * self.markets * sizeof(int32_t)
        cdef size_t exposures = self.markets * sizeof(Exposure)
        if <size_t>state.shape[0] < sizeof(image):
            raise ValueError(f"OrderTable state: expected at least {sizeof(image)} bytes, found {state.shape[0]}")
        memcpy(&image, &state[0], sizeof(image))
        found = (image.markets, image.capacity, image.order_bytes, image.exposure_bytes)
        expected = (self.markets, self.capacity, sizeof(Order), sizeof(Exposure))
        if found != expected or not 0 <= image.fresh_slot <= self.capacity:
            raise ValueError(f"OrderTable state: expected markets, capacity and sizes {expected}, found {found}")
        size = sizeof(image) + lists + exposures + image.fresh_slot * sizeof(Order)
        if <size_t>state.shape[0] != size:
            raise ValueError(f"OrderTable state: expected {size} bytes, found {state.shape[0]}")
        memcpy(self.heads, &state[sizeof(image)], lists)
        memcpy(self.exposures, &state[sizeof(image) + lists], exposures)
        memset(self.orders, 0, self.capacity * sizeof(Order))
        if image.fresh_slot:
            memcpy(self.orders, &state[sizeof(image) + lists + exposures], image.fresh_slot * sizeof(Order))
        self.fresh_slot, self.free_head, self.grave_count = image.fresh_slot, image.free_head, image.grave_count
        self.grave_head, self.grave_tail = image.grave_head, image.grave_tail
        self.generation, self.next_deadline_ns = image.generation, image.next_deadline_ns
