"""Hedging; see ``hedge.pxd``."""

from libc.math cimport NAN, ceil, fabs, floor, isnan
from libc.stdint cimport int8_t, int32_t, int64_t

from mmbot._core.execution cimport Execution
from mmbot._core.gate cimport RiskReason
from mmbot._core.market cimport Market
from mmbot._core.orders cimport Exposure, Order
from mmbot._core.types cimport Purpose, Side, TimeInForce

cdef double EPSILON = 1e-9          # base units: differences of doubles that mean nothing

cdef enum:
    NOTHING_TO_TAKE = -1000


cdef bint tradable(Market market) noexcept:
    """Its book is trusted and its venue takes orders."""
    return market.trusted and market.trading


cdef int32_t take_out(
    Execution execution, Market market, int8_t side, int64_t qty_lots, double max_slippage, bint reduce_only,
    int8_t purpose,
) noexcept:
    """Place an IOC order that takes at most `max_slippage` beyond the touch, and no more than stands there.

    Price and size stay where the gate lets them pass: a wind-down that it would refuse for ever helps nobody. Returns
    what `Execution.place` does, or NOTHING_TO_TAKE (empty book, below the minimum).
    """
    cdef int64_t limit_ticks, there
    cdef double band = execution.gate.markets[market.index].limits.price_band
    if side == Side.BUY:
        limit_ticks = <int64_t>floor(<double>market.ask_ticks * (1 + max_slippage))
        if band > 0:
            limit_ticks = min(limit_ticks, <int64_t>floor(market.mid_ticks * (1 + band)))
        there = market.book.lots_through(Side.SELL, limit_ticks)
    else:
        limit_ticks = <int64_t>ceil(<double>market.bid_ticks * (1 - max_slippage))
        if band > 0:
            limit_ticks = max(limit_ticks, <int64_t>ceil(market.mid_ticks * (1 - band)))
        there = market.book.lots_through(Side.BUY, limit_ticks)
    qty_lots = min(qty_lots, there, largest_order(execution, market, limit_ticks))
    if qty_lots <= 0 or not reduce_only and not orderable(market, qty_lots, limit_ticks):
        return NOTHING_TO_TAKE
    cdef int32_t outcome = execution.place(
        market.index, side, limit_ticks, qty_lots, TimeInForce.IOC, reduce_only, purpose)
    execution.tell_gate(market.index)
    return outcome


cdef int64_t largest_order(Execution execution, Market market, int64_t price_ticks) noexcept:
    """Lots that the gate's quantity and notional limits allow an order at this price."""
    cdef int64_t largest = execution.gate.markets[market.index].max_qty_lots
    cdef int64_t value = execution.gate.markets[market.index].max_value
    if price_ticks <= 0:
        return 0
    return min(largest, value if market.lot_e8 == 0 else value // price_ticks)


cdef bint orderable(Market market, int64_t qty_lots, int64_t price_ticks) noexcept:
    """Not below the venue's smallest order."""
    if qty_lots < market.instrument.min_qty_lots or qty_lots <= 0:
        return False
    if market.lot_e8 == 0:
        return True
    cdef double notional = <double>qty_lots * market.instrument.lot_value * price_ticks * market.instrument.tick_value
    return notional * 1e8 >= <double>market.instrument.min_notional_e8


cdef class HedgeGroup:
    """One base asset's net delta: what is off target beyond the band is hedged on the first market that takes it.

    Args:
        asset: base asset.
        makers, hedges: markets of the asset; `hedges` in order of preference.
        execution: way out for the orders.
        target, band: base units.
        ratio: share of the makers' delta that is hedged.
        max_slippage: fraction of the touch that a taking hedge may pay beyond it.
        passive_first: rest at the touch until `passive_deadline_ns`, then take.
        retry_ns: pause after an attempt that filled nothing.
        one_at_a_time: nothing is sent while a hedge order is in flight.
        max_attempts: failures on one market before the next is tried.
        max_backlog, max_backlog_ns: unhedged base units, or their age, that count as a breach.
    """

    def __init__(
        self, str asset, tuple makers, tuple hedges, Execution execution, *, double target=0.0, double band=0.0,
        double ratio=1.0, double max_slippage=0.002, bint passive_first=False,
        int64_t passive_deadline_ns=2_000_000_000, int64_t retry_ns=200_000_000, int32_t max_attempts=3,
        double max_backlog=0.0, int64_t max_backlog_ns=5_000_000_000, bint one_at_a_time=False,
    ):
        if not 1 <= len(hedges) <= MAX_GROUP or len(makers) > MAX_GROUP:
            raise ValueError(f"hedge {asset}: expected 1 to {MAX_GROUP} hedge markets and at most as many others")
        self.asset, self.makers, self.hedges, self.execution = asset, makers, hedges, execution
        self.target, self.band, self.ratio = target, band, ratio
        self.max_slippage, self.passive_first = max_slippage, passive_first
        self.passive_deadline_ns, self.retry_ns, self.max_attempts = passive_deadline_ns, retry_ns, max_attempts
        self.max_backlog, self.max_backlog_ns = max_backlog, max_backlog_ns
        self.one_at_a_time = one_at_a_time
        self.buy_cost_bps = self.sell_cost_bps = NAN
        self.clearing = -1

    def set_target(self, double target) -> None:
        """Move the target net delta, in base units."""
        self.target = target

    cdef double net_delta(self) noexcept:
        """Base units held over all markets of the group."""
        cdef double total = 0
        for market in self.makers:
            total += (<Market>market).delta()
        for market in self.hedges:
            total += (<Market>market).delta()
        return total

    cdef double in_flight(self) noexcept:
        """Base units that hedge orders may still add: open and unknown ones, and fills only reported so far."""
        cdef double total = 0
        cdef Market market
        cdef const Exposure* exposure
        cdef int8_t side
        cdef int32_t slot
        cdef int64_t lots
        cdef Order* order
        for item in self.hedges:
            market = item
            exposure = self.execution.table.exposure(market.index)
            for side in range(2):
                lots = exposure.buy_lots if side == Side.BUY else exposure.sell_lots
                slot = self.execution.table.first(market.index, side)
                while slot >= 0:
                    order = self.execution.table.at(slot)
                    if order.purpose != Purpose.HEDGE:
                        lots -= order.exposed_lots
                    slot = order.next
                total += (1 - 2 * side) * market.qty_of(lots) if lots != 0 else 0
        return total

    cdef double gap(self) noexcept:
        """Base units still to buy (> 0) or sell, with nothing in flight counted."""
        cdef double held = 0
        for market in self.makers:
            held += self.ratio * (<Market>market).delta()
        for market in self.hedges:
            held += (<Market>market).delta()
        return self.target - held

    cdef void step(self, int64_t now_ns) noexcept:
        """Send what is missing, on the market in turn or the next that takes it."""
        cdef double under_way = self.in_flight()
        cdef double gap = self.gap(), missing = gap - under_way
        cdef Market market
        cdef int32_t _tries
        self._note_backlog(gap, now_ns)
        if self.held or self.one_at_a_time and under_way != 0:
            return
        self.clearing = -1
        if fabs(missing) <= self.band + EPSILON:
            if self.backlog == 0:
                self.take_now = False
                self.current = self.attempts = 0        # the next gap begins with the preferred market again
            return
        if now_ns < self.retry_at_ns:
            return
        for _tries in range(len(self.hedges)):
            market = self.hedges[self.current]
            if tradable(market) and self._send(market, missing, now_ns):
                return
            self.current = (self.current + 1) % len(self.hedges)
            self.attempts = 0
        self.retry_at_ns = now_ns + self.retry_ns

    cdef void wake(self, int64_t now_ns) noexcept:
        """Markets came or went: price hedging anew, and what waited for a market need not wait any longer."""
        self.retry_at_ns = 0
        self.price()
        self.step(now_ns)

    cdef bint _send(self, Market market, double missing, int64_t now_ns) noexcept:
        cdef int8_t side = Side.BUY if missing > 0 else Side.SELL
        cdef int64_t lots = market.lots_of(fabs(missing))
        cdef int32_t outcome
        cdef int64_t price_ticks = market.bid_ticks if side == Side.BUY else market.ask_ticks
        if not orderable(market, lots, price_ticks):
            self.too_small += 1
            return True         # stays open until it is worth an order; no other market would take it sooner
        if self.passive_first and not self.take_now:
            lots = min(lots, largest_order(self.execution, market, price_ticks))
            outcome = self.execution.place(
                market.index, side, price_ticks, lots, TimeInForce.GTX, False, Purpose.HEDGE)
            self.execution.tell_gate(market.index)
        else:
            outcome = take_out(self.execution, market, side, lots, self.max_slippage, False, Purpose.HEDGE)
        if outcome == -RiskReason.SELF_CROSS:
            # Our own quotes stand in the way: the hedge follows as soon as they are gone.
            self.failed += 1
            return self._clear_way(market, 1 - side)
        if outcome >= 0:
            self.sent += 1
            return True
        self.failed += 1
        return False

    cdef bint _clear_way(self, Market market, int8_t side) noexcept:
        """Cancel our quotes on `side`, and keep them away until the hedge has gone out.

        False: there is none, so a hedge or a flattening order is in the way.
        """
        cdef int32_t slot = self.execution.table.first(market.index, side), following
        cdef bint found = False
        while slot >= 0:
            following = self.execution.table.at(slot).next
            if self.execution.table.at(slot).purpose == Purpose.QUOTE:
                found = True
                self.execution.cancel(slot)
            slot = following
        self.execution.tell_gate(market.index)
        if found:
            self.clearing, self.clearing_side = market.index, side
        return found

    cdef void on_end(self, Market market, int64_t unfilled_lots, int64_t filled_lots, int64_t now_ns) noexcept:
        """A hedge order of ours ended: decide when and where the rest goes."""
        if unfilled_lots <= 0:
            self.attempts, self.retry_at_ns = 0, 0
            return
        if self.passive_first and not self.take_now:
            self.take_now = True
            return
        self.attempts += 1
        self.retry_at_ns = 0 if filled_lots > 0 else now_ns + self.retry_ns
        if self.attempts >= self.max_attempts:
            self.attempts, self.retry_at_ns = 0, 0
            self.current = (self.current + 1) % len(self.hedges)

    cdef void on_time(self, int64_t now_ns) noexcept:
        """Cancel passive hedges past their deadline, then see what is missing."""
        cdef Market market
        cdef int8_t side
        cdef int32_t slot, following
        cdef Order* order
        if self.passive_first:
            for item in self.hedges:
                market = item
                for side in range(2):
                    slot = self.execution.table.first(market.index, side)
                    while slot >= 0:
                        order = self.execution.table.at(slot)
                        following = order.next
                        if (order.purpose == Purpose.HEDGE and order.time_in_force == TimeInForce.GTX
                                and now_ns - order.created_ns >= self.passive_deadline_ns):
                            self.execution.cancel(slot)
                        slot = following
        self._note_down(now_ns)
        self.step(now_ns)

    cdef void _note_backlog(self, double gap, int64_t now_ns) noexcept:
        cdef double off = fabs(gap) - self.band
        cdef Market market = self.hedges[self.current]
        # Less than an order's worth is not a backlog: it cannot be hedged.
        if off <= EPSILON or not orderable(market, market.lots_of(off + self.band), market.bid_ticks):
            self.backlog, self.backlog_since_ns = 0, 0
            return
        self.backlog = off
        if self.backlog_since_ns == 0:
            self.backlog_since_ns = now_ns

    cdef void _note_down(self, int64_t now_ns) noexcept:
        for market in self.hedges:
            if tradable(<Market>market):
                self.down_since_ns = 0
                return
        if self.down_since_ns == 0:
            self.down_since_ns = now_ns

    cdef double cost_bps(self, Market market, int side, double qty) noexcept:
        """Cost of taking `qty` base units now, in bps of the mid: fee, half spread, depth impact, funding.

        Funding: a long pays the rate of the running interval at its settlement, a short receives it.
        """
        return self._cost_bps(market, side, market.lots_of(qty))

    cdef double _cost_bps(self, Market market, int side, int64_t lots) noexcept:
        cdef double impact, cost
        if not market.trusted or lots <= 0 or isnan(market.mid_ticks):
            return NAN
        impact = market.book.impact_ticks(1 - side, lots)
        cost = market.instrument.taker_fee * 1e4
        cost += 1e4 * (0.5 * <double>(market.ask_ticks - market.bid_ticks) + impact) / market.mid_ticks
        if market.instrument.perpetual and not isnan(market.funding_rate):
            cost += 1e4 * market.funding_rate * (1 - 2 * side)
        return cost

    cdef void price(self) noexcept:
        """Refresh the costs, for one smallest order of the first usable market, and tell the makers."""
        cdef Market market, maker
        cdef int64_t lots
        self.buy_cost_bps = self.sell_cost_bps = NAN
        for item in self.hedges:
            market = item
            if tradable(market):
                lots = market.lots_of(market.smallest_qty())
                self.buy_cost_bps = self._cost_bps(market, Side.BUY, lots)
                self.sell_cost_bps = self._cost_bps(market, Side.SELL, lots)
                break
        for item in self.makers:
            maker = item
            maker.hedge_buy_bps, maker.hedge_sell_bps = self.buy_cost_bps, self.sell_cost_bps

    def cost(self, Market market, int side, double qty) -> float:
        """Python's face of `cost_bps`."""
        return self.cost_bps(market, side, qty)
