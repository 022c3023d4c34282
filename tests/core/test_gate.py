"""The pre-trade gate: every reason to refuse, and where exactly it begins."""

from __future__ import annotations

from typing import Any

import pytest
from risk_markets import instrument, inverse

from mmbot._core.gate import RiskGate, RiskReason
from mmbot._core.limits import RiskLevel
from mmbot._core.margin import MarginTiers
from mmbot._core.types import CommandKind, CommandView, Purpose

BUY, SELL = 0, 1
E8 = 10**8


def gate(market: Any = None, **limits: Any) -> RiskGate:
    """One market at 60,000.0 with wide limits, changed by `limits`."""
    checked = RiskGate()
    checked.configure(0, market or instrument(), **({"max_position_lots": 1_000} | limits))
    checked.tell(0, reference_ticks=600_000.0)
    return checked


def order(**changes: Any) -> dict[str, Any]:
    """A quote of 0.01 BTC at 59,990, changed by `changes`."""
    return {"market": 0, "side": BUY, "price_ticks": 599_900, "qty_lots": 10} | changes


def test_a_plain_order_passes_and_becomes_its_command() -> None:
    command = gate().send(**order(order_num=77, ts_ns=5, time_in_force=3, purpose=Purpose.HEDGE, reduce_only=False))
    assert isinstance(command, CommandView)
    assert command.as_dict() == {
        "ts_ns": 5,
        "event_seq": 0,
        "order_num": 77,
        "venue_order_id": 0,
        "price_ticks": 599_900,
        "qty_lots": 10,
        "market": 0,
        "reason": 0,
        "kind": CommandKind.PLACE,
        "side": BUY,
        "time_in_force": 3,
        "reduce_only": 0,
        "purpose": Purpose.HEDGE,
        "attempt": 0,
    }


@pytest.mark.parametrize("market", [-1, 1, 63, 64, 2**31 - 1])
def test_a_market_without_limits_cannot_be_traded(market: int) -> None:
    assert gate().check(**order(market=market)) is RiskReason.UNKNOWN_MARKET


@pytest.mark.parametrize(
    "nonsense",
    [
        {"side": 2},
        {"side": -1},
        {"price_ticks": 0},
        {"price_ticks": -1},
        {"qty_lots": 0},
        {"qty_lots": -10},
        {"price_ticks": 2**62, "qty_lots": 2},
    ],
)
def test_nonsense_is_refused(nonsense: dict) -> None:
    assert gate().check(**order(**nonsense)) is RiskReason.BAD_ORDER


def test_quantity_bounds_of_instrument_and_config() -> None:
    checked = gate(instrument(min_qty_lots=5, max_qty_lots=100), max_order_lots=50)
    reasons = [checked.check(**order(qty_lots=qty)) for qty in (4, 5, 50, 51)]
    assert reasons == [RiskReason.MIN_QTY, RiskReason.OK, RiskReason.OK, RiskReason.MAX_QTY]
    assert gate(instrument(max_qty_lots=100)).check(**order(qty_lots=101)) is RiskReason.MAX_QTY


def test_price_range_of_the_instrument() -> None:
    checked = gate(instrument(min_price_ticks=5_000, max_price_ticks=700_000))
    reasons = [checked.check(**order(price_ticks=price)) for price in (4_999, 5_000, 700_000, 700_001)]
    assert reasons == [RiskReason.PRICE_RANGE, RiskReason.OK, RiskReason.OK, RiskReason.PRICE_RANGE]


def test_notional_bounds_are_exact() -> None:
    checked = gate(instrument(min_notional_e8=100 * E8), max_order_notional_e8=600 * E8 - 1)
    # 0.001 BTC at 100,000.0 is exactly the minimum of 100; 0.01 at 60,000.0 one e8 above the maximum
    assert checked.check(**order(price_ticks=1_000_000, qty_lots=1)) is RiskReason.OK
    assert checked.check(**order(price_ticks=999_999, qty_lots=1)) is RiskReason.MIN_NOTIONAL
    assert checked.check(**order(price_ticks=600_000)) is RiskReason.MAX_NOTIONAL
    assert checked.check(**order(price_ticks=599_999)) is RiskReason.OK


def test_a_reduce_only_order_may_be_below_the_minimum_notional() -> None:
    checked = gate(instrument(min_notional_e8=100 * E8))
    checked.tell(0, position_lots=-1)
    assert checked.check(**order(qty_lots=1)) is RiskReason.MIN_NOTIONAL
    assert checked.check(**order(qty_lots=1, reduce_only=True)) is RiskReason.OK


def test_notional_of_an_inverse_contract_does_not_depend_on_the_price() -> None:
    checked = gate(inverse(), max_order_notional_e8=1_000 * E8)
    assert checked.check(**order(qty_lots=10, price_ticks=1)) is RiskReason.OK
    assert checked.check(**order(qty_lots=11, price_ticks=1)) is RiskReason.MAX_NOTIONAL


def test_price_band_around_the_reference() -> None:
    checked = gate(price_band=0.01)
    reasons = [checked.check(**order(price_ticks=price)) for price in (593_999, 594_000, 606_000, 606_001)]
    assert reasons == [RiskReason.PRICE_BAND, RiskReason.OK, RiskReason.OK, RiskReason.PRICE_BAND]


@pytest.mark.parametrize("reference", [float("nan"), 0.0, -1.0])
def test_without_a_reference_nothing_passes_the_band(reference: float) -> None:
    checked = gate(price_band=0.01)
    checked.tell(0, reference_ticks=reference)
    assert checked.check(**order()) is RiskReason.NO_REFERENCE


def test_our_own_orders_are_never_crossed() -> None:
    checked = gate()
    checked.tell(0, working=(10, 10, 2, 599_900, 600_100))
    assert checked.check(**order(price_ticks=600_099)) is RiskReason.OK
    assert checked.check(**order(price_ticks=600_100)) is RiskReason.SELF_CROSS
    assert checked.check(**order(side=SELL, price_ticks=599_901)) is RiskReason.OK
    assert checked.check(**order(side=SELL, price_ticks=599_900)) is RiskReason.SELF_CROSS
    checked.tell(0, working=(0, 0, 0, 0, 0))
    assert checked.check(**order(side=SELL, price_ticks=1)) is RiskReason.OK


def test_position_limit_counts_everything_working_as_filled() -> None:
    checked = gate(max_position_lots=100)
    checked.tell(0, position_lots=30, working=(60, 0, 3, 599_900, 0))
    assert checked.check(**order(qty_lots=10)) is RiskReason.OK
    assert checked.check(**order(qty_lots=11)) is RiskReason.MAX_POSITION
    assert checked.check(**order(side=SELL, price_ticks=600_000, qty_lots=130)) is RiskReason.OK
    assert checked.check(**order(side=SELL, price_ticks=600_000, qty_lots=131)) is RiskReason.MAX_POSITION


def test_a_position_beyond_its_limit_may_still_be_reduced() -> None:
    checked = gate(max_position_lots=100)
    checked.tell(0, position_lots=150)
    assert checked.check(**order(qty_lots=1)) is RiskReason.MAX_POSITION
    assert checked.check(**order(side=SELL, qty_lots=50)) is RiskReason.OK


def test_what_was_sent_is_reserved_before_the_engine_tells_more() -> None:
    checked = gate(max_position_lots=100, max_open_orders=3)
    for _ in range(2):
        assert isinstance(checked.send(**order(qty_lots=45)), CommandView)
    assert checked.check(**order(qty_lots=11)) is RiskReason.MAX_POSITION
    assert isinstance(checked.send(**order(side=SELL, price_ticks=600_100)), CommandView)
    assert checked.check(**order(qty_lots=1)) is RiskReason.MAX_OPEN_ORDERS
    state = checked.market_state(0)
    assert (state["buy_lots"], state["sell_lots"], state["open_orders"]) == (90, 10, 3)
    assert (state["own_bid_ticks"], state["own_ask_ticks"]) == (599_900, 600_100)


def test_a_check_reserves_nothing() -> None:
    checked = gate(max_messages_per_s=1)
    checked.tell(0, margin_e8=(0, 0))  # NaN would not equal itself
    before = checked.market_state(0)
    for _ in range(5):
        assert checked.check(**order()) is RiskReason.OK
    assert checked.market_state(0) == before


def test_open_orders_of_the_instrument_hold_without_a_configured_limit() -> None:
    checked = gate(instrument(max_open_orders=2))
    checked.tell(0, working=(0, 0, 2, 0, 0))
    assert checked.check(**order()) is RiskReason.MAX_OPEN_ORDERS


class TestAmend:
    """An order in amendment counts at the larger of its two remaining quantities."""

    def test_it_reserves_only_what_it_adds(self) -> None:
        checked = gate(max_position_lots=100)
        checked.tell(0, position_lots=5, working=(80, 0, 2, 599_900, 0))
        # an order of 40, 5 filled, counted at 35, becomes one of 55: 15 more
        amend = order(qty_lots=55, counted_lots=35, filled_lots=5, venue_order_id=9)
        assert checked.check(**(amend | {"qty_lots": 56})) is RiskReason.MAX_POSITION
        command = checked.send(**amend)
        assert isinstance(command, CommandView)
        assert (command.kind, command.qty_lots, command.venue_order_id) == (CommandKind.AMEND_ORDER, 55, 9)
        state = checked.market_state(0)
        assert (state["buy_lots"], state["open_orders"]) == (95, 2)

    def test_a_smaller_one_keeps_its_old_reservation(self) -> None:
        checked = gate(max_position_lots=100)
        checked.tell(0, working=(100, 0, 1, 599_900, 0))
        assert isinstance(checked.send(**order(qty_lots=20, counted_lots=100)), CommandView)
        assert checked.market_state(0)["buy_lots"] == 100

    def test_it_passes_when_open_orders_are_at_their_limit(self) -> None:
        checked = gate(max_open_orders=1)
        checked.tell(0, working=(10, 0, 1, 599_900, 0))
        assert checked.check(**order(counted_lots=10)) is RiskReason.OK

    @pytest.mark.parametrize("filled", [10, 11])
    def test_to_no_more_than_what_is_filled_is_refused(self, filled: int) -> None:
        """Venues cancel such an order: whoever wants that sends a cancel."""
        assert gate().check(**order(counted_lots=1, filled_lots=filled)) is RiskReason.BAD_ORDER

    def test_it_may_not_cross_our_own_orders_or_leave_the_band(self) -> None:
        checked = gate(price_band=0.01)
        checked.tell(0, working=(10, 10, 2, 599_900, 600_100))
        assert checked.check(**order(price_ticks=600_100, counted_lots=10)) is RiskReason.SELF_CROSS
        assert checked.check(**order(price_ticks=500_000, counted_lots=10)) is RiskReason.PRICE_BAND


class TestReducing:
    """Reduce-only counts the reducers already working."""

    def test_only_up_to_the_position(self) -> None:
        checked = gate()
        checked.tell(0, position_lots=-30, working=(20, 0, 1, 599_900, 0), reduce_only=True)
        assert checked.check(**order(qty_lots=10)) is RiskReason.OK
        assert checked.check(**order(qty_lots=11)) is RiskReason.NOT_REDUCING
        assert checked.check(**order(side=SELL, price_ticks=600_000, qty_lots=1)) is RiskReason.NOT_REDUCING

    def test_a_flat_position_cannot_be_reduced(self) -> None:
        assert gate().check(**order(reduce_only=True)) is RiskReason.NOT_REDUCING

    def test_flattening_always_reduces(self) -> None:
        checked = gate()
        checked.tell(0, position_lots=10)
        flatten = order(purpose=Purpose.FLATTEN, side=SELL)
        assert checked.check(**flatten) is RiskReason.OK
        assert checked.check(**(flatten | {"qty_lots": 11})) is RiskReason.NOT_REDUCING

    def test_a_price_amend_of_a_reducer_still_reduces(self) -> None:
        checked = gate()
        checked.tell(0, position_lots=-10, working=(10, 0, 1, 599_900, 0), reduce_only=True)
        assert checked.check(**order(price_ticks=599_950, counted_lots=10)) is RiskReason.OK


Q, H, F = Purpose.QUOTE, Purpose.HEDGE, Purpose.FLATTEN


@pytest.mark.parametrize(
    ("level", "opening", "reducing"),
    [
        (RiskLevel.NORMAL, {Q, H}, {Q, H, F}),
        (RiskLevel.PULL_QUOTES, {H}, {H, F}),
        (RiskLevel.REDUCE_ONLY, {H}, {Q, H, F}),
        (RiskLevel.FLATTEN, set(), {H, F}),
        (RiskLevel.HALT, set(), set()),
    ],
)
def test_what_each_risk_level_allows(level: int, opening: set, reducing: set) -> None:
    checked = gate()
    checked.tell(0, position_lots=10)
    checked.tell_level(level)
    assert {p for p in (Q, H, F) if checked.check(**order(purpose=p)) is RiskReason.OK} == opening
    sells = order(side=SELL, price_ticks=600_000)
    assert {p for p in (Q, H, F) if checked.check(**sells, purpose=p) is RiskReason.OK} == reducing


def test_a_paused_market_still_hedges_and_flattens() -> None:
    checked = gate()
    checked.tell(0, position_lots=-10, paused=True)
    assert checked.check(**order()) is RiskReason.MARKET_PAUSED
    assert checked.check(**order(purpose=Purpose.HEDGE)) is RiskReason.OK
    assert checked.check(**order(purpose=Purpose.FLATTEN)) is RiskReason.OK
    checked.tell(0, paused=False)
    assert checked.check(**order()) is RiskReason.OK


class TestRate:
    """A budget of messages that refills evenly; its last quarter is not for quotes."""

    def test_burst_then_even_refill(self) -> None:
        checked = gate(max_messages_per_s=8)
        sent = [isinstance(checked.send(**order(ts_ns=1_000)), CommandView) for _ in range(8)]
        assert sent == [True] * 6 + [False] * 2
        assert checked.check(**order(ts_ns=1_000 + 125_000_000 - 1)) is RiskReason.RATE
        assert checked.check(**order(ts_ns=1_000 + 125_000_000)) is RiskReason.OK

    def test_a_hedge_finds_room_when_quotes_do_not(self) -> None:
        checked = gate(max_messages_per_s=8)
        while isinstance(checked.send(**order()), CommandView):
            pass
        hedges = [checked.send(**order(purpose=Purpose.HEDGE)) for _ in range(3)]
        assert [isinstance(hedge, CommandView) for hedge in hedges] == [True, True, False]
        assert hedges[2] is RiskReason.RATE

    def test_amends_cost_as_much_as_orders(self) -> None:
        checked = gate(max_messages_per_s=1)
        assert isinstance(checked.send(**order(counted_lots=10)), CommandView)
        assert checked.check(**order()) is RiskReason.RATE


class TestLiquidation:
    """Everything on one side filled, then the shock."""

    TIERS = MarginTiers(["0", "50000"], ["0.01", "0.02"])

    def checked(self, equity: int, **state: Any) -> RiskGate:
        checked = gate(margin=self.TIERS, shock=0.1, max_margin_ratio=0.5)
        checked.tell(0, margin_e8=(equity * E8, 0), **state)
        return checked

    def test_the_bound_is_where_the_formula_says(self) -> None:
        # 0.5 BTC at 60,000: 3,000 lost in the shock, 1 % of 27,000 needed, twice that must remain: 3,540
        lots = order(qty_lots=500, price_ticks=600_000)
        assert self.checked(3_541).check(**lots) is RiskReason.OK
        assert self.checked(3_539).check(**lots) is RiskReason.LIQUIDATION

    def test_working_orders_count_as_filled(self) -> None:
        checked = self.checked(3_541, position_lots=100, working=(300, 0, 4, 590_000, 0))
        assert checked.check(**order(qty_lots=100, price_ticks=600_000)) is RiskReason.OK
        assert checked.check(**order(qty_lots=101, price_ticks=600_000)) is RiskReason.LIQUIDATION

    def test_a_price_worse_than_the_reference_is_paid_first(self) -> None:
        # buying 0.5 BTC 100 USDT above the reference costs 50 more
        lots = order(qty_lots=500, price_ticks=601_000)
        assert self.checked(3_589).check(**lots) is RiskReason.LIQUIDATION
        assert self.checked(3_591).check(**lots) is RiskReason.OK
        sells = order(side=SELL, qty_lots=500, price_ticks=599_000)  # 1 % of 33,000 on the short side
        assert self.checked(3_709).check(**sells) is RiskReason.LIQUIDATION
        assert self.checked(3_711).check(**sells) is RiskReason.OK

    def test_what_reduces_is_never_held_back(self) -> None:
        checked = self.checked(1, position_lots=900)
        assert checked.check(**order(side=SELL, price_ticks=600_000, qty_lots=900)) is RiskReason.OK
        assert checked.check(**order(qty_lots=1)) is RiskReason.LIQUIDATION

    def test_maintenance_of_other_positions_counts(self) -> None:
        checked = self.checked(4_000)
        lots = order(qty_lots=500, price_ticks=600_000)
        assert checked.check(**lots) is RiskReason.OK
        checked.tell(0, margin_e8=(4_000 * E8, 300 * E8))
        assert checked.check(**lots) is RiskReason.LIQUIDATION

    def test_unknown_equity_makes_no_check_but_no_price_refuses(self) -> None:
        checked = gate(margin=self.TIERS, shock=0.1)
        assert checked.check(**order(qty_lots=1_000)) is RiskReason.OK
        checked.tell(0, margin_e8=(10**6 * E8, 0), reference_ticks=float("nan"))
        assert checked.check(**order()) is RiskReason.NO_REFERENCE

    def test_inverse_contracts_lose_more_when_the_price_falls(self) -> None:
        # 60,000 USD at 60,000 = 1 BTC; down 10 %: 0.1111 lost, 1 % of 1.1111 needed
        checked = gate(inverse(), margin=MarginTiers([0], ["0.01"]), shock=0.1)
        lots = order(qty_lots=600, price_ticks=600_000)
        for equity_e8, reason in ((12_222_223, RiskReason.OK), (12_222_222, RiskReason.LIQUIDATION)):
            checked.tell(0, margin_e8=(equity_e8, 0))
            assert checked.check(**lots) is reason


def test_refusals_are_counted_by_reason() -> None:
    checked = gate(max_order_lots=10)
    checked.check(**order())
    for _ in range(3):
        checked.check(**order(qty_lots=11))
    checked.check(**order(market=5))
    assert (checked.approved, checked.refused) == (1, 4)
    assert checked.refusals_by_reason() == {"UNKNOWN_MARKET": 1, "MAX_QTY": 3}


def test_limits_change_while_orders_work() -> None:
    checked = gate()
    checked.tell(0, position_lots=50, working=(40, 0, 2, 599_900, 0))
    checked.configure(0, instrument(), max_position_lots=95)
    assert checked.check(**order(qty_lots=5)) is RiskReason.OK
    assert checked.check(**order(qty_lots=6)) is RiskReason.MAX_POSITION


@pytest.mark.parametrize(
    "limits",
    [
        {"max_order_lots": -1},
        {"price_band": -0.1},
        {"shock": 1.0},
        {"max_margin_ratio": 0.0},
        {"max_margin_ratio": 1.1},
        {"price_band": float("nan")},
        {"max_position_lots": -1},
    ],
)
def test_limits_that_make_no_sense_are_refused(limits: dict) -> None:
    with pytest.raises(ValueError, match="risk gate"):
        gate(**limits)


def test_a_market_outside_the_table_is_an_error_in_python() -> None:
    with pytest.raises(ValueError, match=r"outside 0\.\.63"):
        RiskGate().configure(64, instrument(), max_position_lots=1)
    with pytest.raises(ValueError, match="never configured"):
        RiskGate().tell(3, position_lots=1)
