"""The backtest's loop; see ``backtest.pxd``."""

from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport free, malloc, realloc

from mmbot._core.blotter cimport Blotter
from mmbot._core.engine cimport Engine
from mmbot._core.eventlog cimport EventKind
from mmbot._core.market cimport Market
from mmbot._core.orders cimport Order
from mmbot._core.l3 cimport L3Book
from mmbot._core.paper cimport PaperMarket
from mmbot._core.resting cimport FUNDING, Answer, l3_apply
from mmbot._core.solvency cimport Solvency
from mmbot._core.sync cimport Trust
from mmbot._core.tape cimport Tape, TapeFlag, TapeKind
from mmbot._core.types cimport Command, CommandKind, Level, OrderEventKind, OrderState

cdef extern from *:
    int64_t FOREVER "INT64_MAX"

cdef enum:
    FIRST_ROOM = 256
    DAY_NS = 86_400_000_000_000
    LOCAL = 0
    ANSWER, EXCHANGE, REQUEST   # kinds of happenings, in the order of a tie


cdef class Lane:
    """One market of a backtest.

    Args:
        market: the engine's side.
        paper: the venue's side.
        tapes: one or more, in the order of time.
        trust_from_start: the book counts before its first snapshot.
    """

    def __cinit__(self):
        self.room = FIRST_ROOM
        self.requests = <Request*>malloc(self.room * sizeof(Request))
        if self.requests == NULL:
            raise MemoryError

    def __init__(self, Market market not None, PaperMarket paper not None, list tapes not None, *,
                 bint trust_from_start=False):
        if not tapes or not all(isinstance(tape, Tape) for tape in tapes):
            raise TypeError(f"{market.id}: expected one or more tapes, found {tapes!r}")
        self.market, self.paper, self.tapes, self.trust_from_start = market, paper, tapes, trust_from_start
        for cursor in range(2):
            self._rewind(&self.exch if cursor else &self.local)
        self.next(&self.local, TapeFlag.LOCAL)
        self.next(&self.exch, TapeFlag.EXCH)

    def __dealloc__(self):
        free(self.requests)

    cdef void _rewind(self, Cursor* cursor) noexcept:
        cursor.chunk = NULL
        cursor.tape, cursor.index, cursor.at = 0, -1, 0
        cursor.ts_ns = FOREVER

    cdef int next(self, Cursor* cursor, int flag) noexcept:
        """Step to the next batch that has its place in this walk; -1: a chunk is damaged."""
        while True:
            cursor.at += 1
            if cursor.chunk == NULL or cursor.at >= cursor.chunk.batches:
                cursor.at = 0
                while True:
                    cursor.index += 1
                    if cursor.tape >= len(self.tapes):
                        cursor.chunk, cursor.ts_ns = NULL, FOREVER
                        return 0
                    if cursor.index >= (<Tape>self.tapes[cursor.tape]).n_chunks:
                        cursor.tape += 1
                        cursor.index = -1
                        continue
                    cursor.chunk = (<Tape>self.tapes[cursor.tape]).chunk(cursor.index)
                    if cursor.chunk == NULL:
                        cursor.ts_ns = FOREVER
                        return -1
                    if cursor.chunk.batches > 0:
                        break
            if cursor.chunk.flags[cursor.at] & flag:
                cursor.ts_ns = (cursor.chunk.local_ns if flag == TapeFlag.LOCAL else cursor.chunk.exch_ns)[cursor.at]
                return 0

    cdef Request* push(self) noexcept:
        """Room for one more request; NULL without memory."""
        cdef Request* grown
        cdef int64_t i
        if self.tail - self.head == self.room:
            grown = <Request*>malloc(2 * self.room * sizeof(Request))
            if grown == NULL:
                return NULL
            for i in range(self.head, self.tail):
                grown[i & (2 * self.room - 1)] = self.requests[i & (self.room - 1)]
            free(self.requests)
            self.requests = grown
            self.room *= 2
        self.tail += 1
        return &self.requests[(self.tail - 1) & (self.room - 1)]


cdef class Backtest:
    """A whole run: `run` plays everything and returns.

    Args:
        engine: assembled, its strategy started, with an empty outbox.
        blotter: where fills, orders and states are written.
        lanes: one for each market of the engine, in its order.
        start_ns: time before which the strategy is not asked.
        end_ns: time from which on nothing is played; 0: to the end.
        every_ns: how often the engine's clock moves when nothing else is due, and margin is looked at.
        open_ns: when the venues begin to take orders; 0: from the start.
        looks: the times at which the engine's clock moves, ascending: those of a session that is repeated. Without it,
            whenever a timer is due and every `every_ns`.
        daily: called without arguments at the first such look of each UTC day but the first.
    """

    def __cinit__(self):
        self.room_prints = FIRST_ROOM
        self.prints = <Print*>malloc(self.room_prints * sizeof(Print))
        if self.prints == NULL:
            raise MemoryError

    def __init__(self, Engine engine not None, Blotter blotter not None, tuple lanes not None, *, int64_t start_ns,
                 int64_t end_ns=0, int64_t every_ns=100_000_000, int64_t open_ns=0, const int64_t[::1] looks=None,
                 daily=None):
        if len(lanes) != len(engine.markets):
            raise ValueError(f"lanes: expected one for each of {len(engine.markets)} markets, found {len(lanes)}")
        if every_ns <= 0:
            raise ValueError(f"every_ns: expected a positive time, found {every_ns}")
        self.engine, self.blotter, self.lanes = engine, blotter, lanes
        self.solvency = Solvency(engine, tuple([(<Lane>lane).paper for lane in lanes]))
        self.start_ns, self.end_ns, self.every_ns = start_ns, end_ns or FOREVER, every_ns
        self.housekeeping_ns = start_ns + every_ns
        self.open_ns, self.opened = open_ns, open_ns <= start_ns
        self.looks = looks
        self.notes = []
        if self.opened:
            engine.open_venues()
        self.daily, self.day = daily, start_ns // <int64_t>DAY_NS

    def __dealloc__(self):
        free(self.prints)

    def run(self) -> None:
        """Play everything.

        Raises:
            TapeError: a tape is damaged; what was played until then stands.
            MemoryError: there was none left.
        """
        cdef int64_t ts_ns, due_ns, timer_ns = self._timer_ns(), others_ns
        cdef int kind, who, i, n = len(self.lanes)
        cdef bint over
        cdef Lane lane
        while True:
            ts_ns, who, kind = FOREVER, -1, 0
            others_ns = FOREVER                     # the earliest of all but the one found
            for i in range(n):
                lane = <Lane>self.lanes[i]
                if lane.local.ts_ns < ts_ns:
                    others_ns, ts_ns, who, kind = ts_ns, lane.local.ts_ns, i, LOCAL
                elif lane.local.ts_ns < others_ns:
                    others_ns = lane.local.ts_ns
                due_ns = lane.paper.due_ns()
                if due_ns < ts_ns:
                    others_ns, ts_ns, who, kind = ts_ns, due_ns, i, ANSWER
                elif due_ns < others_ns:
                    others_ns = due_ns
                if lane.exch.ts_ns < ts_ns:
                    others_ns, ts_ns, who, kind = ts_ns, lane.exch.ts_ns, i, EXCHANGE
                elif lane.exch.ts_ns < others_ns:
                    others_ns = lane.exch.ts_ns
                due_ns = lane.request_due_ns()
                if due_ns < ts_ns:
                    others_ns, ts_ns, who, kind = ts_ns, due_ns, i, REQUEST
                elif due_ns < others_ns:
                    others_ns = due_ns
            if ts_ns == FOREVER:
                break
            over = ts_ns >= self.end_ns
            if over:
                ts_ns = self.end_ns                 # what was due before it still comes
            if ts_ns > self.now_ns:
                if self.pending:
                    self._settle()
                    timer_ns = self._timer_ns()
                    continue
                if ts_ns > timer_ns:
                    self._time(timer_ns)
                    timer_ns = self._timer_ns()
                    continue
                self.now_ns = ts_ns
                self.blotter.advance(ts_ns)
            if over:
                break
            lane = <Lane>self.lanes[who]
            if kind == EXCHANGE:
                # Alone on the clock until the next happening elsewhere.
                others_ns = min(others_ns, timer_ns, self.end_ns)
                self._exchange(lane)
                while (lane.exch.ts_ns < others_ns and not self.pending and lane.paper.due_ns() > lane.exch.ts_ns
                        and not self.failed):
                    self._exchange(lane)
            elif kind == LOCAL:
                self._local(lane, who)
                while lane.local.ts_ns == ts_ns and not self.failed:
                    self._local(lane, who)
            elif kind == ANSWER:
                self._answer(lane)
                timer_ns = self._timer_ns()
            else:
                self._request(lane)
            if self.failed or lane.paper.failed:
                self._fail()
        self._finish()

    def _fail(self) -> None:
        for lane in self.lanes:
            for tape in (<Lane>lane).tapes:
                tape.check()        # says which chunk is damaged
        raise MemoryError("backtest: out of memory")

    def _finish(self) -> None:
        cdef Lane lane
        self.blotter.advance(self.now_ns)
        self.engine.now_ns = max(self.engine.now_ns, self.now_ns)
        for item in self.lanes:         # the last instant's prices value what is held, though nobody is asked any more
            lane = item
            if lane.touched:
                lane.market.refresh(self.now_ns)
            if lane.market.bid_lots > 0 and lane.market.ask_lots > 0:
                lane.market.pnl.on_mid(lane.market.bid_ticks + lane.market.ask_ticks)
        self._take_notes()

    cdef int _take_notes(self) except -1:
        if self.engine.notes.texts:
            for text in self.engine.take_notes():
                self.notes.append((self.now_ns, text))
        return 0

    # --- happenings --------------------------------------------------------------------------------------------------

    cdef int _local(self, Lane lane, int32_t index) except -1:
        """We see one batch: the book follows; the strategy is asked when the instant is complete."""
        cdef const Cursor* cursor = &lane.local
        cdef Py_ssize_t at = cursor.at
        cdef int kind = cursor.chunk.kind[at]
        cdef int side = cursor.chunk.side[at]
        cdef const Level* levels = &cursor.chunk.levels[cursor.chunk.first[at]]
        cdef Market market = lane.market
        cdef int64_t seq = cursor.chunk.seq[at]
        cdef Print* printed
        lane.paper.feed_latency_ns = cursor.chunk.local_ns[at] - cursor.chunk.exch_ns[at]
        if kind == TapeKind.DEPTH or kind == TapeKind.SNAPSHOT:
            market.book.apply_stepping(side, levels, cursor.chunk.count[at])
            # A book that was merely silent goes on with its next message, as it does live.
            if kind == TapeKind.SNAPSHOT or lane.trust_from_start or market.sync.status == Trust.STALE:
                market.sync.status = Trust.TRUSTED
            market.sync.recv_ts_ns = cursor.ts_ns
            if seq > market.sync.last_id:
                market.sync.last_id = seq
            lane.touched = True
        elif kind == TapeKind.TRADE:
            if self.n_prints == self.room_prints and not self._more_prints():
                raise MemoryError
            printed = &self.prints[self.n_prints]
            self.n_prints += 1
            printed.price_ticks, printed.qty_lots = levels[0].price_ticks, levels[0].qty_lots
            printed.lane, printed.side = index, side
            lane.traded = True
        elif kind == TapeKind.TICKER:
            if seq > market.ticker_id:
                market.ticker_id = seq
                market.ticker[0], market.ticker[1] = levels[0].price_ticks, levels[0].qty_lots
                market.ticker[2], market.ticker[3] = levels[1].price_ticks, levels[1].qty_lots
                lane.touched = True
        elif kind == TapeKind.CLEAR:
            market.book.clear_to(side, levels[0].price_ticks)
            if lane.l3 is not None:
                lane.l3.clear(side)
            lane.touched = True
        elif kind == TapeKind.MARK:
            market.mark_price, market.index_price = 1e-8 * levels[0].price_ticks, 1e-8 * levels[0].qty_lots
            market.funding_rate, market.next_funding_ns = 1e-12 * levels[1].price_ticks, levels[1].qty_lots
            self.engine.hedges.price(market.index)
        elif kind == TapeKind.GAP:
            market.sync.status = Trust.GAP
            lane.touched = True
        elif kind >= TapeKind.L3_ADD:
            self._local_l3(lane, kind, seq, side, levels)
        self.pending = True
        if lane.next(&lane.local, TapeFlag.LOCAL) != 0:
            self.failed = True
        return 0

    cdef int _local_l3(self, Lane lane, int kind, int64_t order_id, int side, const Level* level) except -1:
        cdef Level change
        cdef int i, n
        if lane.l3 is None:
            lane.l3 = L3Book()
        n = l3_apply(lane.l3, kind, order_id, side, level)
        for i in range(n):
            change.price_ticks, change.qty_lots = lane.l3.changes[i].price_ticks, lane.l3.changes[i].new_lots
            lane.market.book.apply_stepping(lane.l3.changes[i].side, &change, 1)
        if n > 0:
            lane.market.sync.status, lane.market.sync.recv_ts_ns = Trust.TRUSTED, self.now_ns
            lane.touched = True
        return 0

    cdef bint _more_prints(self) noexcept:
        cdef Print* grown = <Print*>realloc(self.prints, 2 * self.room_prints * sizeof(Print))
        if grown == NULL:
            return False
        self.prints = grown
        self.room_prints *= 2
        return True

    cdef int _exchange(self, Lane lane) except -1:
        """One batch happens at the exchange."""
        cdef const Cursor* cursor = &lane.exch
        cdef Py_ssize_t at = cursor.at
        cdef int kind = cursor.chunk.kind[at]
        cdef int side = cursor.chunk.side[at]
        cdef const Level* levels = &cursor.chunk.levels[cursor.chunk.first[at]]
        if kind == TapeKind.DEPTH or kind == TapeKind.SNAPSHOT:
            lane.paper.depth(side, levels, cursor.chunk.count[at], cursor.ts_ns)
            lane.paper.at_id(cursor.chunk.seq[at])
        elif kind == TapeKind.TICKER:
            lane.paper.ticker(levels, cursor.chunk.seq[at], cursor.ts_ns)
        elif kind == TapeKind.TRADE:
            lane.paper.trade(side, levels[0].price_ticks, levels[0].qty_lots, cursor.ts_ns)
        elif kind == TapeKind.CLEAR:
            lane.paper.book.clear_to(side, levels[0].price_ticks)
            if lane.paper.l3 is not None:
                lane.paper.l3.clear(side)
        elif kind == TapeKind.MARK:
            lane.paper.mark(levels, cursor.ts_ns)
        elif kind >= TapeKind.L3_ADD:
            lane.paper.l3_event(kind, cursor.chunk.seq[at], side, levels, cursor.ts_ns)
        if lane.next(&lane.exch, TapeFlag.EXCH) != 0:
            self.failed = True
        return 0

    cdef int _settle(self) except -1:
        """The instant is complete: tell the strategy, bring the orders in line, send."""
        cdef Engine engine = self.engine
        cdef Lane lane
        cdef Market market
        cdef Print* printed
        cdef Py_ssize_t i
        self.pending = False
        if self.now_ns < self.start_ns:
            for i in range(len(self.lanes)):
                lane = <Lane>self.lanes[i]
                if lane.touched:
                    lane.market.refresh(self.now_ns)
                    engine.execution.gate.set_reference(lane.market.index, lane.market.reference_ticks())
                lane.touched = lane.traded = False
            self.n_prints = 0
            return 0
        engine.begin(EventKind.FRAME, 0, self.now_ns, NULL, 0)
        self.steps += 1
        for i in range(self.n_prints):
            printed = &self.prints[i]
            market = (<Lane>self.lanes[printed.lane]).market
            market.last_trade_ticks, market.last_trade_lots = printed.price_ticks, printed.qty_lots
            market.signals.on_trade(printed.side, printed.price_ticks, printed.qty_lots, self.now_ns)
            engine.host.on_trade(market, printed.side, printed.price_ticks, printed.qty_lots)
        self.n_prints = 0
        for i in range(len(self.lanes)):        # all of them first: whoever is asked about one market sees the others
            lane = <Lane>self.lanes[i]
            lane.was_trusted = lane.market.trusted
            lane.changed = lane.touched and lane.market.refresh(self.now_ns)
            if lane.touched:
                engine.hedges.price(lane.market.index)
        for i in range(len(self.lanes)):
            lane = <Lane>self.lanes[i]
            if lane.changed or (lane.touched or lane.traded) and engine.wake_always:
                engine.touched(lane.market, lane.was_trusted, 0)
            elif lane.traded:
                engine.quoter.follow(lane.market)
            lane.touched = lane.traded = False
        engine.end()
        return self._drain()

    cdef int _answer(self, Lane lane) except -1:
        cdef const Answer* answer = lane.paper.pop()
        cdef Engine engine = self.engine
        cdef const Order* order
        cdef int32_t slot
        if answer.update.kind == FUNDING:
            engine.begin(EventKind.ACCOUNT, 0, self.now_ns, NULL, 0)
            engine.order_flow.funding(lane.market, answer.update.fee_e8, self.now_ns)
            engine.end()
            return self._drain()
        if answer.update.kind == OrderEventKind.ACK:
            self.blotter.order_arrived(answer.update.order_num, answer.update.exch_ts_ns)
            self.blotter.set_front(answer.update.order_num, answer.front_lots)
        elif answer.update.kind == OrderEventKind.AMEND:
            self.blotter.order_amended(
                answer.update.order_num, answer.update.price_ticks, answer.update.qty_lots)
        engine.order(&answer.update, self.now_ns)
        self.blotter.collect()      # before the end of its order, which states the final quantity
        slot = engine.execution.table.find(answer.update.order_num)
        if slot >= 0:
            order = engine.execution.table.at(slot)
            if order.state >= OrderState.FILLED:
                self.blotter.order_ended(order.num, order.state, order.filled_lots, self.now_ns)
        return self._drain()

    cdef void _request(self, Lane lane) noexcept:
        cdef const Request* request = &lane.requests[lane.head & (lane.room - 1)]
        lane.head += 1
        lane.paper.request(&request.command, request.id, request.due_ns)

    cdef int64_t _timer_ns(self) noexcept:
        cdef int64_t due_ns = self.housekeeping_ns, order_ns = self.engine.execution.table.next_deadline_ns
        if not self.opened and self.open_ns < due_ns:
            due_ns = self.open_ns
        if self.looks is not None:
            if self.next_look < self.looks.shape[0] and self.looks[self.next_look] < due_ns:
                due_ns = self.looks[self.next_look]
            return due_ns if due_ns > self.now_ns else self.now_ns
        if order_ns < due_ns:
            due_ns = order_ns
        if self.engine.host.active is not None and self.engine.host.active.next_timer_ns < due_ns:
            due_ns = self.engine.host.active.next_timer_ns
        return due_ns if due_ns > self.now_ns else self.now_ns

    cdef int _time(self, int64_t ts_ns) except -1:
        """Nothing more happens until `ts_ns`, when something is due."""
        self.now_ns = ts_ns
        self.blotter.advance(ts_ns)
        if not self.opened and self.open_ns <= ts_ns:
            self.opened = True
            self.engine.open_venues()
            return self._drain()
        if self.housekeeping_ns <= ts_ns:
            while self.housekeeping_ns <= ts_ns:
                self.housekeeping_ns += self.every_ns
            if ts_ns // <int64_t>DAY_NS != self.day:
                self.day = ts_ns // <int64_t>DAY_NS
                if self.daily is not None:
                    self.daily()
            self._watch_margin()
            if self.looks is not None and (
                self.next_look == self.looks.shape[0] or self.looks[self.next_look] > ts_ns
            ):
                return self._drain()
        while self.looks is not None and self.next_look < self.looks.shape[0] and self.looks[self.next_look] <= ts_ns:
            self.next_look += 1
        self.steps += 1
        self.engine.on_time(ts_ns)
        return self._drain()

    cdef int _watch_margin(self) except -1:
        """Let the venue liquidate an account that does not hold what its positions need."""
        cdef Lane lane
        if self.liquidated or not self.solvency.look():
            return 0
        self.liquidated = True
        equity, needed = self.solvency.equity, self.solvency.needed
        self.notes.append((self.now_ns, f"liquidated: equity {equity:.8g}, maintenance margin {needed:.8g}"))
        for item in self.lanes:
            lane = item
            if self.solvency.concerns(lane.market.index):
                lane.paper.liquidate(self.now_ns)
        self.engine.on_command(b'{"op": "stop"}', self.now_ns)
        return 0

    cdef int _drain(self) except -1:
        """Send what waits in the outbox on its way."""
        cdef Command command
        cdef Lane lane
        cdef Request* request
        cdef int64_t latency_ns, id
        if self.engine.notes.texts:
            self._take_notes()
        while self.engine.execution.pop(&command):
            if command.kind == CommandKind.RESYNC or command.kind == CommandKind.RECONCILE:
                continue
            lane = <Lane>self.lanes[command.market]
            id = 0
            if command.kind == CommandKind.PLACE:
                self.placed += 1
                id = self.placed
                self.blotter.order_placed(
                    command.order_num, command.market, command.side, command.purpose, command.time_in_force,
                    command.price_ticks, command.qty_lots, self.now_ns)
            latency_ns = lane.paper.latency.entry_ns(self.now_ns, lane.paper.feed_latency_ns)
            if latency_ns < 0:                      # it never gets there
                lane.paper.refuse(&command, id, self.now_ns - latency_ns)
                continue
            request = lane.push()
            if request == NULL:
                raise MemoryError
            # Requests keep their order: one that would overtake an earlier one arrives with it.
            lane.last_request_ns = max(self.now_ns + latency_ns, lane.last_request_ns)
            request.due_ns, request.command, request.id = lane.last_request_ns, command, id
        return 0
