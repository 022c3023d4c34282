"""The modelled venue of a backtest; see ``paper.pxd``. What each model means: ``docs/backtest/models.md``."""

from libc.math cimport NAN
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memmove, memset

from mmbot._core.book cimport Book
from mmbot._core.exact cimport div_half_even, int128, saturate64
from mmbot._core.order_latency cimport OrderLatency
from mmbot._core.l3 cimport L3Book
from mmbot._core.position cimport value_of, value_unit_of
from mmbot._core.queue_models cimport QueueModel, queue_change, queue_enter, queue_executed, queue_trade
from mmbot._core.tape cimport TapeKind
from mmbot._core.types cimport (
    Command, CommandKind, Instrument, Level, OrderEventKind, OrderState, Owner, Side, TimeInForce,
)

cdef enum:
    FIRST_ROOM = 64
    MAX_WALK = 256              # levels that one taking order may eat
    REASON_REDUCE_ONLY = -2022  # as Binance numbers it


cdef extern from *:
    const int64_t NO_KEY "INT64_MIN"
    int64_t FOREVER "INT64_MAX"


cdef int l3_apply(L3Book l3, int kind, int64_t order_id, int side, const Level* level) except -2:
    if kind == TapeKind.L3_ADD:
        return l3.add(order_id, side, level.price_ticks, level.qty_lots)
    if kind == TapeKind.L3_CANCEL:
        return l3.cancel(order_id)
    if kind == TapeKind.L3_MODIFY:
        return l3.modify(order_id, level.price_ticks, level.qty_lots)
    # Feeds tell of the order that a fill leaves, or ends, in a message of its own.
    return l3.fill(order_id, level.price_ticks, level.qty_lots, False)


cdef class PaperMarket:
    """One market of the modelled venue.

    Args:
        index: the market's index in the engine.
        instrument: its units.
        latency: way of requests and answers.
        queue_model, queue_n: a `QueueModel` and its exponent.
        partial: fills take what trades, or stands in the book; else an order fills whole, at the first touch.
        maker_fee_e9, taker_fee_e9: 1e-9 of notional; below 0 is a rebate.
        self_trade: a `SelfTrade`.
        settle_asset, base_asset: indices in the engine's asset table.
        fee_in_received: buys pay in the base asset.
    """

    def __cinit__(self):
        self.capacity, self.room = FIRST_ROOM, FIRST_ROOM
        self.open = <PaperOrder*>malloc(self.capacity * sizeof(PaperOrder))
        self.closed = <PaperOrder*>calloc(CLOSED_KEPT, sizeof(PaperOrder))
        self.answers = <Answer*>malloc(self.room * sizeof(Answer))
        if self.open == NULL or self.closed == NULL or self.answers == NULL:
            raise MemoryError

    def __init__(
        self, int index, Instrument instrument not None, OrderLatency latency not None, *, int queue_model,
        double queue_n=1.0, bint partial=False, int64_t maker_fee_e9=0, int64_t taker_fee_e9=0, int self_trade=0,
        int settle_asset=0, int base_asset=0, bint fee_in_received=False,
    ):
        self.index, self.instrument, self.latency = index, instrument, latency
        self.book = Book()
        self.queue.model, self.queue.n, self.queue.unit = queue_model, queue_n, float(instrument.lot_size)
        self.partial, self.self_trade = partial, self_trade
        self.maker_e9, self.taker_e9 = maker_fee_e9, taker_fee_e9
        self.settle_asset, self.base_asset = settle_asset, base_asset
        self.fee_in_received = fee_in_received and not instrument.perpetual
        self.base_lot_e8 = round(instrument.lot_value * 1e8)
        value_unit_of(instrument, &self.unit)
        if queue_model == QueueModel.L3_FIFO:
            self.l3 = L3Book()

    def __dealloc__(self):
        free(self.open)
        free(self.closed)
        free(self.answers)

    # --- the exchange's events -----------------------------------------------------------------------------------

    cdef void depth(self, int side, const Level* levels, Py_ssize_t n, int64_t exch_ns) noexcept nogil:
        cdef uint64_t mask = self.own_mask[side]
        cdef int64_t before
        cdef Py_ssize_t i
        if self.n_open == 0:
            self.book.apply_stepping(side, levels, n)
            return
        if mask:
            for i in range(n):
                if (mask >> (levels[i].price_ticks & 63)) & 1:
                    self._level_changes(side, &levels[i])
        before = self.book.best_key(side)
        self.book.apply_stepping(side, levels, n)
        if self.book.best_key(side) > before:
            self._reached(1 - side, self.book.best_bid_ticks if side == 0 else self.book.best_ask_ticks, exch_ns)

    cdef void ticker(self, const Level* best, int64_t id, int64_t exch_ns) noexcept nogil:
        """Best bid and ask, newer than the book: what stands before them has gone, though no level message said so."""
        cdef int32_t i
        cdef int side
        if id <= self.book_id or id <= self.top_id:
            return
        self.depth(0, best, 1, exch_ns)
        self.depth(1, best + 1, 1, exch_ns)
        self.top_id = id
        for side in range(2):
            self.top_ticks[side] = best[side].price_ticks if best[side].qty_lots > 0 else self._behind(
                side, best[side].price_ticks)
        for i in range(self.n_open):
            side = self.open[i].side
            if self._before_top(side, self.open[i].price_ticks):
                queue_change(
                    &self.queue, &self.open[i].queue, <double>self.book.qty_at(side, self.open[i].price_ticks), 0.0)
        for side in range(2):
            if self.top_ticks[side] != 0:
                self._reached(1 - side, self.top_ticks[side], exch_ns)

    cdef int64_t _behind(self, int side, int64_t price_ticks) noexcept nogil:
        """The best price of the book that is worse than this one; 0: none."""
        cdef Level[MAX_WALK] levels
        cdef Py_ssize_t i, n = self.book.depth(side, levels, MAX_WALK)
        for i in range(n):
            if levels[i].price_ticks < price_ticks if side == 0 else levels[i].price_ticks > price_ticks:
                return levels[i].price_ticks
        return 0

    cdef bint _before_top(self, int side, int64_t price_ticks) noexcept nogil:
        """Whether nobody else stands at a price or before it, by a ticker that is newer than the book."""
        if self.top_id == 0 or self.top_ticks[side] == 0:
            return False
        return price_ticks > self.top_ticks[0] if side == Side.BUY else price_ticks < self.top_ticks[1]

    cdef int64_t _best(self, int side) noexcept nogil:
        """Best price of others on a side, the later of book and ticker; 0: none."""
        if self.top_id != 0 and self.top_ticks[side] != 0:
            return self.top_ticks[side]
        return self.book.best_ask_ticks if side else self.book.best_bid_ticks

    cdef double _ahead(self, int side, int64_t price_ticks) noexcept nogil:
        """What stands in the queue at a price."""
        if self._before_top(side, price_ticks):
            return 0.0
        return <double>self.book.qty_at(side, price_ticks)

    cdef void _level_changes(self, int side, const Level* level) noexcept nogil:
        cdef int32_t i
        cdef double before
        for i in range(self.n_open):
            if self.open[i].price_ticks == level.price_ticks and self.open[i].side == side:
                before = <double>self.book.qty_at(side, level.price_ticks)
                queue_change(&self.queue, &self.open[i].queue, before, <double>level.qty_lots)

    cdef void _reached(self, int side, int64_t price_ticks, int64_t exch_ns) noexcept nogil:
        """The other side's best came to our prices on `side`: whoever rests there has been met."""
        cdef int32_t i = 0
        cdef int64_t best = self.best_own[side]
        if best == 0 or (best < price_ticks if side == Side.BUY else best > price_ticks):
            return
        while i < self.n_open:
            if self.open[i].side == side and (
                self.open[i].price_ticks >= price_ticks if side == Side.BUY else self.open[i].price_ticks <= price_ticks
            ):
                self._fill_resting(i, self.open[i].qty_lots - self.open[i].filled_lots, exch_ns)
            else:
                i += 1

    cdef void trade(self, int taker_side, int64_t price_ticks, int64_t qty_lots, int64_t exch_ns) noexcept nogil:
        """Whoever took met our best prices first, and at one price our orders in the order of their arrival."""
        cdef int side = 1 - taker_side
        cdef int64_t at = self.best_own[side], left, executed
        cdef int64_t budget = qty_lots if self.partial else FOREVER
        cdef PaperOrder* order
        cdef int32_t i, before
        self.last_ticks = price_ticks
        while at != 0 and (at >= price_ticks if side == Side.BUY else at <= price_ticks):
            i = 0
            while i < self.n_open:
                order = &self.open[i]
                before = self.n_open
                if order.side == side and order.price_ticks == at:
                    left = order.qty_lots - order.filled_lots
                    if at != price_ticks:
                        executed = min(left, budget)
                    else:
                        queue_trade(&self.queue, &order.queue, <double>qty_lots)
                        executed = queue_executed(&order.queue)
                        if executed > 0:
                            executed = min(left, executed, budget) if self.partial else left
                    budget -= executed
                    self._fill_resting(i, executed, exch_ns)
                if self.n_open == before:
                    i += 1
            at = self._next_own(side, at)

    cdef int64_t _next_own(self, int side, int64_t price_ticks) noexcept nogil:
        """The best price of our orders on a side that is worse than this one; 0: none."""
        cdef int64_t found = 0, ticks
        cdef int32_t i
        for i in range(self.n_open):
            ticks = self.open[i].price_ticks
            if self.open[i].side != side:
                continue
            if side == Side.BUY:
                if found < ticks < price_ticks:
                    found = ticks
            elif ticks > price_ticks and (found == 0 or ticks < found):
                found = ticks
        return found

    cdef int l3_event(self, int kind, int64_t order_id, int side, const Level* level, int64_t exch_ns) except -1:
        cdef Level change
        cdef int i, n
        cdef int32_t j, at
        if self.l3 is None:
            self.l3 = L3Book()
        n = l3_apply(self.l3, kind, order_id, side, level)
        for i in range(n):
            change.price_ticks, change.qty_lots = self.l3.changes[i].price_ticks, self.l3.changes[i].new_lots
            self.depth(self.l3.changes[i].side, &change, 1, exch_ns)
        if kind == TapeKind.L3_FILL and self.queue.model == QueueModel.L3_FIFO:
            for j in range(self.l3.n_executed):
                at = self._find(self.l3.executed[j])
                if at >= 0:
                    self._fill_resting(at, self.open[at].qty_lots - self.open[at].filled_lots, exch_ns)
        return 0

    cdef void liquidate(self, int64_t exch_ns) noexcept nogil:
        cdef PaperOrder order
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
        self._fill(&order, order.price_ticks, order.qty_lots, False, exch_ns)
        # No order of this session: the fill counts all the same.
        self.answers[(self.tail - 1) & (self.room - 1)].update.owner = Owner.OURS_BEFORE

    def set_fees(self, int64_t maker_e9, int64_t taker_e9) -> None:
        """Other fees from now on, in 1e-9 of notional."""
        self.maker_e9, self.taker_e9 = maker_e9, taker_e9

    cdef void fund(self, int64_t amount_e8, int64_t exch_ns) noexcept nogil:
        cdef PaperOrder nobody
        memset(&nobody, 0, sizeof(nobody))
        cdef Answer* answer = self._answer(&nobody, FUNDING, 0, exch_ns)
        if answer != NULL:
            answer.update.fee_e8 = amount_e8

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

    cdef void refuse(self, const Command* command, int64_t id, int64_t ts_ns) noexcept nogil:
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
        cdef int64_t earlier_ns = self.last_answer_ns
        cdef Answer* answer = self._answer(&order, kind, command.kind, ts_ns)
        self.last_answer_ns = max(ts_ns, earlier_ns)        # the wait is over: no way back is added
        if answer != NULL:
            answer.due_ns = self.last_answer_ns

    cdef void _place(self, const Command* command, int64_t id, int64_t exch_ns) noexcept nogil:
        cdef PaperOrder order
        cdef Answer* answer
        cdef int64_t closing
        memset(&order, 0, sizeof(order))
        order.num, order.id, order.side = command.order_num, id, command.side
        order.price_ticks, order.qty_lots = command.price_ticks, command.qty_lots
        order.time_in_force, order.reduce_only = command.time_in_force, command.reduce_only
        if order.reduce_only:
            closing = self.position_lots if order.side == Side.SELL else -self.position_lots
            if closing <= 0:
                answer = self._answer(&order, OrderEventKind.REJECT, command.kind, exch_ns)
                if answer != NULL:
                    answer.update.reason = REASON_REDUCE_ONLY
                self._keep(&order, OrderState.REJECTED)
                return
            order.qty_lots = min(order.qty_lots, closing)
        if self._crosses(order.side, order.price_ticks):
            if order.time_in_force == TimeInForce.GTX or self._meets_own(&order, exch_ns):
                self.expired += 1
                self._answer(&order, OrderEventKind.EXPIRE, command.kind, exch_ns)
                self._keep(&order, OrderState.EXPIRED)
                return
            self._take(&order, exch_ns)
            if order.filled_lots == order.qty_lots:
                self._keep(&order, OrderState.FILLED)
                return
        if order.time_in_force == TimeInForce.IOC or order.time_in_force == TimeInForce.FOK:
            self._answer(&order, OrderEventKind.EXPIRE, command.kind, exch_ns)
            self._keep(&order, OrderState.EXPIRED)
            return
        self._rest(&order, exch_ns)

    cdef bint _crosses(self, int side, int64_t price_ticks) noexcept nogil:
        cdef int64_t best = self._best(1 - side)
        return best != 0 and (price_ticks >= best if side == Side.BUY else price_ticks <= best)

    cdef bint _meets_own(self, const PaperOrder* order, int64_t exch_ns) noexcept nogil:
        """Settle a meeting with our own resting orders; True: the taking one goes."""
        cdef int32_t i = 0
        cdef int64_t best = self.best_own[1 - order.side]
        if self.self_trade == SelfTrade.IGNORED or best == 0 or (
            order.price_ticks < best if order.side == Side.BUY else order.price_ticks > best
        ):
            return False
        if self.self_trade == SelfTrade.EXPIRE_TAKER:
            return True
        while i < self.n_open:
            if self.open[i].side != order.side and (
                self.open[i].price_ticks <= order.price_ticks if order.side == Side.BUY
                else self.open[i].price_ticks >= order.price_ticks
            ):
                self._answer(&self.open[i], OrderEventKind.EXPIRE, 0, exch_ns)
                self._close(i, OrderState.EXPIRED)
            else:
                i += 1
        return False

    cdef int64_t _take(self, PaperOrder* order, int64_t exch_ns) noexcept nogil:
        """Fill what takes: whole at the other side's best, or level by level as far as price and depth go."""
        cdef Level[MAX_WALK] levels
        cdef Py_ssize_t n, i, first = 0
        cdef int64_t reachable = 0, lots
        cdef bint buys = order.side == Side.BUY
        if not self.partial:
            self._fill(order, self._best(1 - order.side), order.qty_lots, False, exch_ns)
            return order.qty_lots
        n = self.book.depth(1 - order.side, levels, MAX_WALK)
        while first < n and self._before_top(1 - order.side, levels[first].price_ticks):
            first += 1
        for i in range(first, n):
            if levels[i].price_ticks > order.price_ticks if buys else levels[i].price_ticks < order.price_ticks:
                n = i
                break
            reachable += levels[i].qty_lots
        if order.time_in_force == TimeInForce.FOK and reachable < order.qty_lots:
            return 0
        for i in range(first, n):
            lots = min(levels[i].qty_lots, order.qty_lots - order.filled_lots)
            if lots == 0:
                break
            self._fill(order, levels[i].price_ticks, lots, False, exch_ns)
        return order.filled_lots

    cdef void _rest(self, const PaperOrder* order, int64_t exch_ns) noexcept nogil:
        cdef PaperOrder* kept
        cdef Answer* answer
        if self.n_open == self.capacity:
            kept = <PaperOrder*>realloc(self.open, 2 * self.capacity * sizeof(PaperOrder))
            if kept == NULL:
                self.failed = True
                return
            self.open = kept
            self.capacity *= 2
        kept = &self.open[self.n_open]
        kept[0] = order[0]
        kept.state = OrderState.PARTIALLY_FILLED if order.filled_lots else OrderState.LIVE
        queue_enter(&self.queue, &kept.queue, self._ahead(order.side, order.price_ticks))
        if self.queue.model == QueueModel.L3_FIFO:
            self.failed |= self.l3.own_add(
                order.num, order.side, order.price_ticks, order.qty_lots - order.filled_lots) != 0
        self.n_open += 1
        self._note_own()
        answer = self._answer(kept, OrderEventKind.ACK, CommandKind.PLACE, exch_ns)
        if answer != NULL:
            answer.front_lots = kept.queue.front_lots

    cdef void _amend(self, const Command* command, int64_t exch_ns) noexcept nogil:
        """Other terms for a resting order; only a smaller quantity at the same price keeps its place in the queue."""
        cdef int32_t i = self._find(command.order_num)
        cdef PaperOrder* order
        cdef PaperOrder moved
        if i < 0:
            memset(&moved, 0, sizeof(moved))
            moved.num, moved.id, moved.side = command.order_num, command.venue_order_id, command.side
            self._answer(&moved, OrderEventKind.NOT_FOUND, command.kind, exch_ns)
            return
        order = &self.open[i]
        if command.qty_lots <= order.filled_lots:
            self._answer(order, OrderEventKind.CANCEL, command.kind, exch_ns)
            self._close(i, OrderState.CANCELED)
            return
        if order.time_in_force == TimeInForce.GTX and self._crosses(order.side, command.price_ticks):
            self._answer(order, OrderEventKind.AMEND_REJECT, command.kind, exch_ns)
            return
        if command.price_ticks != order.price_ticks or command.qty_lots > order.qty_lots:
            moved = order[0]
            memmove(order, order + 1, (self.n_open - i - 1) * sizeof(PaperOrder))
            order = &self.open[self.n_open - 1]
            order[0] = moved
            order.price_ticks = command.price_ticks
            queue_enter(&self.queue, &order.queue, self._ahead(order.side, order.price_ticks))
        order.qty_lots = command.qty_lots
        if self.queue.model == QueueModel.L3_FIFO:
            self.l3.own_modify(order.num, order.price_ticks, order.qty_lots - order.filled_lots)
        self._note_own()
        self._answer(order, OrderEventKind.AMEND, command.kind, exch_ns)

    # --- orders ----------------------------------------------------------------------------------------------------

    cdef int32_t _find(self, uint64_t num) noexcept nogil:
        cdef int32_t i
        for i in range(self.n_open):
            if self.open[i].num == num:
                return i
        return -1

    cdef void _keep(self, const PaperOrder* order, int8_t state) noexcept nogil:
        cdef PaperOrder* kept = &self.closed[self.n_closed & (CLOSED_KEPT - 1)]
        kept[0] = order[0]
        kept.state = state
        self.n_closed += 1

    cdef void _close(self, int32_t index, int8_t state) noexcept nogil:
        self._keep(&self.open[index], state)
        if self.l3 is not None:
            self.l3.own_cancel(self.open[index].num)
        self.n_open -= 1
        memmove(&self.open[index], &self.open[index + 1], (self.n_open - index) * sizeof(PaperOrder))
        self._note_own()

    cdef void _note_own(self) noexcept nogil:
        cdef int32_t i
        cdef int64_t ticks
        self.own_mask[0] = self.own_mask[1] = 0
        self.best_own[0] = self.best_own[1] = 0
        for i in range(self.n_open):
            ticks = self.open[i].price_ticks
            self.own_mask[self.open[i].side] |= <uint64_t>1 << (ticks & 63)
            if self.open[i].side == Side.BUY:
                self.best_own[0] = max(self.best_own[0], ticks)
            elif self.best_own[1] == 0 or ticks < self.best_own[1]:
                self.best_own[1] = ticks

    cdef void _fill_resting(self, int32_t index, int64_t lots, int64_t exch_ns) noexcept nogil:
        cdef PaperOrder* order = &self.open[index]
        if lots <= 0:
            return
        self._fill(order, order.price_ticks, lots, True, exch_ns)
        if order.filled_lots == order.qty_lots:
            self._close(index, OrderState.FILLED)
        else:
            order.state = OrderState.PARTIALLY_FILLED

    cdef void _fill(
        self, PaperOrder* order, int64_t price_ticks, int64_t lots, bint maker, int64_t exch_ns,
    ) noexcept nogil:
        cdef Answer* answer
        cdef int16_t asset = self.settle_asset
        order.filled_lots += lots
        self.position_lots += lots if order.side == Side.BUY else -lots
        self.trade_id += 1
        self.fills += 1
        answer = self._answer(order, OrderEventKind.FILL, 0, exch_ns)
        if answer == NULL:
            return
        answer.update.last_price_ticks, answer.update.last_qty_lots = price_ticks, lots
        answer.update.trade_id, answer.update.maker = self.trade_id, maker
        answer.update.fee_e8 = self._fee(order, price_ticks, lots, maker, &asset)
        answer.update.fee_asset = asset

    cdef int64_t _fee(
        self, const PaperOrder* order, int64_t price_ticks, int64_t lots, bint maker, int16_t* asset,
    ) noexcept nogil:
        """In 1e-8 of its asset, what earlier roundings left over included."""
        cdef int64_t rate = self.maker_e9 if maker else self.taker_e9
        cdef int128 exact, denominator
        cdef int128 fee
        if self.fee_in_received and order.side == Side.BUY:
            asset[0] = self.base_asset
            denominator = <int128>1_000_000_000
            exact = <int128>(lots * self.base_lot_e8) * <int128>rate + self.base_carry
            fee = div_half_even(exact, denominator)
            self.base_carry = exact - fee * denominator
            return saturate64(fee)
        exact = value_of(&self.unit, price_ticks, lots)
        if exact < <int128>0:
            exact = -exact
        denominator = <int128>self.unit.e8_den * <int128>1_000_000_000
        exact = exact * <int128>rate * <int128>self.unit.e8_num + self.fee_carry
        fee = div_half_even(exact, denominator)
        self.fee_carry = exact - fee * denominator
        return saturate64(fee)

    # --- answers -----------------------------------------------------------------------------------------------------

    cdef Answer* _answer(self, const PaperOrder* order, int8_t kind, int8_t request, int64_t exch_ns) noexcept nogil:
        """A new answer about an order, filled in as far as all kinds have in common; NULL without memory."""
        cdef Answer* grown
        cdef Answer* answer
        cdef int64_t i
        if self.tail - self.head == self.room:
            grown = <Answer*>malloc(2 * self.room * sizeof(Answer))
            if grown == NULL:
                self.failed = True
                return NULL
            for i in range(self.head, self.tail):
                grown[i & (2 * self.room - 1)] = self.answers[i & (self.room - 1)]
            free(self.answers)
            self.answers = grown
            self.room *= 2
        answer = &self.answers[self.tail & (self.room - 1)]
        self.tail += 1
        memset(answer, 0, sizeof(Answer))
        answer.front_lots = NAN
        # Answers keep their order: one that would overtake an earlier one comes with it.
        self.last_answer_ns = max(
            exch_ns + self.latency.response_ns(exch_ns, self.feed_latency_ns), self.last_answer_ns)
        answer.due_ns = self.last_answer_ns
        answer.update.exch_ts_ns, answer.update.order_num = exch_ns, order.num
        answer.update.venue_order_id = order.id
        answer.update.price_ticks, answer.update.qty_lots = order.price_ticks, order.qty_lots
        answer.update.cum_filled_lots = order.filled_lots
        answer.update.market, answer.update.kind, answer.update.side = self.index, kind, order.side
        answer.update.maker, answer.update.owner, answer.update.request = -1, Owner.OURS, request
        return answer

    cdef const Answer* pop(self) noexcept nogil:
        self.head += 1
        return &self.answers[(self.head - 1) & (self.room - 1)]
