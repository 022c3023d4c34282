"""The pre-trade gate; the contract is ``mmbot/_core/gate.pxd``.

Every bound is made conservative at `configure`, in the unit the check needs, so that a check is a chain of integer
comparisons; sums that could overflow are refused as BAD_ORDER.

What the risk level and the modes allow, by purpose:

=============  ==================  ======================  ========================
level or mode  QUOTE               HEDGE                   FLATTEN
=============  ==================  ======================  ========================
NORMAL         yes                 yes                     if it reduces
PULL_QUOTES    no                  yes                     if it reduces
REDUCE_ONLY    if it reduces       yes                     if it reduces
FLATTEN        no                  if it reduces           if it reduces
HALT           no                  no                      no
paused         no                  as by level             if it reduces
reduce_only    if it reduces       yes                     if it reduces
=============  ==================  ======================  ========================

An order reduces when, with everything already working on its side filled first, it still does not cross zero.
"""

from fractions import Fraction
from math import ceil, floor

from libc.math cimport fabs, isnan, NAN
from libc.stdint cimport int32_t, int64_t, uint64_t

from mmbot._core.exact cimport add64_overflows, mul64_overflows
from mmbot._core.limits cimport RiskLevel
from mmbot._core.margin cimport MarginTiers, shocked_ratio
from mmbot._core.position cimport value_unit_of
from mmbot._core.types cimport AMEND_ORDER, BUY, CommandView, Instrument, PLACE, Purpose, SELL

cdef int64_t UNLIMITED = 0x7FFFFFFFFFFFFFFF

cdef extern from *:             # the fields of the two opaque structs, named nowhere else
    ctypedef struct Ticket "mmbot_approved_order":
        const void* gate
        uint64_t serial
    ctypedef struct Checked "mmbot_checked_order":
        int64_t ts_ns
        uint64_t order_num
        int64_t venue_order_id, price_ticks, qty_lots, reserve_lots
        int32_t market
        signed char kind, side, time_in_force, reduce_only, purpose


cdef inline int size_reason(const MarketRisk* risk, const OrderIntent* intent) noexcept nogil:
    """Price, quantity and notional against the instrument's and the configured bounds."""
    cdef int64_t value = intent.qty_lots
    if intent.side != BUY and intent.side != SELL or intent.price_ticks <= 0 or intent.qty_lots <= 0:
        return RiskReason.BAD_ORDER
    if intent.qty_lots < risk.min_qty_lots:
        return RiskReason.MIN_QTY
    if intent.qty_lots > risk.max_qty_lots:
        return RiskReason.MAX_QTY
    if intent.price_ticks < risk.min_price_ticks or intent.price_ticks > risk.max_price_ticks:
        return RiskReason.PRICE_RANGE
    if not risk.inverse and mul64_overflows(intent.price_ticks, intent.qty_lots, &value):
        return RiskReason.BAD_ORDER
    if value < risk.min_value and not intent.reduce_only:
        return RiskReason.MIN_NOTIONAL
    if value > risk.max_value:
        return RiskReason.MAX_NOTIONAL
    return RiskReason.OK


cdef inline int price_reason(const MarketRisk* risk, const OrderIntent* intent) noexcept nogil:
    """The band around the reference price, and our own orders on the other side."""
    cdef double reference = risk.reference_ticks
    if risk.limits.price_band > 0:
        if not reference > 0:
            return RiskReason.NO_REFERENCE
        if fabs(<double>intent.price_ticks - reference) > risk.limits.price_band * reference:
            return RiskReason.PRICE_BAND
    if risk.limits.self_trade:
        return RiskReason.OK
    if intent.side == BUY:
        if risk.own_ask_ticks != 0 and intent.price_ticks >= risk.own_ask_ticks:
            return RiskReason.SELF_CROSS
    elif risk.own_bid_ticks != 0 and intent.price_ticks <= risk.own_bid_ticks:
        return RiskReason.SELF_CROSS
    return RiskReason.OK


cdef inline int liquidation_reason(
        const MarketRisk* risk, const OrderIntent* intent, int64_t added, int64_t worst) noexcept nogil:
    """Margin after everything on the side filled at the reference (this order at its own price) and the shock came."""
    cdef double equity = risk.equity, price = <double>intent.price_ticks * risk.tick_price
    cdef double reference = risk.reference_ticks * risk.tick_price
    cdef double size = <double>added * risk.lot_base, worse, ratio
    if not reference > 0:
        return RiskReason.NO_REFERENCE
    if risk.inverse:
        worse = size * (1.0 / reference - 1.0 / price)
    else:
        worse = size * (price - reference)
    if intent.side == SELL:
        worse = -worse
    if worse > 0:
        equity -= worse
    ratio = shocked_ratio(&risk.margin, equity, risk.other_maintenance, <double>worst * risk.lot_base, reference,
                          risk.limits.shock, risk.inverse)
    return RiskReason.OK if ratio <= risk.limits.max_margin_ratio else RiskReason.LIQUIDATION


cdef inline int exposure_reason(
        const MarketRisk* risk, const OrderIntent* intent, int64_t added, bint must_reduce) noexcept nogil:
    """Reduce-only, the position limit and liquidation, with everything working on this side filled."""
    cdef int64_t position = risk.position_lots, side_lots, worst
    if intent.side == BUY:
        side_lots = risk.buy_lots
    else:
        side_lots = risk.sell_lots
        if mul64_overflows(position, -1, &position):
            return RiskReason.BAD_ORDER
    # from here on as if it were a buy
    if add64_overflows(side_lots, added, &side_lots) or add64_overflows(position, side_lots, &worst):
        return RiskReason.BAD_ORDER
    if must_reduce and (position >= 0 or worst > 0):
        return RiskReason.NOT_REDUCING
    if added and worst > risk.limits.max_position_lots:
        return RiskReason.MAX_POSITION
    if added and risk.has_margin and worst > 0 and worst > -position and not isnan(risk.equity):
        return liquidation_reason(risk, intent, added, worst if intent.side == BUY else -worst)
    return RiskReason.OK


cdef class RiskGate:
    """Pre-trade checks of every market of a bot.

    The engine uses the nogil methods; Python (tests, tools, a dry run) uses `configure`, `tell`, `check` and `send`.
    """

    def __cinit__(self):
        cdef int i
        for i in range(MAX_MARKETS):
            self.markets[i].reference_ticks = self.markets[i].equity = NAN

    cdef int permission(self, const MarketRisk* risk, const OrderIntent* intent, bint* must_reduce) noexcept nogil:
        """The table at the head of this file."""
        cdef bint quote = intent.purpose == Purpose.QUOTE, hedge = intent.purpose == Purpose.HEDGE
        must_reduce[0] = intent.reduce_only or not quote and not hedge or quote and risk.reduce_only
        if quote and risk.paused:
            return RiskReason.MARKET_PAUSED
        if self.level == RiskLevel.NORMAL:
            return RiskReason.OK
        if self.level >= RiskLevel.HALT:
            return RiskReason.RISK_LEVEL
        if quote:
            if self.level != RiskLevel.REDUCE_ONLY:
                return RiskReason.RISK_LEVEL
            must_reduce[0] = True
        elif self.level == RiskLevel.FLATTEN:
            must_reduce[0] = True
        return RiskReason.OK

    cdef int examine(self, const OrderIntent* intent, int64_t counted_lots, int64_t filled_lots, bint amend,
                     int64_t* added) noexcept nogil:
        """Every check in turn; `added` becomes what the order adds to the worst case of its side."""
        cdef MarketRisk* risk
        cdef bint must_reduce = False
        cdef int reason
        cdef int64_t ahead_ns
        if not 0 <= intent.market < MAX_MARKETS or not self.markets[intent.market].configured:
            return RiskReason.UNKNOWN_MARKET
        risk = &self.markets[intent.market]
        reason = self.permission(risk, intent, &must_reduce)
        if reason == RiskReason.OK:
            reason = size_reason(risk, intent)
        if reason != RiskReason.OK:
            return reason
        if amend and (counted_lots < 0 or filled_lots < 0 or intent.qty_lots <= filled_lots):
            return RiskReason.BAD_ORDER
        added[0] = intent.qty_lots - filled_lots - counted_lots
        if added[0] < 0:
            added[0] = 0
        reason = price_reason(risk, intent)
        if reason == RiskReason.OK:
            reason = exposure_reason(risk, intent, added[0], must_reduce)
        if reason != RiskReason.OK:
            return reason
        if not amend and risk.open_orders >= risk.limits.max_open_orders:
            return RiskReason.MAX_OPEN_ORDERS
        if risk.interval_ns:
            ahead_ns = risk.next_ns - intent.ts_ns
            if ahead_ns > (risk.quote_burst_ns if intent.purpose == Purpose.QUOTE else risk.burst_ns):
                return RiskReason.RATE
        return RiskReason.OK

    cdef int decide(self, const OrderIntent* intent, int64_t counted_lots, int64_t filled_lots, bint amend,
                    ApprovedOrder* out) noexcept nogil:
        """Examine, count, and on approval keep the order and write the ticket."""
        cdef int64_t added = 0
        cdef int reason = self.examine(intent, counted_lots, filled_lots, amend, &added)
        cdef Checked* checked = <Checked*>&self.checked
        cdef Ticket* ticket = <Ticket*>out
        self.serial = (self.serial | 1) + 1         # even: nothing to redeem, and older tickets are void
        ticket.gate = NULL
        ticket.serial = 0
        if reason != RiskReason.OK:
            self.refused += 1
            self.refusals[reason] += 1
            return reason
        self.approved += 1
        self.serial += 1
        ticket.gate, ticket.serial = <void*>self, self.serial
        checked.ts_ns, checked.order_num, checked.venue_order_id = intent.ts_ns, intent.order_num, intent.venue_order_id
        checked.price_ticks, checked.qty_lots, checked.reserve_lots = intent.price_ticks, intent.qty_lots, added
        checked.market, checked.side, checked.time_in_force = intent.market, intent.side, intent.time_in_force
        checked.kind = AMEND_ORDER if amend else PLACE
        checked.reduce_only, checked.purpose = intent.reduce_only, intent.purpose
        return RiskReason.OK

    cdef int approve(self, const OrderIntent* intent, ApprovedOrder* out) noexcept nogil:
        return self.decide(intent, 0, 0, False, out)

    cdef int approve_amend(self, const OrderIntent* intent, int64_t counted_lots, int64_t filled_lots,
                           ApprovedOrder* out) noexcept nogil:
        return self.decide(intent, counted_lots, filled_lots, True, out)

    cdef int redeem(self, const ApprovedOrder* approved, Command* out) noexcept nogil:
        cdef const Ticket* ticket = <const Ticket*>approved
        cdef const Checked* checked = <const Checked*>&self.checked
        cdef MarketRisk* risk
        if ticket.gate != <void*>self or ticket.serial != self.serial or not self.serial & 1:
            return -1
        self.serial += 1
        risk = &self.markets[checked.market]
        if checked.side == BUY:
            risk.buy_lots += checked.reserve_lots
            if checked.price_ticks > risk.own_bid_ticks:
                risk.own_bid_ticks = checked.price_ticks
        else:
            risk.sell_lots += checked.reserve_lots
            if risk.own_ask_ticks == 0 or checked.price_ticks < risk.own_ask_ticks:
                risk.own_ask_ticks = checked.price_ticks
        if checked.kind == PLACE:
            risk.open_orders += 1
        if risk.interval_ns:
            risk.next_ns = max(risk.next_ns, checked.ts_ns) + risk.interval_ns
        out.ts_ns, out.order_num, out.venue_order_id = checked.ts_ns, checked.order_num, checked.venue_order_id
        out.price_ticks, out.qty_lots, out.market = checked.price_ticks, checked.qty_lots, checked.market
        out.reason, out.kind, out.side = 0, checked.kind, checked.side
        out.time_in_force, out.reduce_only, out.purpose = checked.time_in_force, checked.reduce_only, checked.purpose
        return 0

    # ---- what the engine tells; an index outside the table is ignored, as no order of it can pass either

    cdef void set_level(self, int level) noexcept nogil:
        self.level = level

    cdef void set_modes(self, int market, bint paused, bint reduce_only) noexcept nogil:
        if 0 <= market < MAX_MARKETS:
            self.markets[market].paused, self.markets[market].reduce_only = paused, reduce_only

    cdef void set_reference(self, int market, double reference_ticks) noexcept nogil:
        if 0 <= market < MAX_MARKETS:
            self.markets[market].reference_ticks = reference_ticks

    cdef void set_position(self, int market, int64_t position_lots) noexcept nogil:
        if 0 <= market < MAX_MARKETS:
            self.markets[market].position_lots = position_lots

    cdef void set_working(self, int market, int64_t buy_lots, int64_t sell_lots, int32_t open_orders,
                          int64_t own_bid_ticks, int64_t own_ask_ticks) noexcept nogil:
        cdef MarketRisk* risk
        if 0 <= market < MAX_MARKETS:
            risk = &self.markets[market]
            risk.buy_lots, risk.sell_lots, risk.open_orders = buy_lots, sell_lots, open_orders
            risk.own_bid_ticks, risk.own_ask_ticks = own_bid_ticks, own_ask_ticks

    cdef void set_margin(self, int market, int64_t equity_e8, int64_t other_maintenance_e8) noexcept nogil:
        if 0 <= market < MAX_MARKETS:
            self.markets[market].equity = <double>equity_e8 / 1e8
            self.markets[market].other_maintenance = <double>other_maintenance_e8 / 1e8

    # ---- Python's face

    cdef MarketRisk* known(self, int market) except NULL:
        if not 0 <= market < MAX_MARKETS or not self.markets[market].configured:
            raise ValueError(f"risk gate: market {market} was never configured")
        return &self.markets[market]

    def configure(self, int market, Instrument instrument not None, *, int64_t max_position_lots,
                  int64_t max_order_lots=0, int64_t max_order_notional_e8=0, double price_band=0.0,
                  int32_t max_open_orders=0, int32_t max_messages_per_s=0, MarginTiers margin=None,
                  double shock=0.0, double max_margin_ratio=1.0, bint self_trade=False) -> None:
        """Set the limits of one market; live state stays, so limits may change while orders work.

        Args:
            market: index of the market, below 64.
            instrument: its units and the venue's own bounds.
            max_position_lots: largest absolute position, counting everything working on one side as filled.
            max_order_lots, max_order_notional_e8: largest order (notional in 1e-8 quote asset); 0: the instrument's.
            price_band: largest distance from the reference price as a fraction of it; 0: no check.
            max_open_orders: 0: the instrument's.
            max_messages_per_s: new orders and amends, with a burst of as many; 0: no check.
            margin: the venue's tiers; None: no liquidation check.
            shock, max_margin_ratio: after a one-sided fill and a move of `shock` against it, maintenance / equity
                must not exceed this.
            self_trade: an order may meet one of our own, since the venue prevents the trade; False: it is refused.

        Raises:
            ValueError: the index or a limit is out of range.
        """
        cdef MarketRisk* risk
        cdef MarketLimits* limits
        if not 0 <= market < MAX_MARKETS:
            raise ValueError(f"risk gate: market {market} is outside 0..{MAX_MARKETS - 1}")
        if min(max_position_lots, max_order_lots, max_order_notional_e8, max_open_orders, max_messages_per_s) < 0:
            raise ValueError(f"risk gate, {instrument.symbol}: a limit is negative")
        if not (0 <= price_band and 0 <= shock < 1 and 0 < max_margin_ratio <= 1):
            raise ValueError(f"risk gate, {instrument.symbol}: expected price_band >= 0, shock in [0, 1), "
                             f"max_margin_ratio in (0, 1], found {price_band}, {shock}, {max_margin_ratio}")
        risk = &self.markets[market]
        value_unit_of(instrument, &risk.unit)
        limits = &risk.limits
        limits.max_position_lots, limits.max_order_lots = max_position_lots, max_order_lots
        limits.max_order_notional_e8, limits.price_band = max_order_notional_e8, price_band
        limits.max_open_orders = max_open_orders or instrument.max_open_orders
        limits.max_messages_per_s, limits.shock = max_messages_per_s, shock
        limits.max_margin_ratio, limits.self_trade = max_margin_ratio, self_trade
        risk.min_qty_lots = instrument.min_qty_lots
        risk.max_qty_lots = min(instrument.max_qty_lots or UNLIMITED, max_order_lots or UNLIMITED)
        risk.min_price_ticks = instrument.min_price_ticks
        risk.max_price_ticks = instrument.max_price_ticks or UNLIMITED
        lot, tick = Fraction(instrument.lot_size) * Fraction(instrument.contract_size), Fraction(instrument.tick_size)
        per_e8 = 1 / (lot if instrument.inverse else lot * tick) / 10**8
        risk.min_value = min(ceil(instrument.min_notional_e8 * per_e8), UNLIMITED)
        risk.max_value = min(floor((max_order_notional_e8 or UNLIMITED) * per_e8), UNLIMITED)
        if not max_order_notional_e8:
            risk.max_value = UNLIMITED
        risk.lot_base, risk.tick_price, risk.inverse = float(lot), float(tick), instrument.inverse
        risk.interval_ns = 1_000_000_000 // max_messages_per_s if max_messages_per_s else 0
        risk.burst_ns = risk.interval_ns * max(max_messages_per_s - 1, 0)
        risk.quote_burst_ns = risk.interval_ns * max(max_messages_per_s - max_messages_per_s // 4 - 1, 0)
        risk.has_margin = margin is not None
        if margin is not None:
            risk.margin = margin.table
        risk.configured = True

    def tell(self, int market, *, position_lots=None, working=None, reference_ticks=None, margin_e8=None,
             paused=None, reduce_only=None) -> None:
        """Set live state from Python; what is None stays.

        Args:
            market: index of a configured market.
            position_lots: signed position.
            working: (buy lots, sell lots, open orders, own best bid, own best ask in ticks; 0 = none).
            reference_ticks: mid or mark.
            margin_e8: (equity, maintenance of other positions) in 1e-8 settlement asset.
            paused, reduce_only: the market's modes.

        Raises:
            ValueError: the market was never configured.
        """
        cdef MarketRisk* risk = self.known(market)
        if position_lots is not None:
            self.set_position(market, position_lots)
        if working is not None:
            buys, sells, orders, bid, ask = working
            self.set_working(market, buys, sells, orders, bid, ask)
        if reference_ticks is not None:
            self.set_reference(market, reference_ticks)
        if margin_e8 is not None:
            equity, other = margin_e8
            self.set_margin(market, equity, other)
        self.set_modes(market, risk.paused if paused is None else paused,
                       risk.reduce_only if reduce_only is None else reduce_only)

    def tell_level(self, int level) -> None:
        """Set the session's `RiskLevel`."""
        self.set_level(level)

    cdef OrderIntent intent_of(self, dict order) except *:
        return OrderIntent(
            order.get("ts_ns", 0), order.get("order_num", 0), order.get("venue_order_id", 0), order["price_ticks"],
            order["qty_lots"], order["market"], order["side"], order.get("time_in_force", 0),
            order.get("reduce_only", False), order.get("purpose", 0))

    cdef int ask(self, dict order, ApprovedOrder* ticket) except -1:
        cdef OrderIntent intent = self.intent_of(order)
        if "counted_lots" in order:
            return self.approve_amend(&intent, order["counted_lots"], order.get("filled_lots", 0), ticket)
        return self.approve(&intent, ticket)

    def check(self, **order) -> RiskReason:
        """Would this order pass now? Nothing is reserved.

        Args:
            **order: the fields of `OrderIntent` (market, side, price_ticks and qty_lots are needed); an amend also has
                `counted_lots` and `filled_lots`, see `approve_amend`.
        """
        cdef ApprovedOrder ticket
        return RiskReason(self.ask(order, &ticket))

    def check_many(self, int64_t count, **order) -> int:
        """Ask the same question `count` times in compiled code, and count the approvals: for benchmarks."""
        cdef ApprovedOrder ticket
        cdef OrderIntent intent = self.intent_of(order)
        cdef int64_t passed = 0, _i
        with nogil:
            for _i in range(count):
                passed += self.approve(&intent, &ticket) == RiskReason.OK
        return passed

    def send(self, **order) -> CommandView | RiskReason:
        """Approve and redeem: the command, with the order reserved in the gate; or the reason of the refusal."""
        cdef ApprovedOrder ticket
        cdef CommandView view = CommandView()
        cdef int reason = self.ask(order, &ticket)
        if reason != RiskReason.OK:
            return RiskReason(reason)
        self.redeem(&ticket, &view.data)
        return view

    def market_state(self, int market) -> dict[str, object]:
        """Limits and live state of one market by field name.

        Raises:
            ValueError: the market was never configured.
        """
        cdef MarketRisk risk = self.known(market)[0]
        return risk

    def refusals_by_reason(self) -> dict[str, int]:
        """How often each reason refused an order."""
        return {reason.name: self.refusals[<int>reason] for reason in RiskReason if self.refusals[<int>reason]}
