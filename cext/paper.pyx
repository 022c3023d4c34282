"""The modelled venue of a backtest; see ``paper.pxd``. What each model means: ``docs/backtest/models.md``."""

from fractions import Fraction

from libc.stdint cimport int8_t, int32_t, int64_t
from libc.string cimport memset

from mmbot._core.queue_models cimport QueueModel
from mmbot._core.resting cimport CLOSED_KEPT, FUNDING
from mmbot._core.types cimport (
    Command, CommandKind, CommandView, Level, OrderEventKind, OrderState, Owner, Side, TimeInForce,
)

cdef enum:
    REASON_REDUCE_ONLY = -2022  # as Binance numbers it


cdef class PaperMarket(RestingOrders):
    """One market of the modelled venue: `RestingOrders`, and what becomes of our requests."""

    # --- for Python: tests and notebooks; a driver uses the compiled interface -------------------------------------

    def on_depth(self, int side, list levels not None, int64_t exch_ns):
        """One side of a book message happens: [(price_ticks, qty_lots)], at most 256."""
        cdef Level[MAX_WALK] changes
        cdef Py_ssize_t i
        if len(levels) > MAX_WALK:
            raise ValueError(f"on_depth(): expected at most {MAX_WALK} levels, found {len(levels)}")
        for i in range(len(levels)):
            changes[i].price_ticks, changes[i].qty_lots = levels[i]
        self.depth(side, changes, len(levels), exch_ns)

    def on_trade(self, int taker_side, int64_t price_ticks, int64_t qty_lots, int64_t exch_ns):
        """Somebody takes."""
        self.trade(taker_side, price_ticks, qty_lots, exch_ns)

    def on_request(self, CommandView command not None, int64_t id, int64_t exch_ns):
        """A request of ours arrives; `id` is the venue's number of a new order."""
        self.request(&command.data, id, exch_ns)

    def on_refusal(self, CommandView command not None, int64_t id, int64_t due_ns):
        """A request of ours will never arrive, which we know at `due_ns`."""
        self.refuse(&command.data, id, due_ns)

    def take_answers(self) -> list:
        """What is on its way to us, in order: (due_ns, the fields of an `OrderUpdate`); a second call finds none."""
        cdef const Answer* answer
        found = []
        while self.head != self.tail:
            answer = self.pop()
            found.append((answer.due_ns, answer.update))
        return found

    # --- the venue's own doing -------------------------------------------------------------------------------------

    cdef void liquidate(self, int64_t exch_ns) noexcept nogil:
        cdef PaperOrder order
        cdef Answer* answer
        cdef int64_t best
        while self.n_open:
            self._answer(&self.open[0], OrderEventKind.CANCEL, 0, exch_ns)
            self._close(0, OrderState.CANCELED)
        if self.position_lots == 0:
            return
        memset(&order, 0, sizeof(order))
        order.side = Side.SELL if self.position_lots > 0 else Side.BUY
        order.qty_lots = self.position_lots if self.position_lots > 0 else -self.position_lots
        best = self._best(1 - order.side)
        order.price_ticks = best if best > 0 else self.last_ticks
        answer = self._fill(&order, order.price_ticks, order.qty_lots, False, exch_ns)
        if answer != NULL:
            answer.update.owner = Owner.OURS_BEFORE     # no order of this session: the fill counts all the same

    cdef int mark(self, const Level* levels, int64_t exch_ns) except -1:
        cdef PaperOrder nobody
        cdef Answer* answer
        if 0 < self.next_funding_ns < levels[1].qty_lots and self.position_lots != 0 and self.mark_e8 > 0:
            memset(&nobody, 0, sizeof(nobody))
            answer = self._answer(&nobody, FUNDING, 0, exch_ns)
            if answer != NULL:
                answer.update.fee_e8 = self._funding_e8()
        self.mark_e8, self.rate_e12, self.next_funding_ns = (
            levels[0].price_ticks, levels[1].price_ticks, levels[1].qty_lots)
        return 0

    def _funding_e8(self) -> int:
        """What the settlement pays us: a long pays notional at mark x rate; exact, rounded half to even."""
        units = self.position_lots * Fraction(self.instrument.lot_size) * Fraction(self.instrument.contract_size)
        mark = Fraction(self.mark_e8, 10**8)
        notional = units / mark if self.instrument.inverse else units * mark
        return round(-notional * Fraction(self.rate_e12, 10**12) * 10**8)

    # --- our requests --------------------------------------------------------------------------------------------

    cdef void request(self, const Command* command, int64_t id, int64_t exch_ns) noexcept nogil:
        cdef int32_t i
        cdef int64_t j
        cdef PaperOrder* order
        cdef Answer* answer
        cdef PaperOrder unknown
        if command.kind == CommandKind.PLACE:
            self._place(command, id, exch_ns)
        elif command.kind == CommandKind.AMEND_ORDER:
            self._amend(command, exch_ns)
        elif command.kind == CommandKind.CANCEL_ORDER:
            i = self._find(command.order_num)
            if i >= 0:
                self._answer(&self.open[i], OrderEventKind.CANCEL, command.kind, exch_ns)
                self._close(i, OrderState.CANCELED)
                return
            memset(&unknown, 0, sizeof(unknown))
            unknown.num, unknown.id, unknown.side = command.order_num, command.venue_order_id, command.side
            self._answer(&unknown, OrderEventKind.NOT_FOUND, command.kind, exch_ns)
        elif command.kind == CommandKind.CANCEL_ALL:
            while self.n_open:
                self._answer(&self.open[0], OrderEventKind.CANCEL, 0, exch_ns)
                self._close(0, OrderState.CANCELED)
        elif command.kind == CommandKind.QUERY_ORDER:
            i = self._find(command.order_num)
            order = NULL
            if i >= 0:
                order = &self.open[i]
            else:
                for j in range(min(<int64_t>self.n_closed, <int64_t>CLOSED_KEPT)):
                    if self.closed[j].num == command.order_num:
                        order = &self.closed[j]
            if order == NULL:
                memset(&unknown, 0, sizeof(unknown))
                unknown.num, unknown.side = command.order_num, command.side
                self._answer(&unknown, OrderEventKind.NOT_FOUND, command.kind, exch_ns)
                return
            answer = self._answer(order, OrderEventKind.STATUS, command.kind, exch_ns)
            if answer != NULL:
                answer.update.state = order.state

    cdef void refuse(self, const Command* command, int64_t id, int64_t due_ns) noexcept nogil:
        cdef PaperOrder order
        cdef int8_t kind = OrderEventKind.CANCEL_REJECT
        if command.kind == CommandKind.PLACE:
            kind = OrderEventKind.REJECT
        elif command.kind == CommandKind.AMEND_ORDER:
            kind = OrderEventKind.AMEND_REJECT
        elif command.kind != CommandKind.CANCEL_ORDER:
            return
        memset(&order, 0, sizeof(order))
        order.num, order.id, order.side = command.order_num, id, command.side
        order.price_ticks, order.qty_lots = command.price_ticks, command.qty_lots
        if self.as_hftbacktest:
            due_ns = self.last_answer_ns = max(due_ns, self.last_answer_ns)
        self._put(&order, kind, command.kind, due_ns, due_ns)

    cdef void _place(self, const Command* command, int64_t id, int64_t exch_ns) noexcept nogil:
        cdef PaperOrder order
        cdef Answer* answer
        memset(&order, 0, sizeof(order))
        order.num, order.id, order.side = command.order_num, id, command.side
        order.price_ticks, order.qty_lots = command.price_ticks, command.qty_lots
        order.time_in_force, order.reduce_only = command.time_in_force, command.reduce_only
        if order.reduce_only:
            if self._to_close(order.side) <= 0:
                answer = self._answer(&order, OrderEventKind.REJECT, command.kind, exch_ns)
                if answer != NULL:
                    answer.update.reason = REASON_REDUCE_ONLY
                self._keep(&order, OrderState.REJECTED)
                return
            order.qty_lots = min(order.qty_lots, self._to_close(order.side))
        self._arrive(&order, command.kind, exch_ns)

    cdef void _amend(self, const Command* command, int64_t exch_ns) noexcept nogil:
        """Other terms for a resting order; only a smaller quantity at the same price keeps its place in the queue."""
        cdef int32_t i = self._find(command.order_num)
        cdef PaperOrder order
        if i < 0:
            memset(&order, 0, sizeof(order))
            order.num, order.id, order.side = command.order_num, command.venue_order_id, command.side
            self._answer(&order, OrderEventKind.NOT_FOUND, command.kind, exch_ns)
            return
        order = self.open[i]
        order.price_ticks, order.qty_lots = command.price_ticks, command.qty_lots
        if order.reduce_only:
            order.qty_lots = min(order.qty_lots, order.filled_lots + self._to_close(order.side))
        if order.qty_lots <= order.filled_lots:
            self._answer(&self.open[i], OrderEventKind.CANCEL, command.kind, exch_ns)
            self._close(i, OrderState.CANCELED)
        elif order.price_ticks == self.open[i].price_ticks and order.qty_lots <= self.open[i].qty_lots:
            self.open[i].qty_lots = order.qty_lots
            if self.queue.model == QueueModel.L3_FIFO:
                self.l3.own_modify(order.num, order.price_ticks, order.qty_lots - order.filled_lots)
            self._answer(&order, OrderEventKind.AMEND, command.kind, exch_ns)
        else:
            self._drop(i)
            self._arrive(&order, command.kind, exch_ns)

    cdef void _arrive(self, PaperOrder* order, int8_t request, int64_t exch_ns) noexcept nogil:
        """A new order, or one with other terms: it goes, takes, or joins the queue."""
        cdef bint takes = self._crosses(order.side, order.price_ticks)
        cdef const PaperOrder* kept
        cdef Answer* answer
        if order.time_in_force == TimeInForce.GTX:
            takes |= self._meets_own(order)
            if takes:
                self.expired += 1
                self._end(order, request, exch_ns)
                return
        elif self._gives_way(order, exch_ns):
            self.expired += 1
            self._end(order, request, exch_ns)
            return
        if request == CommandKind.AMEND_ORDER:
            self._answer(order, OrderEventKind.AMEND, request, exch_ns)
        if takes:
            self._take(order, exch_ns)
        if order.filled_lots == order.qty_lots:
            self._keep(order, OrderState.FILLED)
        elif order.time_in_force == TimeInForce.IOC or order.time_in_force == TimeInForce.FOK:
            self._answer(order, OrderEventKind.EXPIRE, request, exch_ns)
            self._keep(order, OrderState.EXPIRED)
        else:
            kept = self._rest(order)
            if kept == NULL or request != CommandKind.PLACE:
                return
            answer = self._answer(kept, OrderEventKind.ACK, request, exch_ns)
            if answer != NULL:
                answer.front_lots = kept.queue.front_lots

    cdef void _end(self, const PaperOrder* order, int8_t request, int64_t exch_ns) noexcept nogil:
        """It must not take: a new order expires, an amended one is cancelled."""
        cdef bint amended = request == CommandKind.AMEND_ORDER
        self._answer(order, OrderEventKind.CANCEL if amended else OrderEventKind.EXPIRE, request, exch_ns)
        self._keep(order, OrderState.CANCELED if amended else OrderState.EXPIRED)

    cdef bint _crosses(self, int side, int64_t price_ticks) noexcept nogil:
        cdef int64_t best = self._best(1 - side)
        return best != 0 and (price_ticks >= best if side == Side.BUY else price_ticks <= best)

    cdef bint _meets_own(self, const PaperOrder* order) noexcept nogil:
        """Whether it comes to our own best order on the other side: nobody else's stands before it, or too little."""
        cdef Level[MAX_WALK] levels
        cdef int64_t left = order.qty_lots - order.filled_lots, best = self.best_own[1 - order.side]
        cdef Py_ssize_t i, n
        if self.self_trade == SelfTrade.IGNORED or best == 0 or (
            order.price_ticks < best if order.side == Side.BUY else order.price_ticks > best
        ):
            return False
        n = self._standing(1 - order.side, best - 1 if order.side == Side.BUY else best + 1, levels)
        for i in range(n):
            left -= levels[i].qty_lots
        return n == 0 or self.partial and left > 0

    cdef bint _gives_way(self, const PaperOrder* order, int64_t exch_ns) noexcept nogil:
        """Settle the meetings with our own resting orders; True: it is the taking one that goes."""
        cdef int32_t i
        cdef int64_t met
        while self._meets_own(order):
            if self.self_trade == SelfTrade.EXPIRE_TAKER:
                return True
            i, met = 0, self.best_own[1 - order.side]
            while i < self.n_open:
                if self.open[i].side != order.side and self.open[i].price_ticks == met:
                    self._answer(&self.open[i], OrderEventKind.EXPIRE, 0, exch_ns)
                    self._close(i, OrderState.EXPIRED)
                else:
                    i += 1
        return False

    cdef Py_ssize_t _standing(self, int side, int64_t until_ticks, Level* levels) noexcept nogil:
        """What others have on a side from the best to a price; how many levels."""
        cdef Py_ssize_t i, n = self.book.depth(side, levels, MAX_WALK), found = 0
        for i in range(n):
            if levels[i].price_ticks < until_ticks if side == Side.BUY else levels[i].price_ticks > until_ticks:
                break
            if not self._before_top(side, levels[i].price_ticks):
                levels[found] = levels[i]
                found += 1
        return found

    cdef void _take(self, PaperOrder* order, int64_t exch_ns) noexcept nogil:
        """Fill what takes: whole at the other side's best, or level by level as far as price and depth go."""
        cdef Level[MAX_WALK] levels
        cdef Py_ssize_t n, i
        cdef int64_t reachable = 0, left = order.qty_lots - order.filled_lots
        if not self.partial:
            self._fill(order, self._best(1 - order.side), left, False, exch_ns)
            return
        n = self._standing(1 - order.side, order.price_ticks, levels)
        for i in range(n):
            reachable += levels[i].qty_lots
        if order.time_in_force == TimeInForce.FOK and reachable < left:
            return
        for i in range(n):
            if left == 0:
                break
            self._fill(order, levels[i].price_ticks, min(levels[i].qty_lots, left), False, exch_ns)
            left = order.qty_lots - order.filled_lots
