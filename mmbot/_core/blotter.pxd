"""What a report is made of: fills with what the price did after them, orders, and the state of each market over time.

A driver of the engine (a backtest, the replay of a journal) holds one `Blotter` and calls `advance` before each event,
`collect` after it. It only looks: nothing here can change what the engine decides. Rows are C structs in growable
arrays; `arrays` gives them to Python as numpy structured arrays of the dtypes FILLS, ORDERS, TERMS and STATE, whose
fields are those of the structs below, by the same names.
"""
cimport cython
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint64_t

from mmbot._core.engine cimport Engine
from mmbot._core.market cimport Market
from mmbot._core.strategy cimport Fill

cdef enum:
    HORIZONS = 5                # 0.1, 1, 5, 30 and 60 s after a fill


cdef struct FillRow:
    int64_t ts_ns               # when it was booked, our time
    int64_t exch_ts_ns          # the venue's time of the trade, or ts_ns where it gave none
    uint64_t order_id           # Order.num
    int64_t trade_id
    int64_t price_ticks
    int64_t qty_lots
    int64_t fee_e8              # > 0 paid, < 0 rebate, in 1e-8 fee_asset
    int64_t fee_settle_e8       # the same in the settle asset, as PnL counts it; 0 when no rate is known
    int64_t bid_ticks           # our best bid and ask when it was booked; 0: that side was empty
    int64_t ask_ticks
    int64_t mid_x2              # bid + ask that the PnL was split at: the last known, when a side was empty
    int64_t placed_ns           # when its order was placed or last amended; 0: not known
    int64_t[HORIZONS] after_x2  # bid + ask after each horizon, as it stood then; 0: not reached
    int32_t market
    int16_t fee_asset           # index in the engine's asset table
    int8_t side                 # types.Side
    int8_t purpose              # types.Purpose
    int8_t maker                # 1 maker, 0 taker


cdef struct OrderRow:
    uint64_t order_id           # Order.num
    int64_t price_ticks         # as last amended
    int64_t qty_lots            # the whole quantity, as last amended
    int64_t filled_lots
    int64_t placed_ns           # when the command was given, our time
    int64_t arrived_ns          # the venue's time of acceptance; 0: not known, or never accepted
    int64_t amended_ns          # our time of the last change of price or quantity; 0: never
    int64_t ended_ns            # our time; 0: still open
    double front_lots           # queue ahead of it when it arrived; NaN: not known
    int32_t market
    int32_t amends
    int8_t side                 # types.Side
    int8_t purpose              # types.Purpose
    int8_t time_in_force        # types.TimeInForce
    int8_t state                # types.OrderState: the terminal one, or LIVE


cdef struct TermsRow:           # what an order asked for, from when on: one row when it is placed, one for each amend
    uint64_t order_id
    int64_t ts_ns               # our time: of the command for the first row, of the venue's word for an amend
    int64_t price_ticks
    int64_t qty_lots
    int32_t market


cdef struct StateRow:           # of one market; holds until that market's next row
    int64_t ts_ns
    int64_t bid_ticks           # best prices as we know them; 0: that side is empty
    int64_t bid_lots
    int64_t ask_ticks
    int64_t ask_lots
    int64_t mid_x2              # bid + ask that the position is valued at; 0: none was ever known
    int64_t position_lots
    int64_t own_bid_ticks       # our best resting quote (accepted, not ended), and all we have at that price; 0: none
    int64_t own_bid_lots
    int64_t own_ask_ticks
    int64_t own_ask_lots
    int64_t total_e8            # settle asset; = spread + inventory + hedge - fees + funding, exactly
    int64_t spread_e8
    int64_t inventory_e8        # takes what rounding the others to 1e-8 left over
    int64_t hedge_e8
    int64_t fees_e8             # > 0 paid
    int64_t funding_e8          # > 0 received
    double mark_price           # NaN: not seen
    int32_t market


@cython.final
cdef class Blotter:
    cdef readonly Engine engine
    cdef readonly int64_t state_every_ns        # 0: no state rows but the last
    cdef FillRow* fills
    cdef OrderRow* orders
    cdef TermsRow* terms
    cdef StateRow* states
    cdef readonly Py_ssize_t n_fills, n_orders, n_terms, n_states
    cdef Py_ssize_t room_fills, room_orders, room_terms, room_states
    cdef uint64_t seen                          # engine.order_flow.fills at the last collect
    cdef int64_t due_ns                         # nothing to do before it
    cdef int64_t next_state_ns
    cdef Py_ssize_t[HORIZONS] reached           # by horizon: fills whose mid after it is known
    cdef Py_ssize_t* row_of                     # by slot of the engine's order table: row of its latest order, or -1
    cdef Py_ssize_t slots
    cdef bint no_memory                         # a row was lost: `collect` and `arrays` raise

    # Before each event, with its time. State rows that are due are taken as things stand, which is how they stood then.
    cdef inline void advance(self, int64_t now_ns) noexcept:
        if now_ns >= self.due_ns:
            self._advance(now_ns)

    # After each event: takes the fills it brought out of `engine.executions`.
    cdef inline int collect(self) except -1:
        if self.engine.order_flow.fills == self.seen:
            return 0
        return self._collect()

    # What the driver tells about orders. An order_id that is not known (its slot was given away) is passed over.
    cpdef void order_placed(
        self, uint64_t order_id, int32_t market, int8_t side, int8_t purpose, int8_t time_in_force,
        int64_t price_ticks, int64_t qty_lots, int64_t ts_ns) noexcept
    cpdef void order_arrived(self, uint64_t order_id, int64_t exch_ts_ns) noexcept
    cpdef void set_front(self, uint64_t order_id, double front_lots) noexcept
    cpdef void order_amended(self, uint64_t order_id, int64_t price_ticks, int64_t qty_lots) noexcept
    cpdef void order_ended(self, uint64_t order_id, int8_t state, int64_t filled_lots, int64_t ts_ns) noexcept

    # -- private
    cdef void _advance(self, int64_t now_ns) noexcept
    cdef int _collect(self) except -1
    cdef int64_t _mid_x2(self, Market market) noexcept
    cdef void _mark_out(self, int64_t now_ns) noexcept
    cdef void _take_state(self, int64_t ts_ns) noexcept
    cdef void _describe(self, Market market, int64_t ts_ns, StateRow* row) noexcept
    cdef void _own_quote(self, int32_t market, int8_t side, int64_t* price_ticks, int64_t* lots) noexcept
    cdef int _book(self, Fill fill) except -1
    cdef void _note_terms(self, const OrderRow* row, int64_t ts_ns) noexcept
    cdef OrderRow* _order(self, uint64_t order_id) noexcept
    cdef void _schedule(self) noexcept
    cdef uint64_t _order_of(self, Fill fill) noexcept
