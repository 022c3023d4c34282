"""The deterministic core; see ``engine.pxd`` and ``docs/architecture.md`` (the journey of one frame).

Here each kind of event enters, is journalled and numbered, and runs through the parts that it concerns.
"""

import json

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint8_t, uint16_t

from mmbot._core.eventlog cimport EventKind, EventRing
from mmbot._core.execution cimport Execution
from mmbot._core.hedges cimport Hedges
from mmbot._core.host cimport HostState, PluginHost
from mmbot._core.latency cimport Hop, LatencyBoard
from mmbot._core.limits cimport Cause, RiskLevel, SessionLimits
from mmbot._core.market cimport Market
from mmbot._core.market_data cimport MarketData, News
from mmbot._core.notes cimport Notes
from mmbot._core.order_flow cimport OrderFlow
from mmbot._core.quoter cimport Quoter
from mmbot._core.reconcile cimport Reconciler
from mmbot._core.strategy cimport Fill, Strategy
from mmbot._core.types cimport CommandView, OrderEvent, Purpose
from mmbot._core.venue_states cimport VenueStates
from mmbot._core.wallets cimport Wallets
from mmbot._core.watch cimport Watch

OPS = ("trading", "pause", "resume", "level", "stop", "observe", "clock")


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
        feeds: index of the venue of each market-data feed.
        settle_assets, base_assets: fee-table index of each market's settle and base asset.
        ring: the journal's ring; None: nothing is journalled.
        latency_budget_ns: 99th percentile of the way from venue to us that is a breach; 0: not watched.
        stale_ns: a book without a message for this long is not quoted on.
        flatten_slippage: fraction of the touch that a flattening order may pay.
        near_distance, close_distance: from liquidation, fractions of the price that the limits watch; 0: not watched.
        patient: wanted and working are compared only when the strategy declares, not after each order event.
        wake_always: `on_book` also for messages that leave the best prices as they were, and after trades.
    """

    def __init__(
        self, tuple markets, tuple decoders, Execution execution, PluginHost host, SessionLimits limits, tuple groups,
        Reconciler reconciler, LatencyBoard latency, *, venue_of, feeds, settle_assets, base_assets,
        EventRing ring=None,
        int64_t stale_ns=3_000_000_000, int64_t latency_budget_ns=0, double flatten_slippage=0.005,
        double near_distance=0.0, double close_distance=0.0, bint patient=False, bint wake_always=False,
    ):
        self.markets, self.groups = markets, groups
        self.execution, self.host, self.limits = execution, host, limits
        self.reconciler, self.latency, self.ring = reconciler, latency, ring
        self.wake_always = wake_always
        self.notes = Notes()
        self.venue_states = VenueStates(markets, venue_of)
        self.hedges = Hedges(groups, held=patient)
        self.wallets = Wallets(markets, self.venue_states, execution.gate, settle_assets)
        self.market_data = MarketData(
            markets, decoders, execution, latency, self.venue_states, self.notes,
            feeds=feeds, stale_ns=stale_ns, latency_budget_ns=latency_budget_ns)
        self.quoter = Quoter(markets, execution, host, limits, self.hedges, self.venue_states, patient=patient)
        self.watch = Watch(
            markets, limits, execution, self.hedges, self.market_data, self.quoter, self.venue_states, self.wallets,
            self.notes, flatten_slippage=flatten_slippage, near_distance=near_distance, close_distance=close_distance)
        self.order_flow = OrderFlow(
            markets, execution, self.hedges, host, latency, reconciler, self.venue_states, self.watch, self.notes,
            settle_assets=settle_assets, base_assets=base_assets)

    # --- market data -------------------------------------------------------------------------------------------------

    def on_frame(self, int feed, payload, int64_t recv_ns) -> int:
        """One websocket payload of market-data feed `feed`, received at `recv_ns`; commands leave when connected."""
        cdef Py_buffer view
        cdef int waiting
        if not 0 <= feed < len(self.market_data.decoders):
            raise IndexError(f"feed {feed}: this engine has {len(self.market_data.decoders)}")
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
        cdef MarketData data = self.market_data
        cdef News news
        self.latency.received(recv_ns, t)
        self.begin(EventKind.FRAME, <uint16_t>feed, recv_ns, p, n)
        news = data.frame(feed, p, n, recv_ns, self.now_ns, t)
        if news == News.NOTHING:
            return self.end()
        if news != News.TRADE:
            self.hedges.price(data.market.index)
        else:
            self.host.on_trade(
                data.market, data.message.taker_side, data.message.price_ticks, data.message.qty_lots)
        if news == News.TOUCH or self.wake_always and news != News.MARK:
            self.touched(data.market, data.was_trusted, data.lap_ns)
        elif news == News.TRADE:
            self.quoter.follow(data.market)
        return self.end()

    def on_feed(self, int feed, bint up, int64_t ts_ns) -> int:
        """A market-data socket is subscribed (`up`), or gone or silent."""
        cdef Market market
        cdef uint8_t body = up
        cdef bint was_trusted
        self.begin(EventKind.FEED, <uint16_t>feed, ts_ns, &body, 1)
        self.market_data.note_feed(feed, up)
        for item in self.markets:
            market = item
            if market.feed == feed or market.feed < 0 and up and self.market_data.completes(feed, market):
                was_trusted = market.trusted
                self.market_data.feed_changed(market, up, self.now_ns)
                self.hedges.price(market.index)
                self.touched(market, was_trusted, self.latency.start())
        return self.end()

    def on_snapshot(self, int index, bytes body not None, int64_t ts_ns) -> int:
        """A REST depth body for market `index`, raw."""
        cdef Market market = self._market(index)
        cdef bint was_trusted = market.trusted
        self.begin(EventKind.SNAPSHOT, <uint16_t>index, ts_ns, PyBytes_AS_STRING(body), PyBytes_GET_SIZE(body))
        self.market_data.snapshot(market, PyBytes_AS_STRING(body), PyBytes_GET_SIZE(body), self.now_ns)
        self.hedges.price(index)
        self.touched(market, was_trusted, self.latency.start())
        return self.end()

    # --- orders and accounts -----------------------------------------------------------------------------------------

    def on_order(self, OrderEvent event not None, int64_t ts_ns) -> int:
        """One normalised message of a venue about one order."""
        self._market(event.data.market)
        return self.order(&event.data, ts_ns)

    cdef int order(self, const OrderUpdate* update, int64_t ts_ns) except -1:
        cdef int64_t t = self.latency.start()
        self.begin(EventKind.ORDER, <uint16_t>update.market, ts_ns, update, sizeof(OrderUpdate))
        if self.order_flow.take(update, self.seq, self.now_ns):
            self.quoter.mark(update.market)
            self.quoter.follow(<Market>self.markets[update.market])
            self.latency.lap(Hop.DIFF_RISK, t)
        return self.end()

    def on_account(self, bytes body not None, int64_t ts_ns) -> int:
        """What happened to the account's money.

        Funding, ``{"op": "funding", "market": 0, "amount_e8": -12, "asset": 0}``; or a wallet,
        ``{"op": "balance", "venue": 0, "asset": 0, "wallet_e8": 100}``, which backs the positions settled in it.
        """
        self.begin(EventKind.ACCOUNT, 0, ts_ns, PyBytes_AS_STRING(body), PyBytes_GET_SIZE(body))
        event = json.loads(body)
        if event["op"] == "funding" and event["market"] >= 0:
            self.order_flow.funding(self._market(event["market"]), event["amount_e8"], self.now_ns)
        elif event["op"] == "balance":
            self.wallets.hold(event["venue"], event["asset"], event["wallet_e8"])
            self.watch.margin(self.now_ns)
        return self.end()

    def on_reconcile(self, bytes body not None, int64_t ts_ns) -> int:
        """A venue's picture, JSON: ``venue`` (index) and what `Reconciler.compare` takes.

        ``wallets``, which may be missing, are pairs of asset and amount (1e-8).
        """
        cdef int venue
        self.begin(EventKind.RECONCILE, 0, ts_ns, PyBytes_AS_STRING(body), PyBytes_GET_SIZE(body))
        picture = json.loads(body)
        venue = picture["venue"]
        self.venue_states.check(venue)
        for asset, wallet_e8 in picture.get("wallets", ()):
            self.wallets.hold(venue, asset, wallet_e8)
        conclusive, notes = self.reconciler.compare(picture, self.now_ns)
        for text in notes:
            self.notes.add(text)
        conclusive = self.venue_states.judge(venue, conclusive, picture["asked_seq"])
        for index, *_ in picture["holdings"]:
            self.execution.gate.set_position(index, self._market(index).position.lots)
            self.execution.tell_gate(index)
        self.order_flow.ask_overdue(self.now_ns)
        self.watch.margin(self.now_ns)
        self.limits.observe(Cause.POSITION_MISMATCH, self.reconciler.mismatch, self.now_ns)
        if conclusive:
            self._set_trading(venue, self.venue_states.up[venue], True)
        self.watch.obey()
        self.quoter.work_all()
        return self.end()

    cdef void _set_trading(self, int venue, bint up, bint reconciled) noexcept:
        self.venue_states.set_trading(venue, up, reconciled, self.seq)
        self.quoter.mark_venue(venue)
        self.hedges.wake(self.now_ns)

    # --- time --------------------------------------------------------------------------------------------------------

    def on_time(self, int64_t ts_ns) -> int:
        """Time has passed: timers, deadlines, staleness, cool-downs, hedges that wait."""
        cdef Market market
        cdef bint was_trusted
        self.begin(EventKind.TIME, 0, ts_ns, NULL, 0)
        self.host.on_time(self.now_ns)
        for item in self.markets:
            market = item
            was_trusted = market.trusted
            if self.market_data.grew_stale(market, self.now_ns):
                self.hedges.price(market.index)
                self.touched(market, was_trusted, self.latency.start())
            if not market.trusted:
                self.market_data.ask_snapshot(market, self.now_ns)
        self.limits.observe(Cause.STALE_DATA, self.market_data.oldest_ns(self.now_ns), self.now_ns)
        self.execution.suspect_resting_ioc()
        self.order_flow.ask_overdue(self.now_ns)
        self.venue_states.chase_missing_fills(self.execution.table, self.now_ns)
        self.watch.money(self.now_ns)
        self.hedges.on_time(self.now_ns)
        self.watch.time(self.now_ns)
        if self.quoter.patient:
            self.quoter.act(self.now_ns)
        self.quoter.work_all()
        return self.end()

    def next_due_ns(self) -> int:
        """When the core would like its next `on_time`: the earliest plugin timer or order deadline."""
        cdef int64_t due = self.execution.table.next_deadline_ns
        if self.host.active is not None and self.host.active.next_timer_ns < due:
            due = self.host.active.next_timer_ns
        return due

    # --- people and plugins ------------------------------------------------------------------------------------------

    def on_command(self, bytes body not None, int64_t ts_ns) -> int:
        """An operator's or the shell's command, JSON with ``op``.

        ``trading`` (venue, up), ``pause`` and ``resume`` (market index, or none for all), ``level`` (a `RiskLevel`),
        ``stop``, ``observe`` (a `Cause` and its value), ``clock`` (venue, offset_ns: its clock minus ours).

        Raises:
            ValueError: an unknown op; nothing was done.
            IndexError: no such market or venue; nothing was done.
        """
        command = json.loads(body)
        op = command["op"]
        if op not in OPS:
            raise ValueError(f"unknown command {op!r}")
        if command.get("market") is not None:
            self._market(command["market"])
        if command.get("venue") is not None:
            self.venue_states.check(command["venue"])
        self.begin(EventKind.COMMAND, 0, ts_ns, PyBytes_AS_STRING(body), PyBytes_GET_SIZE(body))
        self._command(op, command)
        self.quoter.mark_all()
        self.watch.obey()
        self.quoter.work_all()
        return self.end()

    cdef int _command(self, str op, dict command) except -1:
        if op == "trading":
            self._set_trading(command["venue"], command["up"], False)
        elif op == "pause" or op == "resume":
            for index in ([command["market"]] if command.get("market") is not None else range(len(self.markets))):
                self.quoter.paused[<int>index] = op == "pause"
            if op == "resume" and command.get("market") is None:
                self.limits.resume(self.now_ns)
                if self.host.state == HostState.FAILED:
                    self.host.restart()
        elif op == "level":
            self.limits.force(command["level"], self.now_ns)
        elif op == "observe":
            self.limits.observe(command["cause"], command["value"], self.now_ns)
        elif op == "clock":
            self.venue_states.clock_offset_ns[<int>command["venue"]] = command["offset_ns"]
            self.limits.observe(Cause.CLOCK_SKEW, self.venue_states.worst_skew_ns(), self.now_ns)
        elif op == "stop" and self.host.state != HostState.STOPPED:
            self.host.stop()
        return 0

    @property
    def stopping(self) -> bool:
        """Nothing is wanted any more: the plugin was told to stop."""
        return self.host.state == HostState.STOPPED

    def swap(
        self, Strategy candidate not None, object params, str name, bytes body not None, int64_t ts_ns,
        *, int64_t shadow_ns=0,
    ) -> str:
        """Swap the plugin between two events; `body` (JSON: id, code hash, params, source) is what the journal keeps.

        Returns:
            "" when the candidate took over or its shadow time began; else why the running plugin goes on.
        """
        self.begin(EventKind.SWAP, 0, ts_ns, PyBytes_AS_STRING(body), PyBytes_GET_SIZE(body))
        refused = self.host.swap(
            candidate, params, name, now_ns=self.now_ns, shadow_ns=shadow_ns, check=self.quoter.refusal)
        self.notes.add(f"swap to {name}: {refused or 'accepted'}")
        if not refused:
            self.limits.observe(Cause.PLUGIN_FAILURE, 0, self.now_ns)
            self.quoter.mark_all()
            self.quoter.work_all()
        self.end()
        return refused

    cdef void _plugin_failures(self) noexcept:
        for text in self.host.failures:
            self.notes.add(f"plugin {text}")
        self.host.failures.clear()
        if self.host.state == HostState.FAILED:
            self.notes.add("no plugin to go back to: quotes pulled")
            self.limits.observe(Cause.PLUGIN_FAILURE, 1, self.now_ns)
        self.watch.obey()
        self.quoter.mark_all()
        self.quoter.work_all()

    cdef void _heed(self) noexcept:
        """Take the plugin's notes, and move the hedgers to the targets it asks for."""
        cdef Strategy plugin = self.host.active
        for text in plugin.notes:
            self.notes.add(f"{self.host.name}: {text}")
        plugin.notes.clear()
        for asset in self.hedges.aim(plugin.hedge_targets, self.now_ns):
            del plugin.hedge_targets[asset]
            self.notes.add(f"{self.host.name}: hedge_target() of {asset}, which nothing hedges: ignored")

    # --- before the first event, and at the end ----------------------------------------------------------------------

    def note_start(self, bytes body not None, int64_t ts_ns) -> None:
        """Journal what the session was built from; the first event."""
        self.begin(EventKind.START, 0, ts_ns, PyBytes_AS_STRING(body), PyBytes_GET_SIZE(body))

    def note_stop(self, bytes body not None, int64_t ts_ns) -> None:
        """Journal that the session ended in good order; the last event."""
        self.begin(EventKind.STOP, 0, ts_ns, PyBytes_AS_STRING(body), PyBytes_GET_SIZE(body))

    def restore(self, int index, int64_t lots, entry_price, int64_t base_fees_e8) -> None:
        """Begin with a position from the ledger; before the first event, and part of what START journals."""
        cdef Market market = self._market(index)
        if self.seq > 1:
            raise RuntimeError("restore() comes before the first event")
        cdef int64_t entry_ticks
        market.base_fees_e8 = base_fees_e8
        if lots != 0:
            market.position.set_from_venue(lots, entry_price)
            entry_ticks = <int64_t>market.position.entry_ticks()
            market.pnl.on_fill(0 if lots > 0 else 1, entry_ticks, abs(lots), 2 * entry_ticks, Purpose.FLATTEN)
        self.execution.gate.set_position(index, lots)

    # --- a backtest's rules ------------------------------------------------------------------------------------------

    def open_venues(self) -> None:
        """Every venue takes orders from now on: a modelled one needs no connection and no reconciliation."""
        cdef int venue
        self.execution.begin(self.seq, self.now_ns)
        for item in self.markets:
            venue = self.venue_states.of[(<Market>item).index]
            self._set_trading(venue, True, True)
        self.quoter.work_all()

    def let_books_cross(self) -> None:
        """A book whose sides have crossed, or of one side, pulls no quotes, as in some backtesters."""
        for item in self.markets:
            (<Market>item).may_cross = True

    def fund_for_backtest(self, int asset, int64_t wallet_e8) -> None:
        """What the account holds of an asset at every venue, in 1e-8: what margin is reckoned on."""
        for item in self.markets:
            self.wallets.hold(self.venue_states.of[(<Market>item).index], asset, wallet_e8)
        self.wallets.tell_gate()

    # --- the way out -------------------------------------------------------------------------------------------------

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

    def take_executions(self) -> list[Fill]:
        """Fills since the last call, in order."""
        return self.order_flow.take_executions()

    def take_notes(self) -> list[str]:
        """Texts for the log since the last call."""
        return self.notes.take()

    # --- one step ----------------------------------------------------------------------------------------------------

    cdef void begin(self, uint8_t kind, uint16_t source, int64_t ts_ns, const void* body, Py_ssize_t size) noexcept:
        self.seq += 1
        if ts_ns > self.now_ns:
            self.now_ns = ts_ns
        self.host.now_ns = self.now_ns
        self.execution.begin(self.seq, self.now_ns)
        if self.ring is not None and self.ring.push(kind, 0, source, ts_ns, self.seq, body, size) != 0:
            self.execution.journal_failed = True

    cdef void touched(self, Market market, bint was_trusted, int64_t t) noexcept:
        """The best prices or their trust changed: tell gate, hedger and plugin, then bring the quotes in line.

        The time of the plugin's callback counts from `t`.
        """
        self.execution.gate.set_reference(market.index, market.reference_ticks())
        if market.trusted != was_trusted:
            self.quoter.mark(market.index)
        if market.trusted:
            self.hedges.step(market.index, self.now_ns)
            self.host.on_book(market)
        t = self.latency.lap(Hop.STRATEGY, t)
        if self.quoter.patient:
            self.quoter.act(self.now_ns)
        self.quoter.follow(market)
        self.latency.lap(Hop.DIFF_RISK, t)

    cdef int end(self) except -1:
        cdef Strategy plugin
        if self.execution.journal_failed and self.limits.level < RiskLevel.HALT:
            self.notes.add("the journal cannot be written: halted")
            self.limits.force(RiskLevel.HALT, self.now_ns)
            self.watch.obey()
        if self.host.failures:
            self._plugin_failures()
        if self.limits.level != self.execution.gate.level:      # an observation in this event breached or healed a rule
            self.watch.obey()
            self.quoter.work_all()
        plugin = self.host.active
        if plugin is not None and (plugin.notes or plugin.hedge_targets):
            self._heed()
        return self.execution.waiting()

    cdef Market _market(self, Py_ssize_t index):
        if not 0 <= index < len(self.markets):
            raise IndexError(f"market {index}: this engine has {len(self.markets)}")
        return <Market>self.markets[index]
