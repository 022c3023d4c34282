"""A book of single orders with our own among them; see ``l3.pxd`` for the contract.

No queue is stored. An order's place is its `arrival`, a number that only grows: what came earlier at the same price is
ahead. Every own order keeps how many lots are ahead of it, which only falls: each cancel, decrease, fill or loss of
place of an earlier order takes its lots off. So all is O(1) in the length of the queue, and linear in the few own
orders of which most events need none.
"""

from libc.stdint cimport int8_t, int32_t, int64_t, uint64_t
from libc.stdlib cimport calloc, free, realloc

cdef enum:
    FIRST_CAPACITY = 1024
    MAX_PRICE_BITS = 61
    MAX_QTY_BITS = 53       # exact as a double, and far from overflow when added up


cdef inline uint64_t home(const L3Table* table, int64_t key) noexcept nogil:
    """Where the key belongs: ids often count up, levels lie side by side, so the bits are mixed."""
    cdef uint64_t mixed = <uint64_t>key * <uint64_t>0x9E3779B97F4A7C15
    return (mixed ^ (mixed >> 32)) & (table.capacity - 1)


cdef L3Slot* find(const L3Table* table, int64_t key) noexcept nogil:
    cdef uint64_t index = home(table, key)
    while table.slots[index].used:
        if table.slots[index].key == key:
            return &table.slots[index]
        index = (index + 1) & (table.capacity - 1)
    return NULL


cdef int reserve(L3Table* table) noexcept nogil:
    """Makes room for one more: at most five eighths of the slots are used. -1: out of memory."""
    cdef L3Table bigger
    cdef uint64_t index
    if table.count * 8 < table.capacity * 5:
        return 0
    bigger.capacity, bigger.count = table.capacity * 2, 0
    bigger.slots = <L3Slot*>calloc(bigger.capacity, sizeof(L3Slot))
    if bigger.slots == NULL:
        return -1
    for index in range(table.capacity):
        if table.slots[index].used:
            insert(&bigger, table.slots[index].key)[0] = table.slots[index]
    free(table.slots)
    table[0] = bigger
    return 0


cdef L3Slot* insert(L3Table* table, int64_t key) noexcept nogil:
    """A new slot for a key that is not there; there must be room."""
    cdef uint64_t index = home(table, key)
    while table.slots[index].used:
        index = (index + 1) & (table.capacity - 1)
    table.slots[index].key, table.slots[index].used = key, 1
    table.count += 1
    return &table.slots[index]


cdef void erase(L3Table* table, L3Slot* slot) noexcept nogil:
    """Takes a slot out and moves the following ones up, so that no search ends early at the hole."""
    cdef uint64_t mask = table.capacity - 1, hole = <uint64_t>(slot - table.slots), index = hole
    table.count -= 1
    while True:
        index = (index + 1) & mask
        if not table.slots[index].used:
            break
        if ((index - home(table, table.slots[index].key)) & mask) >= ((index - hole) & mask):
            table.slots[hole] = table.slots[index]
            hole = index
    table.slots[hole].used = 0


cdef void clear_side(L3Table* table, int side) noexcept nogil:
    """Takes out the slots of a side. `erase` moves later slots up to here, so the same place is looked at again."""
    cdef uint64_t index
    for index in range(table.capacity):
        while table.slots[index].used and table.slots[index].side == side:
            erase(table, &table.slots[index])


cdef inline int64_t level_key(int side, int64_t price_ticks) noexcept nogil:
    return <int64_t>((<uint64_t>price_ticks << 1) | <uint64_t>side)


cdef inline bint possible(int64_t price_ticks, int64_t qty_lots) noexcept nogil:
    return -(1LL << MAX_PRICE_BITS) < price_ticks < (1LL << MAX_PRICE_BITS) and 0 < qty_lots < (1LL << MAX_QTY_BITS)


cdef class L3Book:
    """The market's orders by id, the levels they make, and our own orders' places in the queues.

    Right when the data has every order's id (market by order), as equity feeds and a few crypto venues give it: then a
    queue position is a fact. What stays a guess is what others would have done had our order been there.

    From Python: for tests and tools; drivers use the compiled interface.
    """

    def __cinit__(self):
        self.orders.capacity = self.levels.capacity = FIRST_CAPACITY
        self.orders.slots = <L3Slot*>calloc(FIRST_CAPACITY, sizeof(L3Slot))
        self.levels.slots = <L3Slot*>calloc(FIRST_CAPACITY, sizeof(L3Slot))
        if self.orders.slots == NULL or self.levels.slots == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.orders.slots)
        free(self.levels.slots)
        free(self.own)
        free(self.executed)

    @property
    def executed_ids(self):
        """Own orders that the last `fill` executed, as they came."""
        return [self.executed[index] for index in range(self.n_executed)]

    @property
    def last_changes(self):
        """Both places of `changes`: (side, price_ticks, prev_lots, new_lots); the last answer tells how many count."""
        return [(change.side, change.price_ticks, change.prev_lots, change.new_lots) for change in self.changes]

    cdef int _fail(self, L3Error error) noexcept nogil:
        self.error = error
        return -1

    # --- levels ---

    cpdef int64_t level_lots(self, int side, int64_t price_ticks) noexcept nogil:
        """What the market's orders at a price and side add up to."""
        cdef L3Slot* level = find(&self.levels, level_key(side, price_ticks))
        return level.qty_lots if level != NULL else 0

    cdef void _change_level(self, int index, int side, int64_t price_ticks, int64_t lots, int orders) noexcept nogil:
        """Adds lots and orders (or takes them off) and notes the change; the room was made before."""
        cdef int64_t key = level_key(side, price_ticks)
        cdef L3Slot* level = find(&self.levels, key)
        cdef int64_t before = level.qty_lots if level != NULL else 0
        self.changes[index] = LevelChange(price_ticks, before, before + lots, <int8_t>side)
        if level == NULL:
            level = insert(&self.levels, key)
            level.price_ticks, level.side, level.qty_lots, level.arrival = price_ticks, <int8_t>side, 0, 0
        level.qty_lots += lots
        level.arrival += <uint64_t>(<int64_t>orders)
        if level.arrival == 0:
            erase(&self.levels, level)

    # --- the market's orders ---

    cpdef int add(self, int64_t order_id, int side, int64_t price_ticks, int64_t qty_lots) noexcept nogil:
        """A new order of the market at the back of its queue; answers levels changed, -1: see `error`."""
        cdef L3Slot* order
        if not possible(price_ticks, qty_lots):
            return self._fail(L3Error.L3_INVALID)
        if find(&self.orders, order_id) != NULL:
            return self._fail(L3Error.L3_DUPLICATE)
        if reserve(&self.orders) < 0 or reserve(&self.levels) < 0:
            return self._fail(L3Error.L3_NO_MEMORY)
        order = insert(&self.orders, order_id)
        order.side, order.price_ticks, order.qty_lots = <int8_t>side, price_ticks, qty_lots
        self.arrivals += 1
        order.arrival = self.arrivals
        self._change_level(0, side, price_ticks, qty_lots, 1)
        return 1

    cpdef int cancel(self, int64_t order_id) noexcept nogil:
        """An order of the market is gone; answers levels changed, -1: see `error`."""
        cdef L3Slot* order = find(&self.orders, order_id)
        if order == NULL:
            return self._fail(L3Error.L3_UNKNOWN)
        self._pull_ahead(order, order.qty_lots)
        self._change_level(0, order.side, order.price_ticks, -order.qty_lots, -1)
        erase(&self.orders, order)
        return 1

    cpdef int modify(self, int64_t order_id, int64_t price_ticks, int64_t qty_lots) noexcept nogil:
        """New price and quantity; keeps its place if only the quantity falls. Levels changed, -1: see `error`."""
        cdef L3Slot* order = find(&self.orders, order_id)
        cdef int64_t less
        cdef int changed = 1
        if order == NULL:
            return self._fail(L3Error.L3_UNKNOWN)
        if not possible(price_ticks, qty_lots):
            return self._fail(L3Error.L3_INVALID)
        less = order.qty_lots - qty_lots
        if price_ticks == order.price_ticks and less >= 0:      # it keeps its place
            self._pull_ahead(order, less)
            self._change_level(0, order.side, price_ticks, -less, 0)
        else:
            if reserve(&self.levels) < 0:
                return self._fail(L3Error.L3_NO_MEMORY)
            self._pull_ahead(order, order.qty_lots)
            self.arrivals += 1
            order.arrival = self.arrivals
            if price_ticks == order.price_ticks:
                self._change_level(0, order.side, price_ticks, -less, 0)
            else:
                self._change_level(0, order.side, order.price_ticks, -order.qty_lots, -1)
                self._change_level(1, order.side, price_ticks, qty_lots, 1)
                changed = 2
        order.price_ticks, order.qty_lots = price_ticks, qty_lots
        return changed

    cpdef int fill(self, int64_t order_id, int64_t price_ticks, int64_t qty_lots, bint reduces) noexcept nogil:
        """`qty_lots` of an order traded at `price_ticks`, which executes own orders before it: `executed_ids`."""
        cdef L3Slot* order = find(&self.orders, order_id)
        cdef OwnPlace* place
        cdef int32_t index = 0
        cdef int64_t better
        self.n_executed = 0
        if order == NULL:
            return self._fail(L3Error.L3_UNKNOWN)
        if not possible(price_ticks, qty_lots):
            return self._fail(L3Error.L3_INVALID)
        while index < self.n_own:
            place = &self.own[index]
            better = price_ticks - place.price_ticks if place.side else place.price_ticks - price_ticks
            if place.side == order.side and (
                better > 0 or (place.price_ticks == order.price_ticks and place.arrival < order.arrival)
            ):
                self.executed[self.n_executed] = place.order_id
                self.n_executed += 1
                self._own_drop(index)
            else:
                index += 1
        if not reduces:
            return 0
        return self.cancel(order_id) if qty_lots >= order.qty_lots else self.modify(
            order_id, order.price_ticks, order.qty_lots - qty_lots)

    cpdef void clear(self, int side) noexcept nogil:
        """Takes out all of the market's orders of a side; own orders stay, with nothing ahead."""
        cdef int32_t own
        clear_side(&self.orders, side)
        clear_side(&self.levels, side)
        for own in range(self.n_own):
            if self.own[own].side == side:
                self.own[own].ahead_lots = 0

    # --- own orders ---

    cdef void _pull_ahead(self, const L3Slot* order, int64_t lots) noexcept nogil:
        """These lots of the order are gone, or go to the back: own orders that came later at its price move up."""
        cdef int32_t index
        for index in range(self.n_own):
            if (
                self.own[index].price_ticks == order.price_ticks and self.own[index].side == order.side
                and order.arrival < self.own[index].arrival
            ):
                self.own[index].ahead_lots -= lots

    cdef int32_t _own_index(self, uint64_t order_id) noexcept nogil:
        cdef int32_t index
        for index in range(self.n_own):
            if self.own[index].order_id == order_id:
                return index
        return -1

    cdef void _own_drop(self, int32_t index) noexcept nogil:
        self.n_own -= 1
        for index in range(index, self.n_own):
            self.own[index] = self.own[index + 1]

    cpdef int own_add(self, uint64_t order_id, int side, int64_t price_ticks, int64_t qty_lots) noexcept nogil:
        """An own order at the back of the queue; 0, or -1: see `error`."""
        cdef int32_t capacity
        cdef void* grown
        if not possible(price_ticks, qty_lots):
            return self._fail(L3Error.L3_INVALID)
        if self._own_index(order_id) >= 0:
            return self._fail(L3Error.L3_DUPLICATE)
        if self.n_own == self.own_capacity:
            capacity = self.own_capacity * 2 + 16
            grown = realloc(self.own, capacity * sizeof(OwnPlace))
            if grown == NULL:
                return self._fail(L3Error.L3_NO_MEMORY)
            self.own = <OwnPlace*>grown
            grown = realloc(self.executed, capacity * sizeof(uint64_t))
            if grown == NULL:
                return self._fail(L3Error.L3_NO_MEMORY)
            self.executed = <uint64_t*>grown
            self.own_capacity = capacity
        self.arrivals += 1
        self.own[self.n_own] = OwnPlace(
            order_id, self.arrivals, price_ticks, qty_lots, self.level_lots(side, price_ticks), <int8_t>side)
        self.n_own += 1
        return 0

    cpdef int own_cancel(self, uint64_t order_id) noexcept nogil:
        """An own order is gone; 0, or -1: see `error`."""
        cdef int32_t index = self._own_index(order_id)
        if index < 0:
            return self._fail(L3Error.L3_UNKNOWN)
        self._own_drop(index)
        return 0

    cpdef int own_modify(self, uint64_t order_id, int64_t price_ticks, int64_t qty_lots) noexcept nogil:
        """New price and quantity of an own order; keeps its place if only the quantity falls. 0, or -1."""
        cdef int32_t index = self._own_index(order_id)
        cdef int side
        if index < 0:
            return self._fail(L3Error.L3_UNKNOWN)
        if not possible(price_ticks, qty_lots):
            return self._fail(L3Error.L3_INVALID)
        if price_ticks == self.own[index].price_ticks and qty_lots <= self.own[index].qty_lots:
            self.own[index].qty_lots = qty_lots
            return 0
        side = self.own[index].side
        self._own_drop(index)
        return self.own_add(order_id, side, price_ticks, qty_lots)

    cpdef int64_t own_ahead(self, uint64_t order_id) noexcept nogil:
        """Lots ahead of an own order; -1: there is no such order."""
        cdef int32_t index = self._own_index(order_id)
        return self.own[index].ahead_lots if index >= 0 else -1
