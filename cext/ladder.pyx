"""One side's tick ladder with its sorted overflow; see ``ladder.pxd`` for the contract."""

from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memmove

from mmbot._core.types cimport Level

cdef extern from *:
    """
    #define MM_CTZ(x) __builtin_ctzll(x)
    #define MM_TOP(x) (63 - __builtin_clzll(x))
    #define MM_NAN __builtin_nan("")
    #define MM_RARE(x) __builtin_expect(!!(x), 0)
    """
    int MM_CTZ(uint64_t) noexcept nogil
    int MM_TOP(uint64_t) noexcept nogil
    bint MM_RARE(bint) noexcept nogil
    double MM_NAN

cdef enum:
    FAR_CAPACITY = 256                  # first allocation of the overflow
    WIDEN_AFTER = 256                   # messages about far levels that double the window


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


cdef int ladder_init(Ladder* side, int64_t slots, int64_t max_slots, int32_t bid) except -1:
    side.bid, side.max_slots = bid, max_slots
    side.far = <Level*> malloc(FAR_CAPACITY * sizeof(Level))
    side.far_capacity = FAR_CAPACITY
    if side.far == NULL or not _window_alloc(side, slots):
        raise MemoryError
    return 0


cdef void ladder_free(Ladder* side) noexcept nogil:
    _window_free(side)
    free(side.far)


cdef int64_t _word_below(const Ladder* side, int64_t first, int64_t last) noexcept nogil:
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


cdef int64_t _below(const Ladder* side, int64_t key) noexcept nogil:
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
    cdef uint64_t bit = <uint64_t> 1 << (slot & 63), word = side.words[index]
    side.lots[slot] = lots
    if MM_RARE(word == 0):              # most words have other levels: two memory operations less
        side.summary[index >> 6] |= <uint64_t> (lots != 0) << (index & 63)
    side.words[index] = (word & ~bit) | (bit & -<uint64_t> (lots != 0))


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


cdef void _forget_above(Ladder* side, int64_t top) noexcept nogil:
    """Drop the window's levels from key `top` on: only levels that the market has left crossed behind are there."""
    cdef int64_t base = max(top, side.low), end = side.low + side.mask + 1, index
    cdef uint64_t bits
    while base < end:
        index = (base & side.mask) >> 6
        bits = side.words[index]
        while bits:
            side.lots[(index << 6) + MM_CTZ(bits)] = 0
            bits &= bits - 1
        side.words[index] = 0
        base += 64


cdef void ladder_clear(Ladder* side) noexcept nogil:
    cdef int64_t index
    cdef uint64_t bits
    for index in range((side.mask + 1) >> 6):
        bits = side.words[index]
        while bits:
            side.lots[(index << 6) + MM_CTZ(bits)] = 0
            bits &= bits - 1
        side.words[index] = 0
    side.n_far = side.lost = 0


cdef void _recentre(Ladder* side, int64_t best) noexcept nogil:
    """Place the window so that a quarter of it is free above `best`, which is or will be the best key."""
    cdef int64_t low = (best - (side.mask + 1) // 4 * 3) & ~<int64_t> 63
    if low > side.low:
        _evict(side, low)
    else:
        _forget_above(side, low + side.mask + 1)
    side.low = low
    while side.n_far and side.far[side.n_far - 1].price_ticks >= low:
        side.n_far -= 1
        if side.far[side.n_far].price_ticks <= low + side.mask:
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
    if side.n_far and best != NO_KEY and best < side.low + ((side.mask + 1) >> 2):
        _recentre(side, best)
    if MM_RARE(side.far_work > WIDEN_AFTER):
        side.far_work = 0
        if side.mask + 1 < side.max_slots and best != NO_KEY:
            _widen(side, best)
    return best


cdef int64_t ladder_step(Ladder* side, int64_t key) noexcept nogil:
    cdef int64_t found = _below(side, key) if key > side.low else NO_KEY
    cdef int32_t at
    if found == NO_KEY:
        at = _far_find(side, key) - 1
        if at >= 0:
            found = side.far[at].price_ticks
            _recentre(side, found)
    return found


cdef int64_t ladder_next(const Ladder* side, int64_t key, int32_t* far_left) noexcept nogil:
    cdef int64_t found = NO_KEY
    if far_left[0] == side.n_far:
        found = _below(side, key)
    if found == NO_KEY and far_left[0]:
        far_left[0] -= 1
        return side.far[far_left[0]].price_ticks
    return found


cdef int64_t ladder_far_lots(const Ladder* side, int64_t key) noexcept nogil:
    cdef int32_t at = _far_find(side, key)
    return side.far[at].qty_lots if at < side.n_far and side.far[at].price_ticks == key else 0


cdef int64_t ladder_apply(Ladder* side, const Level* levels, Py_ssize_t n, int64_t best) noexcept nogil:
    cdef Py_ssize_t i
    # Written out a side each: the key's sign is then a constant in the loop.
    if side.bid:
        for i in range(n):
            best = _set(side, levels[i].price_ticks, levels[i].qty_lots, best)
    else:
        for i in range(n):
            best = _set(side, -levels[i].price_ticks, levels[i].qty_lots, best)
    return _settle(side, best)


cdef Py_ssize_t ladder_depth(const Ladder* side, int64_t best, Level* out, Py_ssize_t n) noexcept nogil:
    cdef int64_t key = best
    cdef int32_t far_left = side.n_far
    cdef Py_ssize_t i = 0
    while i < n and key != NO_KEY:
        out[i].price_ticks = key if side.bid else -key
        out[i].qty_lots = ladder_lots(side, key)
        i += 1
        key = ladder_next(side, key, &far_left)
    return i


cdef int64_t ladder_through(const Ladder* side, int64_t best, int64_t limit) noexcept nogil:
    cdef int64_t key = best, total = 0
    cdef int32_t far_left = side.n_far
    while key != NO_KEY and key >= limit:
        total += ladder_lots(side, key)
        key = ladder_next(side, key, &far_left)
    return total


cdef double ladder_sum(const Ladder* side, int64_t best, Py_ssize_t n) noexcept nogil:
    cdef int64_t key = best
    cdef int32_t far_left = side.n_far
    cdef double total = 0.0
    while n > 0 and key != NO_KEY:
        total += <double> ladder_lots(side, key)
        n -= 1
        key = ladder_next(side, key, &far_left)
    return total


cdef double ladder_slip(const Ladder* side, int64_t best, int64_t qty_lots) noexcept nogil:
    cdef int64_t key = best, left = qty_lots, lots
    cdef int32_t far_left = side.n_far
    cdef double worse = 0.0             # sum of lots * ticks away from the best: keeps the digits of large prices
    if qty_lots <= 0:
        return MM_NAN
    while key != NO_KEY:
        lots = min(left, ladder_lots(side, key))
        worse += <double> lots * <double> (best - key)
        left -= lots
        if left == 0:
            return worse / qty_lots
        key = ladder_next(side, key, &far_left)
    return MM_NAN
