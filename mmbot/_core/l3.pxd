"""A book of single orders (L3), and the place of our own orders in it: known, first in, first out, not guessed.

A driver feeds it the market's orders by id and puts the level changes it answers with into an L2 book::

    changes = l3.modify(id, price_ticks, qty_lots)      # -1: see `error`
    for i in range(changes): level = &l3.changes[i]     # level.price_ticks on level.side now holds level.new_lots

Own orders stand in the same queues and change no level. Behind an own order stands whatever came, or lost its place,
after it. `fill` tells which of them a trade has executed; that the other side's best price reaches an own order is for
the driver to see, as with any book.
"""
cimport cython
from libc.stdint cimport int8_t, int32_t, int64_t, uint64_t


cpdef enum L3Error:
    L3_OK = 0
    L3_DUPLICATE = 1        # add: there is an order of that id
    L3_UNKNOWN = 2          # no order of that id
    L3_INVALID = 3          # a price or quantity that no order has
    L3_NO_MEMORY = 4


cdef struct LevelChange:
    int64_t price_ticks
    int64_t prev_lots, new_lots
    int8_t side


cdef struct L3Slot:         # an order, or a level, in an open-addressing table
    int64_t key             # order id; level: price and side
    int64_t price_ticks
    int64_t qty_lots        # level: of all its orders
    uint64_t arrival        # when it took its place; level: how many orders
    int8_t side
    int8_t used


cdef struct L3Table:
    L3Slot* slots
    uint64_t capacity       # a power of 2
    uint64_t count


cdef struct OwnPlace:
    uint64_t order_id
    uint64_t arrival
    int64_t price_ticks
    int64_t qty_lots
    int64_t ahead_lots      # of the market's orders at the price that came before
    int8_t side


@cython.final
cdef class L3Book:
    """Orders by id, levels, own orders. Memory: 40 bytes and at most as much again for each order."""
    cdef readonly int32_t error             # L3Error of the last call that answered -1
    cdef readonly int32_t n_executed
    cdef readonly int32_t n_own
    cdef LevelChange changes[2]             # what the last call changed; as many as it answered
    cdef uint64_t* executed                 # [n_executed] own orders that the last `fill` executed, as they came; gone
    cdef OwnPlace* own                      # [n_own], as they came
    cdef int32_t own_capacity
    cdef L3Table orders, levels
    cdef uint64_t arrivals

    # The market's orders. Each answers how many levels changed (`changes`), or -1 and nothing is changed.
    cpdef int add(self, int64_t order_id, int side, int64_t price_ticks, int64_t qty_lots) noexcept nogil
    cpdef int cancel(self, int64_t order_id) noexcept nogil
    # A new price or a larger quantity goes to the back of the queue.
    cpdef int modify(self, int64_t order_id, int64_t price_ticks, int64_t qty_lots) noexcept nogil
    # `qty_lots` of the order traded at `price_ticks`. Own orders of its side that stood before it, or at a better price
    # than it traded at, are executed: in `executed`, and out of the book. `reduces`: the order shrinks by what traded;
    # else (feeds that say so in a message of its own) the book stays as it is.
    cpdef int fill(self, int64_t order_id, int64_t price_ticks, int64_t qty_lots, bint reduces) noexcept nogil
    # Takes out all of the market's orders of a side, as a new snapshot begins. Own orders stay, with nothing ahead.
    cpdef void clear(self, int side) noexcept nogil

    # Own orders, with ids of their own. -1: see `error`.
    cpdef int own_add(self, uint64_t order_id, int side, int64_t price_ticks, int64_t qty_lots) noexcept nogil
    cpdef int own_cancel(self, uint64_t order_id) noexcept nogil
    cpdef int own_modify(self, uint64_t order_id, int64_t price_ticks, int64_t qty_lots) noexcept nogil
    # Lots ahead of an own order; -1: there is no such order.
    cpdef int64_t own_ahead(self, uint64_t order_id) noexcept nogil

    # What stands at a price.
    cpdef int64_t level_lots(self, int side, int64_t price_ticks) noexcept nogil

    cdef int32_t _own_index(self, uint64_t order_id) noexcept nogil
    cdef void _own_drop(self, int32_t index) noexcept nogil
    cdef void _pull_ahead(self, const L3Slot* order, int64_t lots) noexcept nogil
    cdef void _change_level(self, int index, int side, int64_t price_ticks, int64_t lots, int orders) noexcept nogil
    cdef int _fail(self, L3Error error) noexcept nogil
