"""From a frame's bytes to a market's book; see ``market_data.pxd``."""

from libc.stdint cimport int64_t

from mmbot._core.decode cimport Decoder
from mmbot._core.execution cimport Execution
from mmbot._core.latency cimport Hop, LatencyBoard
from mmbot._core.market cimport Market
from mmbot._core.message cimport MessageKind
from mmbot._core.notes cimport Notes
from mmbot._core.sync cimport SyncResult
from mmbot._core.types cimport CommandKind
from mmbot._core.venue_states cimport VenueStates

cdef enum:
    HOUR_NS = 3600000000000
    FREE_ASKS = 3               # snapshots asked for without a pause
    ASK_PAUSE_NS = 1000000000
    FORGET_ASKS_NS = 10000000000
    LATENCY_SAMPLE = 100        # messages that a look at the budget wants


cdef class MarketData:
    """Decodes frames into the markets' books, and asks for the snapshots that those need.

    Args:
        markets: all markets, by index.
        decoders: one for each feed.
        execution: where snapshots are asked for.
        latency: where decoding and book work are timed.
        venues: the clocks that messages are stamped with.
        notes: for what is not understood.
        feeds: index of the venue of each feed.
        stale_ns, latency_budget_ns: as in the contract.
    """

    def __init__(
        self, tuple markets, tuple decoders, Execution execution, LatencyBoard latency, VenueStates venues,
        Notes notes, *, feeds, int64_t stale_ns, int64_t latency_budget_ns,
    ):
        self.markets, self.decoders, self.execution, self.latency = markets, decoders, execution, latency
        self.venues, self.notes = venues, notes
        self.stale_ns, self.latency_budget_ns = stale_ns, latency_budget_ns
        self.feeds, self.up = tuple(feeds), set()
        for i in range(len(markets)):
            self.first_feed[i] = self.feeds.index(venues.of[i]) if venues.of[i] in self.feeds else -1

    cdef News frame(
        self, int feed, const char* p, Py_ssize_t n, int64_t recv_ns, int64_t now_ns, int64_t t,
    ) noexcept:
        cdef Decoded* d = &self.message
        cdef Market market
        cdef bint changed
        cdef int kind = (<Decoder>self.decoders[feed]).decode(p, n, d)
        self.lap_ns = t = self.latency.lap(Hop.DECODE, t)
        self.frames += 1
        if kind == MessageKind.BAD:
            self.bad_frames += 1
            return NOTHING
        if kind >= MessageKind.CONTROL or d.market < 0:
            return NOTHING
        self.market = market = <Market>self.markets[d.market]
        self.was_trusted = market.trusted
        if d.event_ts_ns > 0:
            self._time_frame(recv_ns + self.venues.clock_offset_ns[self.venues.of[d.market]] - d.event_ts_ns)
        if kind == MessageKind.DEPTH or kind == MessageKind.BOOK_TICKER:
            if kind == MessageKind.DEPTH:
                market.feed = feed
                changed = market.on_depth(d, now_ns)
                if market.sync.need_snapshot:
                    self.ask_snapshot(market, now_ns)
            else:
                changed = market.on_ticker(d, now_ns)
            self.lap_ns = self.latency.lap(Hop.BOOK, t)
            return TOUCH if changed else SAME_TOUCH
        if kind == MessageKind.TRADE or kind == MessageKind.AGG_TRADE:
            if not d.is_market:
                return NOTHING
            market.last_trade_ticks, market.last_trade_lots = d.price_ticks, d.qty_lots
            market.signals.on_trade(d.taker_side, d.price_ticks, d.qty_lots, now_ns)
            return TRADE
        if kind == MessageKind.MARK_PRICE:
            market.on_mark(d)
            return MARK
        return NOTHING

    cdef void snapshot(self, Market market, const char* p, Py_ssize_t n, int64_t now_ns) noexcept:
        """Take in a REST depth body."""
        cdef Decoder decoder = self.decoders[self.first_feed[market.index]]
        if decoder.decode_snapshot(market.index, p, n, &self.message) != MessageKind.SNAPSHOT:
            self.bad_frames += 1
            self.notes.add(f"{market.id}: snapshot not understood: {p[:min(n, 80)]!r}")
            market.sync.reset(market.sync.status)
        elif market.sync.on_snapshot(&self.message, now_ns) == SyncResult.REFUSED:
            self.notes.add(f"{market.id}: snapshot older than the stream, asking again")
        market.refresh(now_ns)
        self.ask_snapshot(market, now_ns)

    cdef void feed_changed(self, Market market, bint up, int64_t now_ns) noexcept:
        """The socket of the market's book came up or went down."""
        if up:
            market.sync.on_connect()
            self.ask_snapshot(market, now_ns)
        else:
            market.sync.on_disconnect()
        market.refresh(now_ns)

    cdef bint grew_stale(self, Market market, int64_t now_ns) noexcept:
        """Whether its book has just become too old to be trusted."""
        if not market.sync.check_stale(now_ns, self.stale_ns):
            return False
        market.refresh(now_ns)
        return True

    cdef void ask_snapshot(self, Market market, int64_t now_ns) noexcept:
        """Ask for a snapshot; after a few that did not help, with pauses: each costs request weight.

        What is not asked for now is asked for when time passes.
        """
        cdef int i = market.index
        if not market.sync.need_snapshot or market.feed < 0 and not self.can_follow[i]:
            return
        if now_ns - self.asked_ns[i] >= <int64_t>FORGET_ASKS_NS:
            self.asks[i] = 0
        elif self.asks[i] >= FREE_ASKS and now_ns - self.asked_ns[i] < <int64_t>ASK_PAUSE_NS:
            return
        self.asks[i] += 1
        self.asked_ns[i] = now_ns
        market.sync.snapshot_requested()
        self.execution.emit(CommandKind.RESYNC, i)

    cdef int note_feed(self, int feed, bint up) except -1:
        """A socket came up or went down.

        Which of a venue's sockets brings a book, only its first message shows. A snapshot that is taken before that one
        is up leaves out what nobody will tell: until then all of them have to be.
        """
        if up:
            self.up.add(feed)
        else:
            self.up.discard(feed)
        for market in self.markets:
            venue = self.venues.of[market.index]
            self.can_follow[<int>market.index] = all(f in self.up for f, of in enumerate(self.feeds) if of == venue)

    cdef bint completes(self, int feed, Market market) noexcept:
        """Whether this socket was the last that a market's venue had to connect."""
        cdef int venue = self.feeds[feed]
        return self.venues.of[market.index] == venue and self.can_follow[market.index]

    cdef int64_t oldest_ns(self, int64_t now_ns) noexcept:
        cdef Market market
        cdef int64_t worst_ns = 0
        for item in self.markets:
            market = item
            if market.maker and market.sync.recv_ts_ns > 0:
                worst_ns = max(worst_ns, now_ns - market.sync.recv_ts_ns)
        return worst_ns

    cdef void _time_frame(self, int64_t latency_ns) noexcept:
        """Count one message's way from the venue; what matters is how many are beyond the budget."""
        if latency_ns >= <int64_t>HOUR_NS:
            return                  # a recording of another day
        self.latency.record(Hop.EXCHANGE, latency_ns)
        if self.latency_budget_ns > 0:
            self.messages += 1
            if latency_ns > self.latency_budget_ns:
                self.slow += 1
                self.slowest_ns = max(self.slowest_ns, latency_ns)

    cdef int64_t over_budget_ns(self) noexcept:
        """Its 99th percentile is over the budget when more than one message in a hundred is."""
        cdef int64_t value_ns = self.slowest_ns if self.slow * 100 > self.messages else 0
        if self.latency_budget_ns == 0 or self.messages < LATENCY_SAMPLE:
            return -1
        self.messages = self.slow = self.slowest_ns = 0
        return value_ns
