"""Price-time priority matching of one instrument, in integer ticks and lots.

Each side is one contiguous array of levels sorted towards the best price, which is its last element: the touch is read
without searching, and an insertion near it moves a few bytes only. Orders are doubly linked in arrival order inside
their level and live in a pool; an open-addressing table finds them by id. Nothing is allocated unless a pool has to
grow (it doubles).
"""
from libc.stdint cimport int8_t, int32_t, int64_t, uint64_t


cpdef enum SelfTrade:       # when an order would trade with another of the same owner (owner 0 is never prevented)
    ALLOW = 0
    EXPIRE_TAKER = 1        # what is left of the incoming order expires
    EXPIRE_MAKER = 2        # the resting order expires, the incoming one goes on
    EXPIRE_BOTH = 3


cpdef enum Outcome:
    RESTING = 0             # the order, or what is left of it, is in the book
    FILLED = 1              # nothing is left
    EXPIRED = 2             # the rest of an IOC or market order, or self-trade prevention
    KILLED = 3              # FOK that cannot be filled whole: nothing happened
    WOULD_CROSS = 4         # post-only that would take: nothing happened
    UNKNOWN_ID = 5          # amend: no such order
    DUPLICATE_ID = 6        # place: the id is in the book already


cdef struct Fill:
    int64_t maker_id
    int64_t maker_owner
    int64_t taker_id
    int64_t taker_owner
    int64_t price_ticks
    int64_t qty_lots
    int64_t maker_left_lots     # what rests of the maker afterwards; 0: it is gone
    int8_t taker_side


cdef struct Expiry:             # a resting order removed by self-trade prevention
    int64_t id
    int64_t owner
    int64_t left_lots


cdef struct LevelChange:        # a level after a change; qty 0: the level is gone
    int64_t price_ticks
    int64_t qty_lots
    int8_t side


cdef struct Order:
    int64_t id
    int64_t owner
    int64_t price_ticks
    int64_t left_lots
    int32_t prev, next          # neighbours in the level's queue; -1: none. `next` chains the free list
    int8_t side


cdef struct PriceLevel:
    int64_t key                 # price for bids, -price for asks: ascending towards the best
    int64_t qty_lots
    int32_t head, tail, count


cdef struct SideBook:
    PriceLevel* levels
    int32_t size, capacity


cdef class MatchingEngine:
    cdef SideBook sides[2]
    cdef Order* orders
    cdef int32_t n_slots, free_head
    cdef int32_t* table         # slot + 1 by hashed id; 0: empty
    cdef uint64_t table_mask
    cdef readonly int32_t n_orders
    cdef readonly int64_t left_lots     # of the last placed or amended order, after matching
    cdef readonly bint prevented        # the last one ended by self-trade prevention
    # Results of the last place/amend; overwritten by the next one.
    cdef Fill* fill_log
    cdef readonly int32_t n_fills
    cdef int32_t fills_capacity
    cdef Expiry* expiry_log
    cdef readonly int32_t n_expiries
    cdef int32_t expiries_capacity
    # Level changes since the last clear_changes/take_changes.
    cdef LevelChange* change_log
    cdef readonly int32_t n_changes
    cdef int32_t changes_capacity

    # price_ticks 0: a market order (only what fills at once; time_in_force IOC or FOK). Returns an Outcome.
    cdef int c_place(self, int64_t id, int64_t owner, int side, int64_t price_ticks, int64_t qty_lots,
                     int time_in_force, int self_trade) except -1 nogil
    # Same price, smaller rest and keep_priority: in place. Everything else: out of the queue and placed anew.
    cdef int c_amend(self, int64_t id, int64_t price_ticks, int64_t left_lots, int time_in_force, int self_trade,
                     bint keep_priority) except -1 nogil
    cdef int64_t c_cancel(self, int64_t id) except -1 nogil     # lots it had left; 0: no such order
    cdef Order* c_find(self, int64_t id) noexcept nogil         # NULL: no such order
    cdef int64_t c_best(self, int side) noexcept nogil          # price; 0: the side is empty
    cdef int64_t c_best_qty(self, int side) noexcept nogil
    cdef Order* c_front(self, int side) noexcept nogil          # first in the queue at the best price; NULL: empty

    cdef int32_t _slot(self, int64_t id) noexcept nogil
    cdef int _index(self, int32_t slot) except -1 nogil
    cdef int _unindex(self, int64_t id) noexcept nogil
    cdef int _grow_orders(self) except -1 nogil
    cdef int32_t _search(self, SideBook* book, int64_t key) noexcept nogil
    cdef int _rest(self, int64_t id, int64_t owner, int side, int64_t price_ticks, int64_t left) except -1 nogil
    cdef int _unlink(self, int32_t slot) except -1 nogil
    cdef int _drop_best(self, SideBook* book) noexcept nogil
    cdef int _changed(self, int side, int64_t price_ticks, int64_t qty_lots) except -1 nogil
    cdef int _filled(self, Order* maker, int64_t taker_id, int64_t taker_owner, int side, int64_t qty) except -1 nogil
    cdef int _expired(self, Order* maker) except -1 nogil
    cdef bint _fillable(self, int64_t owner, int side, int64_t limit_key, int64_t qty, int self_trade) noexcept nogil
    cdef int64_t _match(self, int64_t id, int64_t owner, int side, int64_t limit_key, int64_t left, int self_trade,
                        bint* stopped) except -1 nogil
