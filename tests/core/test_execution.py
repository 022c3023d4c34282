"""The way out: table, gate, budget and outbox, and what each refuses."""

from __future__ import annotations

import pytest
from engine_desk import PERP, Desk

from mmbot._core.execution import Execution
from mmbot._core.gate import RiskGate
from mmbot._core.orders import OrderTable
from mmbot._core.rate import RateBudget
from mmbot._core.types import CommandKind, Purpose, TimeInForce

TIGHT = {"orders_per_s": "4", "order_burst": "4", "cancels_per_s": "4"}


def test_quotes_leave_post_only_with_the_number_and_time_of_their_event() -> None:
    desk = Desk().open()
    quotes = [c for c in desk.commands if c.kind == CommandKind.PLACE]
    assert {c.time_in_force for c in quotes} == {TimeInForce.GTX}
    assert {c.purpose for c in quotes} == {Purpose.QUOTE}
    assert len({c.order_num for c in quotes}) == len(quotes) == desk.engine.execution.placed
    assert {c.as_dict()["event_seq"] for c in quotes} <= set(range(desk.engine.seq + 1))


def test_what_the_budget_holds_back_is_sent_when_there_is_some_again() -> None:
    desk = Desk(risk=TIGHT, params={"levels": 5}).open()
    assert len(desk.quotes()) == 4
    for _ in range(30):
        desk.tick()
        desk.book(PERP, 600_000, 600_010)
        desk.settle()
    assert len(desk.quotes()) == 10


def test_cancels_have_a_budget_of_their_own() -> None:
    desk = Desk(risk=TIGHT).open()
    assert desk.engine.execution.budgets[0].available(is_cancel=False, ts_ns=desk.now_ns) == 0
    desk.command("pause")
    desk.settle()
    assert desk.quotes() == []


def test_orders_that_the_gate_refuses_use_no_budget() -> None:
    """Quotes outside the limits once starved the hedges."""
    desk = Desk(risk={**TIGHT, "max_open_orders": "1"}).open()
    budget = desk.engine.execution.budgets[0]
    desk.tick(5_000)
    desk.book(PERP, 600_000, 600_010)
    before = budget.available(is_cancel=False, ts_ns=desk.now_ns)
    for step in range(8):
        desk.book(PERP, 600_000 + step, 600_011 + step)
    assert desk.engine.execution.gate.refusals_by_reason()["MAX_OPEN_ORDERS"] > 0
    assert budget.available(is_cancel=False, ts_ns=desk.now_ns) >= before - 2


def test_quotes_leave_a_share_of_the_budget_to_hedges() -> None:
    """Quotes that follow a quick market once used up the venue's window, and the hedge of their fill had to wait."""
    desk = Desk(risk={"orders_per_s": "20", "order_burst": "40"}).open()
    budget = desk.engine.execution.budgets[0]
    for step in range(60):
        desk.book(PERP, 600_000 + 7 * step, 600_010 + 7 * step)
        desk.settle()
    assert budget.available(is_cancel=False, ts_ns=desk.now_ns) == 40 // 10


def test_small_moves_of_the_wanted_price_send_nothing() -> None:
    desk = Desk(strategy="price_tolerance_ticks: 3").open()
    desk.book(PERP, 600_003, 600_013)
    assert desk.sent == []
    desk.book(PERP, 600_004, 600_014)
    assert {c.kind for c in desk.sent} == {CommandKind.AMEND_ORDER}


def test_a_quote_that_met_our_other_side_waits_for_it_to_go() -> None:
    desk = Desk(params={"levels": 1, "half_ticks": 2}).open()
    desk.book(PERP, 600_050, 600_060)  # the new bid lies above the old ask
    for command in [c for c in desk.sent if c.kind in (CommandKind.PLACE, CommandKind.AMEND_ORDER)]:
        assert command.side == 1 or command.price_ticks < 600_007
    desk.settle()
    desk.tick()
    desk.settle()
    assert desk.quotes() == [(0, 600_053), (1, 600_057)]


def test_budgets_and_venues_have_to_fit() -> None:
    budget = RateBudget([(10, 10**9, 0, True)])
    with pytest.raises(ValueError, match="venue 1 has no budget"):
        Execution(OrderTable(2), RiskGate(), (budget,), [0, 1])
    with pytest.raises(ValueError, match="room for 1"):
        Execution(OrderTable(1), RiskGate(), (budget,), [0, 0])
    with pytest.raises(TypeError, match="expected RateBudget"):
        Execution(OrderTable(1), RiskGate(), ("no",), [0])  # type: ignore[arg-type]


def test_an_empty_outbox_gives_nothing() -> None:
    assert Desk().engine.take() is None
