"""What one order update sets off; see ``order_flow.pxd``."""

from libc.stdint cimport int64_t, uint64_t

from mmbot._core.execution cimport Execution
from mmbot._core.hedge cimport HedgeGroup
from mmbot._core.hedges cimport Hedges
from mmbot._core.host cimport PluginHost
from mmbot._core.latency cimport Hop, LatencyBoard
from mmbot._core.limits cimport Cause
from mmbot._core.market cimport Market
from mmbot._core.notes cimport Notes
from mmbot._core.orders cimport Anomaly, ApplyResult, Order
from mmbot._core.reconcile cimport Reconciler
from mmbot._core.strategy cimport Fill, OrderView
from mmbot._core.types cimport OrderEventKind, OrderState, OrderUpdate, Owner, Purpose
from mmbot._core.venue_states cimport VenueStates
from mmbot._core.watch cimport Watch


cdef class OrderFlow:
    """Applies order updates to the table, and carries each one's consequences everywhere they belong.

    Args:
        markets: all markets, by index.
        execution: table and gate.
        hedges: who hedges what is filled, in the same step.
        host: whose plugin hears of it.
        latency: where answers are timed.
        reconciler: which must know that a holding moved.
        venues: where fills may be missing.
        watch: what the session gained or lost by it.
        notes: for what went wrong.
        settle_assets, base_assets: fee-table index of each market's settle and base asset.
    """

    def __init__(
        self, tuple markets, Execution execution, Hedges hedges, PluginHost host, LatencyBoard latency,
        Reconciler reconciler, VenueStates venues, Watch watch, Notes notes, *, settle_assets, base_assets,
    ):
        cdef int i
        self.markets, self.execution, self.hedges, self.host = markets, execution, hedges, host
        self.latency, self.reconciler, self.venues, self.watch = latency, reconciler, venues, watch
        self.notes, self.executions, self.ended = notes, [], []
        for i in range(len(markets)):
            self.settle_asset[i], self.base_asset[i] = settle_assets[i], base_assets[i]

    cdef bint take(self, const OrderUpdate* update, uint64_t seq, int64_t now_ns) except -1:
        cdef Market market = self.markets[update.market]
        cdef ApplyResult result
        cdef const Order* order = NULL
        if update.owner == Owner.OTHER:
            self.foreign += 1
            return False
        result = self.execution.table.apply(update, now_ns)
        if result.slot >= 0:
            order = self.execution.table.at(result.slot)
        if result.new_fill_lots > 0:
            self.reconciler.touch(update.market, seq)
            self._filled(market, update, result.new_fill_lots, order, now_ns)
        if result.needs_reconcile:
            self.venues.fill_missing(update.market, now_ns)
        self.execution.tell_gate(update.market)
        self._count(market, update, &result, order, now_ns)
        if order != NULL and result.old_state != result.new_state:
            self._moved(market, &result, order, now_ns)
        self.ask_overdue(now_ns)
        return True

    cdef int _filled(
        self, Market market, const OrderUpdate* update, int64_t lots, const Order* order, int64_t now_ns,
    ) except -1:
        """Book a fill everywhere it counts, let the hedge leave in this very step, and tell the plugin."""
        cdef int purpose = order.purpose if order != NULL else (Purpose.HEDGE if update.maker == 0 else Purpose.QUOTE)
        cdef Fill fill = self._book(market, update, lots, purpose, now_ns)
        cdef HedgeGroup group = self.hedges.of(market.index)
        if group is not None:
            group.step(now_ns)
        self.host.on_fill(market, fill)
        self.watch.money(now_ns)
        return 0

    cdef Fill _book(self, Market market, const OrderUpdate* update, int64_t lots, int purpose, int64_t now_ns):
        """Position, fees and PnL; the fill is kept for the ledger."""
        cdef int i = market.index
        cdef int64_t mid_x2 = market.bid_ticks + market.ask_ticks if market.bid_lots > 0 and market.ask_lots > 0 else 0
        cdef Fill fill = Fill.__new__(Fill)
        market.position.apply_fill(update.side, update.last_price_ticks, lots)
        market.position.apply_fee(update.fee_asset, update.fee_e8)
        market.pnl.on_fill(update.side, update.last_price_ticks, lots, mid_x2, purpose)
        if update.fee_asset == self.base_asset[i] and update.fee_asset != self.settle_asset[i]:
            market.base_fees_e8 += update.fee_e8
            market.pnl.set_rate(
                update.fee_asset, <int64_t>(<double>update.last_price_ticks * market.instrument.tick_value * 1e8))
        market.pnl.on_fee(update.fee_asset, update.fee_e8)
        self.execution.gate.set_position(i, market.position.lots)
        self.fills += 1
        if purpose != Purpose.QUOTE:
            self.hedge_fills += 1
        fill.ts_ns = update.exch_ts_ns if update.exch_ts_ns > 0 else now_ns
        fill.market, fill.price_ticks, fill.qty_lots = i, update.last_price_ticks, lots
        fill.fee_e8, fill.fee_asset, fill.trade_id = update.fee_e8, update.fee_asset, update.trade_id
        fill.order_num, fill.venue_order_id = update.order_num, update.venue_order_id
        fill.side, fill.purpose, fill.maker = update.side, purpose, update.maker == 1
        self.executions.append(fill)
        return fill

    cdef void _count(
        self, Market market, const OrderUpdate* update, const ApplyResult* result, const Order* order, int64_t now_ns,
    ) noexcept:
        """Acknowledgements and refusals, how many of these came in a row, and what should not have been."""
        if update.kind == OrderEventKind.REJECT and result.became_terminal:      # a repeated one counts once
            self.rejected += 1
            self.reject_streak += 1
            self.watch.limits.observe(Cause.REJECT_STREAK, self.reject_streak, now_ns)
            self.notes.add(f"{market.id}: order {update.order_num} rejected, venue code {update.reason}")
        elif (order != NULL and result.old_state == OrderState.PENDING_NEW and result.new_state != OrderState.REJECTED
                and (update.kind == OrderEventKind.ACK or update.kind == OrderEventKind.FILL)):
            self.acked += 1             # a fill that overtakes its acknowledgement is one
            self.reject_streak = 0
            self.watch.limits.observe(Cause.REJECT_STREAK, 0, now_ns)
            self.latency.record(Hop.ACK, now_ns - order.request_ns)
        if result.anomaly == Anomaly.OVERFILL or result.anomaly == Anomaly.CONTRADICTION:
            self.notes.add(
                f"{market.id}: order {update.order_num}: anomaly {<int>result.anomaly} in update {<int>update.kind}")

    cdef void _moved(self, Market market, const ApplyResult* result, const Order* order, int64_t now_ns) noexcept:
        """The order is in another state: tell the hedger and the plugin."""
        cdef HedgeGroup group
        cdef OrderView view
        if result.new_state == OrderState.UNKNOWN:
            self.unknown += 1
        elif result.became_terminal:
            if result.new_state == OrderState.CANCELED or result.new_state == OrderState.EXPIRED:
                self.canceled += 1
            if self.keep_ended:
                self.ended.append(order[0])
            group = self.hedges.of(market.index)
            if group is not None:
                if order.purpose == Purpose.HEDGE:
                    group.on_end(market, order.qty_lots - order.filled_lots, order.filled_lots, now_ns)
                group.step(now_ns)      # also after a quote: it may have stood in a hedge's way
        view = OrderView.__new__(OrderView)
        view.order_num, view.price_ticks, view.qty_lots = order.num, order.price_ticks, order.qty_lots
        view.filled_lots, view.side = order.filled_lots, order.side
        view.state, view.purpose = result.new_state, order.purpose
        self.host.on_order(market, view)

    cdef int funding(self, Market market, int64_t amount_e8, int64_t now_ns) except -1:
        """Book a funding payment, received (> 0) or paid, and tell the plugin."""
        market.position.apply_funding(amount_e8)
        market.pnl.on_funding(amount_e8)
        self.host.on_funding(market, amount_e8)
        self.watch.money(now_ns)
        return 0

    cdef void ask_overdue(self, int64_t now_ns) noexcept:
        """Ask for every order whose answer is overdue, and count those that became unknown by that."""
        cdef int64_t before
        if now_ns < self.execution.table.next_deadline_ns:
            return
        before = self._unknown_orders()
        self.execution.query_overdue()
        self.unknown += max(self._unknown_orders() - before, 0)

    cdef int64_t _unknown_orders(self) noexcept:
        cdef int64_t total = 0
        for i in range(len(self.markets)):
            total += self.execution.table.exposure(i).unknown_orders
        return total

    def take_ended(self) -> list[dict[str, int]]:
        """Every field of the orders that have ended since the last call, in order; only with `keep_ended`."""
        taken = self.ended.copy()
        self.ended.clear()
        return taken

    def take_executions(self) -> list[Fill]:
        """Fills since the last call, in order."""
        taken = self.executions.copy()
        self.executions.clear()
        return taken
