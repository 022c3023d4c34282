"""The plugin base class; see ``strategy.pxd`` for the fields and ``mmbot.strategy`` for the public face."""

from cpython.number cimport PyNumber_Index
from libc.math cimport llround
from libc.stdint cimport INT64_MAX, int64_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from mmbot._core.market cimport Market
from mmbot._core.quoting cimport MAX_QUOTE_LEVELS, QuoteSet, Quotes
from mmbot._core.types cimport Level

cdef double MAX_TIMER_S = 1e9


cdef class Fill:
    """One execution of ours, as `Strategy.on_fill` gets it. Prices in ticks, quantities in lots, fee in 1e-8."""

    def __repr__(self) -> str:
        side = "sell" if self.side else "buy"
        return f"Fill({side} {self.qty_lots} lots at {self.price_ticks}, trade {self.trade_id})"


cdef class OrderView:
    """One order of ours at one moment, as `Strategy.on_order` gets it."""

    def __repr__(self) -> str:
        return (
            f"OrderView({'sell' if self.side else 'buy'} {self.filled_lots}/{self.qty_lots} lots "
            f"at {self.price_ticks}, state {self.state})"
        )


cdef int _levels(object wanted, Level* out, str side) except -1:
    """Copy ``(price_ticks, qty_lots)`` pairs, best first; return how many."""
    cdef int n = 0
    cdef object quote = None
    try:
        for quote in wanted:
            if n == MAX_QUOTE_LEVELS:
                raise ValueError(f"quote(): at most {MAX_QUOTE_LEVELS} {side}")
            price_ticks, qty_lots = quote
            out[n].price_ticks = PyNumber_Index(price_ticks)        # a float is an error, not cut off
            out[n].qty_lots = PyNumber_Index(qty_lots)
            if out[n].price_ticks <= 0 or out[n].qty_lots <= 0:
                raise ValueError(f"quote(): {side}[{n}] must be positive ticks and lots, found {quote!r}")
            if n > 0 and (out[n].price_ticks - out[n - 1].price_ticks) * (1 if side == "asks" else -1) <= 0:
                raise ValueError(f"quote(): {side} must be best first without repeats, found {price_ticks} at [{n}]")
            n += 1
    except TypeError as error:
        if n == 0 and quote is None:
            raise TypeError(f"quote(): {side} must be a list of (price_ticks, qty_lots), found {wanted!r}") from error
        raise TypeError(
            f"quote(): {side}[{n}] must be (price_ticks, qty_lots), two whole numbers, found {quote!r}") from error
    return n


cdef class Strategy:
    """Base of every plugin: override the callbacks you need and call `quote` with what you want to have working.

    The engine makes the venue match the quotes declared last; a plugin never sends, amends or cancels an order.
    Callbacks run inside one engine step: no I/O, no clock, no randomness that is not seeded (`now_ns` is the time).
    `params` is the instance of the plugin's own `Params`, `markets` the markets it may quote.
    """

    def __cinit__(self, *args, **kwargs):
        self.markets = ()
        self.timers = {}
        self.hedge_targets = {}
        self.metrics = {}
        self.notes = []
        self.next_timer_ns = INT64_MAX

    def __dealloc__(self):
        free(self.desired)
        free(self.declared)
        free(self.spoken)

    cdef int bind(self, object params, tuple markets, int n_markets) except -1:
        """Give the plugin its params and markets; called once by the engine's loader, before `on_start`."""
        if self.desired != NULL:
            raise RuntimeError("a strategy is bound once")
        self.params, self.markets, self.n_markets = params, markets, n_markets
        self.desired = <QuoteSet*>calloc(n_markets, sizeof(QuoteSet))
        self.declared = <uint8_t*>calloc(n_markets, 1)
        self.spoken = <uint8_t*>calloc(n_markets, 1)
        if self.desired == NULL or self.declared == NULL or self.spoken == NULL:
            raise MemoryError("quote sets of a strategy")
        return 0

    # --- what a plugin overrides ---------------------------------------------------------------------------------

    cpdef void on_start(self) except *:
        """Once, before the first event; state handed over by a predecessor is already imported.

        It runs again when a failing successor is rolled back to this plugin: it has been stopped in between.
        """

    cpdef void on_book(self, Market market) except *:
        """The market's best prices, or the quantities there, changed, and its book is trusted."""

    cpdef void on_trade(self, Market market, int side, int64_t price_ticks, int64_t qty_lots) except *:
        """A trade printed; `side` is the taker's."""

    cpdef void on_order(self, Market market, OrderView order) except *:
        """An order of ours changed state."""

    cpdef void on_fill(self, Market market, Fill fill) except *:
        """An order of ours traded; position and PnL already contain it."""

    cpdef void on_funding(self, Market market, int64_t amount_e8) except *:
        """Funding was received (> 0) or paid (< 0), in 1e-8 of the settle asset."""

    cpdef void on_timer(self, str name) except *:
        """A timer set with `set_timer` is due."""

    cpdef void on_stop(self) except *:
        """Once, at the end or when another plugin takes over; quotes declared here have no effect."""

    cpdef dict export_state(self):
        """What a successor should know: JSON-able values by name."""
        return {}

    cpdef void import_state(self, dict state) except *:
        """Take over a predecessor's `export_state`; unknown names are to be ignored."""

    # --- what a plugin calls -----------------------------------------------------------------------------------------

    def quote(self, Market market, bids=(), asks=()) -> None:
        """Declare all quotes wanted on `market`: ``(price_ticks, qty_lots)`` pairs, best first.

        Raises:
            ValueError: not best first, repeated prices, not positive, or more than 32 a side; the earlier quotes stand.
        """
        cdef QuoteSet fresh
        memset(&fresh, 0, sizeof(fresh))
        fresh.n_bids = _levels(bids, fresh.bids, "bids")
        fresh.n_asks = _levels(asks, fresh.asks, "asks")
        self._check(market)
        self.desired[market.index] = fresh
        self._declare(market.index)

    cpdef void quote_pair(
        self, Market market, int64_t bid_ticks, int64_t bid_lots, int64_t ask_ticks, int64_t ask_lots,
    ) except *:
        """Declare one quote a side, or with 0 lots none there: `quote` for the simplest case, and the fastest.

        Raises:
            ValueError: a price that is not positive, or negative lots; the earlier quotes stand.
        """
        cdef QuoteSet* desired
        self._check(market)
        if bid_lots < 0 or ask_lots < 0 or bid_lots > 0 >= bid_ticks or ask_lots > 0 >= ask_ticks:
            raise ValueError(
                "quote_pair(): expected positive prices and lots of 0 or more, found "
                f"{(bid_ticks, bid_lots)} and {(ask_ticks, ask_lots)}")
        desired = &self.desired[market.index]
        desired.n_bids, desired.n_asks = bid_lots > 0, ask_lots > 0
        desired.bids[0].price_ticks, desired.bids[0].qty_lots = bid_ticks, bid_lots
        desired.asks[0].price_ticks, desired.asks[0].qty_lots = ask_ticks, ask_lots
        self._declare(market.index)

    cpdef void place(self, Market market, Quotes quotes) except *:
        """Declare the quote set a model laid out."""
        self._check(market)
        if quotes is None:
            raise TypeError("place(): expected Quotes, found None")
        # Only the levels in use: the whole set is a kilobyte.
        cdef QuoteSet* desired = &self.desired[market.index]
        desired.n_bids, desired.n_asks = quotes.data.n_bids, quotes.data.n_asks
        memcpy(desired.bids, quotes.data.bids, desired.n_bids * sizeof(Level))
        memcpy(desired.asks, quotes.data.asks, desired.n_asks * sizeof(Level))
        self._declare(market.index)

    cpdef void pull(self, Market market) except *:
        """Want no quotes on `market`."""
        if market is not None and not market.maker:
            return
        self._check(market)
        self.desired[market.index].n_bids = self.desired[market.index].n_asks = 0
        self._declare(market.index)

    def set_timer(self, str name, *, double after_s=0.0, double every_s=0.0) -> None:
        """Call `on_timer(name)` once after `after_s`, then every `every_s` (0: only once); replaces an older one."""
        cdef int64_t every_ns = llround(every_s * 1e9)
        cdef int64_t after_ns = llround((after_s if after_s > 0 else every_s) * 1e9)
        if not (0 <= after_s <= MAX_TIMER_S and 0 <= every_s <= MAX_TIMER_S) or after_ns <= 0:
            raise ValueError(f"set_timer({name!r}): expected a positive after_s or every_s, at most {MAX_TIMER_S:g}")
        self.timers[name] = (self.now_ns + after_ns, every_ns)
        self._next_timer()

    def cancel_timer(self, str name) -> None:
        """Forget a timer; no error when there is none."""
        self.timers.pop(name, None)
        self._next_timer()

    def hedge_target(self, str base_asset, double delta) -> None:
        """Move the hedger's target net delta of `base_asset`, in base units."""
        if delta != delta:
            raise ValueError("hedge_target(): delta is NaN")
        self.hedge_targets[base_asset] = delta

    def metric(self, str name, double value) -> None:
        """Publish a number under the plugin's name."""
        self.metrics[name] = value

    def note(self, str text) -> None:
        """Write a line to the run's log; the engine keeps at most 1,000 between two steps."""
        if len(self.notes) < 1000:
            self.notes.append(text)

    def quotes_of(self, Market market) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """The quotes declared last, ``(bids, asks)`` of ``(price_ticks, qty_lots)``; for tests and comparison."""
        if market is not None and not market.maker:
            return [], []
        self._check(market)
        cdef QuoteSet* q = &self.desired[market.index]
        return (
            [(q.bids[i].price_ticks, q.bids[i].qty_lots) for i in range(q.n_bids)],
            [(q.asks[i].price_ticks, q.asks[i].qty_lots) for i in range(q.n_asks)],
        )

    # --- engine side -------------------------------------------------------------------------------------------------

    cdef int _check(self, Market market) except -1:
        if self.desired == NULL:
            raise RuntimeError("quotes can be declared from on_start on, not in __init__")
        if market is None:
            raise TypeError("expected a Market, found None")
        if not 0 <= market.index < self.n_markets:
            raise ValueError(f"market {market.id} is not one of this engine")
        if not market.maker and not self.spoken[market.index]:
            self.spoken[market.index] = 1       # once is enough: it may do so at every message
            self.note(f"quotes on {market.id} are ignored: it is only observed, its role is not maker")
        return 0

    cdef void _declare(self, int index) noexcept:
        self.declared[index] = self.spoken[index] = 1
        self.changed |= <uint64_t>1 << index

    cdef int _next_timer(self) except -1:
        self.next_timer_ns = INT64_MAX
        for due_ns, _ in self.timers.values():
            if due_ns < self.next_timer_ns:
                self.next_timer_ns = due_ns
        return 0

    cdef int fire_timers(self) except -1:
        """Run every timer due at `now_ns`, earliest first, each at most once."""
        if self.now_ns < self.next_timer_ns:
            return 0
        due = sorted((due_ns, name) for name, (due_ns, _) in self.timers.items() if due_ns <= self.now_ns)
        for _, name in due:
            if name not in self.timers:
                continue
            every_ns = self.timers[name][1]
            if every_ns:
                self.timers[name] = (self.now_ns + every_ns, every_ns)
            else:
                del self.timers[name]
            self._next_timer()
            self.on_timer(name)
        return 0


def bind(Strategy strategy, object params, tuple markets, int n_markets) -> None:
    """Give a constructed plugin its validated params and its markets (loader and test harness only)."""
    strategy.bind(params, markets, n_markets)
