"""Fills with what came after, orders, states: against a desk whose every move is known."""

from __future__ import annotations

import math
import random
from decimal import Decimal

import numpy as np
import pytest
from blotter_desk import BlotterDesk
from engine_desk import MS, PERP, SPOT, START_NS, Desk
from engine_storm import Storm

from mmbot._core import blotter as module
from mmbot._core.blotter import FILLS, HORIZONS_NS, ORDERS, STATE, Blotter
from mmbot._core.types import OrderState, Purpose, TimeInForce

BUY, SELL = 0, 1
S = 1_000_000_000


def parts(row: np.void) -> int:
    return int(row["spread_e8"] + row["inventory_e8"] + row["hedge_e8"] - row["fees_e8"] + row["funding_e8"])


def test_the_dtypes_name_what_a_report_needs() -> None:
    assert FILLS.names is not None
    assert FILLS["after_x2"].shape == (len(HORIZONS_NS),) == (5,)
    assert {"ts_ns", "exch_ts_ns", "order_id", "placed_ns", "fee_e8", "bid_ticks"} <= set(FILLS.names)
    assert ORDERS["front_lots"] == np.float64
    assert STATE["mark_price"] == np.float64


def test_a_fill_is_booked_with_its_book_its_order_and_its_mid() -> None:
    desk = BlotterDesk().open()
    desk.tick(300)
    desk.trade(PERP, BUY, 4, settle=False)
    fills = desk.blotter.arrays()["fills"]
    assert len(fills) == 1
    fill = fills[0]
    assert (fill["market"], fill["side"], fill["qty_lots"]) == (PERP, BUY, 4)
    assert fill["purpose"] == Purpose.QUOTE
    assert (fill["bid_ticks"], fill["ask_ticks"], fill["mid_x2"]) == (600_000, 600_010, 1_200_010)
    assert fill["ts_ns"] == desk.now_ns == START_NS + 300 * MS
    assert fill["placed_ns"] == START_NS
    assert fill["order_id"] in desk.blotter.arrays()["orders"]["order_id"]
    assert list(fill["after_x2"]) == [0] * 5


def test_the_mid_is_marked_after_each_horizon_as_it_stood_then() -> None:
    desk = BlotterDesk(hedge={"band": "10"}).open()
    desk.trade(PERP, BUY, 4)
    desk.tick(50)
    desk.book(PERP, 599_990, 600_000)
    desk.tick(49)
    desk.book(PERP, 599_980, 599_990)  # 99 ms after: the mid that counts at 100 ms
    desk.tick(1)
    desk.book(PERP, 599_900, 599_910)  # at 100 ms: too late
    assert list(desk.blotter.arrays()["fills"][0]["after_x2"]) == [1_199_970, 0, 0, 0, 0]
    desk.tick(2900)
    assert list(desk.blotter.arrays()["fills"][0]["after_x2"]) == [1_199_970, 1_199_810, 0, 0, 0]
    for _ in range(70):
        desk.tick(1000)
    assert list(desk.blotter.arrays()["fills"][0]["after_x2"]) == [1_199_970] + [1_199_810] * 4


def test_an_empty_side_marks_at_the_last_valuation() -> None:
    desk = BlotterDesk(hedge={"band": "10"}).open()
    desk.trade(PERP, BUY, 4)
    desk.do("on_feed", 0, False, desk.now_ns)
    desk.tick(200)
    after = desk.blotter.arrays()["fills"][0]["after_x2"]
    assert after[0] == 1_200_010


def test_states_lie_on_the_grid_and_none_is_made_for_silence() -> None:
    desk = BlotterDesk().open()
    for _ in range(5):
        desk.tick(130)
    state = desk.blotter.arrays()["state"]
    mine = state[state["market"] == PERP]
    assert list(mine["ts_ns"] - START_NS) == [t * MS for t in (0, 100, 200, 300, 400, 600, 650)]
    assert np.all(np.diff(state["ts_ns"]) >= 0)
    assert mine[-1]["ts_ns"] == desk.now_ns


def test_a_long_silence_is_one_row() -> None:
    desk = BlotterDesk().open()
    before = desk.blotter.n_states
    desk.tick(3_600_000)
    assert desk.blotter.n_states - before <= 3
    assert desk.blotter.arrays()["state"][before]["ts_ns"] == START_NS + 100 * MS


def test_the_first_row_is_the_state_before_the_first_event() -> None:
    desk = BlotterDesk().open()
    first = desk.blotter.arrays()["state"][0]
    assert (first["ts_ns"], first["bid_ticks"], first["mid_x2"], first["total_e8"]) == (START_NS, 0, 0, 0)


def test_own_quotes_are_the_best_that_rest() -> None:
    desk = BlotterDesk().open()
    row = desk.blotter.arrays()["state"][-3]
    assert row["market"] == PERP
    assert (row["own_bid_ticks"], row["own_bid_lots"]) == (599_985, 10)
    assert (row["own_ask_ticks"], row["own_ask_lots"]) == (600_025, 10)
    desk.trade(PERP, SELL, 4)
    assert desk.blotter.arrays()["state"][-3]["own_ask_lots"] in (6, 10)


def test_orders_not_yet_accepted_do_not_rest() -> None:
    desk = BlotterDesk()
    desk.do("on_feed", 0, True, desk.now_ns)
    desk.snapshot(PERP)
    desk.book(PERP, 600_000, 600_010)
    desk.command("trading", venue=0, up=True)
    desk.reconcile(0)
    assert desk.engine.execution.placed > 0
    row = desk.blotter.arrays()["state"][-3]
    assert (row["own_bid_ticks"], row["own_ask_ticks"]) == (0, 0)


def test_orders_keep_their_story() -> None:
    desk = BlotterDesk().open()
    desk.tick(100)
    desk.trade(PERP, BUY, 4)
    desk.book(PERP, 600_300, 600_310)
    desk.settle()
    desk.command("stop")
    desk.settle()
    orders = desk.blotter.arrays()["orders"]
    quotes = orders[(orders["market"] == PERP) & (orders["purpose"] == Purpose.QUOTE)]
    assert len(quotes)
    assert set(quotes["time_in_force"]) == {TimeInForce.GTX}
    assert set(quotes["state"]) <= {OrderState.CANCELED, OrderState.FILLED, OrderState.LIVE}
    assert np.all(np.isnan(quotes["front_lots"]))
    hedges = orders[orders["purpose"] == Purpose.HEDGE]
    assert list(hedges["market"]) == [SPOT]
    assert sum(quotes["filled_lots"]) == 4
    ended = quotes[quotes["ended_ns"] > 0]
    assert np.all(ended["ended_ns"] >= ended["placed_ns"])


def test_what_a_driver_tells_by_hand() -> None:
    blotter = BlotterDesk().blotter
    blotter.order_placed(7, PERP, SELL, Purpose.QUOTE, TimeInForce.GTC, 100, 10, 5)
    blotter.order_arrived(7, 9)
    blotter.order_arrived(7, 10)
    blotter.set_front(7, 2.5)
    blotter.order_amended(7, 101, 8)
    blotter.order_ended(7, OrderState.FILLED, 8, 20)
    blotter.order_ended(7, OrderState.CANCELED, 0, 30)
    row = blotter.arrays()["orders"][0]
    assert (row["order_id"], row["market"], row["side"], row["time_in_force"]) == (7, PERP, SELL, TimeInForce.GTC)
    assert (row["placed_ns"], row["arrived_ns"], row["ended_ns"]) == (5, 9, 20)
    assert (row["price_ticks"], row["qty_lots"], row["filled_lots"], row["amends"]) == (101, 8, 8, 1)
    assert (row["front_lots"], row["state"]) == (2.5, OrderState.FILLED)


def test_an_order_that_is_not_known_is_passed_over() -> None:
    desk = BlotterDesk()
    blotter, slots = desk.blotter, desk.engine.execution.table.capacity
    blotter.order_placed(3, PERP, BUY, 0, 0, 100, 10, 5)
    blotter.order_placed(3 + slots, PERP, BUY, 0, 0, 200, 10, 6)  # the same slot, given away
    for tell in (3, 12345):
        blotter.order_ended(tell, OrderState.FILLED, 10, 7)
        blotter.set_front(tell, 1.0)
    orders = blotter.arrays()["orders"]
    assert list(orders["ended_ns"]) == [0, 0]
    assert math.isnan(orders[0]["front_lots"])


def test_rows_outgrow_their_first_room() -> None:
    blotter = BlotterDesk().blotter
    for i in range(5000):
        blotter.order_placed(i + 1, PERP, BUY, 0, 0, i, 10, i)
    orders = blotter.arrays()["orders"]
    assert list(orders["price_ticks"]) == list(range(5000))


def test_fills_that_somebody_else_took_are_an_error() -> None:
    desk = Desk().open()
    blotter = Blotter(desk.engine)
    desk.trade(PERP, BUY, 4)  # the desk takes them
    with pytest.raises(RuntimeError, match=r"^blotter: \d new fills"):
        blotter.after()


def test_the_grid_must_not_run_backwards() -> None:
    with pytest.raises(ValueError, match="negative"):
        Blotter(Desk().engine, -1)


def test_without_a_grid_there_is_the_last_state_alone() -> None:
    desk = BlotterDesk(state_every_ns=0).open()
    desk.tick(1000)
    assert list(desk.blotter.arrays()["state"]["market"]) == [0, 1, 2]


@pytest.mark.parametrize("seed", range(6))
def test_parts_add_up_in_every_row_and_end_where_the_engine_does(seed: int) -> None:
    desk = BlotterDesk(second="maker", makers="perp_btc, perp2_btc", state_every_ns=10 * MS).open()
    Storm(desk).blow(random.Random(seed), 400)
    desk.command("clock", venue=0, offset_ns=0)
    arrays = desk.blotter.arrays()
    assert len(arrays["fills"]) == desk.engine.order_flow.fills == len(desk.fills)
    assert all(parts(row) == row["total_e8"] for row in arrays["state"])
    for market, row in zip(desk.engine.markets, arrays["state"][-3:], strict=True):
        mine = arrays["fills"][arrays["fills"]["market"] == market.index]
        assert sum(int(fee) for fee in mine["fee_settle_e8"]) == market.pnl.fees_e8
        market.pnl.mid(int(row["mid_x2"]))
        exact = market.pnl.parts()
        for part in ("spread", "inventory", "hedge", "funding"):
            assert abs(Decimal(int(row[f"{part}_e8"])).scaleb(-8) - exact[part]) <= Decimal("1.5e-8")


@pytest.mark.parametrize("seed", range(3))
def test_the_engine_does_not_notice(seed: int) -> None:
    watched, alone = BlotterDesk(state_every_ns=MS).open(), Desk().open()
    Storm(watched).blow(random.Random(seed), 300)
    Storm(alone).blow(random.Random(seed), 300)
    assert [c.raw() for c in watched.commands] == [c.raw() for c in alone.commands]
    for one, other in zip(watched.engine.markets, alone.engine.markets, strict=True):
        assert one.pnl.state() == other.pnl.state()


def test_the_module_says_its_horizons() -> None:
    assert module.HORIZONS_NS == (S // 10, S, 5 * S, 30 * S, 60 * S)
