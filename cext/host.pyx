"""Runs the strategy plugin; see ``host.pxd``."""

from cpython.exc cimport PyErr_SetInterrupt
from cpython.object cimport Py_TPFLAGS_HEAPTYPE
from libc.stdint cimport INT64_MAX, int64_t, uint64_t
from libc.string cimport memcmp

from mmbot._core.market cimport Market
from mmbot._core.quoting cimport QuoteSet
from mmbot._core.strategy cimport Fill, OrderView, Strategy
from mmbot._core.types cimport Level

MAX_FAILURES = 100

cdef enum:
    INHERIT_NS = 5000000000     # how long a predecessor's quotes stand for a plugin that has not spoken about a market


def _told(error: BaseException) -> str:
    """An exception of a plugin as text, with the innermost line it came through; of the core's own lines none."""
    place, trace = "", error.__traceback__
    while trace is not None:
        path = trace.tb_frame.f_code.co_filename
        if not path.startswith("cext/"):
            place = f" ({path.rpartition('/')[2]}, line {trace.tb_lineno})"
        trace = trace.tb_next
    return f"{error!r}{place}"


cdef bint _has(Strategy plugin, str callback) except -1:
    """Whether a callback is the plugin's own; the base class's does nothing."""
    return (getattr(type(plugin), callback) is not getattr(Strategy, callback)
            or callback in getattr(plugin, "__dict__", ()))


cdef bint _same(const Level* a, const Level* b, int n) noexcept:
    return memcmp(a, b, n * sizeof(Level)) == 0


cdef class PluginHost:
    """Owns the running plugin, the one before it, and a candidate in its shadow time.

    An exception of a plugin never leaves the host, `SystemExit` included: the previous one takes over (`rollback`), or
    the quotes are pulled. Ctrl-C during a callback is not the plugin's, and is left for whoever runs the engine.

    Args:
        markets: the markets the plugin sees, in its order.
        n_markets: how many the engine has.
        rollback: what an exception does.
    """

    def __init__(self, tuple markets, int n_markets, *, bint rollback=True):
        self.markets, self.n_markets, self.rollback = markets, n_markets, rollback
        self.failures = []
        self.inherited_until_ns = INT64_MAX
        self.name = self.previous_name = self.shadow_name = ""
        for market in markets:
            self.sees[(<Market>market).index] = True

    # --- callbacks ---------------------------------------------------------------------------------------------------

    cdef void on_book(self, Market market) noexcept:
        if not self.sees[market.index] or self.state != HostState.RUNNING:
            return
        cdef Strategy plugin = self.active
        plugin.now_ns = self.now_ns
        try:
            if self.book_method is not None:
                self.book_method(market)
            elif self.hears_book:
                plugin.on_book(market)
        except BaseException as error:
            self._failed(plugin, "on_book", error)
        if self.shadow is not None:
            try:
                self.shadow.now_ns = self.now_ns
                self.shadow.on_book(market)
                self._compare(market.index)
            except BaseException as error:
                self._failed(self.shadow, "on_book", error)

    cdef void on_trade(self, Market market, int side, int64_t price_ticks, int64_t qty_lots) noexcept:
        if not self.sees[market.index] or self.state != HostState.RUNNING:
            return
        cdef Strategy plugin = self.active
        plugin.now_ns = self.now_ns
        try:
            if self.trade_method is not None:
                self.trade_method(market, side, price_ticks, qty_lots)
            elif self.hears_trade:
                plugin.on_trade(market, side, price_ticks, qty_lots)
        except BaseException as error:
            self._failed(plugin, "on_trade", error)
        if self.shadow is not None:
            try:
                self.shadow.now_ns = self.now_ns
                self.shadow.on_trade(market, side, price_ticks, qty_lots)
            except BaseException as error:
                self._failed(self.shadow, "on_trade", error)

    cdef void on_order(self, Market market, OrderView order) noexcept:
        if not self.sees[market.index] or self.state != HostState.RUNNING:
            return
        for plugin in self._both():
            try:
                (<Strategy>plugin).on_order(market, order)
            except BaseException as error:
                self._failed(plugin, "on_order", error)

    cdef void on_fill(self, Market market, Fill fill) noexcept:
        if not self.sees[market.index] or self.state != HostState.RUNNING:
            return
        for plugin in self._both():
            try:
                (<Strategy>plugin).on_fill(market, fill)
            except BaseException as error:
                self._failed(plugin, "on_fill", error)

    cdef void on_funding(self, Market market, int64_t amount_e8) noexcept:
        if not self.sees[market.index] or self.state != HostState.RUNNING:
            return
        for plugin in self._both():
            try:
                (<Strategy>plugin).on_funding(market, amount_e8)
            except BaseException as error:
                self._failed(plugin, "on_funding", error)

    cdef void on_time(self, int64_t now_ns) noexcept:
        """Fire due timers; end a shadow time that has run out, and quotes that nobody stands for."""
        self.now_ns = now_ns
        if now_ns >= self.inherited_until_ns:
            self._disinherit()
        if self.state != HostState.RUNNING:
            return
        for plugin in self._both():
            try:
                (<Strategy>plugin).fire_timers()
            except BaseException as error:
                self._failed(plugin, "on_timer", error)
        if self.shadow is not None and now_ns >= self.shadow_until_ns:
            self._switch()

    cdef void stop(self) noexcept:
        """Tell the plugin that it ends; nothing it declares afterwards counts."""
        if self.state == HostState.RUNNING:
            for plugin in self._both():
                try:
                    (<Strategy>plugin).on_stop()
                except BaseException as error:
                    self._complain(f"on_stop raised {_told(error)}")
        self.shadow = None
        self.state = HostState.STOPPED

    # --- what the engine asks ----------------------------------------------------------------------------------------

    cdef const QuoteSet* wanted(self, int market) noexcept:
        if self.state != HostState.RUNNING or not self.active.declared[market]:
            return NULL
        return &self.active.desired[market]

    cdef bint has_spoken(self, int market) noexcept:
        return self.state == HostState.RUNNING and (self.active.changed >> market) & 1

    cdef bint take_changed(self, int market) noexcept:
        if not self.has_spoken(market):
            return False
        self.active.changed &= ~(<uint64_t>1 << market)
        return True

    cdef uint64_t all_changed(self) noexcept:
        return self.active.changed if self.state == HostState.RUNNING else 0

    # --- swap --------------------------------------------------------------------------------------------------------

    def swap(
        self, Strategy candidate, object params, str name, *, int64_t now_ns, int64_t shadow_ns=0, check=None,
    ) -> str:
        """Put `candidate` in place of the running plugin, between two events.

        It is bound, takes over the state, and runs once on the present books; only if nothing was raised and `check`
        (called with the candidate and each market; returns a complaint or "") accepts its quotes does it take over, at
        once or after `shadow_ns` beside the old one. On any failure the running plugin goes on untouched.

        Returns:
            "" when it took over or its shadow time began, else why not.
        """
        self.now_ns = now_ns
        if self.state == HostState.STOPPED:
            return "the bot is stopping"
        try:
            candidate.bind(params, self.markets, self.n_markets)
            self._try(candidate, self._state_of(self.active))
            if check is not None:
                for market in self.markets:
                    complaint = check(candidate, market)
                    if complaint:
                        return complaint
        except BaseException as error:
            return f"dry run failed: {_told(error)}"
        self.shadow, self.shadow_name = candidate, name
        self.shadow_events = self.shadow_differences = 0
        self.shadow_until_ns = now_ns + shadow_ns
        if shadow_ns <= 0 or self.active is None or self.state != HostState.RUNNING:
            self._switch()
        return ""

    cdef dict _state_of(self, Strategy old):
        """What `old` hands over; nothing when it cannot, since a broken plugin must be replaceable."""
        if old is None:
            return {}
        try:
            return old.export_state() or {}
        except BaseException as error:
            self._complain(f"{self.name}: export_state raised {_told(error)}: its successor starts without")
            return {}

    cdef int _try(self, Strategy candidate, dict state) except -1:
        cdef Market market
        candidate.now_ns = self.now_ns
        if state:
            candidate.import_state(state)
        candidate.on_start()
        for item in self.markets:
            market = item
            if market.trusted:
                candidate.on_book(market)
        return 0

    cdef void _switch(self) noexcept:
        cdef int i
        cdef Strategy old = self.active, fresh = self.shadow
        cdef bint healthy = old is not None and self.state == HostState.RUNNING
        if self.shadow_events > 0 and healthy:
            # The state handed over at the start of the shadow time is old by now.
            state = self._state_of(old)
            try:
                if state:
                    fresh.import_state(state)
            except BaseException as error:
                self._failed(fresh, "import_state", error)
                return
        # A plugin that has failed is nothing to go back to.
        self.previous, self.previous_name = (old, self.name) if healthy else (None, "")
        self._listen(fresh, self.shadow_name)
        self.shadow, self.shadow_name = None, ""
        self.swaps += 1
        self.state = HostState.RUNNING
        self.inherited_until_ns = INT64_MAX
        for i in range(self.n_markets):
            self.inherited[i] = 0
            if fresh.declared[i]:
                fresh.changed |= <uint64_t>1 << i
            elif old is not None and old.declared[i]:
                # It has not spoken about this market yet: for a while, what a sound predecessor wanted stands.
                if healthy:
                    fresh.desired[i] = old.desired[i]
                    self.inherited[i] = 1
                    self.inherited_until_ns = self.now_ns + INHERIT_NS
                fresh.declared[i] = 1
                fresh.changed |= <uint64_t>1 << i
        if healthy:
            try:
                old.on_stop()
            except BaseException as error:
                self._complain(f"{self.previous_name}: on_stop raised {_told(error)}")

    cdef void _listen(self, Strategy plugin, str name) noexcept:
        """Make `plugin` the running one; of what comes most often it is only told what it has a callback for.

        A compiled plugin's callbacks are C methods; those of a Python class are looked up once, here.
        """
        self.active, self.name = plugin, name
        self.hears_book, self.hears_trade = _has(plugin, "on_book"), _has(plugin, "on_trade")
        in_python = type(plugin).__flags__ & Py_TPFLAGS_HEAPTYPE
        self.book_method = getattr(plugin, "on_book") if self.hears_book and in_python else None
        self.trade_method = getattr(plugin, "on_trade") if self.hears_trade and in_python else None

    cdef void _disinherit(self) noexcept:
        """Pull inherited quotes that the plugin has not made its own: nobody would ever move them."""
        cdef int i
        self.inherited_until_ns = INT64_MAX
        if self.active is None:
            return
        for i in range(self.n_markets):
            if self.inherited[i] and not self.active.spoken[i]:
                self.active.desired[i].n_bids = self.active.desired[i].n_asks = 0
                self.active.changed |= <uint64_t>1 << i
            self.inherited[i] = 0

    cdef void _complain(self, str text) noexcept:
        if len(self.failures) < MAX_FAILURES:
            self.failures.append(text)

    cdef void _failed(self, Strategy culprit, str where, object error) noexcept:
        cdef str name = self.shadow_name if culprit is self.shadow else self.name
        if isinstance(error, KeyboardInterrupt):
            PyErr_SetInterrupt()
            return
        self.raised += 1
        self._complain(f"{name}: {where} raised {_told(error)}")
        if culprit is self.shadow:
            self.shadow, self.shadow_name = None, ""
        elif culprit is self.active:
            self.state = HostState.FAILED
            if self.shadow is not None:
                self._switch()          # it was going to take over anyway
            elif self.rollback and self.previous is not None:
                self._roll_back()

    cdef void _roll_back(self) noexcept:
        """Start the previous plugin again."""
        self._listen(self.previous, self.previous_name)
        self.previous, self.previous_name = None, ""
        self.rollbacks += 1
        self.restart()

    cdef void restart(self) noexcept:
        """Start the plugin that is in place, after a failure. What it wanted before is old: it has to say anew."""
        cdef Strategy back = self.active
        cdef int i
        for i in range(self.n_markets):
            back.desired[i].n_bids = back.desired[i].n_asks = 0
            back.declared[i] = 1
            back.changed |= <uint64_t>1 << i
        try:
            self._try(back, {})
            self.state = HostState.RUNNING
        except BaseException as error:
            self._failed(back, "the new start", error)

    cdef void _compare(self, int market) noexcept:
        cdef QuoteSet* a = &self.active.desired[market]
        cdef QuoteSet* b = &self.shadow.desired[market]
        self.shadow_events += 1
        if not (a.n_bids == b.n_bids and a.n_asks == b.n_asks
                and _same(a.bids, b.bids, a.n_bids) and _same(a.asks, b.asks, a.n_asks)):
            self.shadow_differences += 1

    cdef tuple _both(self):
        self.active.now_ns = self.now_ns
        if self.shadow is None:
            return (self.active,)
        self.shadow.now_ns = self.now_ns
        return (self.active, self.shadow)
