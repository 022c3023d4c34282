"""Fills with what came after them, orders, and states over time; see ``blotter.pxd`` for the contract."""
from libc.math cimport NAN
from libc.stdint cimport INT64_MAX, int8_t, int32_t, int64_t, uint64_t, uintptr_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy, memset

from mmbot._core.engine cimport Engine
from mmbot._core.exact cimport div_half_even, int128, scale_e8
from mmbot._core.market cimport Market
from mmbot._core.order_store cimport ACKED, IN_FLIGHT_NEW, Order
from mmbot._core.pnl cimport PnlAttribution
from mmbot._core.strategy cimport Fill
from mmbot._core.types cimport OrderState, Purpose

import numpy as np

HORIZONS_NS = (100_000_000, 1_000_000_000, 5_000_000_000, 30_000_000_000, 60_000_000_000)
"""How long after a fill its mark-outs are taken, in ns: the places of `after_x2`."""

FILLS = np.dtype([
    ("ts_ns", "i8"), ("exch_ts_ns", "i8"), ("order_id", "u8"), ("trade_id", "i8"), ("price_ticks", "i8"),
    ("qty_lots", "i8"), ("fee_e8", "i8"), ("fee_settle_e8", "i8"), ("bid_ticks", "i8"), ("ask_ticks", "i8"),
    ("mid_x2", "i8"), ("placed_ns", "i8"), ("after_x2", "i8", (HORIZONS,)), ("market", "i4"), ("fee_asset", "i2"),
    ("side", "i1"), ("purpose", "i1"), ("maker", "i1"),
], align=True)
ORDERS = np.dtype([
    ("order_id", "u8"), ("price_ticks", "i8"), ("qty_lots", "i8"), ("filled_lots", "i8"), ("placed_ns", "i8"),
    ("arrived_ns", "i8"), ("amended_ns", "i8"), ("ended_ns", "i8"), ("front_lots", "f8"), ("market", "i4"),
    ("amends", "i4"), ("side", "i1"), ("purpose", "i1"), ("time_in_force", "i1"), ("state", "i1"),
], align=True)
TERMS = np.dtype([
    ("order_id", "u8"), ("ts_ns", "i8"), ("price_ticks", "i8"), ("qty_lots", "i8"), ("market", "i4"),
], align=True)
STATE = np.dtype([
    ("ts_ns", "i8"), ("bid_ticks", "i8"), ("bid_lots", "i8"), ("ask_ticks", "i8"), ("ask_lots", "i8"), ("mid_x2", "i8"),
    ("position_lots", "i8"), ("own_bid_ticks", "i8"), ("own_bid_lots", "i8"), ("own_ask_ticks", "i8"),
    ("own_ask_lots", "i8"), ("total_e8", "i8"), ("spread_e8", "i8"), ("inventory_e8", "i8"), ("hedge_e8", "i8"),
    ("fees_e8", "i8"), ("funding_e8", "i8"), ("mark_price", "f8"), ("market", "i4"),
], align=True)

if (FILLS.itemsize, ORDERS.itemsize, TERMS.itemsize, STATE.itemsize) != (
        sizeof(FillRow), sizeof(OrderRow), sizeof(TermsRow), sizeof(StateRow)):
    raise ImportError("blotter: the dtypes are not laid out as the structs are")

cdef int64_t[HORIZONS] HORIZON_NS
for _i in range(HORIZONS):
    HORIZON_NS[_i] = HORIZONS_NS[_i]

cdef int64_t HALF_INVERSE_SCALE = 4 * 10**18        # as in pnl: 1e18, and half units of a price in half ticks
cdef enum:
    FIRST_ROOM = 1024


cdef bint _grow(void** rows, Py_ssize_t* room, Py_ssize_t n, size_t size) noexcept:
    """Make room for row `n`; False when there is no memory."""
    cdef Py_ssize_t wanted = room[0]
    cdef void* larger
    if n < wanted:
        return True
    wanted = wanted * 2 if wanted > 0 else FIRST_ROOM
    larger = realloc(rows[0], <size_t>wanted * size)
    if larger == NULL:
        return False
    rows[0], room[0] = larger, wanted
    return True


cdef object _copy(const void* rows, Py_ssize_t n, object dtype, Py_ssize_t more=0):
    array = np.zeros(n + more, dtype)
    if n > 0:
        memcpy(<void*><uintptr_t>array.ctypes.data, rows, n * <Py_ssize_t>dtype.itemsize)
    return array


cdef class Blotter:
    """Keeps what a report is made of while a driver runs `engine`.

    Fills are taken out of ``engine.order_flow.executions``: whoever needs them too reads them before `collect`.

    Args:
        engine: what is driven; begin before its first event.
        state_every_ns: distance of the state rows, which lie on whole multiples of it; a row is left out where nothing
            happened since the one before. 0: only the last state is kept.

    Raises:
        ValueError: `state_every_ns` is negative.
        MemoryError: no room for the first rows.
    """

    def __cinit__(self, Engine engine not None, int64_t state_every_ns=1_000_000_000):
        cdef Py_ssize_t i
        if state_every_ns < 0:
            raise ValueError(f"Blotter: state_every_ns must not be negative, found {state_every_ns}")
        self.engine, self.state_every_ns = engine, state_every_ns
        self.seen = engine.order_flow.fills
        self.slots = engine.execution.table.capacity
        self.row_of = <Py_ssize_t*>malloc(self.slots * sizeof(Py_ssize_t))
        if self.row_of == NULL:
            raise MemoryError("blotter: order rows")
        for i in range(self.slots):
            self.row_of[i] = -1
        self._schedule()

    def __dealloc__(self):
        free(self.fills)
        free(self.orders)
        free(self.terms)
        free(self.states)
        free(self.row_of)

    # --- time --------------------------------------------------------------------------------------------------------

    cdef void _advance(self, int64_t now_ns) noexcept:
        self._mark_out(now_ns)
        if self.state_every_ns > 0 and now_ns >= self.next_state_ns:
            # Nothing has happened since the earliest time that is due: one row stands for all of them.
            self._take_state(self.next_state_ns if self.next_state_ns > 0 else now_ns)
            self.next_state_ns = (now_ns // self.state_every_ns + 1) * self.state_every_ns
        self._schedule()

    cdef void _schedule(self) noexcept:
        """Find the next time at which there is something to do: fills are in order, so each horizon waits for one."""
        cdef int64_t due_ns = self.next_state_ns if self.state_every_ns > 0 else INT64_MAX
        cdef int h
        for h in range(HORIZONS):
            if self.reached[h] < self.n_fills:
                due_ns = min(due_ns, self.fills[self.reached[h]].ts_ns + HORIZON_NS[h])
        self.due_ns = due_ns

    cdef void _mark_out(self, int64_t now_ns) noexcept:
        cdef FillRow* row
        cdef int h
        for h in range(HORIZONS):
            while self.reached[h] < self.n_fills:
                row = &self.fills[self.reached[h]]
                if row.ts_ns + HORIZON_NS[h] > now_ns:
                    break
                row.after_x2[h] = self._mid_x2(<Market>self.engine.markets[row.market])
                self.reached[h] += 1

    cdef int64_t _mid_x2(self, Market market) noexcept:
        """Bid + ask as they stand; while a side is empty, what the position was last valued at."""
        if market.bid_lots > 0 and market.ask_lots > 0:
            return market.bid_ticks + market.ask_ticks
        return market.pnl.mid_x2

    cdef void _take_state(self, int64_t ts_ns) noexcept:
        for item in self.engine.markets:
            if not _grow(<void**>&self.states, &self.room_states, self.n_states, sizeof(StateRow)):
                self.no_memory = True
                return
            self._describe(<Market>item, ts_ns, &self.states[self.n_states])
            self.n_states += 1

    cdef void _describe(self, Market market, int64_t ts_ns, StateRow* row) noexcept:
        """One market now. The PnL is valued at the mid without telling the engine's own attribution."""
        cdef PnlAttribution pnl = market.pnl
        cdef int128 held = pnl.held
        memset(row, 0, sizeof(StateRow))
        row.ts_ns, row.market = ts_ns, market.index
        if market.bid_lots > 0:
            row.bid_ticks, row.bid_lots = market.bid_ticks, market.bid_lots
        if market.ask_lots > 0:
            row.ask_ticks, row.ask_lots = market.ask_ticks, market.ask_lots
        row.mid_x2 = self._mid_x2(market)
        row.position_lots, row.mark_price = market.position.lots, market.mark_price
        self._own_quote(market.index, 0, &row.own_bid_ticks, &row.own_bid_lots)
        self._own_quote(market.index, 1, &row.own_ask_ticks, &row.own_ask_lots)
        if row.mid_x2 > 0:
            if pnl.unit.inverse:
                held = -div_half_even(<int128>pnl.lots * <int128>HALF_INVERSE_SCALE, <int128>row.mid_x2)
            else:
                held = <int128>row.mid_x2 * <int128>pnl.lots
        row.fees_e8, row.funding_e8 = pnl.fees_e8, pnl.funding_e8
        row.spread_e8, row.hedge_e8 = pnl.spread_e8(), pnl.hedge_e8()
        row.total_e8 = pnl.half_e8(pnl.cash + held) - row.fees_e8 + row.funding_e8
        row.inventory_e8 = row.total_e8 - row.spread_e8 - row.hedge_e8 + row.fees_e8 - row.funding_e8

    cdef void _own_quote(self, int32_t market, int8_t side, int64_t* price_ticks, int64_t* lots) noexcept:
        cdef const Order* order
        cdef int32_t slot = self.engine.execution.table.first(market, side)
        while slot >= 0:
            order = self.engine.execution.table.at(slot)
            slot = order.next
            if order.purpose != Purpose.QUOTE or not order.flags & ACKED or order.flags & IN_FLIGHT_NEW:
                continue
            if price_ticks[0] == 0 or (order.price_ticks > price_ticks[0]) == (side == 0):
                if order.price_ticks != price_ticks[0]:
                    price_ticks[0], lots[0] = order.price_ticks, 0
            if order.price_ticks == price_ticks[0]:
                lots[0] += order.qty_lots - order.filled_lots

    # --- fills -------------------------------------------------------------------------------------------------------

    cdef int _collect(self) except -1:
        cdef list executions = self.engine.order_flow.executions
        cdef Py_ssize_t gained = <Py_ssize_t>(self.engine.order_flow.fills - self.seen)
        cdef Py_ssize_t i
        if len(executions) < gained:
            raise RuntimeError(
                f"blotter: {gained} new fills, and only {len(executions)} of them are left in the engine's executions")
        for i in range(len(executions) - gained, len(executions)):
            self._book(<Fill>executions[i])
        self.seen = self.engine.order_flow.fills
        executions.clear()
        self._schedule()
        if self.no_memory:
            raise MemoryError("blotter: no room for another row")
        return 0

    cdef int _book(self, Fill fill) except -1:
        cdef Market market = self.engine.markets[fill.market]
        cdef uint64_t num = self._order_of(fill)
        cdef OrderRow* order = self._order(num)
        cdef FillRow* row
        cdef int64_t rate_e8
        if not _grow(<void**>&self.fills, &self.room_fills, self.n_fills, sizeof(FillRow)):
            raise MemoryError("blotter: no room for another fill")
        row = &self.fills[self.n_fills]
        memset(row, 0, sizeof(FillRow))
        row.ts_ns, row.exch_ts_ns = self.engine.now_ns, fill.ts_ns
        row.order_id, row.trade_id = num, fill.trade_id
        row.price_ticks, row.qty_lots = fill.price_ticks, fill.qty_lots
        row.fee_e8, row.fee_asset = fill.fee_e8, fill.fee_asset
        if fill.fee_asset == market.pnl.settle_asset:
            row.fee_settle_e8 = fill.fee_e8
        else:
            # One event brings one fill at most, so the rate is still that of this one.
            rate_e8 = market.pnl.rate_e8[fill.fee_asset]
            row.fee_settle_e8 = scale_e8(<int128>fill.fee_e8, rate_e8, <int128>100000000) if rate_e8 > 0 else 0
        row.bid_ticks = market.bid_ticks if market.bid_lots > 0 else 0
        row.ask_ticks = market.ask_ticks if market.ask_lots > 0 else 0
        row.mid_x2 = market.pnl.mid_x2
        row.market, row.side, row.purpose, row.maker = fill.market, fill.side, fill.purpose, fill.maker
        if order != NULL and order.market == fill.market and order.side == fill.side:
            row.placed_ns = max(order.placed_ns, order.amended_ns)
            order.filled_lots += fill.qty_lots
        self.n_fills += 1
        return 0

    cdef uint64_t _order_of(self, Fill fill) noexcept:
        """Number of the order that was filled; a trade history tells only the venue's."""
        cdef int32_t slot
        if fill.order_num != 0 or fill.venue_order_id == 0:
            return fill.order_num
        slot = self.engine.execution.table.find_venue(fill.market, fill.venue_order_id)
        return self.engine.execution.table.at(slot).num if slot >= 0 else 0

    # --- orders ------------------------------------------------------------------------------------------------------

    cdef OrderRow* _order(self, uint64_t order_id) noexcept:
        cdef Py_ssize_t i = self.row_of[order_id % <uint64_t>self.slots]
        if i < 0 or self.orders[i].order_id != order_id:
            return NULL
        return &self.orders[i]

    cpdef void order_placed(
        self, uint64_t order_id, int32_t market, int8_t side, int8_t purpose, int8_t time_in_force,
        int64_t price_ticks, int64_t qty_lots, int64_t ts_ns,
    ) noexcept:
        """A PLACE command was given."""
        cdef OrderRow* row
        if not _grow(<void**>&self.orders, &self.room_orders, self.n_orders, sizeof(OrderRow)):
            self.no_memory = True
            return
        row = &self.orders[self.n_orders]
        memset(row, 0, sizeof(OrderRow))
        row.order_id, row.market, row.side, row.purpose = order_id, market, side, purpose
        row.time_in_force, row.price_ticks, row.qty_lots, row.placed_ns = time_in_force, price_ticks, qty_lots, ts_ns
        row.front_lots, row.state = NAN, OrderState.LIVE
        self.row_of[order_id % <uint64_t>self.slots] = self.n_orders
        self.n_orders += 1
        self._note_terms(row, ts_ns)

    cdef void _note_terms(self, const OrderRow* row, int64_t ts_ns) noexcept:
        cdef TermsRow* terms
        if not _grow(<void**>&self.terms, &self.room_terms, self.n_terms, sizeof(TermsRow)):
            self.no_memory = True
            return
        terms = &self.terms[self.n_terms]
        memset(terms, 0, sizeof(TermsRow))
        terms.order_id, terms.market, terms.ts_ns = row.order_id, row.market, ts_ns
        terms.price_ticks, terms.qty_lots = row.price_ticks, row.qty_lots
        self.n_terms += 1

    cpdef void order_arrived(self, uint64_t order_id, int64_t exch_ts_ns) noexcept:
        """The venue accepted the order, at its own time; only the first word counts."""
        cdef OrderRow* row = self._order(order_id)
        if row != NULL and row.arrived_ns == 0:
            row.arrived_ns = exch_ts_ns

    cpdef void set_front(self, uint64_t order_id, double front_lots) noexcept:
        """So much rested before the order when it arrived."""
        cdef OrderRow* row = self._order(order_id)
        if row != NULL:
            row.front_lots = front_lots

    cpdef void order_amended(self, uint64_t order_id, int64_t price_ticks, int64_t qty_lots) noexcept:
        """The venue applied an amend: the order's price and whole quantity now; the same again is no change."""
        cdef OrderRow* row = self._order(order_id)
        if row != NULL and (row.price_ticks != price_ticks or row.qty_lots != qty_lots):
            row.price_ticks, row.qty_lots, row.amended_ns = price_ticks, qty_lots, self.engine.now_ns
            row.amends += 1
            self._note_terms(row, row.amended_ns)

    cpdef void order_ended(self, uint64_t order_id, int8_t state, int64_t filled_lots, int64_t ts_ns) noexcept:
        """The order reached a terminal `OrderState`; the first one stands."""
        cdef OrderRow* row = self._order(order_id)
        if row != NULL and row.ended_ns == 0:
            row.state, row.filled_lots, row.ended_ns = state, filled_lots, ts_ns

    # --- Python's face -----------------------------------------------------------------------------------------------

    def before(self, int64_t now_ns) -> None:
        """`advance` for Python: call it before each event with the event's time."""
        self.advance(now_ns)

    def after(self) -> None:
        """`collect` for Python: call it after each event.

        Raises:
            RuntimeError: somebody else took the fills.
            MemoryError: a row could not be kept.
        """
        self.collect()

    def arrays(self) -> dict:
        """Copies of all rows, by ``fills``, ``orders``, ``terms`` and ``state``, oldest first.

        The state ends with a row of each market as it stands now.

        Raises:
            MemoryError: a row could not be kept.
        """
        cdef Py_ssize_t markets = len(self.engine.markets), i
        cdef StateRow* last
        if self.no_memory:
            raise MemoryError("blotter: a row could not be kept")
        state = _copy(self.states, self.n_states, STATE, markets)
        last = <StateRow*><uintptr_t>state.ctypes.data + self.n_states
        for i in range(markets):
            self._describe(<Market>self.engine.markets[i], self.engine.now_ns, last + i)
        return {
            "fills": _copy(self.fills, self.n_fills, FILLS),
            "orders": _copy(self.orders, self.n_orders, ORDERS),
            "terms": _copy(self.terms, self.n_terms, TERMS),
            "state": state,
        }

    def __repr__(self) -> str:
        return f"Blotter({self.n_fills} fills, {self.n_orders} orders, {self.n_states} state rows)"
