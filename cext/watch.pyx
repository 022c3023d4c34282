"""Watches what the session limits are about; see ``watch.pxd``."""

from libc.stdint cimport int64_t

from mmbot._core.execution cimport Execution
from mmbot._core.hedge cimport take_out
from mmbot._core.hedges cimport Hedges
from mmbot._core.limits cimport Cause, RiskLevel, SessionLimits, Transition
from mmbot._core.market cimport Market
from mmbot._core.market_data cimport MarketData
from mmbot._core.notes cimport Notes
from mmbot._core.quoter cimport Quoter
from mmbot._core.types cimport Purpose, Side
from mmbot._core.venue_states cimport VenueStates
from mmbot._core.wallets cimport Wallets

from mmbot._core import limits as limit_names


cdef class Watch:
    """Tells the limits the state of the session, and carries out the level that comes of it.

    Args:
        markets: all markets, by index.
        limits: the rules.
        execution: for what a level cancels and takes out.
        hedges, market_data, venues, wallets: what is watched.
        quoter: whom a change of the level concerns.
        notes: where transitions are told.
        flatten_slippage, near_distance, close_distance: as in the contract.
    """

    def __init__(
        self, tuple markets, SessionLimits limits, Execution execution, Hedges hedges, MarketData market_data,
        Quoter quoter, VenueStates venues, Wallets wallets, Notes notes, *, double flatten_slippage,
        double near_distance=0.0, double close_distance=0.0,
    ):
        self.markets, self.limits, self.execution = markets, limits, execution
        self.hedges, self.market_data, self.quoter = hedges, market_data, quoter
        self.venues, self.wallets, self.notes = venues, wallets, notes
        self.flatten_slippage = flatten_slippage
        self.near_distance, self.close_distance = near_distance, close_distance

    cdef void money(self, int64_t now_ns) noexcept:
        cdef int64_t total = 0
        cdef Market market
        for item in self.markets:
            market = item
            if market.bid_lots > 0 and market.ask_lots > 0:
                market.pnl.on_mid(market.bid_ticks + market.ask_ticks)
            total += market.pnl.total_e8()
        self.margin(now_ns)
        if self.limits.observe_pnl(total, now_ns):
            self.obey()

    cdef void margin(self, int64_t now_ns) noexcept:
        self.wallets.tell_gate()
        if self.near_distance > 0:
            self.limits.observe(Cause.LIQUIDATION_NEAR, self.wallets.shocked_ppm(self.near_distance), now_ns)
        if self.close_distance > 0:
            self.limits.observe(Cause.LIQUIDATION_CLOSE, self.wallets.shocked_ppm(self.close_distance), now_ns)

    cdef void time(self, int64_t now_ns) noexcept:
        cdef int64_t over_budget_ns = self.market_data.over_budget_ns()
        self.limits.observe(Cause.HEDGE_BACKLOG, self.hedges.worst_backlog_ns(now_ns), now_ns)
        self.limits.observe(Cause.HEDGE_DOWN, self.hedges.worst_down_ns(now_ns), now_ns)
        if over_budget_ns >= 0:
            self.limits.observe(Cause.LATENCY_BUDGET, over_budget_ns, now_ns)
        self.limits.on_time(now_ns)
        self.obey()

    cdef void obey(self) noexcept:
        cdef Transition transition
        while self.limits.pop(&transition):
            verb = "breached" if transition.entered else "left"
            self.notes.add(
                f"limit {limit_names.Cause(transition.cause).name} {verb}: "
                f"value {transition.value}, limit {transition.limit}; "
                f"level {limit_names.RiskLevel(transition.old).name} -> {limit_names.RiskLevel(transition.new).name}"
            )
            self.quoter.mark_all()
        self.execution.gate.set_level(self.limits.level)
        if self.limits.level == RiskLevel.FLATTEN:
            self._flatten()
        elif self.limits.level == RiskLevel.HALT:
            for market in self.markets:
                if self.venues.up[self.venues.of[(<Market>market).index]]:
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
                    self.execution, market, Side.SELL if market.position.lots > 0 else Side.BUY,
                    abs(market.position.lots), self.flatten_slippage, market.instrument.perpetual, Purpose.FLATTEN)
