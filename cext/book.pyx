"""The L2 book, a ladder a side; see ``book.pxd`` for the contract."""

from cpython.list cimport PyList_GET_ITEM, PyList_GET_SIZE
from cpython.object cimport PyObject
from libc.stdint cimport int32_t, int64_t

from mmbot._core.ladder cimport (
    NO_KEY, Ladder, ladder_apply, ladder_clear, ladder_depth, ladder_free, ladder_init, ladder_lots, ladder_next,
    ladder_slip, ladder_step, ladder_sum, ladder_through,
)
from mmbot._core.types cimport Level

cdef extern from *:
    """
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
        if ((size_t)Py_SIZE(o) <= 1) /* no branch for 0: nobody can predict which levels are removed */
            return Py_SIZE(o) * digits[0];
        if (Py_SIZE(o) == 2)
            return ((long long)digits[1] << PyLong_SHIFT) | digits[0];
    #endif
        return PyLong_AsLongLong(o);
    }
    #define MM_IS_PAIR(o) (PyTuple_Check(o) ? PyTuple_GET_SIZE(o) == 2 : PyList_Check(o) && PyList_GET_SIZE(o) == 2)
    """
    bint MM_RARE(bint) noexcept nogil
    bint MM_IS_PAIR(PyObject*)
    PyObject* MM_PAIR(PyObject*, int)
    double MM_NAN
    int64_t MM_TICKS_LIMIT
    int64_t mm_as_long(PyObject*) except? -1


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
        ladder_init(&self.sides[0], window, max_window, 1)
        ladder_init(&self.sides[1], window, max_window, 0)

    def __dealloc__(self):
        ladder_free(&self.sides[0])
        ladder_free(&self.sides[1])

    cdef void set_level(self, int side, int64_t price_ticks, int64_t qty_lots) noexcept nogil:
        cdef Level level
        level.price_ticks = price_ticks
        level.qty_lots = qty_lots
        self.apply(side, &level, 1)

    cdef void apply(self, int side, const Level* levels, Py_ssize_t n) noexcept nogil:
        self._set_best(side, ladder_apply(&self.sides[side], levels, n, self.best_key(side)))

    cdef void _set_best(self, int side, int64_t best) noexcept nogil:
        cdef const Ladder* ladder = &self.sides[side]
        if side == 0:
            self.best_bid_lots = 0 if best == NO_KEY else ladder.lots[best & ladder.mask]
            self.best_bid_ticks = 0 if best == NO_KEY else best
        else:
            self.best_ask_lots = 0 if best == NO_KEY else ladder.lots[best & ladder.mask]
            self.best_ask_ticks = 0 if best == NO_KEY else -best

    cdef void apply_stepping(self, int side, const Level* levels, Py_ssize_t n) noexcept nogil:
        cdef int other = 1 - side
        cdef int64_t boldest = NO_KEY, key
        cdef Py_ssize_t i
        self.apply(side, levels, n)
        if not self.is_crossed():
            return
        for i in range(n):
            if levels[i].qty_lots > 0:
                key = levels[i].price_ticks if side == 0 else -levels[i].price_ticks
                boldest = max(boldest, key)
        # A key of one side is the negated key of the other: level `boldest` meets every key from -boldest up.
        if boldest != NO_KEY and -boldest <= self.best_key(other):
            self._set_best(other, ladder_step(&self.sides[other], -boldest))

    cdef void clear_to(self, int side, int64_t price_ticks) noexcept nogil:
        cdef int64_t last = NO_KEY
        if price_ticks != 0:
            last = price_ticks if side == 0 else -price_ticks
        while self.best_key(side) != NO_KEY and self.best_key(side) >= last:
            self.set_level(side, self.best_bid_ticks if side == 0 else self.best_ask_ticks, 0)

    cdef void clear(self) noexcept nogil:
        ladder_clear(&self.sides[0])
        ladder_clear(&self.sides[1])
        self.best_bid_ticks = self.best_bid_lots = self.best_ask_ticks = self.best_ask_lots = 0

    cdef int64_t best_key(self, int side) noexcept nogil:
        if side == 0:
            return self.best_bid_ticks if self.best_bid_lots else NO_KEY
        return -self.best_ask_ticks if self.best_ask_lots else NO_KEY

    cdef Py_ssize_t depth(self, int side, Level* out, Py_ssize_t n) noexcept nogil:
        return ladder_depth(&self.sides[side], self.best_key(side), out, n)

    cdef int64_t qty_at(self, int side, int64_t price_ticks) noexcept nogil:
        return ladder_lots(&self.sides[side], price_ticks if side == 0 else -price_ticks)

    cdef int64_t lots_through(self, int side, int64_t price_ticks) noexcept nogil:
        return ladder_through(&self.sides[side], self.best_key(side), price_ticks if side == 0 else -price_ticks)

    cdef double vwap_ticks(self, int side, int64_t qty_lots) noexcept nogil:
        cdef double slip = ladder_slip(&self.sides[side], self.best_key(side), qty_lots)
        return self.best_bid_ticks - slip if side == 0 else self.best_ask_ticks + slip

    cdef double impact_ticks(self, int side, int64_t qty_lots) noexcept nogil:
        cdef double vwap = self.vwap_ticks(side, qty_lots)
        return self.best_bid_ticks - vwap if side == 0 else vwap - self.best_ask_ticks

    cdef double imbalance(self, Py_ssize_t n) noexcept nogil:
        cdef double bids = ladder_sum(&self.sides[0], self.best_key(0), n)
        cdef double asks = ladder_sum(&self.sides[1], self.best_key(1), n)
        return MM_NAN if bids + asks == 0.0 else (bids - asks) / (bids + asks)

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
            found.append((key if ladder.bid else -key, ladder_lots(ladder, key)))
            n -= 1
            key = ladder_next(ladder, key, &far_left)
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
        """The weighted mid, in ticks: the touch weighted by the opposite quantities; NaN if one is empty.

        (bid * ask_lots + ask * bid_lots) / (bid_lots + ask_lots): the W of S. Stoikov, "The micro-price", 2018, not
        that paper's micro-price.
        """
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
