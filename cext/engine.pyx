"""The deterministic core; see ``engine.pxd`` and ``docs/architecture.md`` (the journey of one frame)."""

import json

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_GET_SIZE
from libc.math cimport fabs, isnan, llround
from libc.stdint cimport int64_t, uint8_t, uint16_t
from libc.string cimport memset

from mmbot._core.decode cimport Decoder
from mmbot._core.eventlog cimport EventKind, EventRing
from mmbot._core.execution cimport Execution
from mmbot._core.gate cimport MAX_MARKETS, MarketRisk
from mmbot._core.hedge cimport HedgeGroup, take_out
from mmbot._core.host cimport HostState, PluginHost
from mmbot._core.latency cimport Hop, LatencyBoard
from mmbot._core.limits cimport Cause, RiskLevel, SessionLimits, Transition
from mmbot._core.margin cimport maintenance_margin
from mmbot._core.market cimport Market
from mmbot._core.message cimport MessageKind
from mmbot._core.orders cimport Anomaly, ApplyResult, Order
from mmbot._core.position cimport MAX_ASSETS
from mmbot._core.quoting cimport QuoteSet
from mmbot._core.reconcile cimport Reconciler
from mmbot._core.strategy cimport Fill, OrderView, Strategy
from mmbot._core.sync cimport SyncResult
from mmbot._core.types cimport (
    CommandKind, CommandView, OrderEvent, OrderEventKind, OrderState, OrderUpdate, Owner, Purpose,
)

from mmbot._core import limits as limit_names

MAX_NOTES = 1000

cdef enum:
    HOUR_NS = 3600000000000
    MISSING_FILL_NS = 1000000000
    FREE_ASKS = 3               # snapshots asked for without a pause
    ASK_PAUSE_NS = 1000000000
    FORGET_ASKS_NS = 10000000000
    LATENCY_SAMPLE = 100        # messages that a look at the budget wants


cdef class Engine:
    """One bot's core. Every method named ``on_*`` is one event; each returns how many commands wait in the outbox.

    It owns no time: `recv_ns` and `ts_ns` are UTC nanoseconds stamped outside, and journalled with the event. The same
    events in the same order give the same commands, which is what ``mmbot replay --verify`` checks.

    Args:
        markets: all markets, by index.
        decoders: one `Decoder` for each market-data feed.
        execution: the way out, with table, gate and budgets.
        host: the plugin host.
        limits: session limits, configured.
        groups: hedge groups.
        reconciler: picture comparison.
        latency: where hop durations are counted.
        venue_of: venue index of each market.
        feed_of: a feed of each market's venue, whose decoder knows it.
        settle_assets, base_assets: fee-table index of each market's settle and base asset.
        ring: the journal's ring; None: nothing is journalled.
        latency_budget_ns: 99th percentile of the way from venue to us that is a breach; 0: not watched.
        stale_ns: a book without a message for this long is not quoted on.
        flatten_slippage: fraction of the touch that a flattening order may pay.
        patient: wanted and working are compared only when the strategy declares, not after each order event.
        wake_always: `on_book` also for messages that leave the best prices as they were, and after trades.
    """

    def __init__(
        self, tuple markets, tuple decoders, Execution execution, PluginHost host, SessionLimits limits, tuple groups,
        Reconciler reconciler, LatencyBoard latency, *, venue_of, feed_of, settle_assets, base_assets,
        EventRing ring=None,
        int64_t stale_ns=3_000_000_000, int64_t latency_budget_ns=0, double flatten_slippage=0.005,
        bint patient=False, bint wake_always=False,
    ):
        cdef int i
        self.patient, self.wake_always = patient, wake_always
        for group in groups:
            (<HedgeGroup>group).held = patient
        self.markets, self.decoders, self.execution, self.host = markets, decoders, execution, host
        self.limits, self.groups, self.reconciler, self.latency = limits, groups, reconciler, latency
        self.ring, self.stale_ns, self.flatten_slippage = ring, stale_ns, flatten_slippage
        self.latency_budget_ns = latency_budget_ns
        self.executions, self.notes = [], []
        for i in range(len(markets)):
            self.venue_of[i], self.group_of[i] = venue_of[i], -1
            self.settle_asset[i], self.base_asset[i] = settle_assets[i], base_assets[i]
            self.first_feed[i] = feed_of[i]
        for i, group in enumerate(groups):
            for market in (*(<HedgeGroup>group).makers, *(<HedgeGroup>group).hedges):
                self.group_of[(<Market>market).index] = i
        memset(&self.nothing, 0, sizeof(QuoteSet))

    # --- market data -------------------------------------------------------------------------------------------------

    def on_frame(self, int feed, payload, int64_t recv_ns) -> int:
        """One websocket payload of market-data feed `feed`, received at `recv_ns`; commands leave when connected."""
        cdef Py_buffer view
        cdef int waiting
        if not 0 <= feed < len(self.decoders):
            raise IndexError(f"feed {feed}: this engine has {len(self.decoders)}")
        if PyBytes_CheckExact(payload):
            waiting = self.frame(feed, PyBytes_AS_STRING(payload), PyBytes_GET_SIZE(payload), recv_ns)
        else:
            PyObject_GetBuffer(payload, &view, PyBUF_SIMPLE)
            try:
                waiting = self.frame(feed, <const char*>view.buf, view.len, recv_ns)
            finally:
                PyBuffer_Release(&view)
        if waiting and self.outlets is not None:
            self.execution.dispatch(self.outlets)
            return 0
        return waiting

    cdef int frame(self, int feed, const char* p, Py_ssize_t n, int64_t recv_ns) except -1:
        cdef int64_t t = self.latency.start()
        cdef Decoded* d = &self.message
        cdef Market market
        cdef bint was_trusted, changed
        self.latency.received(recv_ns)
        self._begin(EventKind.FRAME, <uint16_t>feed, recv_ns, p, n)
        self.frames += 1
        cdef int kind = (<Decoder>self.decoders[feed]).decode(p, n, d)
        t = self.latency.lap(Hop.DECODE, t)
        if kind == MessageKind.BAD:
            self.bad_frames += 1
            return self._end()
        if kind >= MessageKind.CONTROL or d.market < 0:
            return self._end()
        market = self.markets[d.market]
        was_trusted = market.trusted
        if d.event_ts_ns > 0:
            self._feed_latency(recv_ns + self.clock_offset_ns[self.venue_of[market.index]] - d.event_ts_ns)
        if kind == MessageKind.DEPTH or kind == MessageKind.BOOK_TICKER:
            if kind == MessageKind.DEPTH:
                market.feed = feed
                changed = market.on_depth(d, self.now_ns)
                if market.sync.need_snapshot:
                    self._ask_snapshot(market)
            else:
                changed = market.on_ticker(d, self.now_ns)
            t = self.latency.lap(Hop.BOOK, t)
            if changed or self.wake_always:
                self._touched(market, was_trusted)
        elif kind == MessageKind.TRADE or kind == MessageKind.AGG_TRADE:
            if d.is_market:
                market.last_trade_ticks, market.last_trade_lots = d.price_ticks, d.qty_lots
                market.signals.on_trade(d.taker_side, d.price_ticks, d.qty_lots, self.now_ns)
                self.host.on_trade(market, d.taker_side, d.price_ticks, d.qty_lots)
                if self.wake_always:
                    self._touched(market, was_trusted)
                else:
                    self._work(market)
        elif kind == MessageKind.MARK_PRICE:
            market.on_mark(d)
        return self._end()

    def on_feed(self, int feed, bint up, int64_t ts_ns) -> int:
        """A market-data socket is subscribed (`up`), or gone or silent."""
        cdef Market market
        cdef uint8_t body = up
        cdef bint was_trusted
        self._begin(EventKind.FEED, <uint16_t>feed, ts_ns, &body, 1)
        for item in self.markets:
            market = item
            if market.feed != feed:
                continue
            was_trusted = market.trusted
            if up:
                market.sync.on_connect()
                self._ask_snapshot(market)
            else:
                market.sync.on_disconnect()
            market.refresh(self.now_ns)
            self._touched(market, was_trusted)
        return self._end()

    def on_snapshot(self, int index, bytes body not None, int64_t ts_ns) -> int:
        """A REST depth body for market `index`, raw."""
        cdef Market market = self.markets[index]
        cdef bint was_trusted = market.trusted
        self._begin(EventKind.SNAPSHOT, <uint16_t>index, ts_ns, PyBytes_AS_STRING(body), PyBytes_GET_SIZE(body))
        cdef int kind = (<Decoder>self.decoders[self.first_feed[index]]).decode_snapshot(
            index, PyBytes_AS_STRING(body), PyBytes_GET_SIZE(body), &self.message)
        if kind != MessageKind.SNAPSHOT:
            self.bad_frames += 1
            self._note(f"{market.id}: snapshot not understood: {body[:80]!r}")
            market.sync.reset(market.sync.status)
        elif market.sync.on_snapshot(&self.message, self.now_ns) == SyncResult.REFUSED:
            self._note(f"{market.id}: snapshot older than the stream, asking again")
        market.refresh(self.now_ns)
        if market.sync.need_snapshot:
            self._ask_snapshot(market)
        self._touched(market, was_trusted)
        return self._end()

    # --- orders ------------------------------------------------------------------------------------------------------

    def on_order(self, OrderEvent event not None, int64_t ts_ns) -> int:
        """One normalised message of a venue about one order."""
        if not 0 <= event.data.market < len(self.markets):
            raise IndexError(f"market {event.data.market}: this engine has {len(self.markets)}")
        return self.order(&event.data, ts_ns)

    cdef int order(self, const OrderUpdate* update, int64_t ts_ns) except -1:
        cdef Market market = self.markets[update.market]
        cdef ApplyResult result
        cdef const Order* order = NULL
        cdef int64_t t = self.latency.start()
        self._begin(EventKind.ORDER, <uint16_t>update.market, ts_ns, update, sizeof(OrderUpdate))
        if update.owner == Owner.OTHER:
            self.foreign += 1
            return self._end()
        result = self.execution.table.apply(update, self.now_ns)
        if result.slot >= 0:
            order = self.execution.table.at(result.slot)
        if result.new_fill_lots > 0:
            self.reconciler.touch(update.market, self.seq)
            self._filled(market, update, &result, order)
        if result.needs_reconcile and self.missing_since_ns[self.venue_of[update.market]] == 0:
            self.missing_since_ns[self.venue_of[update.market]] = self.now_ns
        self.execution.tell_gate(update.market)
        self._order_moved(market, update, &result, order)
        self._ask_overdue()
        self.dirty[update.market] = 1
        self._work(market)
        self.latency.lap(Hop.DIFF_RISK, t)
        return self._end()

    cdef int _filled(
        self, Market market, const OrderUpdate* update, const ApplyResult* result, const Order* order,
    ) except -1:
        """Book a fill everywhere it counts, tell the plugin, and let the hedge leave in this very step."""
        cdef int purpose = order.purpose if order != NULL else (Purpose.HEDGE if update.maker == 0 else Purpose.QUOTE)
        cdef int64_t lots = result.new_fill_lots
        cdef int64_t mid_x2 = market.bid_ticks + market.ask_ticks if market.bid_lots > 0 and market.ask_lots > 0 else 0
        cdef Fill fill = Fill.__new__(Fill)
        market.position.apply_fill(update.side, update.last_price_ticks, lots)
        market.position.apply_fee(update.fee_asset, update.fee_e8)
        market.pnl.on_fill(update.side, update.last_price_ticks, lots, mid_x2, purpose)
        if update.fee_asset == self.base_asset[market.index] and update.fee_asset != self.settle_asset[market.index]:
            market.base_fees_e8 += update.fee_e8
            market.pnl.set_rate(
                update.fee_asset, <int64_t>(<double>update.last_price_ticks * market.instrument.tick_value * 1e8))
        market.pnl.on_fee(update.fee_asset, update.fee_e8)
        self.execution.gate.set_position(market.index, market.position.lots)
        self.fills += 1
        if purpose != Purpose.QUOTE:
            self.hedge_fills += 1
        fill.ts_ns = update.exch_ts_ns if update.exch_ts_ns > 0 else self.now_ns
        fill.market, fill.price_ticks, fill.qty_lots = market.index, update.last_price_ticks, lots
        fill.fee_e8, fill.fee_asset, fill.trade_id = update.fee_e8, update.fee_asset, update.trade_id
        fill.order_num, fill.venue_order_id = update.order_num, update.venue_order_id
        fill.side, fill.purpose, fill.maker = update.side, purpose, update.maker == 1
        self.executions.append(fill)
        if self.group_of[market.index] >= 0:
            (<HedgeGroup>self.groups[self.group_of[market.index]]).step(self.now_ns)
        self.host.on_fill(market, fill)
        self._observe_pnl()
        return 0

    cdef void _order_moved(
        self, Market market, const OrderUpdate* update, const ApplyResult* result, const Order* order,
    ) noexcept:
        """Counters, reject streak, the hedger's and the plugin's view of a changed order."""
        cdef OrderView view
        if update.kind == OrderEventKind.REJECT and result.became_terminal:      # a repeated one counts once
            self.rejected += 1
            self.reject_streak += 1
            self.limits.observe(Cause.REJECT_STREAK, self.reject_streak, self.now_ns)
            self._note(f"{market.id}: order {update.order_num} rejected, venue code {update.reason}")
        elif (order != NULL and result.old_state == OrderState.PENDING_NEW and result.new_state != OrderState.REJECTED
                and (update.kind == OrderEventKind.ACK or update.kind == OrderEventKind.FILL)):
            self.acked += 1             # a fill that overtakes its acknowledgement is one
            self.reject_streak = 0
            self.limits.observe(Cause.REJECT_STREAK, 0, self.now_ns)
            self.latency.record(Hop.ACK, self.now_ns - order.request_ns)
        if result.anomaly == Anomaly.OVERFILL or result.anomaly == Anomaly.CONTRADICTION:
            self._note(
                f"{market.id}: order {update.order_num}: anomaly {<int>result.anomaly} in update {<int>update.kind}")
        if order == NULL or result.old_state == result.new_state:
            return
        if result.new_state == OrderState.UNKNOWN:
            self.unknown += 1
        elif result.became_terminal:
            if result.new_state == OrderState.CANCELED or result.new_state == OrderState.EXPIRED:
                self.canceled += 1
            if self.group_of[market.index] >= 0:
                if order.purpose == Purpose.HEDGE:
                    (<HedgeGroup>self.groups[self.group_of[market.index]]).on_end(
                        market, order.qty_lots - order.filled_lots, order.filled_lots, self.now_ns)
                # Also after a quote: it may have stood in a hedge's way.
                (<HedgeGroup>self.groups[self.group_of[market.index]]).step(self.now_ns)
        view = OrderView.__new__(OrderView)
        view.order_num, view.price_ticks, view.qty_lots = order.num, order.price_ticks, order.qty_lots
        view.filled_lots, view.side = order.filled_lots, order.side
        view.state, view.purpose = result.new_state, order.purpose
        self.host.on_order(market, view)

    # --- time --------------------------------------------------------------------------------------------------------

    def on_time(self, int64_t ts_ns) -> int:
        """Time has passed: timers, deadlines, staleness, cool-downs, hedges that wait."""
        cdef Market market
        cdef bint was_trusted
        cdef int64_t worst_ns = 0, age_ns
        self._begin(EventKind.TIME, 0, ts_ns, NULL, 0)
        self.host.on_time(self.now_ns)
        for item in self.markets:
            market = item
            was_trusted = market.trusted
            if market.sync.check_stale(self.now_ns, self.stale_ns):
                market.refresh(self.now_ns)
                self._touched(market, was_trusted)
            if not market.trusted and market.sync.need_snapshot:
                self._ask_snapshot(market)
            if market.maker and market.sync.recv_ts_ns > 0:
                age_ns = self.now_ns - market.sync.recv_ts_ns
                worst_ns = max(worst_ns, age_ns)
        self.limits.observe(Cause.STALE_DATA, worst_ns, self.now_ns)
        self.execution.suspect_resting_ioc()
        self._ask_overdue()
        self._chase_missing_fills()
        self._observe_pnl()
        worst_ns = 0
        for group in self.groups:
            (<HedgeGroup>group).on_time(self.now_ns)
            worst_ns = max(worst_ns, self._backlog_age(group))
        self.limits.observe(Cause.HEDGE_BACKLOG, worst_ns, self.now_ns)
        if self.latency_budget_ns > 0 and self.feed_messages >= LATENCY_SAMPLE:
            # Its 99th percentile is over the budget when more than one in a hundred is.
            self.limits.observe(
                Cause.LATENCY_BUDGET, self.slowest_ns if self.slow_messages * 100 > self.feed_messages else 0,
                self.now_ns)
            self.feed_messages = self.slow_messages = self.slowest_ns = 0
        self.limits.on_time(self.now_ns)
        self._level_changed()
        if self.patient:
            self._act()
        self._work_all()
        return self._end()

    def next_due_ns(self) -> int:
        """When the core would like its next `on_time`: the earliest plugin timer or order deadline."""
        cdef int64_t due = self.execution.table.next_deadline_ns
        if self.host.active is not None and self.host.active.next_timer_ns < due:
            due = self.host.active.next_timer_ns
        return due

    # --- account and operator ----------------------------------------------------------------------------------------

    def on_account(self, bytes body not None, int64_t ts_ns) -> int:
        """What happened to the account's money.

        Funding, ``{"op": "funding", "market": 0, "amount_e8": -12, "asset": 0}``; or a wallet,
        ``{"op": "balance", "venue": 0, "asset": 0, "wallet_e8": 100}``, which backs the positions settled in it.
        """
        self._begin(EventKind.ACCOUNT, 0, ts_ns, PyBytes_AS_STRING(body), PyBytes_GET_SIZE(body))
        event = json.loads(body)
        cdef Market market
        if event["op"] == "funding" and event["market"] >= 0:
            market = self.markets[event["market"]]
            market.position.apply_funding(event["amount_e8"])
            market.pnl.on_funding(event["amount_e8"])
            self.host.on_funding(market, event["amount_e8"])
            self._observe_pnl()
        elif event["op"] == "balance":
            self._set_wallet(event["venue"], event["asset"], event["wallet_e8"])
            self._tell_margin()
        return self._end()

    def on_reconcile(self, bytes body not None, int64_t ts_ns) -> int:
        """A venue's picture, JSON: ``venue`` (index) and what `Reconciler.compare` takes.

        ``wallets``, which may be missing, are pairs of asset and amount (1e-8).
        """
        self._begin(EventKind.RECONCILE, 0, ts_ns, PyBytes_AS_STRING(body), PyBytes_GET_SIZE(body))
        picture = json.loads(body)
        for asset, wallet_e8 in picture.get("wallets", ()):
            self._set_wallet(picture["venue"], asset, wallet_e8)
        conclusive, notes = self.reconciler.compare(picture, self.now_ns)
        if picture["asked_seq"] < self.up_seq[<int>picture["venue"]]:
            conclusive = False          # of the time before the connection was lost
        for text in notes:
            self._note(text)
        self.conclusive[<int>picture["venue"]] = conclusive
        if not conclusive:
            self._want_picture(picture["venue"])
        for index, *_ in picture["holdings"]:
            self.execution.gate.set_position(index, (<Market>self.markets[index]).position.lots)
            self.execution.tell_gate(index)
        self._ask_overdue()
        self._tell_margin()
        self.limits.observe(Cause.POSITION_MISMATCH, self.reconciler.mismatch, self.now_ns)
        if conclusive:
            self._set_trading(picture["venue"], self.venue_up[picture["venue"]], True)
        self._level_changed()
        self._work_all()
        return self._end()

    def on_command(self, bytes body not None, int64_t ts_ns) -> int:
        """An operator's or the shell's command, JSON with ``op``.

        ``trading`` (venue, up), ``pause`` and ``resume`` (market index, or none for all), ``level`` (a `RiskLevel`),
        ``stop``, ``observe`` (a `Cause` and its value), ``clock`` (venue, offset_ns: its clock minus ours).

        Raises:
            ValueError: an unknown op; nothing was done.
        """
        command = json.loads(body)
        op = command["op"]
        if op not in ("trading", "pause", "resume", "level", "stop", "observe", "clock"):
            raise ValueError(f"unknown command {op!r}")
        self._begin(EventKind.COMMAND, 0, ts_ns, PyBytes_AS_STRING(body), PyBytes_GET_SIZE(body))
        if op == "trading":
            self._set_trading(command["venue"], command["up"], False)
        elif op == "pause" or op == "resume":
            for index in ([command["market"]] if command.get("market") is not None else range(len(self.markets))):
                self.paused[<int>index] = op == "pause"
            if op == "resume" and command.get("market") is None:
                self.limits.resume(self.now_ns)
                if self.host.state == HostState.FAILED:
                    self.host.restart()
        elif op == "level":
            self.limits.force(command["level"], self.now_ns)
        elif op == "observe":
            self.limits.observe(command["cause"], command["value"], self.now_ns)
        elif op == "clock":
            self.clock_offset_ns[<int>command["venue"]] = command["offset_ns"]
            self.limits.observe(Cause.CLOCK_SKEW, self._worst_skew(), self.now_ns)
        elif op == "stop" and not self.stopping:
            self.stopping, self.stop_ns = True, self.now_ns
            self.host.stop()
        self._mark_all_dirty()
        self._level_changed()
        self._work_all()
        return self._end()

    def swap(
        self, Strategy candidate not None, object params, str name, bytes body not None, int64_t ts_ns,
        *, int64_t shadow_ns=0,
    ) -> str:
        """Swap the plugin between two events; `body` (JSON: id, code hash, params, source) is what the journal keeps.

        Returns:
            "" when the candidate took over or its shadow time began; else why the running plugin goes on.
        """
        self._begin(EventKind.SWAP, 0, ts_ns, PyBytes_AS_STRING(body), PyBytes_GET_SIZE(body))
        refused = self.host.swap(
            candidate, params, name, now_ns=self.now_ns, shadow_ns=shadow_ns, check=self._check_quotes)
        self._note(f"swap to {name}: {refused or 'accepted'}")
        if not refused:
            self.limits.observe(Cause.PLUGIN_FAILURE, 0, self.now_ns)
            self._mark_all_dirty()
            self._work_all()
        self._end()
        return refused

    def note_start(self, bytes body not None, int64_t ts_ns) -> None:
        """Journal what the session was built from; the first event."""
        self._begin(EventKind.START, 0, ts_ns, PyBytes_AS_STRING(body), PyBytes_GET_SIZE(body))

    def note_stop(self, bytes body not None, int64_t ts_ns) -> None:
        """Journal that the session ended in good order; the last event."""
        self._begin(EventKind.STOP, 0, ts_ns, PyBytes_AS_STRING(body), PyBytes_GET_SIZE(body))

    def restore(self, int index, int64_t lots, entry_price, int64_t base_fees_e8) -> None:
        """Begin with a position from the ledger; before the first event, and part of what START journals."""
        cdef Market market = self.markets[index]
        if self.seq > 1:
            raise RuntimeError("restore() comes before the first event")
        cdef int64_t entry_ticks
        market.base_fees_e8 = base_fees_e8
        if lots != 0:
            market.position.set_from_venue(lots, entry_price)
            entry_ticks = <int64_t>market.position.entry_ticks()
            market.pnl.on_fill(0 if lots > 0 else 1, entry_ticks, abs(lots), 2 * entry_ticks, Purpose.FLATTEN)
        self.execution.gate.set_position(index, lots)

    def open_venues(self) -> None:
        """Every venue takes orders from now on: a modelled one needs no connection and no reconciliation."""
        cdef int venue
        self.execution.begin(self.seq, self.now_ns)
        for item in self.markets:
            venue = self.venue_of[(<Market>item).index]
            self.up_seq[venue] = self.seq
            self._set_trading(venue, True, True)
        self._work_all()

    def let_books_cross(self) -> None:
        """A book whose sides have crossed, or of one side, pulls no quotes, as in some backtesters."""
        for item in self.markets:
            (<Market>item).may_cross = True

    def fund_for_backtest(self, int asset, int64_t wallet_e8) -> None:
        """What the account holds of an asset at every venue, in 1e-8: what margin is reckoned on."""
        for item in self.markets:
            self._set_wallet(self.venue_of[(<Market>item).index], asset, wallet_e8)
        self._tell_margin()

    def connect(self, list outlets not None) -> None:
        """From now on `dispatch`, and `on_frame` by itself, call ``outlets[market](command)`` for each command."""
        if len(outlets) != len(self.markets):
            raise ValueError(f"outlets: expected one for each of {len(self.markets)} markets, found {len(outlets)}")
        self.outlets = outlets

    def dispatch(self) -> None:
        """Hand out every waiting command. A venue may answer at once: that is the next event, its commands follow."""
        if self.outlets is None:
            raise RuntimeError("dispatch() comes after connect()")
        self.execution.dispatch(self.outlets)

    def take(self) -> CommandView | None:
        """Pop the oldest command."""
        return self.execution.take()

    def take_executions(self) -> list:
        """Fills since the last call, in order."""
        taken, self.executions = self.executions, []
        return taken

    def take_notes(self) -> list:
        """Texts for the log since the last call."""
        taken, self.notes = self.notes, []
        return taken

    # --- one step ----------------------------------------------------------------------------------------------------

    cdef void _begin(self, uint8_t kind, uint16_t source, int64_t ts_ns, const void* body, Py_ssize_t size) noexcept:
        self.seq += 1
        if ts_ns > self.now_ns:
            self.now_ns = ts_ns
        self.host.now_ns = self.now_ns
        self.execution.begin(self.seq, self.now_ns)
        if self.ring is not None and self.ring.push(kind, 0, source, ts_ns, self.seq, body, size) != 0:
            self.execution.journal_failed = True

    cdef int _end(self) except -1:
        if self.execution.journal_failed and self.limits.level < RiskLevel.HALT:
            self._note("the journal cannot be written: halted")
            self.limits.force(RiskLevel.HALT, self.now_ns)
            self._level_changed()
        if self.host.failures:
            self._plugin_failures()
        if self.limits.level != self.execution.gate.level:      # an observation in this event breached or healed a rule
            self._level_changed()
            self._work_all()
        cdef Strategy plugin = self.host.active
        if plugin is not None and (plugin.notes or plugin.hedge_targets):
            self._heed(plugin)
        return self.execution.waiting()

    cdef void _touched(self, Market market, bint was_trusted) noexcept:
        """The best prices or their trust changed: tell gate, plugin and hedger, then bring the quotes in line."""
        cdef int64_t t = self.latency.start()
        cdef int group = self.group_of[market.index]
        self.execution.gate.set_reference(market.index, market.reference_ticks())
        if market.trusted != was_trusted:
            self.dirty[market.index] = 1
        if market.trusted:
            if group >= 0:
                (<HedgeGroup>self.groups[group]).price()
                (<HedgeGroup>self.groups[group]).step(self.now_ns)
            self.host.on_book(market)
        t = self.latency.lap(Hop.STRATEGY, t)
        if self.patient:
            self._act()
        self._work(market)
        self.latency.lap(Hop.DIFF_RISK, t)

    cdef void _want_picture(self, int venue) noexcept:
        self.picture_wanted[venue] = self.pictures_wanted = True

    cdef void _chase_missing_fills(self) noexcept:
        """An answer may tell of a fill before the stream brings it: only what stays missing is asked for."""
        cdef int venue
        cdef bint missing
        for venue in range(MAX_MARKETS):
            if self.missing_since_ns[venue] == 0:
                continue
            missing = False
            for i in range(len(self.markets)):
                if self.venue_of[i] == venue and self.execution.table.exposure(i).missing_lots > 0:
                    missing = True
            if not missing:
                self.missing_since_ns[venue] = 0
            elif self.now_ns - self.missing_since_ns[venue] >= <int64_t>MISSING_FILL_NS:
                self.missing_since_ns[venue] = self.now_ns
                self._want_picture(venue)

    def take_pictures_wanted(self) -> list[int]:
        """Venues whose picture the core wants: the last one was inconclusive, or fills stay missing."""
        venues = [venue for venue in range(MAX_MARKETS) if self.picture_wanted[venue]]
        for venue in venues:
            self.picture_wanted[<int>venue] = False
        self.pictures_wanted = False
        return venues

    def was_conclusive(self, int venue) -> bool:
        """Whether the venue's last picture agreed with us in everything."""
        return self.conclusive[venue]

    cdef void _feed_latency(self, int64_t latency_ns) noexcept:
        """Count one message's way from the venue; what matters is how many are beyond the budget."""
        if latency_ns >= <int64_t>HOUR_NS:
            return                  # a recording of another day
        self.latency.record(Hop.EXCHANGE, latency_ns)
        if self.latency_budget_ns > 0:
            self.feed_messages += 1
            if latency_ns > self.latency_budget_ns:
                self.slow_messages += 1
                self.slowest_ns = max(self.slowest_ns, latency_ns)

    cdef int64_t _worst_skew(self) noexcept:
        cdef int64_t worst_ns = 0
        for i in range(len(self.markets)):
            worst_ns = max(worst_ns, abs(self.clock_offset_ns[self.venue_of[i]]))
        return worst_ns

    cdef void _ask_snapshot(self, Market market) noexcept:
        """Ask for a snapshot; after a few that did not help, with pauses: each costs request weight.

        What is not asked for now is asked for by `on_time`.
        """
        cdef int i = market.index
        if not market.sync.need_snapshot:
            return
        if self.now_ns - self.asked_ns[i] >= <int64_t>FORGET_ASKS_NS:
            self.asks[i] = 0
        elif self.asks[i] >= FREE_ASKS and self.now_ns - self.asked_ns[i] < <int64_t>ASK_PAUSE_NS:
            return
        self.asks[i] += 1
        self.asked_ns[i] = self.now_ns
        market.sync.snapshot_requested()
        self.execution.emit(CommandKind.RESYNC, i)

    cdef void _ask_overdue(self) noexcept:
        """Ask for every order whose answer is overdue, and count those that became unknown by that."""
        cdef int64_t before
        if self.now_ns < self.execution.table.next_deadline_ns:
            return
        before = self._unknown_orders()
        self.execution.query_overdue()
        self.unknown += max(self._unknown_orders() - before, 0)

    cdef int64_t _unknown_orders(self) noexcept:
        cdef int64_t total = 0
        for i in range(len(self.markets)):
            total += self.execution.table.exposure(i).unknown_orders
        return total

    # --- quotes ------------------------------------------------------------------------------------------------------

    cdef void _work(self, Market market) noexcept:
        cdef int i = market.index
        cdef const QuoteSet* wanted
        cdef bint spoken
        if not market.maker:
            return
        spoken = self.host.take_changed(i)
        if spoken:
            self.dirty[i] = 1
        if not self.dirty[i] or not self.venue_up[self.venue_of[i]]:
            return
        wanted = self._allowed(market)
        if wanted == NULL:
            self.dirty[i] = 0       # nothing was ever asked for
            return
        if self.patient and not spoken and wanted != &self.nothing:
            return
        self.dirty[i] = not self.execution.work(i, wanted)

    cdef const QuoteSet* _allowed(self, Market market) noexcept:
        """What the plugin wants, as far as the state of the session allows it."""
        cdef int i = market.index
        cdef int level = self.limits.level
        cdef int64_t left = market.position.lots
        cdef const QuoteSet* wanted = self.host.wanted(i)
        cdef int j
        if (self.stopping or self.paused[i] or not market.trusted or not market.trading
                or self.host.state == HostState.FAILED or level == RiskLevel.PULL_QUOTES or level >= RiskLevel.FLATTEN):
            return &self.nothing
        if wanted == NULL:
            return NULL
        if self.group_of[i] >= 0 and (<HedgeGroup>self.groups[self.group_of[i]]).clearing == i:
            self.cleared = wanted[0]        # a hedge is about to cross this market: that side waits
            if (<HedgeGroup>self.groups[self.group_of[i]]).clearing_side == 0:
                self.cleared.n_bids = 0
            else:
                self.cleared.n_asks = 0
            wanted = &self.cleared
        if level == RiskLevel.NORMAL:
            return wanted
        # REDUCE_ONLY: only the side that takes the position towards zero, and no further.
        self.reduced.n_bids = self.reduced.n_asks = 0
        if left > 0:
            for j in range(wanted.n_asks):
                if left <= 0:
                    break
                self.reduced.asks[j] = wanted.asks[j]
                self.reduced.asks[j].qty_lots = min(left, wanted.asks[j].qty_lots)
                left -= wanted.asks[j].qty_lots
                self.reduced.n_asks = j + 1
        else:
            for j in range(wanted.n_bids):
                if left >= 0:
                    break
                self.reduced.bids[j] = wanted.bids[j]
                self.reduced.bids[j].qty_lots = min(-left, wanted.bids[j].qty_lots)
                left += wanted.bids[j].qty_lots
                self.reduced.n_bids = j + 1
        return &self.reduced

    cdef void _work_all(self) noexcept:
        for market in self.markets:
            self._work(market)

    cdef void _act(self) noexcept:
        """Patient: once the strategy has spoken, bring all markets in line, then hedge what is open."""
        cdef HedgeGroup group
        cdef bint spoken = False
        for market in self.markets:
            spoken = spoken or self.host.has_spoken((<Market>market).index)
        if not spoken:
            return
        self._work_all()
        for item in self.groups:
            group = item
            group.held = False
            group.step(self.now_ns)
            group.held = True

    cdef void _mark_all_dirty(self) noexcept:
        for i in range(len(self.markets)):
            self.dirty[i] = 1

    # --- risk levels -------------------------------------------------------------------------------------------------

    cdef void _level_changed(self) noexcept:
        """Report transitions, tell the gate, and do what the level asks for."""
        cdef Transition transition
        while self.limits.pop(&transition):
            verb = "breached" if transition.entered else "left"
            self._note(
                f"limit {limit_names.Cause(transition.cause).name} {verb}: "
                f"value {transition.value}, limit {transition.limit}; "
                f"level {limit_names.RiskLevel(transition.old).name} -> {limit_names.RiskLevel(transition.new).name}"
            )
            self._mark_all_dirty()
        self.execution.gate.set_level(self.limits.level)
        if self.limits.level == RiskLevel.FLATTEN:
            self._flatten()
        elif self.limits.level == RiskLevel.HALT:
            for market in self.markets:
                if self.venue_up[self.venue_of[(<Market>market).index]]:
                    self.execution.cancel_market((<Market>market).index, -1)

    cdef void _flatten(self) noexcept:
        """Cancel everything else and take each position out of the market, one order at a time."""
        cdef Market market
        for item in self.markets:
            market = item
            if not market.trading or not market.trusted:
                continue
            self.execution.cancel_market(market.index, Purpose.FLATTEN)
            if market.position.lots != 0 and self.execution.table.exposure(market.index).open_orders == 0:
                take_out(
                    self.execution, market, 1 if market.position.lots > 0 else 0, abs(market.position.lots),
                    self.flatten_slippage, market.instrument.perpetual, Purpose.FLATTEN)

    cdef void _observe_pnl(self) noexcept:
        cdef int64_t total = 0
        cdef Market market
        for item in self.markets:
            market = item
            if market.bid_lots > 0 and market.ask_lots > 0:
                market.pnl.on_mid(market.bid_ticks + market.ask_ticks)
            total += market.pnl.total_e8()
        self._tell_margin()
        if self.limits.observe_pnl(total, self.now_ns):
            self._level_changed()

    # --- margin ------------------------------------------------------------------------------------------------------

    cdef int _set_wallet(self, int venue, int asset, int64_t wallet_e8) except -1:
        if 0 <= venue < MAX_MARKETS and 0 <= asset < MAX_ASSETS:
            self.wallet_e8[venue][asset], self.wallet_known[venue][asset] = wallet_e8, 1
        return 0

    cdef void _tell_margin(self) noexcept:
        """Tell the gate what backs each perpetual: wallet and unrealised PnL of all it backs (cross margin)."""
        cdef Market market, other
        cdef int venue, asset
        cdef int64_t equity_e8, mark_ticks
        cdef double needed, notional
        cdef MarketRisk* risk
        for item in self.markets:
            market = item
            venue, asset = self.venue_of[market.index], self.settle_asset[market.index]
            if not self.execution.gate.markets[market.index].has_margin or not self.wallet_known[venue][asset]:
                continue
            equity_e8, needed = self.wallet_e8[venue][asset], 0
            for each in self.markets:
                other = each
                if (self.venue_of[other.index] != venue or self.settle_asset[other.index] != asset
                        or other.position.lots == 0 or not other.instrument.perpetual or isnan(other.mid_ticks)):
                    continue
                mark_ticks = llround(other.mid_ticks)
                equity_e8 += other.position.unrealized_e8(mark_ticks)
                if other is not market:
                    risk = &self.execution.gate.markets[other.index]
                    notional = fabs(<double>other.position.lots) * other.instrument.lot_value
                    if other.instrument.inverse:
                        notional /= other.mid_ticks * other.instrument.tick_value
                    else:
                        notional *= other.mid_ticks * other.instrument.tick_value
                    needed += maintenance_margin(&risk.margin, notional)
            self.execution.gate.set_margin(market.index, equity_e8, <int64_t>(needed * 1e8))

    cdef int64_t _backlog_age(self, HedgeGroup group) noexcept:
        """Age of the group's backlog; one above its size limit counts as overdue at once."""
        if group.backlog_since_ns == 0:
            return 0
        if group.max_backlog > 0 and group.backlog > group.max_backlog:
            return max(self.now_ns - group.backlog_since_ns, group.max_backlog_ns)
        return self.now_ns - group.backlog_since_ns

    cdef int _set_trading(self, int venue, bint up, bint reconciled) except -1:
        cdef Market market
        if up and not self.venue_up[venue]:
            self.up_seq[venue] = self.seq
        self.venue_up[venue], self.venue_reconciled[venue] = up, up and reconciled
        for item in self.markets:
            market = item
            if self.venue_of[market.index] == venue:
                market.trading = up and reconciled
                self.dirty[market.index] = 1
        for group in self.groups:
            (<HedgeGroup>group).wake(self.now_ns)
        return 0

    # --- people ------------------------------------------------------------------------------------------------------

    cdef void _plugin_failures(self) noexcept:
        for text in self.host.failures:
            self._note(f"plugin {text}")
        self.host.failures.clear()
        if self.host.state == HostState.FAILED:
            self._note("no plugin to go back to: quotes pulled")
            self.limits.observe(Cause.PLUGIN_FAILURE, 1, self.now_ns)
        self._level_changed()
        self._mark_all_dirty()
        self._work_all()

    cdef void _heed(self, Strategy plugin) noexcept:
        """Take the plugin's notes, and move the hedgers to the targets it asks for."""
        cdef HedgeGroup group
        for text in plugin.notes:
            self._note(f"{self.host.name}: {text}")
        plugin.notes.clear()
        targets = dict(plugin.hedge_targets)
        for item in self.groups:
            group = item
            delta = targets.pop(group.asset, None)
            if delta is not None and group.target != <double>delta:
                group.target = delta
                group.step(self.now_ns)
        for asset in targets:
            del plugin.hedge_targets[asset]
            self._note(f"{self.host.name}: hedge_target() of {asset}, which nothing hedges: ignored")

    def _check_quotes(self, Strategy candidate, Market market) -> str:
        """Say what the gate would refuse of a candidate's quotes; "" when it takes them all, or has no price yet."""
        bids, asks = candidate.quotes_of(market)
        limits = self.execution.gate.markets[market.index].limits
        for side, quotes in (("bid", bids), ("ask", asks)):
            for price_ticks, qty_lots in quotes:
                if limits.max_order_lots > 0 and qty_lots > limits.max_order_lots:
                    return f"{market.id}: {side} of {qty_lots} lots, above the order limit of {limits.max_order_lots}"
                if market.trusted and abs(price_ticks - market.mid_ticks) > limits.price_band * market.mid_ticks > 0:
                    return (
                        f"{market.id}: {side} at {price_ticks} ticks, outside the price band around {market.mid_ticks}")
        if bids and asks and bids[0][0] >= asks[0][0]:
            return f"{market.id}: bid {bids[0][0]} meets ask {asks[0][0]}"
        return ""

    cdef void _note(self, str text) noexcept:
        if len(self.notes) < MAX_NOTES:
            self.notes.append(text)
