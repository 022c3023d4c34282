"""Body of the matching engine; ``matching.pxd`` is the contract."""

from libc.stdint cimport INT64_MIN
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memmove

from mmbot._core.types cimport BUY, FOK, GTC, GTX, IOC


cdef void* _doubled(void* memory, int32_t* capacity, size_t item) except NULL nogil:
    cdef void* grown = realloc(memory, <size_t>capacity[0] * 2 * item)
    if grown == NULL:
        with gil:
            raise MemoryError
    capacity[0] *= 2
    return grown


cdef inline uint64_t _hash(int64_t id) noexcept nogil:
    return (<uint64_t>id * <uint64_t>0x9E3779B97F4A7C15) >> 20


cdef inline int64_t _key(int side, int64_t price_ticks) noexcept nogil:
    return price_ticks if side == BUY else -price_ticks


cdef int _check_side(int side) except -1:
    if side < 0 or side > 1:
        raise ValueError(f"side: expected 0 or 1, found {side}")
    return 0


cdef class MatchingEngine:
    """A book of resting orders and the rules by which incoming ones trade with it.

    Orders are matched at the resting order's price, best price first, then first come first served. Ids are chosen by
    the caller and unique among resting orders; `owner` is any number, and 0 is exempt from self-trade prevention.

    Args:
        capacity: resting orders to preallocate for; more are possible, at the cost of one reallocation.
    """

    def __cinit__(self, int32_t capacity=4096):
        if capacity < 1:
            raise ValueError(f"MatchingEngine capacity: expected at least 1, found {capacity}")
        cdef uint64_t table_size = 8
        while table_size < <uint64_t>capacity * 2:
            table_size *= 2
        self.table_mask = table_size - 1
        self.table = <int32_t*>calloc(table_size, sizeof(int32_t))
        self.orders = <Order*>calloc(capacity, sizeof(Order))
        self.n_slots = capacity
        self.fills_capacity = self.expiries_capacity = 64
        self.changes_capacity = 1024
        self.fill_log = <Fill*>calloc(self.fills_capacity, sizeof(Fill))
        self.expiry_log = <Expiry*>calloc(self.expiries_capacity, sizeof(Expiry))
        self.change_log = <LevelChange*>calloc(self.changes_capacity, sizeof(LevelChange))
        cdef int32_t i
        for i in range(2):
            self.sides[i].capacity = 1024
            self.sides[i].levels = <PriceLevel*>calloc(1024, sizeof(PriceLevel))
        if (
            self.table == NULL or self.orders == NULL or self.fill_log == NULL or self.expiry_log == NULL
            or self.change_log == NULL or self.sides[0].levels == NULL or self.sides[1].levels == NULL
        ):
            raise MemoryError
        self.free_head = 0
        for i in range(capacity):
            self.orders[i].next = i + 1 if i + 1 < capacity else -1

    def __dealloc__(self):
        free(self.table)
        free(self.orders)
        free(self.fill_log)
        free(self.expiry_log)
        free(self.change_log)
        free(self.sides[0].levels)
        free(self.sides[1].levels)

    # -- orders by id ---------------------------------------------------------------------------------------------

    cdef int32_t _slot(self, int64_t id) noexcept nogil:
        cdef uint64_t at = _hash(id) & self.table_mask
        while self.table[at]:
            if self.orders[self.table[at] - 1].id == id:
                return self.table[at] - 1
            at = (at + 1) & self.table_mask
        return -1

    cdef int _index(self, int32_t slot) except -1 nogil:
        cdef uint64_t at = _hash(self.orders[slot].id) & self.table_mask
        while self.table[at]:
            at = (at + 1) & self.table_mask
        self.table[at] = slot + 1
        return 0

    cdef int _unindex(self, int64_t id) noexcept nogil:
        cdef uint64_t hole = _hash(id) & self.table_mask
        while self.orders[self.table[hole] - 1].id != id:
            hole = (hole + 1) & self.table_mask
        # Close the gap: pull back every later entry of the run that may stand here (no tombstones).
        cdef uint64_t at = hole, home
        while True:
            at = (at + 1) & self.table_mask
            if not self.table[at]:
                break
            home = _hash(self.orders[self.table[at] - 1].id) & self.table_mask
            if ((at - home) & self.table_mask) >= ((at - hole) & self.table_mask):
                self.table[hole] = self.table[at]
                hole = at
        self.table[hole] = 0
        return 0

    cdef int _grow_orders(self) except -1 nogil:
        cdef int32_t old = self.n_slots, slot
        self.orders = <Order*>_doubled(self.orders, &self.n_slots, sizeof(Order))
        for slot in range(old, self.n_slots):
            self.orders[slot].next = slot + 1 if slot + 1 < self.n_slots else -1
        self.free_head = old
        cdef uint64_t size = (self.table_mask + 1) * 2
        cdef int32_t* table = <int32_t*>calloc(size, sizeof(int32_t))
        if table == NULL:
            with gil:
                raise MemoryError
        free(self.table)
        self.table = table
        self.table_mask = size - 1
        for slot in range(old):     # the pool was full: every old slot is in use
            self._index(slot)
        return 0

    # -- levels ---------------------------------------------------------------------------------------------------

    cdef int32_t _search(self, SideBook* book, int64_t key) noexcept nogil:
        """First index whose key is >= `key`, galloping from the best price, where nearly everything happens."""
        cdef int32_t high = book.size, step = 1, low, middle
        while high - step >= 0 and book.levels[high - step].key >= key:
            high -= step
            step *= 2
        low = high - step if high >= step else -1
        while high - low > 1:
            middle = low + (high - low) // 2
            if book.levels[middle].key >= key:
                high = middle
            else:
                low = middle
        return high

    cdef int _changed(self, int side, int64_t price_ticks, int64_t qty_lots) except -1 nogil:
        if self.n_changes == self.changes_capacity:
            self.change_log = <LevelChange*>_doubled(self.change_log, &self.changes_capacity, sizeof(LevelChange))
        cdef LevelChange* change = &self.change_log[self.n_changes]
        change.side, change.price_ticks, change.qty_lots = side, price_ticks, qty_lots
        self.n_changes += 1
        return 0

    cdef int _rest(self, int64_t id, int64_t owner, int side, int64_t price_ticks, int64_t left) except -1 nogil:
        if self.free_head < 0:
            self._grow_orders()
        cdef SideBook* book = &self.sides[side]
        cdef int64_t key = _key(side, price_ticks)
        cdef int32_t at = self._search(book, key)
        cdef PriceLevel* level
        if at == book.size or book.levels[at].key != key:
            if book.size == book.capacity:
                book.levels = <PriceLevel*>_doubled(book.levels, &book.capacity, sizeof(PriceLevel))
            memmove(&book.levels[at + 1], &book.levels[at], <size_t>(book.size - at) * sizeof(PriceLevel))
            book.size += 1
            level = &book.levels[at]
            level.key, level.qty_lots, level.head, level.tail, level.count = key, 0, -1, -1, 0
        level = &book.levels[at]
        cdef int32_t slot = self.free_head
        cdef Order* order = &self.orders[slot]
        self.free_head = order.next
        order.id, order.owner, order.side = id, owner, side
        order.price_ticks, order.left_lots = price_ticks, left
        order.prev, order.next = level.tail, -1
        if level.tail >= 0:
            self.orders[level.tail].next = slot
        else:
            level.head = slot
        level.tail = slot
        level.count += 1
        level.qty_lots += left
        self.n_orders += 1
        self._index(slot)
        return self._changed(side, price_ticks, level.qty_lots)

    cdef int _unlink(self, int32_t slot) except -1 nogil:
        """Take an order out of its queue, the table and the pool; notes the level's change."""
        cdef Order* order = &self.orders[slot]
        cdef SideBook* book = &self.sides[order.side]
        cdef int32_t at = self._search(book, _key(order.side, order.price_ticks))
        cdef PriceLevel* level = &book.levels[at]
        if order.prev >= 0:
            self.orders[order.prev].next = order.next
        else:
            level.head = order.next
        if order.next >= 0:
            self.orders[order.next].prev = order.prev
        else:
            level.tail = order.prev
        level.count -= 1
        level.qty_lots -= order.left_lots
        self._unindex(order.id)
        order.next = self.free_head
        self.free_head = slot
        self.n_orders -= 1
        cdef int64_t left = level.qty_lots
        if level.count == 0:
            book.size -= 1
            memmove(level, level + 1, <size_t>(book.size - at) * sizeof(PriceLevel))
        return self._changed(order.side, order.price_ticks, left)

    cdef int _drop_best(self, SideBook* book) noexcept nogil:
        """Free the first order of the best level, which has been filled or has expired; the caller notes the change."""
        cdef PriceLevel* level = &book.levels[book.size - 1]
        cdef int32_t slot = level.head
        cdef Order* order = &self.orders[slot]
        level.head = order.next
        if order.next >= 0:
            self.orders[order.next].prev = -1
        else:
            level.tail = -1
        level.count -= 1
        self._unindex(order.id)
        order.next = self.free_head
        self.free_head = slot
        self.n_orders -= 1
        return 0

    # -- matching -------------------------------------------------------------------------------------------------

    cdef int _filled(self, Order* maker, int64_t taker_id, int64_t taker_owner, int side, int64_t qty) except -1 nogil:
        if self.n_fills == self.fills_capacity:
            self.fill_log = <Fill*>_doubled(self.fill_log, &self.fills_capacity, sizeof(Fill))
        cdef Fill* fill = &self.fill_log[self.n_fills]
        fill.maker_id, fill.maker_owner, fill.maker_left_lots = maker.id, maker.owner, maker.left_lots
        fill.taker_id, fill.taker_owner, fill.taker_side = taker_id, taker_owner, side
        fill.price_ticks, fill.qty_lots = maker.price_ticks, qty
        self.n_fills += 1
        return 0

    cdef int _expired(self, Order* maker) except -1 nogil:
        if self.n_expiries == self.expiries_capacity:
            self.expiry_log = <Expiry*>_doubled(self.expiry_log, &self.expiries_capacity, sizeof(Expiry))
        cdef Expiry* expiry = &self.expiry_log[self.n_expiries]
        expiry.id, expiry.owner, expiry.left_lots = maker.id, maker.owner, maker.left_lots
        self.n_expiries += 1
        return 0

    cdef bint _fillable(self, int64_t owner, int side, int64_t limit_key, int64_t qty, int self_trade) noexcept nogil:
        """Whether the whole quantity would trade at once, self-trade prevention included."""
        cdef SideBook* book = &self.sides[1 - side]
        cdef int32_t at = book.size - 1, slot
        cdef Order* order
        while at >= 0 and book.levels[at].key >= limit_key:
            if self_trade == SelfTrade.ALLOW or owner == 0:
                qty -= book.levels[at].qty_lots
            else:
                slot = book.levels[at].head
                while slot >= 0 and qty > 0:
                    order = &self.orders[slot]
                    if order.owner != owner:
                        qty -= order.left_lots
                    elif self_trade != SelfTrade.EXPIRE_MAKER:
                        return False
                    slot = order.next
            if qty <= 0:
                return True
            at -= 1
        return False

    cdef int64_t _match(self, int64_t id, int64_t owner, int side, int64_t limit_key, int64_t left, int self_trade,
                        bint* stopped) except -1 nogil:
        """Trade with the other side down to `limit_key`; returns what is left, and whether prevention stopped it."""
        cdef SideBook* book = &self.sides[1 - side]
        cdef PriceLevel* level
        cdef Order* maker
        cdef int64_t qty, price
        while left > 0 and not stopped[0] and book.size and book.levels[book.size - 1].key >= limit_key:
            level = &book.levels[book.size - 1]
            price = self.orders[level.head].price_ticks
            while left > 0 and level.count:
                maker = &self.orders[level.head]
                if owner != 0 and self_trade != SelfTrade.ALLOW and maker.owner == owner:
                    stopped[0] = self_trade != SelfTrade.EXPIRE_MAKER
                    if self_trade != SelfTrade.EXPIRE_TAKER:
                        self._expired(maker)
                        level.qty_lots -= maker.left_lots
                        self._drop_best(book)
                    if stopped[0]:
                        break
                    continue
                qty = left if left < maker.left_lots else maker.left_lots
                maker.left_lots -= qty
                level.qty_lots -= qty
                left -= qty
                self._filled(maker, id, owner, side, qty)
                if maker.left_lots == 0:
                    self._drop_best(book)
            self._changed(1 - side, price, level.qty_lots)
            if level.count == 0:
                book.size -= 1
        return left

    cdef int c_place(self, int64_t id, int64_t owner, int side, int64_t price_ticks, int64_t qty_lots,
                     int time_in_force, int self_trade) except -1 nogil:
        self.n_fills = self.n_expiries = 0
        self.left_lots = qty_lots
        self.prevented = False
        if self._slot(id) >= 0:
            return Outcome.DUPLICATE_ID
        # The other side's keys are ascending towards its best price, so "at my limit or better" is key >= limit_key.
        cdef int64_t limit_key = _key(1 - side, price_ticks) if price_ticks else INT64_MIN
        cdef SideBook* other = &self.sides[1 - side]
        if time_in_force == GTX and other.size and other.levels[other.size - 1].key >= limit_key:
            return Outcome.WOULD_CROSS
        if time_in_force == FOK and not self._fillable(owner, side, limit_key, qty_lots, self_trade):
            return Outcome.KILLED
        cdef bint stopped = False
        self.left_lots = self._match(id, owner, side, limit_key, qty_lots, self_trade, &stopped)
        self.prevented = stopped
        if self.left_lots == 0:
            return Outcome.FILLED
        if stopped or price_ticks == 0 or time_in_force == IOC or time_in_force == FOK:
            return Outcome.EXPIRED
        self._rest(id, owner, side, price_ticks, self.left_lots)
        return Outcome.RESTING

    cdef int c_amend(self, int64_t id, int64_t price_ticks, int64_t left_lots, int time_in_force, int self_trade,
                     bint keep_priority) except -1 nogil:
        self.n_fills = self.n_expiries = 0
        cdef int32_t slot = self._slot(id)
        if slot < 0:
            return Outcome.UNKNOWN_ID
        cdef Order* order = &self.orders[slot]
        cdef SideBook* book = &self.sides[order.side]
        cdef SideBook* other = &self.sides[1 - order.side]
        cdef PriceLevel* level
        if keep_priority and price_ticks == order.price_ticks and left_lots <= order.left_lots:
            level = &book.levels[self._search(book, _key(order.side, price_ticks))]
            level.qty_lots -= order.left_lots - left_lots
            order.left_lots = self.left_lots = left_lots
            self._changed(order.side, price_ticks, level.qty_lots)
            return Outcome.RESTING
        cdef int64_t limit_key = _key(1 - order.side, price_ticks)
        if time_in_force == GTX and other.size and other.levels[other.size - 1].key >= limit_key:
            return Outcome.WOULD_CROSS
        cdef int64_t owner = order.owner
        cdef int side = order.side
        self._unlink(slot)
        return self.c_place(id, owner, side, price_ticks, left_lots, time_in_force, self_trade)

    cdef int64_t c_cancel(self, int64_t id) except -1 nogil:
        cdef int32_t slot = self._slot(id)
        if slot < 0:
            return 0
        cdef int64_t left = self.orders[slot].left_lots
        self.n_fills = self.n_expiries = 0
        self._unlink(slot)
        return left

    cdef Order* c_find(self, int64_t id) noexcept nogil:
        cdef int32_t slot = self._slot(id)
        return &self.orders[slot] if slot >= 0 else NULL

    cdef int64_t c_best(self, int side) noexcept nogil:
        cdef SideBook* book = &self.sides[side]
        return self.orders[book.levels[book.size - 1].head].price_ticks if book.size else 0

    cdef int64_t c_best_qty(self, int side) noexcept nogil:
        cdef SideBook* book = &self.sides[side]
        return book.levels[book.size - 1].qty_lots if book.size else 0

    cdef Order* c_front(self, int side) noexcept nogil:
        cdef SideBook* book = &self.sides[side]
        return &self.orders[book.levels[book.size - 1].head] if book.size else NULL

    # -- Python's face --------------------------------------------------------------------------------------------

    def place(
        self, int64_t order_id, int64_t owner, int side, int64_t price_ticks, int64_t qty_lots, *,
        int time_in_force=GTC, int self_trade=SelfTrade.ALLOW,
    ) -> int:
        """Match an incoming order, and let what is left of it rest if it may.

        Args:
            order_id: unique among the resting orders.
            owner: whose order it is; 0 is exempt from self-trade prevention.
            side: `Side`.
            price_ticks: the limit; 0 is a market order, which never rests.
            qty_lots: positive.
            time_in_force: `TimeInForce`; GTX is post-only.
            self_trade: `SelfTrade`, the incoming order's mode decides.

        Returns:
            An `Outcome`; `take_fills()`, `take_expiries()` and `left_lots` tell the rest.

        Raises:
            ValueError: an argument outside its range.
        """
        if side < 0 or side > 1 or price_ticks < 0 or qty_lots <= 0 or not 0 <= time_in_force <= GTX:
            raise ValueError(
                f"order {order_id}: expected side 0..1, price >= 0, quantity > 0, time_in_force 0..{GTX}, "
                f"found {side}, {price_ticks}, {qty_lots}, {time_in_force}"
            )
        return self.c_place(order_id, owner, side, price_ticks, qty_lots, time_in_force, self_trade)

    def amend(
        self, int64_t order_id, int64_t price_ticks, int64_t left_lots, *, int time_in_force=GTC,
        int self_trade=SelfTrade.ALLOW, bint keep_priority=False,
    ) -> int:
        """Give a resting order another price or rest.

        With `keep_priority`, an order at the same price with no larger rest stays where it is in its queue. Everything
        else takes the order out and places it anew, at the back, where it may also trade. A post-only order that would
        trade is left as it was (`WOULD_CROSS`).

        Raises:
            ValueError: an argument outside its range.
        """
        if price_ticks <= 0 or left_lots <= 0:
            raise ValueError(f"order {order_id}: expected price and rest > 0, found {price_ticks}, {left_lots}")
        return self.c_amend(order_id, price_ticks, left_lots, time_in_force, self_trade, keep_priority)

    def cancel(self, int64_t order_id) -> int:
        """Remove a resting order; returns the lots it had left, 0 if there is no such order."""
        return self.c_cancel(order_id)

    def find(self, int64_t order_id) -> tuple[int, int, int, int] | None:
        """(owner, side, price_ticks, left_lots) of a resting order."""
        cdef Order* order = self.c_find(order_id)
        return None if order == NULL else (order.owner, order.side, order.price_ticks, order.left_lots)

    def take_fills(self) -> list[tuple[int, int, int, int, int, int, int]]:
        """Trades of the last place or amend, in order; a second call finds none.

        Each is (maker_id, maker_owner, taker_id, taker_owner, taker_side, price_ticks, qty_lots).
        """
        cdef int32_t i
        cdef Fill* fill
        out = []
        for i in range(self.n_fills):
            fill = &self.fill_log[i]
            out.append((
                fill.maker_id, fill.maker_owner, fill.taker_id, fill.taker_owner, fill.taker_side, fill.price_ticks,
                fill.qty_lots,
            ))
        self.n_fills = 0
        return out

    def take_expiries(self) -> list[tuple[int, int, int]]:
        """(id, owner, left_lots) of the resting orders that self-trade prevention removed; a second call finds none."""
        cdef int32_t i, count = self.n_expiries
        cdef Expiry* log = self.expiry_log
        self.n_expiries = 0
        return [(log[i].id, log[i].owner, log[i].left_lots) for i in range(count)]

    def take_changes(self, dict bids, dict asks) -> int:
        """Move the level changes since the last call into ``price -> lots`` dicts (0: gone); returns their number."""
        cdef int32_t i, count = self.n_changes
        for i in range(count):
            if self.change_log[i].side == BUY:
                bids[self.change_log[i].price_ticks] = self.change_log[i].qty_lots
            else:
                asks[self.change_log[i].price_ticks] = self.change_log[i].qty_lots
        self.n_changes = 0
        return count

    def best(self) -> tuple[int, int, int, int]:
        """(bid_ticks, bid_lots, ask_ticks, ask_lots); zeros for an empty side."""
        return self.c_best(0), self.c_best_qty(0), self.c_best(1), self.c_best_qty(1)

    def levels(self, int side, int32_t limit=0) -> list[tuple[int, int]]:
        """(price_ticks, qty_lots) from the best price on; all of them when `limit` is 0."""
        _check_side(side)
        cdef SideBook* book = &self.sides[side]
        cdef int32_t count = book.size if limit <= 0 or limit > book.size else limit, at
        cdef PriceLevel* level
        out = []
        for at in range(book.size - 1, book.size - 1 - count, -1):
            level = &book.levels[at]
            out.append((level.key if side == BUY else -level.key, level.qty_lots))
        return out

    def queue(self, int side, int64_t price_ticks) -> list[tuple[int, int, int]]:
        """(id, owner, left_lots) of every order at a price, first in line first."""
        _check_side(side)
        cdef SideBook* book = &self.sides[side]
        cdef int64_t key = _key(side, price_ticks)
        cdef int32_t at = self._search(book, key), slot
        out = []
        if at < book.size and book.levels[at].key == key:
            slot = book.levels[at].head
            while slot >= 0:
                out.append((self.orders[slot].id, self.orders[slot].owner, self.orders[slot].left_lots))
                slot = self.orders[slot].next
        return out
