"""From what the plugin wants to what is working; see ``quoter.pxd``."""

from libc.stdint cimport int64_t, uint64_t

from mmbot._core.execution cimport Execution
from mmbot._core.hedges cimport Hedges
from mmbot._core.host cimport HostState, PluginHost
from mmbot._core.limits cimport RiskLevel, SessionLimits
from mmbot._core.market cimport Market
from mmbot._core.quoting cimport QuoteSet
from mmbot._core.strategy cimport Strategy
from mmbot._core.types cimport Side
from mmbot._core.venue_states cimport VenueStates

cdef extern from *:
    int __builtin_ctzll(unsigned long long mask)


cdef class Quoter:
    """Keeps each maker market's orders at what the plugin wants, as far as that is allowed now.

    Args:
        markets: all markets, by index.
        execution: the way out.
        host: who says what is wanted.
        limits: whose level cuts it.
        hedges: for which quotes make way.
        venues: which of them take orders.
        patient: wanted and working are compared only when the strategy declares, not after each order event.
    """

    def __init__(
        self, tuple markets, Execution execution, PluginHost host, SessionLimits limits, Hedges hedges,
        VenueStates venues, *, bint patient=False,
    ):
        self.markets, self.execution, self.host, self.limits = markets, execution, host, limits
        self.hedges, self.venues, self.patient = hedges, venues, patient

    cdef void work(self, Market market) noexcept:
        cdef int i = market.index
        cdef const QuoteSet* wanted
        cdef bint spoken
        if not market.maker:
            return
        spoken = self.host.take_changed(i)
        if spoken:
            self.dirty[i] = 1
        if not self.dirty[i] or not self.venues.up[self.venues.of[i]]:
            return
        wanted = self._allowed(market)
        if wanted == NULL:
            self.dirty[i] = 0       # nothing was ever asked for
            return
        if self.patient and not spoken and wanted != &self.nothing:
            return
        self.dirty[i] = not self.execution.work(i, wanted)

    cdef void follow(self, Market market) noexcept:
        cdef uint64_t others
        self.work(market)
        others = self.host.all_changed()        # a plugin may quote one market on the news of another
        while others:
            self.work(<Market>self.markets[__builtin_ctzll(others)])
            others &= others - 1

    cdef void work_all(self) noexcept:
        for market in self.markets:
            self.work(market)

    cdef void mark(self, int market) noexcept:
        self.dirty[market] = 1

    cdef void mark_all(self) noexcept:
        for i in range(len(self.markets)):
            self.dirty[i] = 1

    cdef void mark_venue(self, int venue) noexcept:
        for i in range(len(self.markets)):
            if self.venues.of[i] == venue:
                self.dirty[i] = 1

    cdef void act(self, int64_t now_ns) noexcept:
        """Once the strategy has spoken, bring all markets in line, then hedge what is open."""
        cdef bint spoken = False
        for market in self.markets:
            spoken = spoken or self.host.has_spoken((<Market>market).index)
        if spoken:
            self.work_all()
            self.hedges.step_held(now_ns)

    cdef const QuoteSet* _allowed(self, Market market) noexcept:
        """What the plugin wants, as far as the state of the session allows it; NULL: it has never said."""
        cdef int i = market.index
        cdef int level = self.limits.level
        cdef int side
        cdef const QuoteSet* wanted = self.host.wanted(i)
        if (self.host.state >= HostState.FAILED or self.paused[i] or not market.trusted or not market.trading
                or level == RiskLevel.PULL_QUOTES or level >= RiskLevel.FLATTEN):
            return &self.nothing
        if wanted == NULL:
            return NULL
        side = self.hedges.clearing_side(i)
        if side >= 0:                       # a hedge is about to cross this market: that side waits
            self.cleared = wanted[0]
            if side == Side.BUY:
                self.cleared.n_bids = 0
            else:
                self.cleared.n_asks = 0
            wanted = &self.cleared
        return wanted if level == RiskLevel.NORMAL else self._reducing(wanted, market.position.lots)

    cdef const QuoteSet* _reducing(self, const QuoteSet* wanted, int64_t held_lots) noexcept:
        """Only the side that takes the position towards zero, and no further."""
        cdef int j
        self.reduced.n_bids = self.reduced.n_asks = 0
        if held_lots > 0:
            for j in range(wanted.n_asks):
                if held_lots <= 0:
                    break
                self.reduced.asks[j] = wanted.asks[j]
                self.reduced.asks[j].qty_lots = min(held_lots, wanted.asks[j].qty_lots)
                held_lots -= wanted.asks[j].qty_lots
                self.reduced.n_asks = j + 1
        else:
            for j in range(wanted.n_bids):
                if held_lots >= 0:
                    break
                self.reduced.bids[j] = wanted.bids[j]
                self.reduced.bids[j].qty_lots = min(-held_lots, wanted.bids[j].qty_lots)
                held_lots += wanted.bids[j].qty_lots
                self.reduced.n_bids = j + 1
        return &self.reduced

    def refusal(self, Strategy candidate, Market market) -> str:
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
