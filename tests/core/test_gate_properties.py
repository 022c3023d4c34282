"""The gate against a plain restatement, and what it guarantees whatever the fills."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from risk_markets import instrument, inverse

from mmbot._core.gate import RiskGate, RiskReason
from mmbot._core.limits import RiskLevel
from mmbot._core.types import CommandView, Purpose

BUY, SELL = 0, 1
ANY64 = st.integers(-(2**63), 2**63 - 1)
SMALL = st.integers(-5, 60)
WIDE = SMALL | ANY64
LOTS = st.integers(0, 60) | st.integers(0, 2**63 - 1)


def plain_reason(limits, state, order) -> RiskReason:  # noqa: C901, PLR0911, PLR0912 - one rule after another
    """The gate's rules one after another, in integers without bounds (no rate and no margin here)."""
    quote, hedge = order["purpose"] == Purpose.QUOTE, order["purpose"] == Purpose.HEDGE
    price, qty, level = order["price_ticks"], order["qty_lots"], state["level"]
    if quote and state["paused"]:
        return RiskReason.MARKET_PAUSED
    if level == RiskLevel.HALT or (quote and level in (RiskLevel.PULL_QUOTES, RiskLevel.FLATTEN)):
        return RiskReason.RISK_LEVEL
    if price <= 0 or qty <= 0:
        return RiskReason.BAD_ORDER
    if not 2 <= qty <= limits["max_order_lots"]:
        return RiskReason.MIN_QTY if qty < 2 else RiskReason.MAX_QTY
    if limits["market"].inverse:
        notional = qty * Fraction(100)
    else:
        if price * qty >= 2**63:
            return RiskReason.BAD_ORDER
        notional = price * qty * Fraction(1, 10_000)
    if notional > Fraction(limits["max_order_notional_e8"], 10**8):
        return RiskReason.MAX_NOTIONAL
    added = max(0, qty - order.get("filled_lots", 0) - order.get("counted_lots", 0))
    if "counted_lots" in order and qty <= order["filled_lots"]:
        return RiskReason.BAD_ORDER
    if abs(float(price) - state["reference"]) > limits["price_band"] * state["reference"]:
        return RiskReason.PRICE_BAND
    buy = order["side"] == BUY
    _, _, open_orders, own_bid, own_ask = state["working"]
    if (buy and own_ask and price >= own_ask) or (not buy and own_bid and price <= own_bid):
        return RiskReason.SELF_CROSS
    position = state["position"] if buy else -state["position"]
    side_lots = state["working"][0 if buy else 1] + added
    if not -(2**63) <= position < 2**63 or side_lots >= 2**63 or not -(2**63) <= position + side_lots < 2**63:
        return RiskReason.BAD_ORDER
    must_reduce = (
        order["reduce_only"] or not (quote or hedge) or (quote and (state["reduce_only"] or level == 2)) or level == 3
    )
    if must_reduce and (position >= 0 or position + side_lots > 0):
        return RiskReason.NOT_REDUCING
    if added and position + side_lots > limits["max_position_lots"]:
        return RiskReason.MAX_POSITION
    if "counted_lots" not in order and open_orders >= limits["max_open_orders"]:
        return RiskReason.MAX_OPEN_ORDERS
    return RiskReason.OK


ORDER = st.fixed_dictionaries(
    {
        "side": st.integers(0, 1),
        "price_ticks": WIDE,
        "qty_lots": WIDE,
        "purpose": st.integers(0, 2),
        "reduce_only": st.booleans(),
    },
)
AMEND = st.fixed_dictionaries({"counted_lots": LOTS, "filled_lots": LOTS}) | st.just({})
STATE = st.fixed_dictionaries(
    {
        "position": WIDE,
        "reference": st.sampled_from([20.0, 30.5, 1e12]),
        "level": st.integers(0, 4),
        "paused": st.booleans(),
        "reduce_only": st.booleans(),
        "working": st.tuples(LOTS, LOTS, st.integers(0, 5), st.integers(0, 40), st.integers(0, 60)),
    },
)
LIMITS = st.fixed_dictionaries(
    {
        "market": st.sampled_from([instrument(min_qty_lots=2), inverse(min_qty_lots=2)]),
        "max_position_lots": st.integers(0, 100) | st.just(2**62),
        "max_order_lots": st.integers(2, 80) | st.just(2**62),
        "max_order_notional_e8": st.integers(1, 2 * 10**11),
        "price_band": st.sampled_from([0.5, 2.0, 1e9]),
        "max_open_orders": st.integers(1, 6),
    },
)


@settings(max_examples=400)
@given(LIMITS, STATE, ORDER, AMEND)
def test_every_decision_equals_the_plain_rules(limits, state, order, amend) -> None:
    checked = RiskGate()
    checked.configure(0, limits["market"], **{k: v for k, v in limits.items() if k != "market"})
    checked.tell(
        0,
        position_lots=state["position"],
        working=state["working"],
        reference_ticks=state["reference"],
        paused=state["paused"],
        reduce_only=state["reduce_only"],
    )
    checked.tell_level(state["level"])
    order = order | amend
    assert checked.check(market=0, **order) is plain_reason(limits, state, order)


class AnyFills(RuleBasedStateMachine):
    """Orders go out through the gate; the venue may do anything with them. The position limit holds all the same."""

    LIMIT = 50

    def __init__(self) -> None:
        super().__init__()
        self.gate = RiskGate()
        self.gate.configure(0, instrument(), max_position_lots=self.LIMIT, max_open_orders=8)
        self.position = 0
        self.orders: list[dict] = []  # side, price, remaining at its worst, filled, and the other price in flight

    def tell(self) -> None:
        """What the engine says after each event: every order at its worst."""
        totals = [sum(o["worst"] for o in self.orders if o["side"] == side) for side in (BUY, SELL)]
        bids = [p for o in self.orders if o["side"] == BUY for p in o["prices"]]
        asks = [p for o in self.orders if o["side"] == SELL for p in o["prices"]]
        self.gate.tell(
            0,
            position_lots=self.position,
            working=(*totals, len(self.orders), max(bids, default=0), min(asks, default=0)),
        )

    @rule(side=st.integers(0, 1), price=st.integers(95, 105), qty=st.integers(1, 60), told=st.integers(0, 1))
    def place(self, side: int, price: int, qty: int, told: int) -> None:
        if isinstance(self.gate.send(market=0, side=side, price_ticks=price, qty_lots=qty), CommandView):
            self.orders.append({"side": side, "prices": {price}, "worst": qty, "filled": 0})
        if told:
            self.tell()

    @precondition(lambda self: self.orders)
    @rule(pick=st.integers(0, 7), price=st.integers(95, 105), qty=st.integers(1, 90))
    def amend(self, pick: int, price: int, qty: int) -> None:
        order = self.orders[pick % len(self.orders)]
        sent = self.gate.send(
            market=0,
            side=order["side"],
            price_ticks=price,
            qty_lots=qty,
            counted_lots=order["worst"],
            filled_lots=order["filled"],
        )
        if isinstance(sent, CommandView):
            order["worst"] = max(order["worst"], qty - order["filled"])
            order["prices"].add(price)

    @precondition(lambda self: self.orders)
    @rule(pick=st.integers(0, 7), part=st.integers(1, 100))
    def fill(self, pick: int, part: int) -> None:
        order = self.orders[pick % len(self.orders)]
        lots = min(part, order["worst"])
        self.position += lots if order["side"] == BUY else -lots
        order["worst"] -= lots
        order["filled"] += lots
        if order["worst"] == 0:
            self.orders.remove(order)
        self.tell()

    @precondition(lambda self: self.orders)
    @rule(pick=st.integers(0, 7))
    def end(self, pick: int) -> None:
        self.orders.pop(pick % len(self.orders))
        self.tell()

    @invariant()
    def one_sided_fills_stay_within_the_limit(self) -> None:
        buys, sells = (sum(o["worst"] for o in self.orders if o["side"] == side) for side in (BUY, SELL))
        assert self.position + buys <= self.LIMIT
        assert self.position - sells >= -self.LIMIT
        assert len(self.orders) <= 8

    @invariant()
    def our_orders_never_meet(self) -> None:
        bids = [p for o in self.orders if o["side"] == BUY for p in o["prices"]]
        asks = [p for o in self.orders if o["side"] == SELL for p in o["prices"]]
        assert not bids or not asks or max(bids) < min(asks)


TestAnyFills = AnyFills.TestCase
TestAnyFills.settings = settings(max_examples=60, stateful_step_count=40)


@given(st.integers(1, 50), st.lists(st.tuples(st.integers(0, 10**8), st.integers(0, 2)), max_size=120))
def test_no_second_sees_more_than_a_burst_and_a_refill(rate, course) -> None:
    checked = RiskGate()
    checked.configure(0, instrument(max_open_orders=10**6), max_position_lots=10**9, max_messages_per_s=rate)
    order = {"market": 0, "side": BUY, "price_ticks": 100, "qty_lots": 1}
    now, sent = 0, []
    for step, purpose in course:
        now += step
        if isinstance(checked.send(**order, purpose=min(purpose, 1), ts_ns=now), CommandView):
            sent.append(now)
    for at in sent:
        assert sum(at <= other < at + 10**9 for other in sent) <= 2 * rate
    assert isinstance(checked.send(**order, ts_ns=now + 10**9), CommandView)
