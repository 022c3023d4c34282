"""Our orders in a modelled market; see ``resting.pxd``. What each model means: ``docs/backtest/models.md``."""

from libc.math cimport NAN
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memmove, memset

from mmbot._core.book cimport Book
from mmbot._core.exact cimport div_half_even, int128, saturate64
from mmbot._core.l3 cimport L3Book
from mmbot._core.order_latency cimport OrderLatency
from mmbot._core.position cimport value_of, value_unit_of
from mmbot._core.queue_models cimport QueueModel, queue_change, queue_enter, queue_executed, queue_trade
from mmbot._core.tape cimport TapeKind
from mmbot._core.types cimport Instrument, Level, OrderEventKind, OrderState, Owner, Side

cdef enum:
    FIRST_ROOM = 64


cdef extern from *:
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


cdef class RestingOrders:
    """One market of the modelled venue, without a way for requests: see `PaperMarket`.

    Args:
        index: the market's index in the engine.
        instrument: its units.
        latency: way of requests and answers.
        queue_model, queue_n: a `QueueModel` and its exponent.
        partial: fills take what trades, or stands in the book; else an order fills whole, at the first touch.
        as_hftbacktest: that program's ways where ours differ: a request refused on its way keeps its place among the
            answers, and a `partial` order that is traded through fills whole.
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
        double queue_n=1.0, bint partial=False, bint as_hftbacktest=False, int64_t maker_fee_e9=0,
        int64_t taker_fee_e9=0, int self_trade=0, int settle_asset=0, int base_asset=0, bint fee_in_received=False,
    ):
        self.index, self.instrument, self.latency = index, instrument, latency
        self.book = Book()
        self.queue.model, self.queue.n, self.queue.unit = queue_model, queue_n, float(instrument.lot_size)
        self.partial, self.as_hftbacktest, self.self_trade = partial, as_hftbacktest, self_trade
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
        cdef int64_t budget = qty_lots if self.partial and not self.as_hftbacktest else FOREVER
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

    def set_fees(self, int64_t maker_e9, int64_t taker_e9) -> None:
        """Other fees from now on, in 1e-9 of notional."""
        self.maker_e9, self.taker_e9 = maker_e9, taker_e9

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
        self._drop(index)

    cdef void _drop(self, int32_t index) noexcept nogil:
        """Take an order out of its queue, without a word."""
        if self.l3 is not None:
            self.l3.own_cancel(self.open[index].num)
        self.n_open -= 1
        memmove(&self.open[index], &self.open[index + 1], (self.n_open - index) * sizeof(PaperOrder))
        self._note_own()

    cdef PaperOrder* _rest(self, const PaperOrder* order) noexcept nogil:
        """Put an order at the back of its queue; NULL without memory."""
        cdef PaperOrder* kept
        if self.n_open == self.capacity:
            kept = <PaperOrder*>realloc(self.open, 2 * self.capacity * sizeof(PaperOrder))
            if kept == NULL:
                self.failed = True
                return NULL
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
        return kept

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
        """Fill one of them; of a reduce-only order no more than there is to reduce, and the rest of it goes."""
        cdef PaperOrder* order = &self.open[index]
        if lots <= 0:
            return
        if order.reduce_only:
            lots = min(lots, self._to_close(order.side))
        if lots > 0:
            self._fill(order, order.price_ticks, lots, True, exch_ns)
            order.state = OrderState.PARTIALLY_FILLED
        if order.filled_lots == order.qty_lots:
            self._close(index, OrderState.FILLED)
        elif order.reduce_only and self._to_close(order.side) <= 0:
            self._answer(order, OrderEventKind.EXPIRE, 0, exch_ns)
            self._close(index, OrderState.EXPIRED)

    cdef int64_t _to_close(self, int side) noexcept nogil:
        """How much of the position an order of a side would take away; 0 or less: nothing."""
        return self.position_lots if side == Side.SELL else -self.position_lots

    cdef Answer* _fill(
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
            return NULL
        answer.update.last_price_ticks, answer.update.last_qty_lots = price_ticks, lots
        answer.update.trade_id, answer.update.maker = self.trade_id, maker
        answer.update.fee_e8 = self._fee(order, price_ticks, lots, maker, &asset)
        answer.update.fee_asset = asset
        return answer

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
        cdef int64_t back_ns
        if kind == OrderEventKind.FILL:
            back_ns = self.latency.fill_ns(exch_ns, self.feed_latency_ns)
        else:
            back_ns = self.latency.response_ns(exch_ns, self.feed_latency_ns)
        # Answers keep their order: one that would overtake an earlier one comes with it.
        self.last_answer_ns = max(exch_ns + back_ns, self.last_answer_ns)
        return self._put(order, kind, request, exch_ns, self.last_answer_ns)

    cdef Answer* _put(
        self, const PaperOrder* order, int8_t kind, int8_t request, int64_t exch_ns, int64_t due_ns,
    ) noexcept nogil:
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
        i = self.tail
        self.tail += 1
        while i > self.head and self.answers[(i - 1) & (self.room - 1)].due_ns > due_ns:    # it waits for a refusal
            self.answers[i & (self.room - 1)] = self.answers[(i - 1) & (self.room - 1)]
            i -= 1
        answer = &self.answers[i & (self.room - 1)]
        memset(answer, 0, sizeof(Answer))
        answer.front_lots, answer.due_ns = NAN, due_ns
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
