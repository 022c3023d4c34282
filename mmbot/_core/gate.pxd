"""The pre-trade gate: no order and no amend leaves without passing here.

Flow, all nogil: fill an `OrderIntent` -> ``approve`` (or ``approve_amend``) -> ``redeem`` turns the approval into a
`Command` and reserves it in the gate's own worst case.
An `ApprovedOrder` is a ticket without fields that Cython code outside
``gate.pyx`` could name; the checked order itself stays inside the gate, and a ticket is good for one ``redeem``, of the
newest approval only. So an unchecked, altered, repeated or outdated order cannot be made into a command.

The engine tells the gate the truth after each event: position, what is working at its worst, reference price, equity.
"""
cimport cython
from libc.stdint cimport int8_t, int32_t, int64_t, uint64_t

from mmbot._core.margin cimport MarginTable
from mmbot._core.position cimport ValueUnit
from mmbot._core.types cimport Command

cdef enum:
    MAX_MARKETS = 64


cpdef enum RiskReason:
    OK = 0
    UNKNOWN_MARKET = 1      # no such market, or its limits were never set
    BAD_ORDER = 2           # side, price or quantity makes no sense; or arithmetic would overflow
    MARKET_PAUSED = 3              # the market is paused: quotes only
    RISK_LEVEL = 4          # the session's risk level forbids this purpose
    MIN_QTY = 5
    MAX_QTY = 6             # the instrument's or the configured maximum
    PRICE_RANGE = 7         # the instrument's lowest or highest price
    MIN_NOTIONAL = 8
    MAX_NOTIONAL = 9
    NO_REFERENCE = 10       # no trusted price to compare with
    PRICE_BAND = 11         # too far from the reference price
    SELF_CROSS = 12         # would meet an order of our own
    NOT_REDUCING = 13       # reduce-only, and it would not reduce, counting the reducers already working
    MAX_POSITION = 14       # if everything working on that side filled
    MAX_OPEN_ORDERS = 15
    RATE = 16               # more messages than `max_messages_per_s`
    LIQUIDATION = 17        # too near to liquidation if everything on that side filled and the price then moved


cdef struct OrderIntent:    # what the engine would like to send
    int64_t ts_ns           # time of the event that caused it
    uint64_t order_num
    int64_t venue_order_id  # amends; 0: not known
    int64_t price_ticks
    int64_t qty_lots        # the whole order quantity
    int32_t market
    int8_t side             # Side
    int8_t time_in_force    # TimeInForce
    int8_t reduce_only      # sent to the venue as such, and checked here
    int8_t purpose          # Purpose


cdef extern from *:
    """
    #ifndef MMBOT_APPROVED_ORDER
    #define MMBOT_APPROVED_ORDER
    #include <stdint.h>
    typedef struct { const void *gate; uint64_t serial; } mmbot_approved_order;
    typedef struct {
        int64_t ts_ns;
        uint64_t order_num;
        int64_t venue_order_id, price_ticks, qty_lots, reserve_lots;
        int32_t market;
        int8_t kind, side, time_in_force, reduce_only, purpose;
    } mmbot_checked_order;
    #endif
    """
    ctypedef struct ApprovedOrder "mmbot_approved_order":
        pass                # opaque on purpose: only gate.pyx knows the fields of these two
    ctypedef struct CheckedOrder "mmbot_checked_order":
        pass


cdef struct MarketLimits:   # what the config allows; 0 switches a limit off unless said otherwise
    int64_t max_order_lots
    int64_t max_order_notional_e8   # quote asset
    int64_t max_position_lots       # 0: no position at all may be built
    double price_band               # fraction of the reference price
    double shock                    # adverse move to survive after a one-sided fill, a fraction
    double max_margin_ratio         # maintenance / equity allowed after that shock (1 = liquidation)
    int32_t max_open_orders
    int8_t self_trade               # an order may meet our own: the venue prevents the trade
    int32_t max_messages_per_s      # orders and amends; the last quarter of the burst is kept for hedges and flattening


cdef struct MarketRisk:     # one market: limits in the units of the check, and live state
    MarketLimits limits
    ValueUnit unit
    MarginTable margin
    int64_t min_qty_lots, max_qty_lots          # instrument and config together
    int64_t min_price_ticks, max_price_ticks
    int64_t min_value, max_value                # notional bounds: price_ticks * qty_lots (inverse: lots)
    double lot_base                             # base units a lot stands for (inverse: quote units)
    double tick_price                           # quote units a tick stands for
    int64_t interval_ns, burst_ns, quote_burst_ns   # message rate: one message, and how far ahead one may run
    int64_t next_ns                             # ... time at which the budget is full again
    # live state, told by the engine
    int64_t position_lots
    int64_t buy_lots, sell_lots                 # working, unknown and in flight, each at its worst remaining quantity
    int64_t own_bid_ticks, own_ask_ticks        # best own working prices (an amend: the bolder of both); 0: none
    double reference_ticks                      # mid or mark; NaN: none trusted
    double equity                               # margin balance behind it at the reference price; NaN: not told
    double other_maintenance                    # maintenance margin of the other positions behind the same balance
    int32_t open_orders
    int8_t configured, paused, reduce_only, inverse, has_margin


@cython.final
cdef class RiskGate:
    cdef MarketRisk[MAX_MARKETS] markets
    cdef readonly int32_t level                 # RiskLevel of the session, see `limits`
    cdef uint64_t serial                        # of the approval that may be redeemed, odd; even: none
    cdef CheckedOrder checked
    cdef readonly uint64_t approved, refused
    cdef uint64_t[32] refusals                  # by RiskReason

    # RiskReason; OK = `out` may be redeemed, until the next approve/approve_amend of this gate.
    cdef int approve(self, const OrderIntent* intent, ApprovedOrder* out) noexcept nogil
    # `counted_lots`: what the working sums count for this order now; `filled_lots`: its cumulative fills.
    # Reserves only what the amend adds to the worst case: max(old, new) remaining.
    cdef int approve_amend(
        self, const OrderIntent* intent, int64_t counted_lots, int64_t filled_lots, ApprovedOrder* out) noexcept nogil
    # Writes the PLACE or AMEND_ORDER command (event_seq and attempt stay the caller's) and reserves the order:
    # working lots, open orders, own best price, message budget. 0, or -1 when it is not this gate's newest approval.
    cdef int redeem(self, const ApprovedOrder* approved, Command* out) noexcept nogil

    cdef void set_level(self, int level) noexcept nogil
    cdef void set_modes(self, int market, bint paused, bint reduce_only) noexcept nogil
    cdef void set_reference(self, int market, double reference_ticks) noexcept nogil
    cdef void set_position(self, int market, int64_t position_lots) noexcept nogil
    # Absolute truth from the order table; replaces what `redeem` reserved.
    cdef void set_working(
        self, int market, int64_t buy_lots, int64_t sell_lots, int32_t open_orders,
        int64_t own_bid_ticks, int64_t own_ask_ticks) noexcept nogil
    # equity_e8, other_maintenance_e8: 1e-8 settle asset, see `MarketRisk`. Without it no liquidation check is made.
    cdef void set_margin(self, int market, int64_t equity_e8, int64_t other_maintenance_e8) noexcept nogil

    # inside
    cdef int permission(self, const MarketRisk* risk, const OrderIntent* intent, bint* must_reduce) noexcept nogil
    cdef int examine(
        self, const OrderIntent* intent, int64_t counted_lots, int64_t filled_lots, bint amend,
        int64_t* added) noexcept nogil
    cdef int decide(
        self, const OrderIntent* intent, int64_t counted_lots, int64_t filled_lots, bint amend,
        ApprovedOrder* out) noexcept nogil
    cdef MarketRisk* known(self, int market) except NULL
    cdef OrderIntent intent_of(self, dict order) except *
    cdef int ask(self, dict order, ApprovedOrder* ticket) except -1
