"""Amends, cancels, and requests that go wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from backtest_desk import ASIDE, BUY, SELL, Desk, Played, book, depth, latency_file, trade

END = depth(ASIDE / 1e6, BUY, (1, 1))


def amended(tmp_path: Path, then: list[tuple[int, int]], *events: Any, **backtest: Any) -> Played:
    """An order of 5 at 101 with 5 ahead; 3 join at 5 ms; it is amended to `then`, at the exchange from 11 ms on."""
    desk = Desk(tmp_path, strategy={"moves": "amend"}, **backtest)
    desk.tape(book(0, bid=99, ask=101), depth(5, SELL, (101, 8)), *events, END)
    desk.script((1, [], [(101, 5)]), (10, [], then))
    return desk.play()


@pytest.mark.parametrize(
    ("lots", "ahead"), [(3, 5), (7, 8)], ids=["smaller keeps its place", "larger goes to the back"]
)
def test_an_amend_of_the_quantity(tmp_path: Path, lots: int, ahead: int) -> None:
    assert amended(tmp_path, [(101, lots)], trade(20, BUY, 101, ahead)).fills == []
    played = amended(tmp_path, [(101, lots)], trade(20, BUY, 101, ahead + 1))
    assert played.fills == [(20.0, 1, SELL, 101, lots)]
    assert played.arrays["orders"]["amends"].tolist() == [1]


def test_an_amend_of_the_price_goes_to_the_back_there(tmp_path: Path) -> None:
    events = depth(6, SELL, (102, 4))
    assert amended(tmp_path, [(102, 3)], events, trade(20, BUY, 102, 4)).fills == []
    assert amended(tmp_path, [(102, 3)], events, trade(20, BUY, 102, 5)).fills == [(20.0, 1, SELL, 102, 3)]


def test_until_the_amend_arrives_the_old_terms_hold(tmp_path: Path) -> None:
    assert amended(tmp_path, [(105, 5)], trade(11, BUY, 102, 1)).fills == [(11.0, 1, SELL, 101, 5)]
    assert amended(tmp_path, [(105, 5)], trade(11.000001, BUY, 102, 1)).fills == []


def test_an_amend_that_would_take_ends_the_order(tmp_path: Path) -> None:
    # Seen too late: the bid has risen to 100 when the amend to 100 comes.
    played = amended(tmp_path, [(100, 5)], depth(10.5, BUY, (100, 1), local=12))
    assert played.orders == [(SELL, 101, 5, "canceled", 0)]
    assert played.fills == []


def test_a_request_that_never_arrives_delays_no_other(tmp_path: Path) -> None:
    # The cancel at 10 ms is refused at 517; a new quote at 20 ms waited for that, and came 500 ms late.
    latency = latency_file(tmp_path / "latency.npz", (0, 1, 2), (9, 10, 11), (10, None, 517), (11, 12, 13))
    desk = Desk(tmp_path, latency=latency)
    desk.tape(book(0, bid=99, ask=101), END)
    desk.script((1, [], [(101, 1)]), (10, [], []), (20, [(98, 1)], []))
    assert desk.play().times("arrived_ns") == [2.0, 21.0]


def test_an_amend_to_what_has_filled_ends_it(tmp_path: Path) -> None:
    # 4 fill while the amend to 3 is on its way.
    played = amended(tmp_path, [(101, 3)], trade(10.5, BUY, 101, 9), rules="mmbot")
    assert played.fills == [(10.5, 1, SELL, 101, 4)]
    assert played.orders == [(SELL, 101, 5, "canceled", 4)]


def test_a_cancel_of_an_order_that_has_filled_is_harmless(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.tape(book(0, bid=99, ask=101), trade(5, BUY, 102, 1), END)
    desk.script((1, [], [(101, 2)]), (5.5, [], []))  # the fill is known at 6 ms
    played = desk.play()
    assert played.orders == [(SELL, 101, 2, "filled", 2)]
    assert len(played.told("fill")) == 1
    assert played.engine.markets[0].position_lots == -2
    assert played.engine.order_flow.unknown == 0
    assert not any("anomaly" in text for text in played.notes)


def test_a_fill_while_the_cancel_is_on_its_way_counts_once(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.tape(book(0, bid=99, ask=101), trade(5.5, BUY, 102, 1), END)
    desk.script((1, [], [(101, 2)]), (5, [], []))
    played = desk.play()
    assert played.orders == [(SELL, 101, 2, "filled", 2)]
    assert played.engine.markets[0].position_lots == -2


def test_a_cancel_that_arrives_first_wins(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.tape(book(0, bid=99, ask=101), trade(6.000001, BUY, 102, 1), END)
    desk.script((1, [], [(101, 2)]), (5, [], []))
    played = desk.play()
    assert played.fills == []
    assert played.orders == [(SELL, 101, 2, "canceled", 0)]


def test_a_request_that_never_arrives_is_refused_after_its_time(tmp_path: Path) -> None:
    latency = latency_file(tmp_path / "latency.npz", (0, 1, 2), (10, None, 17), (20, None, 23), (30, 31, 32))
    desk = Desk(tmp_path, latency=latency)
    desk.tape(book(0, bid=99, ask=101), trade(30, SELL, 98, 1), END)
    desk.script((10, [(98, 1)], []))
    played = desk.play()
    assert played.orders == [(BUY, 98, 1, "rejected", 0)]
    assert played.times("ended_ns") == [17.0]
    assert played.times("arrived_ns") == []
    assert played.fills == []
    assert played.engine.order_flow.rejected == 1


def test_a_cancel_that_never_arrives_leaves_the_order_where_it_is(tmp_path: Path) -> None:
    latency = latency_file(tmp_path / "latency.npz", (0, 1, 2), (9, 10, 11), (10, None, 17), (11, 12, 13))
    desk = Desk(tmp_path, latency=latency)
    desk.tape(book(0, bid=99, ask=101), trade(16, BUY, 102, 1), END)
    desk.script((1, [], [(101, 1)]), (10, [], []))
    played = desk.play()
    assert played.fills == [(16.0, 1, SELL, 101, 1)]
    assert played.engine.markets[0].position_lots == -1


def test_an_unanswered_order_is_asked_for_and_found(tmp_path: Path) -> None:
    desk = Desk(tmp_path, latency={"model": "constant", "entry_us": 1000, "response_us": 400_000})
    desk.sections["venues"]["tapes"]["order_timeout_ms"] = 50
    desk.tape(book(0, bid=99, ask=101), trade(700, BUY, 102, 1), depth(2000, BUY, (98, 1)), END)
    desk.script((1, [], [(101, 1)]))
    played = desk.play()
    assert played.engine.order_flow.unknown >= 1
    assert played.engine.execution.queried >= 1
    assert played.orders == [(SELL, 101, 1, "filled", 1)]
    assert played.fills == [(700.0, 1, SELL, 101, 1)]
    assert len(played.told("fill")) == 1


def test_an_order_that_never_came_to_be_is_not_found(tmp_path: Path) -> None:
    # The refusal takes 8 s to be known, longer than the venue could still accept the order: asked for, it is not there.
    latency = latency_file(tmp_path / "latency.npz", (0, 1, 2), (10, None, 8010), (11, 12, 13))
    desk = Desk(tmp_path, latency=latency)
    desk.sections["venues"]["tapes"].update(order_timeout_ms=50, recv_window_ms=100)
    desk.tape(book(0, bid=99, ask=101), *(depth(1000 * i, BUY, (90, i)) for i in range(1, 20)), END)
    desk.script((10, [], [(101, 1)]), (9000, [], []))
    played = desk.play()
    assert played.engine.execution.queried >= 1
    assert played.orders == [(SELL, 101, 1, "rejected", 0)]
    assert played.fills == []
