"""The L2 book: one tick ladder a side, with a sorted overflow for far levels; see ``book.pxd`` for the contract.

Both sides are kept the same way by storing a level under its *key*: the price in ticks for bids, minus that for asks.
The best level is then always the highest key, and "worse" is always "lower".
"""

from cpython.list cimport PyList_GET_ITEM, PyList_GET_SIZE
from cpython.object cimport PyObject
from libc.stdint cimport INT64_MIN, int32_t, int64_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memmove

from mmbot._core.types cimport Level

cdef extern from *:
    """
    #define MM_CTZ(x) __builtin_ctzll(x)
    #define MM_TOP(x) (63 - __builtin_clzll(x))
    /* |price_ticks| stays below this, so that window bounds cannot wrap. */
    #define MM_TICKS_LIMIT (INT64_C(1) << 62)
    #define MM_NAN __builtin_nan("")
    #define MM_RARE(x) __builtin_expect(!!(x), 0)
    #define MM_PAIR(o, i) (PyTuple_Check(o) ? PyTuple_GET_ITEM(o, i) : PyList_GET_ITEM(o, i))
    /* PyLong_AsLongLong without the call for the small numbers that ticks and lots are. */
    static inline long long mm_as_long(PyObject *o)
    {
        if (MM_RARE(!PyLong_CheckExact(o)))
            return PyLong_AsLongLong(o);
    #if PY_VERSION_HEX >= 0x030C0000
        if (PyUnstable_Long_IsCompact((PyLongObject *)o))
            return (long long)PyUnstable_Long_CompactValue((PyLongObject *)o);
    #else
        const digit *digits = ((PyLongObject *)o)->ob_digit;
        if (Py_SIZE(o) == 1)
            return digits[0];
        if (Py_SIZE(o) == 0)
            return 0;
        if (Py_SIZE(o) == 2)
            return ((long long)digits[1] << PyLong_SHIFT) | digits[0];
    #endif
        return PyLong_AsLongLong(o);
    }
    #define MM_IS_PAIR(o) (PyTuple_Check(o) ? PyTuple_GET_SIZE(o) == 2 : PyList_Check(o) && PyList_GET_SIZE(o) == 2)
    """
    int MM_CTZ(uint64_t) noexcept nogil
    int MM_TOP(uint64_t) noexcept nogil
    bint MM_RARE(bint) noexcept nogil
    bint MM_IS_PAIR(PyObject*)
    PyObject* MM_PAIR(PyObject*, int)
    double MM_NAN
    int64_t MM_TICKS_LIMIT
    int64_t mm_as_long(PyObject*) except? -1

cdef enum:
    FAR_CAPACITY = 256                  # first allocation of the overflow
    WIDEN_AFTER = 1024                  # messages about far levels that double the window

cdef int64_t NO_KEY = INT64_MIN         # lower than every key


# -- one ladder ------------------------------------------------------------------------------------------------------

cdef inline int64_t _key(const Ladder* side, int64_t ticks) noexcept nogil:
    return ticks if side.bid else -ticks


cdef bint _window_alloc(Ladder* side, int64_t slots) noexcept nogil:
    cdef int64_t words = slots >> 6
    side.mask = slots - 1
    side.lots = <int64_t*> calloc(slots, sizeof(int64_t))
    side.words = <uint64_t*> calloc(words, sizeof(uint64_t))
    side.summary = <uint64_t*> calloc((words + 63) >> 6, sizeof(uint64_t))
    return side.lots != NULL and side.words != NULL and side.summary != NULL


cdef void _window_free(Ladder* side) noexcept nogil:
    free(side.lots)
    free(side.words)
    free(side.summary)


cdef int _ladder_init(Ladder* side, int64_t slots, int64_t max_slots, int32_t bid) except -1:
    side.bid, side.max_slots = bid, max_slots
    side.far = <Level*> malloc(FAR_CAPACITY * sizeof(Level))
    side.far_capacity = FAR_CAPACITY
    if side.far == NULL or not _window_alloc(side, slots):
        raise MemoryError
    return 0


cdef int64_t _word_below(Ladder* side, int64_t first, int64_t last) noexcept nogil:
    """The highest occupied word index in first..last, or -1; forgets summary bits of words found empty."""
    cdef int64_t group, index
    cdef uint64_t bits
    if last < first:
        return -1
    group = last >> 6
    bits = side.summary[group] & (~<uint64_t> 0 >> (63 - (last & 63)))
    while True:
        while bits:
            index = (group << 6) + MM_TOP(bits)
            if index < first:
                return -1
            if side.words[index]:
                return index
            bits &= ~(<uint64_t> 1 << (index & 63))
            side.summary[group] &= ~(<uint64_t> 1 << (index & 63))
        if group <= first >> 6:
            return -1
        group -= 1
        bits = side.summary[group]


cdef int64_t _below(Ladder* side, int64_t key) noexcept nogil:
    """The highest occupied key of the window below `key` (which is at most one above the window), or NO_KEY."""
    cdef int64_t top = key - 1, slot = top & side.mask, low_slot = side.low & side.mask, index
    cdef uint64_t bits
    if top < side.low:
        return NO_KEY
    # `low` is a multiple of 64, so that the ring's seam never runs through a word.
    bits = side.words[slot >> 6] & (~<uint64_t> 0 >> (63 - (slot & 63)))
    if bits:
        return (top & ~<int64_t> 63) + MM_TOP(bits)
    if low_slot <= slot:
        index = _word_below(side, low_slot >> 6, (slot >> 6) - 1)
    else:
        index = _word_below(side, 0, (slot >> 6) - 1)
        if index < 0:
            index = _word_below(side, low_slot >> 6, side.mask >> 6)
    if index < 0:
        return NO_KEY
    slot = (index << 6) + MM_TOP(side.words[index])
    return side.low + ((slot - low_slot) & side.mask)


cdef inline void _put(Ladder* side, int64_t key, int64_t lots) noexcept nogil:
    cdef int64_t slot = key & side.mask, index = slot >> 6
    cdef uint64_t bit = <uint64_t> 1 << (slot & 63), word
    side.lots[slot] = lots
    word = (side.words[index] & ~bit) | (bit & -<uint64_t> (lots != 0))
    side.words[index] = word
    side.summary[index >> 6] |= <uint64_t> (word != 0) << (index & 63)


cdef int32_t _far_find(const Ladder* side, int64_t key) noexcept nogil:
    """The first overflow position whose key is not below `key`."""
    cdef int32_t low = 0, high = side.n_far, middle
    while low < high:
        middle = (low + high) >> 1
        if side.far[middle].price_ticks < key:
            low = middle + 1
        else:
            high = middle
    return low


cdef bint _far_grow(Ladder* side) noexcept nogil:
    cdef Level* grown
    if side.n_far < side.far_capacity:
        return True
    grown = <Level*> realloc(side.far, 2 * side.far_capacity * sizeof(Level))
    if grown == NULL:
        side.lost = 1
        return False
    side.far = grown
    side.far_capacity *= 2
    return True


cdef void _far_put(Ladder* side, int64_t key, int64_t lots) noexcept nogil:
    cdef int32_t at = _far_find(side, key)
    cdef bint known = at < side.n_far and side.far[at].price_ticks == key
    if lots == 0:
        if known:
            side.n_far -= 1
            memmove(&side.far[at], &side.far[at + 1], (side.n_far - at) * sizeof(Level))
        return
    if not known:
        if not _far_grow(side):
            return
        memmove(&side.far[at + 1], &side.far[at], (side.n_far - at) * sizeof(Level))
        side.n_far += 1
        side.far[at].price_ticks = key
    side.far[at].qty_lots = lots


cdef void _evict(Ladder* side, int64_t until) noexcept nogil:
    """Move every window level below key `until` to the overflow, worst first: all are better than what is there."""
    cdef int64_t base = side.low, end = min(until, side.low + side.mask + 1), index, slot
    cdef uint64_t bits
    while base < end:
        index = (base & side.mask) >> 6
        bits = side.words[index]
        while bits:
            slot = (index << 6) + MM_CTZ(bits)
            bits &= bits - 1
            if _far_grow(side):
                side.far[side.n_far].price_ticks = base + (slot & 63)
                side.far[side.n_far].qty_lots = side.lots[slot]
                side.n_far += 1
            side.lots[slot] = 0
        side.words[index] = 0
        base += 64


cdef void _wipe(Ladder* side) noexcept nogil:
    """Zero exactly what is occupied."""
    cdef int64_t index
    cdef uint64_t bits
    for index in range((side.mask + 1) >> 6):
        bits = side.words[index]
        while bits:
            side.lots[(index << 6) + MM_CTZ(bits)] = 0
            bits &= bits - 1
        side.words[index] = 0


cdef void _recentre(Ladder* side, int64_t best) noexcept nogil:
    """Place the window so that a quarter of it is free above `best`, which is or will be the best key."""
    cdef int64_t low = (best - (side.mask + 1) // 4 * 3) & ~<int64_t> 63
    if low > side.low:
        _evict(side, low)
    side.low = low
    while side.n_far and side.far[side.n_far - 1].price_ticks >= low:
        side.n_far -= 1
        _put(side, side.far[side.n_far].price_ticks, side.far[side.n_far].qty_lots)


cdef void _widen(Ladder* side, int64_t best) noexcept nogil:
    """Double the window, as too much of the traffic is outside; without memory it stays as it is."""
    cdef Ladder wide = side[0]
    cdef int64_t key, slots = 2 * (side.mask + 1)
    if not _window_alloc(&wide, slots):
        _window_free(&wide)
        return
    wide.low = (best - slots // 4 * 3) & ~<int64_t> 63
    key = best
    while key != NO_KEY:
        _put(&wide, key, side.lots[key & side.mask])
        key = _below(side, key)
    _window_free(side)
    side[0] = wide
    _recentre(side, best)


cdef int64_t _outside(Ladder* side, int64_t key, int64_t lots, int64_t best) noexcept nogil:
    """Set a level outside the window; the best key after it."""
    if key < best:
        side.far_work += 1
        _far_put(side, key, lots)
        return best
    if lots == 0:           # better than the best, so it is not there
        return best
    _recentre(side, key)
    _put(side, key, lots)
    return key


cdef int64_t _next_best(Ladder* side, int64_t best) noexcept nogil:
    """The best key after `best` was removed."""
    cdef int64_t found = _below(side, best)
    if found == NO_KEY and side.n_far:
        found = side.far[side.n_far - 1].price_ticks
        _recentre(side, found)
    return found


cdef inline int64_t _set(Ladder* side, int64_t key, int64_t lots, int64_t best) noexcept nogil:
    if MM_RARE(<uint64_t> (key - side.low) > <uint64_t> side.mask):
        return _outside(side, key, lots, best)
    _put(side, key, lots)
    if MM_RARE(key >= best):
        if lots:
            return key
        if key == best:
            return _next_best(side, best)
    return best


cdef int64_t _settle(Ladder* side, int64_t best) noexcept nogil:
    """Follow a best that sank near the window's bottom, so that the levels below it come out of the overflow; widen a
    window that too much traffic misses."""
    if side.n_far and best < side.low + ((side.mask + 1) >> 2):
        _recentre(side, best)
    if MM_RARE(side.far_work > WIDEN_AFTER):
        side.far_work = 0
        if side.mask + 1 < side.max_slots and best != NO_KEY:
            _widen(side, best)
    return best


cdef int64_t _far_or_below(Ladder* side, int64_t key, int32_t* far_left) noexcept nogil:
    """The next key below `key`: the window's, then the overflow's; NO_KEY at the end. Start with far_left = n_far."""
    cdef int64_t found = NO_KEY
    if far_left[0] == side.n_far:
        found = _below(side, key)
    if found == NO_KEY and far_left[0]:
        far_left[0] -= 1
        return side.far[far_left[0]].price_ticks
    return found


cdef inline int64_t _lots(const Ladder* side, int64_t key) noexcept nogil:
    cdef int32_t at
    if <uint64_t> (key - side.low) <= <uint64_t> side.mask:
        return side.lots[key & side.mask]
    at = _far_find(side, key)
    return side.far[at].qty_lots if at < side.n_far and side.far[at].price_ticks == key else 0


# -- the book --------------------------------------------------------------------------------------------------------

cdef class Book:
    """The L2 book of one market, in ticks and lots.

    Every price of an order book fits: those within the window around the touch cost O(1), the others stay in a sorted
    overflow and move into the window when the market comes to them. A window that too many updates miss is doubled, up
    to `max_window`, so that memory follows the market: `memory_bytes` is about 16.3 bytes a window slot (2.1 MB at
    131,072 slots, 66 kB at 4,096) and 16 bytes an overflow level.

    Args:
        window: ticks of each side's window at first, a power of two from 256 to 2**24.
        max_window: what it may grow to, such a number too.

    Raises:
        ValueError: they are not such numbers, or `max_window` is the smaller one.
    """

    def __cinit__(self, int64_t window=BOOK_DEFAULT_WINDOW, int64_t max_window=BOOK_MAX_WINDOW):
        for size in (window, max_window):
            if size < 256 or size > 1 << 24 or size & (size - 1):
                raise ValueError(f"window: expected a power of two from 256 to {1 << 24}, found {size}")
        if window > max_window:
            raise ValueError(f"max_window: expected at least the window, {window}, found {max_window}")
        _ladder_init(&self.sides[0], window, max_window, 1)
        _ladder_init(&self.sides[1], window, max_window, 0)

    def __dealloc__(self):
        _window_free(&self.sides[0])
        _window_free(&self.sides[1])
        free(self.sides[0].far)
        free(self.sides[1].far)

    cdef void set_level(self, int side, int64_t price_ticks, int64_t qty_lots) noexcept nogil:
        cdef Level level
        level.price_ticks = price_ticks
        level.qty_lots = qty_lots
        self.apply(side, &level, 1)

    cdef void apply(self, int side, const Level* levels, Py_ssize_t n) noexcept nogil:
        cdef Ladder* ladder = &self.sides[side]
        cdef int64_t best
        cdef Py_ssize_t i
        # The loop is written out a side each: the key's sign is then a constant in it.
        if side == 0:
            best = self.best_bid_ticks if self.best_bid_lots else NO_KEY
            for i in range(n):
                best = _set(ladder, levels[i].price_ticks, levels[i].qty_lots, best)
            best = _settle(ladder, best)
            self.best_bid_lots = 0 if best == NO_KEY else ladder.lots[best & ladder.mask]
            self.best_bid_ticks = 0 if best == NO_KEY else best
        else:
            best = -self.best_ask_ticks if self.best_ask_lots else NO_KEY
            for i in range(n):
                best = _set(ladder, -levels[i].price_ticks, levels[i].qty_lots, best)
            best = _settle(ladder, best)
            self.best_ask_lots = 0 if best == NO_KEY else ladder.lots[best & ladder.mask]
            self.best_ask_ticks = 0 if best == NO_KEY else -best

    cdef void clear(self) noexcept nogil:
        cdef Ladder* ladder
        cdef int side
        for side in range(2):
            ladder = &self.sides[side]
            _wipe(ladder)
            ladder.n_far = 0
            ladder.lost = 0
        self.best_bid_ticks = self.best_bid_lots = self.best_ask_ticks = self.best_ask_lots = 0

    cdef int64_t best_key(self, int side) noexcept nogil:
        if side == 0:
            return self.best_bid_ticks if self.best_bid_lots else NO_KEY
        return -self.best_ask_ticks if self.best_ask_lots else NO_KEY

    cdef Py_ssize_t depth(self, int side, Level* out, Py_ssize_t n) noexcept nogil:
        cdef Ladder* ladder = &self.sides[side]
        cdef int64_t key = self.best_key(side)
        cdef int32_t far_left = ladder.n_far
        cdef Py_ssize_t i = 0
        while i < n and key != NO_KEY:
            out[i].price_ticks = key if ladder.bid else -key
            out[i].qty_lots = _lots(ladder, key)
            i += 1
            key = _far_or_below(ladder, key, &far_left)
        return i

    cdef int64_t qty_at(self, int side, int64_t price_ticks) noexcept nogil:
        return _lots(&self.sides[side], _key(&self.sides[side], price_ticks))

    cdef int64_t lots_through(self, int side, int64_t price_ticks) noexcept nogil:
        cdef Ladder* ladder = &self.sides[side]
        cdef int64_t key = self.best_key(side), limit = _key(ladder, price_ticks), total = 0
        cdef int32_t far_left = ladder.n_far
        while key != NO_KEY and key >= limit:
            total += _lots(ladder, key)
            key = _far_or_below(ladder, key, &far_left)
        return total

    cdef double vwap_ticks(self, int side, int64_t qty_lots) noexcept nogil:
        cdef Ladder* ladder = &self.sides[side]
        cdef int64_t best = self.best_key(side), key = best, left = qty_lots, lots
        cdef int32_t far_left = ladder.n_far
        cdef double worse = 0.0         # sum of lots * ticks away from the best: keeps the digits of large prices
        if qty_lots <= 0:
            return MM_NAN
        while key != NO_KEY:
            lots = min(left, _lots(ladder, key))
            worse += <double> lots * <double> (best - key)
            left -= lots
            if left == 0:
                best = best if ladder.bid else -best
                return best - worse / qty_lots if ladder.bid else best + worse / qty_lots
            key = _far_or_below(ladder, key, &far_left)
        return MM_NAN

    cdef double impact_ticks(self, int side, int64_t qty_lots) noexcept nogil:
        cdef double vwap = self.vwap_ticks(side, qty_lots)
        return self.best_bid_ticks - vwap if side == 0 else vwap - self.best_ask_ticks

    cdef double imbalance(self, Py_ssize_t n) noexcept nogil:
        cdef double sums[2]
        cdef Ladder* ladder
        cdef int64_t key
        cdef int32_t far_left
        cdef Py_ssize_t left
        cdef int side
        for side in range(2):
            ladder = &self.sides[side]
            sums[side] = 0.0
            key = self.best_key(side)
            far_left = ladder.n_far
            left = n
            while left > 0 and key != NO_KEY:
                sums[side] += <double> _lots(ladder, key)
                left -= 1
                key = _far_or_below(ladder, key, &far_left)
        if sums[0] + sums[1] == 0.0:
            return MM_NAN
        return (sums[0] - sums[1]) / (sums[0] + sums[1])

    cdef double microprice_ticks(self) noexcept nogil:
        cdef double bid_lots = <double> self.best_bid_lots, ask_lots = <double> self.best_ask_lots
        if self.best_bid_lots == 0 or self.best_ask_lots == 0:
            return MM_NAN
        return (self.best_bid_ticks * ask_lots + self.best_ask_ticks * bid_lots) / (bid_lots + ask_lots)

    cdef double mid_ticks(self) noexcept nogil:
        if self.best_bid_lots == 0 or self.best_ask_lots == 0:
            return MM_NAN
        return 0.5 * (<double> self.best_bid_ticks + <double> self.best_ask_ticks)

    cdef bint is_crossed(self) noexcept nogil:
        return self.best_bid_lots != 0 and self.best_ask_lots != 0 and self.best_bid_ticks >= self.best_ask_ticks

    cdef bint is_incomplete(self) noexcept nogil:
        return self.sides[0].lost or self.sides[1].lost

    # -- the Python face -------------------------------------------------------------------------------------------

    def apply_levels(self, int side, list levels not None) -> None:
        """Set absolute quantities: a list of ``(price_ticks, qty_lots)``, 0 lots removes.

        Raises:
            ValueError, TypeError, OverflowError: an entry is no pair of int64; some before it are then applied.
        """
        cdef Level batch[64]
        cdef Py_ssize_t i, n = PyList_GET_SIZE(levels), filled = 0
        cdef PyObject* pair
        _check_side(side)
        for i in range(n):
            pair = <PyObject*> PyList_GET_ITEM(levels, i)
            if not MM_IS_PAIR(pair):
                raise TypeError(f"levels[{i}]: expected (price_ticks, qty_lots), found {<object> pair!r}")
            batch[filled].price_ticks = mm_as_long(MM_PAIR(pair, 0))
            batch[filled].qty_lots = mm_as_long(MM_PAIR(pair, 1))
            if MM_RARE(batch[filled].qty_lots < 0 or not -MM_TICKS_LIMIT < batch[filled].price_ticks < MM_TICKS_LIMIT):
                raise ValueError(f"levels[{i}]: expected |ticks| < 2**62 and lots >= 0, found {<object> pair!r}")
            filled += 1
            if filled == 64:
                self.apply(side, batch, filled)
                filled = 0
        self.apply(side, batch, filled)

    def levels(self, int side, Py_ssize_t n=1 << 30) -> list:
        """The best `n` levels as ``(price_ticks, qty_lots)``, best first; all of them by default."""
        _check_side(side)
        cdef Ladder* ladder = &self.sides[side]
        cdef int64_t key = self.best_key(side)
        cdef int32_t far_left = ladder.n_far
        found = []
        while n > 0 and key != NO_KEY:
            found.append((key if ladder.bid else -key, _lots(ladder, key)))
            n -= 1
            key = _far_or_below(ladder, key, &far_left)
        return found

    def reset(self) -> None:
        """Forget every level."""
        self.clear()

    def quantity(self, int side, int64_t price_ticks) -> int:
        """Lots at one price, 0 when there is no level."""
        _check_side(side)
        return self.qty_at(side, price_ticks)

    def quantity_through(self, int side, int64_t price_ticks) -> int:
        """Lots at `price_ticks` and every better price."""
        _check_side(side)
        return self.lots_through(side, price_ticks)

    def vwap(self, int side, int64_t qty_lots) -> float:
        """Mean price in ticks of taking `qty_lots` out of `side`; NaN when the side holds less."""
        _check_side(side)
        return self.vwap_ticks(side, qty_lots)

    def impact(self, int side, int64_t qty_lots) -> float:
        """What taking `qty_lots` costs beyond the touch, in ticks; NaN when the side holds less."""
        _check_side(side)
        return self.impact_ticks(side, qty_lots)

    def depth_imbalance(self, Py_ssize_t n=1) -> float:
        """(bids - asks) / (bids + asks) over the best `n` levels, -1 to 1; NaN when both sides are empty."""
        return self.imbalance(n)

    @property
    def microprice(self) -> float:
        """The touch weighted by the opposite quantities, in ticks; NaN unless both sides have a level."""
        return self.microprice_ticks()

    @property
    def mid(self) -> float:
        """Middle of the touch in ticks; NaN unless both sides have a level."""
        return self.mid_ticks()

    @property
    def crossed(self) -> bool:
        """Whether the best bid is at or above the best ask."""
        return self.is_crossed()

    @property
    def incomplete(self) -> bool:
        """Whether a level was lost because memory ran out, since the last reset."""
        return self.is_incomplete()

    @property
    def window(self) -> tuple:
        """Ticks of each side's window now."""
        return self.sides[0].mask + 1, self.sides[1].mask + 1

    @property
    def far_levels(self) -> tuple:
        """How many levels of each side stand in the overflow."""
        return self.sides[0].n_far, self.sides[1].n_far

    @property
    def memory_bytes(self) -> int:
        """Bytes of both windows and overflows as allocated now."""
        cdef int64_t slots, total = 0
        cdef int side
        for side in range(2):
            slots = self.sides[side].mask + 1
            total += 8 * (slots + (slots >> 6) + ((slots >> 6) + 63 >> 6))
            total += self.sides[side].far_capacity * <int64_t> sizeof(Level)
        return total


cdef int _check_side(int side) except -1:
    if side != 0 and side != 1:
        raise ValueError(f"side: expected 0 (bids) or 1 (asks), found {side}")
    return 0
