"""From intentions to commands; see ``execution.pxd``."""

from libc.stdint cimport int8_t, int32_t, int64_t, uint16_t, uint64_t
from libc.string cimport memset

from mmbot._core.diff cimport MAX_ACTIONS, Action, diff_quotes
from mmbot._core.eventlog cimport EventKind, EventRing
from mmbot._core.gate cimport ApprovedOrder, OrderIntent, RiskGate, RiskReason
from mmbot._core.orders cimport Exposure, Order, OrderFlag, OrderTable
from mmbot._core.quoting cimport QuoteSet
from mmbot._core.rate cimport RateBudget
from mmbot._core.types cimport Command, CommandKind, CommandView, OrderState, OrderUpdate, Purpose, TimeInForce

cdef enum:
    MASK = OUTBOX_SIZE - 1
    HEDGE_SHARE = 10            # quotes leave a tenth of a venue's smallest budget alone
    RESERVE = 64                # outbox places that only cancels and queries may use


cdef int32_t _smallest(RateBudget budget) except -1:
    """What the narrowest window allows other messages than cancels."""
    return min([budget.windows[i].limit - budget.windows[i].reserved for i in range(budget.n_windows)])


cdef class Execution:
    """Places, amends and cancels through table, gate and budget; commands wait in the outbox.

    Args:
        table: working orders of all markets.
        gate: the pre-trade gate, its markets configured.
        budgets: one message budget for each venue.
        venue_of: venue number of each market.
        ring: where commands are journalled; None for a replay.
    """

    def __init__(self, OrderTable table, RiskGate gate, tuple budgets, venue_of, EventRing ring=None):
        self.table, self.gate, self.budgets, self.ring = table, gate, budgets, ring
        for budget in budgets:
            if not isinstance(budget, RateBudget):
                raise TypeError(f"budgets: expected RateBudget, found {budget!r}")
        self.n_markets = len(venue_of)
        if self.n_markets > table.markets or self.n_markets > MAX_MARKETS:
            raise ValueError(
                f"{self.n_markets} markets: the table has room for {table.markets}, the gate for {MAX_MARKETS}")
        for i, venue in enumerate(venue_of):
            if not 0 <= venue < len(budgets):
                raise ValueError(f"market {i}: venue {venue} has no budget")
            self.hedge_reserve[i] = _smallest(budgets[venue]) // HEDGE_SHARE
            self.budget_of[i] = <void*>budgets[venue]       # kept alive by self.budgets
            self.rules[i].amend_any = 1

    def set_rules(
        self, int market, *, int64_t tolerance_ticks=0, int64_t tolerance_qty_ppm=0, int64_t unsafe_ticks=1 << 40,
        int64_t spare_lots=0, bint amend_any=True, bint amend_smaller=False, bint overlap=False,
    ) -> None:
        """How the working orders of a market are kept near the wanted quotes; see `DiffRules`."""
        rules = &self.rules[market]
        rules.tolerance_ticks, rules.tolerance_qty_ppm = tolerance_ticks, tolerance_qty_ppm
        rules.unsafe_ticks = unsafe_ticks
        rules.spare_buy_lots = rules.spare_sell_lots = spare_lots
        rules.amend_any, rules.amend_smaller, rules.overlap = amend_any, amend_smaller, overlap

    cdef void begin(self, uint64_t event_seq, int64_t ts_ns) noexcept nogil:
        self.event_seq, self.ts_ns = event_seq, ts_ns

    # --- requests ----------------------------------------------------------------------------------------------------

    cdef int32_t place(
        self, int32_t market, int8_t side, int64_t price_ticks, int64_t qty_lots, int8_t time_in_force,
        bint reduce_only, int8_t purpose,
    ) noexcept nogil:
        cdef OrderIntent intent
        cdef ApprovedOrder approved
        cdef Command command
        cdef int reason
        if self.head - self.tail >= OUTBOX_SIZE - RESERVE:
            return NO_ROOM
        cdef int32_t slot = self.table.place(
            market, side, price_ticks, qty_lots, time_in_force, reduce_only, purpose, self.ts_ns)
        if slot < 0:
            return NO_ROOM
        memset(&intent, 0, sizeof(intent))
        intent.ts_ns, intent.order_num = self.ts_ns, self.table.at(slot).num
        intent.price_ticks, intent.qty_lots, intent.market = price_ticks, qty_lots, market
        intent.side, intent.time_in_force = side, time_in_force
        intent.reduce_only, intent.purpose = reduce_only, purpose
        reason = self.gate.approve(&intent, &approved)
        if reason != 0:
            self.table.unsent(slot, CommandKind.PLACE, self.ts_ns)
            self.last_refusal[market] = reason
            return -reason
        # Only what may leave uses the budget: refused quotes would starve the hedges.
        if not self._take_for(market, purpose):
            self.table.unsent(slot, CommandKind.PLACE, self.ts_ns)
            return NO_BUDGET
        memset(&command, 0, sizeof(command))
        if self.gate.redeem(&approved, &command) != 0:
            self.table.unsent(slot, CommandKind.PLACE, self.ts_ns)
            return WRONG_STATE
        self.placed += 1
        self.last_refusal[market] = 0
        self.push(&command)
        return slot

    cdef int32_t amend(self, int32_t slot, int64_t price_ticks, int64_t qty_lots) noexcept nogil:
        cdef Order* order = self.table.at(slot)
        cdef OrderIntent intent
        cdef ApprovedOrder approved
        cdef Command command
        cdef int reason
        cdef int32_t market = order.market
        cdef int64_t counted = order.exposed_lots
        if self.head - self.tail >= OUTBOX_SIZE - RESERVE:
            return NO_ROOM
        memset(&intent, 0, sizeof(intent))
        intent.ts_ns, intent.order_num = self.ts_ns, order.num
        intent.venue_order_id = order.venue_order_id
        intent.price_ticks, intent.qty_lots, intent.market = price_ticks, qty_lots, market
        intent.side, intent.time_in_force = order.side, order.time_in_force
        intent.reduce_only, intent.purpose = order.reduce_only, order.purpose
        reason = self.gate.approve_amend(&intent, counted, order.filled_lots, &approved)
        if reason != 0:
            self.last_refusal[market] = reason
            return -reason
        if not self._take_for(market, order.purpose):
            return NO_BUDGET
        if not self.table.amend(slot, price_ticks, qty_lots, self.ts_ns):
            return WRONG_STATE
        memset(&command, 0, sizeof(command))
        if self.gate.redeem(&approved, &command) != 0:
            self.table.unsent(slot, CommandKind.AMEND_ORDER, self.ts_ns)
            return WRONG_STATE
        self.amended += 1
        self.push(&command)
        return 0

    cdef int32_t cancel(self, int32_t slot) noexcept nogil:
        cdef Order* order = self.table.at(slot)
        cdef Command command
        if order.flags & OrderFlag.IN_FLIGHT_CANCEL:
            return 0
        if self.head - self.tail >= OUTBOX_SIZE:
            return NO_ROOM
        if not self._take(order.market, True):
            return NO_BUDGET
        if not self.table.cancel(slot, self.ts_ns):
            return WRONG_STATE
        self._of_order(&command, order, CommandKind.CANCEL_ORDER)
        self.canceled += 1
        self.push(&command)
        return 0

    cdef int32_t cancel_stray(self, const OrderUpdate* listed) noexcept nogil:
        """Cancel an order that the table does not hold open."""
        cdef Command command
        if self.head - self.tail >= OUTBOX_SIZE:
            return NO_ROOM
        if not self._take(listed.market, True):
            return NO_BUDGET
        memset(&command, 0, sizeof(command))
        command.kind, command.market, command.ts_ns = CommandKind.CANCEL_ORDER, listed.market, self.ts_ns
        command.order_num, command.venue_order_id = listed.order_num, listed.venue_order_id
        command.side, command.price_ticks, command.qty_lots = listed.side, listed.price_ticks, listed.qty_lots
        self.canceled += 1
        self.push(&command)
        return 0

    cdef bint work(self, int32_t market, const QuoteSet* wanted) noexcept nogil:
        cdef int32_t n, i, outcome
        cdef bint done = True
        cdef Action* action
        n = diff_quotes(self.table, market, wanted, &self.rules[market], self.actions, MAX_ACTIONS)
        for i in range(n):
            action = &self.actions[i]
            if action.kind == CommandKind.PLACE:
                outcome = self.place(
                    market, action.side, action.price_ticks, action.qty_lots, 3, False, Purpose.QUOTE)
                if outcome >= 0:
                    self.tell_gate(market)
                elif outcome == -RiskReason.SELF_CROSS:
                    done = False
            elif action.kind == CommandKind.AMEND_ORDER:
                outcome = self.amend(action.slot, action.price_ticks, action.qty_lots)
                if outcome == -RiskReason.SELF_CROSS:
                    done = False        # our other side is still on its way out of there: wait for it
                elif NO_ROOM < outcome < 0:
                    # The gate refuses where the order would go; where it stands is not wanted either.
                    outcome = self.cancel(action.slot)
            else:
                outcome = self.cancel(action.slot)
            if outcome == NO_BUDGET or outcome == NO_ROOM:
                done = False
        self.tell_gate(market)
        return done

    cdef int32_t cancel_market(self, int32_t market, int8_t keep) noexcept nogil:
        cdef int32_t slot, following, left = 0
        cdef int8_t side
        for side in range(2):
            slot = self.table.first(market, side)
            while slot >= 0:
                following = self.table.at(slot).next
                if self.table.at(slot).purpose != keep and self.cancel(slot) < 0:
                    left += 1
                slot = following
        self.tell_gate(market)
        return left

    cdef void suspect_resting_ioc(self) noexcept nogil:
        """An IOC order cannot rest: one that seems to has ended, and its last message was lost."""
        cdef int32_t market, slot, following
        cdef int8_t side
        cdef Order* order
        for market in range(self.n_markets):
            for side in range(2):
                slot = self.table.first(market, side)
                while slot >= 0:
                    order = self.table.at(slot)
                    following = order.next
                    if (order.time_in_force == TimeInForce.IOC and order.state < OrderState.PENDING_AMEND
                            and self.ts_ns - order.last_update_ns >= self.table.ack_timeout_ns
                            and not order.flags & OrderFlag.IN_FLIGHT):
                        self.table.suspect(slot, self.ts_ns)
                    slot = following

    cdef int32_t query_overdue(self) noexcept nogil:
        """Ask the venue about every order whose answer is overdue; their number."""
        cdef int32_t[64] slots
        cdef int32_t n, i
        cdef Command command
        if self.ts_ns < self.table.next_deadline_ns:
            return 0
        n = self.table.expire(self.ts_ns, slots, 64)
        for i in range(n):
            if self.head - self.tail >= OUTBOX_SIZE or not self._take(self.table.at(slots[i]).market, True):
                continue
            if self.table.queried(slots[i], self.ts_ns):
                self._of_order(&command, self.table.at(slots[i]), CommandKind.QUERY_ORDER)
                self.queried += 1
                self.push(&command)
        return n

    # --- outbox ------------------------------------------------------------------------------------------------------

    cdef int emit(self, int8_t kind, int32_t market) noexcept nogil:
        """Push a command about a whole market; -1: no room."""
        cdef Command command
        if self.head - self.tail >= OUTBOX_SIZE:
            return -1
        memset(&command, 0, sizeof(command))
        command.kind, command.market, command.ts_ns = kind, market, self.ts_ns
        return self.push(&command)

    cdef int push(self, const Command* command) noexcept nogil:
        cdef Command* kept = &self.outbox[self.head & MASK]
        kept[0] = command[0]
        kept.event_seq = self.event_seq
        self.head += 1
        if self.ring is not None and self.ring.push(
            EventKind.OUT_COMMAND, 0, <uint16_t>command.market, self.ts_ns, self.event_seq, kept, sizeof(Command),
        ) != 0:
            self.journal_failed = True
        return 0

    cdef bint pop(self, Command* out) noexcept nogil:
        if self.head == self.tail:
            return False
        out[0] = self.outbox[self.tail & MASK]
        self.tail += 1
        return True

    cdef int dispatch(self, list outlets) except -1:
        cdef CommandView view
        while self.head != self.tail:
            view = CommandView.__new__(CommandView)
            self.pop(&view.data)
            if self.first_place_ns == 0 and view.data.kind == CommandKind.PLACE:
                self.first_place_ns = view.data.ts_ns
            outlets[view.data.market](view)
        return 0

    def take(self) -> CommandView | None:
        """Pop the oldest waiting command."""
        cdef CommandView view = CommandView.__new__(CommandView)
        return view if self.pop(&view.data) else None

    # --- inside ------------------------------------------------------------------------------------------------------

    cdef void tell_gate(self, int32_t market) noexcept nogil:
        cdef const Exposure* seen = self.table.exposure(market)
        self.gate.set_working(
            market, seen.buy_lots, seen.sell_lots, seen.open_orders, seen.best_bid_ticks, seen.best_ask_ticks)

    cdef bint _take(self, int32_t market, bint is_cancel) noexcept nogil:
        return (<RateBudget>self.budget_of[market]).take(1, is_cancel, self.ts_ns)

    cdef bint _take_for(self, int32_t market, int8_t purpose) noexcept nogil:
        """Budget for a new order or an amend; quotes leave the last of it to hedges and to flattening."""
        if purpose == Purpose.QUOTE and (
            (<RateBudget>self.budget_of[market]).available(False, self.ts_ns) <= self.hedge_reserve[market]
        ):
            return False
        return self._take(market, False)

    cdef void _of_order(self, Command* command, const Order* order, int8_t kind) noexcept nogil:
        memset(command, 0, sizeof(command[0]))
        command.kind, command.market, command.ts_ns = kind, order.market, self.ts_ns
        # An order of an earlier session carries that session's number at the venue: only the venue's id names it.
        command.order_num = 0 if order.flags & OrderFlag.ADOPTED else order.num
        command.venue_order_id = order.venue_order_id
        command.side, command.price_ticks, command.qty_lots = order.side, order.price_ticks, order.qty_lots
        command.time_in_force, command.reduce_only = order.time_in_force, order.reduce_only
        command.purpose, command.attempt = order.purpose, order.attempt
