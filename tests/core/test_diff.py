"""The rules of the diff, one by one."""

from __future__ import annotations

import pytest

from mmbot._core.diff import diff_market
from mmbot._core.orders import OrderTable
from mmbot._core.types import CommandKind, OrderEvent, OrderEventKind, Purpose, Side, TimeInForce

PLACE, AMEND, CANCEL = CommandKind.PLACE, CommandKind.AMEND_ORDER, CommandKind.CANCEL_ORDER


@pytest.fixture
def table() -> OrderTable:
    return OrderTable(1, capacity=64)


def rest(table: OrderTable, side: int, price: int, qty: int, purpose: int = Purpose.QUOTE) -> int:
    slot = table.place(0, side, price, qty, TimeInForce.GTX, False, purpose, 0)
    num = table.order(slot)["num"]
    table.apply_event(OrderEvent(kind=OrderEventKind.ACK, market=0, order_num=num, side=side), 0)
    return slot


def plan(
    table: OrderTable, bids: list[tuple[int, int]], asks: list[tuple[int, int]], **rules: int
) -> list[tuple[int, ...]]:
    return [
        (action["kind"], action["side"], action["slot"], action["price_ticks"], action["qty_lots"])
        for action in diff_market(table, 0, bids, asks, **rules)
    ]


def test_an_order_inside_both_tolerances_stays(table: OrderTable) -> None:
    rest(table, Side.BUY, 100, 95)
    assert plan(table, [(102, 100)], [], tolerance_ticks=2, tolerance_qty_ppm=50_000) == []
    assert len(plan(table, [(103, 100)], [], tolerance_ticks=2, tolerance_qty_ppm=50_000)) == 1
    assert len(plan(table, [(102, 101)], [], tolerance_ticks=2, tolerance_qty_ppm=50_000)) == 1


def test_a_partly_filled_order_is_topped_up_to_the_wanted_rest(table: OrderTable) -> None:
    slot = rest(table, Side.BUY, 100, 10)
    fill = OrderEvent(
        kind=OrderEventKind.FILL, market=0, order_num=table.order(slot)["num"], last_qty_lots=4, trade_id=1
    )
    table.apply_event(fill, 0)
    assert plan(table, [(100, 10)], []) == [(AMEND, Side.BUY, slot, 100, 14)]


def test_hedges_are_not_quotes(table: OrderTable) -> None:
    rest(table, Side.BUY, 100, 10, Purpose.HEDGE)
    assert plan(table, [(100, 10)], []) == [(PLACE, Side.BUY, -1, 100, 10)]
    assert plan(table, [], []) == []


def test_amends_away_from_the_market_go_before_amends_towards_it(table: OrderTable) -> None:
    bid, ask = rest(table, Side.BUY, 100, 5), rest(table, Side.SELL, 102, 5)
    up = plan(table, [(102, 5)], [(104, 5)])
    assert up == [(AMEND, Side.SELL, ask, 104, 5), (AMEND, Side.BUY, bid, 102, 5)]
    down = plan(table, [(98, 5)], [(100, 5)])
    assert down == [(AMEND, Side.BUY, bid, 98, 5), (AMEND, Side.SELL, ask, 100, 5)]


def test_a_replacement_waits_for_the_cancel_unless_there_is_room(table: OrderTable) -> None:
    slot = rest(table, Side.BUY, 100, 5)
    cancel, place = (CANCEL, Side.BUY, slot, 100, 5), (PLACE, Side.BUY, -1, 101, 5)
    assert plan(table, [(101, 5)], [], amend_any=False) == [cancel]
    assert plan(table, [(101, 5)], [], amend_any=False, spare_buy_lots=5) == [cancel, place]
    table.cancel(slot, 0)
    assert plan(table, [(101, 5)], [], amend_any=False) == []
    num = table.order(slot)["num"]
    table.apply_event(OrderEvent(kind=OrderEventKind.CANCEL, market=0, order_num=num, cum_filled_lots=0), 0)
    assert plan(table, [(101, 5)], [], amend_any=False) == [place]


def test_only_a_reduction_is_amended_where_that_is_all_the_venue_can(table: OrderTable) -> None:
    slot = rest(table, Side.BUY, 100, 5)
    rules = {"amend_any": False, "amend_smaller": True}
    assert plan(table, [(100, 3)], [], **rules) == [(AMEND, Side.BUY, slot, 100, 3)]
    assert [action[0] for action in plan(table, [(100, 6)], [], spare_buy_lots=9, **rules)] == [CANCEL, PLACE]
    assert [action[0] for action in plan(table, [(101, 3)], [], spare_buy_lots=9, **rules)] == [CANCEL, PLACE]


def test_a_pending_order_counts_as_present(table: OrderTable) -> None:
    table.place(0, Side.SELL, 105, 5, TimeInForce.GTX, False, Purpose.QUOTE, 0)
    assert plan(table, [], [(105, 5)], spare_sell_lots=50) == []
    assert plan(table, [], [(106, 5)], spare_sell_lots=50) == [], "it is moved once it is acknowledged"


def test_a_pending_order_is_canceled_when_unsafe_or_when_quotes_are_pulled(table: OrderTable) -> None:
    slot = table.place(0, Side.BUY, 105, 5, TimeInForce.GTX, False, Purpose.QUOTE, 0)
    assert plan(table, [(100, 5)], [], unsafe_ticks=5) == []
    assert plan(table, [(100, 5)], [], unsafe_ticks=4) == [(CANCEL, Side.BUY, slot, 105, 5)]
    assert plan(table, [], []) == [(CANCEL, Side.BUY, slot, 105, 5)]
    table.cancel(slot, 0)
    assert plan(table, [], []) == []


def test_a_refused_cancel_is_repeated_once_the_order_is_known_to_live(table: OrderTable) -> None:
    slot = rest(table, Side.BUY, 100, 5)
    num = table.order(slot)["num"]
    table.cancel(slot, 0)
    table.apply_event(OrderEvent(kind=OrderEventKind.CANCEL_REJECT, market=0, order_num=num), 0)
    assert plan(table, [(100, 5)], []) == [], "in doubt: it is being asked for"
    table.queried(slot, 0)
    status = {"kind": OrderEventKind.STATUS, "state": 2, "cum_filled_lots": 0, "request": CommandKind.QUERY_ORDER}
    table.apply_event(OrderEvent(market=0, order_num=num, **status), 0)
    assert plan(table, [(100, 5)], []) == [(CANCEL, Side.BUY, slot, 100, 5)]


def test_arguments_are_checked(table: OrderTable) -> None:
    with pytest.raises(IndexError, match="market 1 of 1"):
        diff_market(table, 1, [], [])
    with pytest.raises(ValueError, match="at most 32"):
        diff_market(table, 0, [(100, 1)] * 33, [])


def test_a_busy_order_keeps_its_level_whatever_its_quantity(table: OrderTable) -> None:
    """Its quantity can be mended once it is answered; a second order beside it would be one too many."""
    table.place(0, Side.BUY, 100, 10, TimeInForce.GTX, False, Purpose.QUOTE, 0)
    assert plan(table, [(100, 12)], [], amend_any=False, spare_buy_lots=100) == []


def test_an_order_that_is_being_moved_counts_where_it_goes(table: OrderTable) -> None:
    slot = rest(table, Side.BUY, 100, 5)
    assert table.amend(slot, 102, 5, 0)
    assert plan(table, [(102, 5)], [], amend_any=False, spare_buy_lots=100) == []
    assert plan(table, [(100, 5)], [], amend_any=False, spare_buy_lots=100) == [(PLACE, Side.BUY, -1, 100, 5)]


def test_what_an_order_is_too_large_within_tolerance_is_not_taken_from_the_others(table: OrderTable) -> None:
    rest(table, Side.BUY, 100, 12)
    wanted = [(100, 10), (99, 10)]
    assert plan(table, wanted, [], tolerance_qty_ppm=200_000) == [(PLACE, Side.BUY, -1, 99, 10)]
