"""Conditional orders wait for their price, and then are orders like any other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from exchange_desk import Desk


@pytest.fixture
def desk() -> Desk:
    return Desk()


def place(desk: Desk, side: str, kind: str, ticks_away: int = 0, /, **more: object) -> dict:
    """A conditional order whose trigger is so far from the last price."""
    params = {"symbol": "BTCUSDT", "algoType": "CONDITIONAL", "side": side, "type": kind, "quantity": "0.010"}
    if ticks_away:
        last = desk.exchange.futures.markets["BTCUSDT"].last_ticks
        params["triggerPrice"] = desk.price(last + ticks_away)
    return desk.exchange.futures.algo.place(desk.ann, {k: v for k, v in (params | more).items() if v}, desk.now)


def states(desk: Desk) -> list[str]:
    return [each["o"]["X"] for each in desk.told(desk.ann, "ALGO_UPDATE")]


def trade_at(desk: Desk, ticks_away: int) -> None:
    """Have the market trade so far from where it is."""
    market = desk.exchange.futures.markets["BTCUSDT"]
    market.day.last_ticks = market.last_ticks + ticks_away
    desk.wait(0.2)


@pytest.mark.parametrize(
    ("side", "kind", "away"),
    [("SELL", "STOP_MARKET", -50), ("BUY", "STOP_MARKET", 50), ("SELL", "TAKE_PROFIT_MARKET", 50),
     ("BUY", "TAKE_PROFIT_MARKET", -50)],
)  # fmt: skip
def test_it_fires_when_the_price_is_reached_and_not_before(desk: Desk, side: str, kind: str, away: int) -> None:
    placed = place(desk, side, kind, away, clientAlgoId="stop-1")
    assert (placed["algoStatus"], placed["quantity"], placed["orderType"]) == ("NEW", "0.010", kind)
    trade_at(desk, away - away // abs(away))
    assert states(desk) == ["NEW"]
    assert [each["clientAlgoId"] for each in desk.exchange.futures.algo.open_orders(desk.ann, {}, desk.now)] == [
        "stop-1"
    ]
    trade_at(desk, away // abs(away))
    assert states(desk) == ["TRIGGERING", "FINISHED"]
    found = desk.exchange.futures.algo.query(desk.ann, {"clientAlgoId": "stop-1"}, desk.now)
    order = desk.ask("query_order", desk.ann, orderId=found["actualOrderId"])
    assert (order["status"], order["side"], order["clientOrderId"]) == ("FILLED", side, "stop-1")
    assert (found["actualQty"], found["actualPrice"]) == ("0.010", order["avgPrice"])
    assert desk.exchange.futures.algo.open_orders(desk.ann, {}, desk.now) == []


def test_a_limit_order_comes_of_a_stop(desk: Desk) -> None:
    limit = desk.price(desk.best()[0] - 100)
    place(desk, "BUY", "STOP", 30, price=limit, clientAlgoId="limit-1")
    trade_at(desk, 40)
    [order] = desk.ask("open_orders", desk.ann)
    assert (order["price"], order["clientOrderId"], order["type"]) == (limit, "limit-1", "LIMIT")
    assert states(desk)[-1] == "TRIGGERED"


def test_a_trailing_stop_follows_and_fires_when_the_price_turns(desk: Desk) -> None:
    desk.market(desk.ann, "BUY", "0.010")
    desk.told(desk.ann)
    place(desk, "SELL", "TRAILING_STOP_MARKET", callbackRate="1", reduceOnly="true")
    trade_at(desk, 20_000)
    trade_at(desk, -6_000)  # of some 638,000: less than one percent
    assert states(desk) == ["NEW"]
    trade_at(desk, -1_000)
    assert states(desk) == ["TRIGGERING", "FINISHED"]
    assert desk.exchange.futures.accounts[1].positions["BTCUSDT"].lots == 0


def test_a_whole_position_is_closed_and_nothing_when_there_is_none(desk: Desk) -> None:
    desk.market(desk.ann, "BUY", "0.030")
    for number in (1, 2):
        place(desk, "SELL", "STOP_MARKET", -30 * number, quantity="", closePosition="true", clientAlgoId=f"c{number}")
    trade_at(desk, -30)
    assert desk.exchange.futures.accounts[1].positions["BTCUSDT"].lots == 0
    trade_at(desk, -500)
    assert desk.exchange.futures.algo.query(desk.ann, {"clientAlgoId": "c2"}, desk.now)["algoStatus"] == "EXPIRED"


def test_an_order_that_is_refused_when_it_fires_is_told(desk: Desk) -> None:
    place(desk, "SELL", "STOP_MARKET", -30, reduceOnly="true")
    trade_at(desk, -30)
    [reject] = desk.told(desk.ann, "CONDITIONAL_ORDER_TRIGGER_REJECT")
    assert reject["or"]["r"] == "ReduceOnly Order is rejected."


def test_waiting_ones_are_cancelled_one_by_one_or_together(desk: Desk) -> None:
    algo = desk.exchange.futures.algo
    placed = [place(desk, "SELL", "STOP_MARKET", -30 * n)["algoId"] for n in (1, 2, 3)]
    assert algo.cancel(desk.ann, {"algoId": placed[0]}, desk.now)["msg"] == "success"
    desk.refused(-2011, algo.cancel, desk.ann, {"algoId": placed[0]}, desk.now)
    desk.refused(-2011, algo.cancel, desk.bob, {"algoId": placed[1]}, desk.now)
    desk.refused(-2013, algo.query, desk.bob, {"algoId": placed[1]}, desk.now)
    desk.refused(-1102, algo.query, desk.bob, {}, desk.now)
    assert algo.cancel_all(desk.ann, {"symbol": "BTCUSDT"}, desk.now)["code"] == 200
    listed = algo.all_orders(desk.ann, {"symbol": "BTCUSDT"}, desk.now)
    assert [each["algoStatus"] for each in listed] == ["CANCELED"] * 3
    trade_at(desk, -500)
    assert desk.ask("all_orders", desk.ann) == []


@pytest.mark.parametrize(
    ("code", "side", "kind", "away", "more"),
    [
        (-2021, "SELL", "STOP_MARKET", 10, {}),
        (-2021, "BUY", "TAKE_PROFIT_MARKET", 10, {}),
        (-1102, "SELL", "STOP_MARKET", 0, {}),
        (-1102, "SELL", "STOP", -10, {}),
        (-1102, "SELL", "STOP_MARKET", -10, {"quantity": ""}),
        (-1130, "SELL", "STOP_MARKET", -10, {"algoType": "VP"}),
        (-1116, "SELL", "LIMIT", -10, {}),
        (-4061, "SELL", "STOP_MARKET", -10, {"positionSide": "LONG"}),
        (-4137, "SELL", "STOP_MARKET", -10, {"closePosition": "true"}),
        (-4136, "SELL", "STOP", -10, {"closePosition": "true"}),
        (-2007, "SELL", "TRAILING_STOP_MARKET", 0, {"callbackRate": "11"}),
        (-1102, "SELL", "TRAILING_STOP_MARKET", 0, {}),
    ],
)
def test_what_makes_no_sense_is_refused(  # noqa: PLR0917 - a table with its columns
    desk: Desk, code: int, side: str, kind: str, away: int, more: dict
) -> None:
    desk.refused(code, place, desk, side, kind, away, **more)


def test_ten_may_wait(desk: Desk) -> None:
    for number in range(1, 11):
        place(desk, "SELL", "STOP_MARKET", -number)
    desk.refused(-4045, place, desk, "SELL", "STOP_MARKET", -20)


def test_the_event_has_the_fields_of_the_real_one(desk: Desk, data_dir: Path) -> None:
    place(desk, "BUY", "STOP_MARKET", 10)
    trade_at(desk, 10)
    _, triggering, finished = desk.told(desk.ann, "ALGO_UPDATE")
    folder = data_dir / "messages" / "binance" / "py_ws"
    for ours, name in ((triggering, "triggering"), (finished, "finished")):
        real = json.loads((folder / f"ws_futures_algo_update_{name}.json").read_text())["data"]
        assert list(ours["o"]) == list(real["o"])
        assert {key: type(value) for key, value in ours["o"].items()} == {k: type(v) for k, v in real["o"].items()}
