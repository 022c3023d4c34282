"""The life of a futures order: answers, private messages, refusals."""

from __future__ import annotations

import pytest
from exchange_desk import Desk


@pytest.fixture
def desk() -> Desk:
    return Desk()


def updates(desk: Desk, user: object) -> list[tuple[str, str, str]]:
    return [
        (m["o"]["x"], m["o"]["X"], m["o"]["l"])
        for m in desk.told(user, "ORDER_TRADE_UPDATE")  # type: ignore[arg-type]
    ]


def test_a_resting_order_is_announced_found_and_canceled(desk: Desk) -> None:
    price = desk.price(desk.best()[0] - 50)
    placed = desk.limit(desk.ann, "BUY", price, "0.010", newClientOrderId="a-1")
    assert [placed[name] for name in ("status", "price", "origQty", "executedQty")] == ["NEW", price, "0.010", "0.000"]
    assert updates(desk, desk.ann) == [("NEW", "NEW", "0")]
    assert desk.ask("query_order", desk.ann, origClientOrderId="a-1")["orderId"] == placed["orderId"]
    assert [o["clientOrderId"] for o in desk.ask("open_orders", desk.ann)] == ["a-1"]
    canceled = desk.ask("cancel_order", desk.ann, orderId=placed["orderId"])
    assert canceled["status"] == "CANCELED"
    assert updates(desk, desk.ann) == [("CANCELED", "CANCELED", "0")]
    assert desk.ask("open_orders", desk.ann) == []
    assert desk.ask("query_order", desk.ann, orderId=placed["orderId"])["status"] == "CANCELED"
    desk.refused(-2011, desk.ask, "cancel_order", desk.ann, orderId=placed["orderId"])
    desk.refused(-2011, desk.ask, "cancel_order", desk.bob, orderId=placed["orderId"])
    desk.refused(-2013, desk.ask, "query_order", desk.ann, orderId=1)


def test_two_users_trade_and_both_hear_of_it(desk: Desk) -> None:
    price = desk.widen()
    resting = desk.limit(desk.ann, "BUY", price, "0.010")
    desk.told(desk.ann)
    taken = desk.market(desk.bob, "SELL", "0.004")
    assert (taken["status"], taken["executedQty"], taken["avgPrice"]) == ("FILLED", "0.004", price + "000")
    events = desk.exchange.take_events()
    assert [e.payload["e"] for e in events if getattr(e, "user", "") == "bob"] == [
        "ORDER_TRADE_UPDATE",
        "TRADE_LITE",
        "ORDER_TRADE_UPDATE",
        "ACCOUNT_UPDATE",
    ]
    mine = [e.payload for e in events if getattr(e, "user", "") == "ann"]
    trade = next(m["o"] for m in mine if m["e"] == "ORDER_TRADE_UPDATE")
    assert (trade["i"], trade["X"], trade["z"], trade["m"], trade["rp"]) == (
        resting["orderId"],
        "PARTIALLY_FILLED",
        "0.004",
        True,
        "0.00000000",
    )
    ours, theirs = desk.ask("user_trades", desk.ann), desk.ask("user_trades", desk.bob)
    assert ours[0]["id"] == theirs[0]["id"] == trade["t"]
    assert (ours[0]["maker"], theirs[0]["maker"]) == (True, False)
    position = next(m["a"]["P"][0] for m in mine if m["e"] == "ACCOUNT_UPDATE")
    assert (position["pa"], position["ep"]) == ("0.004", price + "000000")


def test_acknowledgement_says_new_even_when_all_has_traded(desk: Desk) -> None:
    answer = desk.market(desk.ann, "BUY", "0.002", newOrderRespType="ACK")
    assert (answer["status"], answer["executedQty"]) == ("NEW", "0.000")
    assert desk.ask("query_order", desk.ann, orderId=answer["orderId"])["status"] == "FILLED"


def test_post_only_that_would_take_is_refused_without_a_trace(desk: Desk) -> None:
    desk.refused(-5022, desk.limit, desk.ann, "BUY", desk.price(desk.best()[2]), "0.010", timeInForce="GTX")
    assert desk.told(desk.ann) == []
    assert desk.ask("all_orders", desk.ann) == []


def test_ioc_and_fok(desk: Desk) -> None:
    rich = desk.open("rich", usdt="90000000")
    _, _, ask, lots = desk.best()
    price, more = desk.price(ask), f"{lots / 1000 + 0.01:.3f}"
    desk.refused(-5021, desk.limit, rich, "BUY", price, more, timeInForce="FOK")
    part = desk.limit(rich, "BUY", price, more, timeInForce="IOC")
    assert (part["status"], part["executedQty"]) == ("EXPIRED", f"{lots / 1000:.3f}")
    assert desk.told(rich, "ORDER_TRADE_UPDATE")[-1]["o"]["x"] == "EXPIRED"
    nothing = desk.limit(rich, "BUY", desk.price(ask), "0.010", timeInForce="IOC")
    assert (nothing["status"], nothing["executedQty"]) == ("EXPIRED", "0.000")


def test_self_trade_prevention_expires_the_resting_order(desk: Desk) -> None:
    price = desk.widen()
    first = desk.limit(desk.ann, "BUY", price, "0.010")
    second = desk.limit(desk.ann, "SELL", price, "0.010")
    assert second["status"] == "NEW"
    assert desk.ask("query_order", desk.ann, orderId=first["orderId"])["status"] == "EXPIRED_IN_MATCH"
    third = desk.limit(desk.ann, "BUY", price, "0.010", selfTradePreventionMode="EXPIRE_TAKER")
    assert third["status"] == "EXPIRED_IN_MATCH"


def test_amend_moves_the_order_and_a_crossing_post_only_amend_cancels_it(desk: Desk) -> None:
    bid, _, ask, _ = desk.best()
    order = desk.limit(desk.ann, "BUY", desk.price(bid - 50), "0.010", timeInForce="GTX")
    same = {"orderId": order["orderId"], "side": "BUY"}
    amended = desk.ask("amend_order", desk.ann, **same, price=desk.price(bid - 40), quantity="0.020")
    assert (amended["price"], amended["origQty"], amended["status"]) == (desk.price(bid - 40), "0.020", "NEW")
    assert updates(desk, desk.ann) == [("NEW", "NEW", "0"), ("AMENDMENT", "NEW", "0")]
    desk.refused(-5027, desk.ask, "amend_order", desk.ann, **same, price=desk.price(bid - 40), quantity="0.020")
    desk.refused(-4014, desk.ask, "amend_order", desk.ann, **same, price=desk.price(bid)[:-1] + "5", quantity="0.020")
    assert desk.ask("query_order", desk.ann, orderId=order["orderId"])["status"] == "NEW"
    gone = desk.ask("amend_order", desk.ann, **same, price=desk.price(ask), quantity="0.020")
    assert gone["status"] == "CANCELED"
    assert desk.exchange.futures.accounts[1].positions["BTCUSDT"].buy_lots == 0


def test_amend_to_no_more_than_was_filled_cancels(desk: Desk) -> None:
    price = desk.widen()
    order = desk.limit(desk.ann, "BUY", price, "0.010")
    desk.market(desk.bob, "SELL", "0.006")
    same = {"orderId": order["orderId"], "side": "BUY", "price": price}
    assert desk.ask("amend_order", desk.ann, **same, quantity="0.006")["status"] == "CANCELED"


def test_reduce_only_is_cut_to_the_position_and_follows_it(desk: Desk) -> None:
    bid, _, ask, _ = desk.best()
    desk.refused(-2022, desk.market, desk.ann, "SELL", "0.010", reduceOnly="true")
    desk.market(desk.ann, "BUY", "0.010")
    order = desk.limit(desk.ann, "SELL", desk.price(ask + 400), "0.030", reduceOnly="true")
    assert order["origQty"] == "0.010"
    desk.refused(-2022, desk.limit, desk.ann, "SELL", desk.price(ask + 400), "0.010", reduceOnly="true")
    desk.market(desk.ann, "SELL", "0.004")
    assert desk.ask("query_order", desk.ann, orderId=order["orderId"])["origQty"] == "0.006"
    desk.market(desk.ann, "SELL", "0.006")
    assert desk.ask("query_order", desk.ann, orderId=order["orderId"])["status"] == "EXPIRED"
    assert bid


def test_what_the_venue_refuses(desk: Desk) -> None:
    bid = desk.best()[0]
    price = desk.price(bid - 50)
    cases = [
        (-1121, {"symbol": "NOPE"}),
        (-1117, {"side": "LONG"}),
        (-1116, {"type": "ICEBERG"}),
        (-4120, {"type": "STOP"}),
        (-1102, {"quantity": ""}),
        (-1115, {"timeInForce": "GTE"}),
        (-1111, {"quantity": "0.0101"}),
        (-4003, {"quantity": "0"}),
        (-4005, {"quantity": "1001"}),
        (-1111, {"price": "60000.001"}),
        (-4014, {"price": "60000.05"}),
        (-4001, {"price": "0"}),
        (-4164, {"quantity": "0.001"}),
        (-4015, {"newClientOrderId": "no spaces"}),
        (-4016, {"price": desk.price(bid * 11 // 10)}),
        (-4061, {"positionSide": "LONG"}),
        (-1130, {"reduceOnly": "maybe"}),
        (-4136, {"closePosition": "true"}),
        (-2019, {"quantity": "60"}),
        (-5039, {"selfTradePreventionMode": "NEVER"}),
    ]
    for code, change in cases:
        desk.refused(code, desk.limit, desk.ann, "BUY", price, "0.010", **change)
    desk.refused(-4024, desk.limit, desk.ann, "SELL", desk.price(bid * 9 // 10), "0.010")
    desk.refused(-1106, desk.market, desk.ann, "BUY", "0.010", price=price)
    desk.limit(desk.ann, "BUY", price, "0.010", newClientOrderId="twin")
    desk.refused(-4116, desk.limit, desk.ann, "BUY", price, "0.010", newClientOrderId="twin")
    desk.limit(desk.bob, "BUY", price, "0.010", newClientOrderId="twin")
    assert len(desk.ask("open_orders", desk.ann)) == 1


def test_at_most_200_orders(desk: Desk) -> None:
    price = desk.price(desk.best()[0] - 50)
    for _ in range(200):
        desk.limit(desk.ann, "BUY", price, "0.002")
    desk.refused(-2025, desk.limit, desk.ann, "BUY", price, "0.002")
    assert desk.ask("cancel_all", desk.ann)["code"] == 200
    assert desk.ask("open_orders", desk.ann) == []
    assert desk.exchange.futures.accounts[1].initial_e8 == 0


def test_batches_answer_one_by_one(desk: Desk) -> None:
    price = desk.price(desk.best()[0] - 50)
    good = {
        "symbol": "BTCUSDT",
        "side": "BUY",
        "type": "LIMIT",
        "timeInForce": "GTC",
        "price": price,
        "quantity": "0.002",
    }
    futures = desk.exchange.futures
    first, second = futures.batch_new(desk.ann, [good, good | {"quantity": "0"}], desk.now)
    assert first["status"] == "NEW"
    assert second == {"code": -4003, "msg": "Quantity less than or equal to zero."}
    results = desk.ask("batch_cancel", desk.ann, orderIdList=f"[{first['orderId']},5]")
    assert results[0]["status"] == "CANCELED"
    assert results[1]["code"] == -2011
    desk.refused(-4082, futures.batch_new, desk.ann, [good] * 6, desk.now)


def test_dead_mans_switch(desk: Desk) -> None:
    price = desk.price(desk.best()[0] - 50)
    desk.limit(desk.ann, "BUY", price, "0.002")
    desk.ask("countdown_cancel_all", desk.ann, countdownTime="3000")
    desk.wait(2)
    desk.ask("countdown_cancel_all", desk.ann, countdownTime="3000")
    desk.wait(2.5)
    assert len(desk.ask("open_orders", desk.ann)) == 1
    desk.wait(1)
    assert desk.ask("open_orders", desk.ann) == []
    desk.limit(desk.ann, "BUY", price, "0.002")
    desk.ask("countdown_cancel_all", desk.ann, countdownTime="1000")
    desk.ask("countdown_cancel_all", desk.ann, countdownTime="0")
    desk.wait(5)
    assert len(desk.ask("open_orders", desk.ann)) == 1


def test_account_settings(desk: Desk) -> None:
    assert desk.ask("set_leverage", desk.ann, leverage="10") == {
        "leverage": 10,
        "maxNotionalValue": "230000000",
        "symbol": "BTCUSDT",
    }
    assert desk.told(desk.ann, "ACCOUNT_CONFIG_UPDATE")[0]["ac"] == {"s": "BTCUSDT", "l": 10}
    desk.refused(-4028, desk.ask, "set_leverage", desk.ann, leverage="126")
    desk.refused(-4046, desk.ask, "set_margin_type", desk.ann, marginType="CROSSED")
    desk.refused(-4059, desk.ask, "set_position_mode", desk.ann, dualSidePosition="false")
    assert desk.ask("position_mode", desk.ann) == {"dualSidePosition": False}


def test_injected_faults(desk: Desk) -> None:
    price = desk.price(desk.best()[0] - 50)
    faults = desk.exchange.futures.faults
    faults.reject_next(-1008, "Request throttled by system-level protection.", count=1, status=503)
    assert desk.refused(-1008, desk.limit, desk.ann, "BUY", price, "0.002").status == 503
    faults.duplicate_fills(1)
    desk.told(desk.ann)
    desk.market(desk.ann, "BUY", "0.002")
    trades = [m["o"]["t"] for m in desk.told(desk.ann, "ORDER_TRADE_UPDATE") if m["o"]["x"] == "TRADE"]
    assert len(trades) == 2
    assert len(set(trades)) == 1
    assert len(desk.ask("user_trades", desk.ann)) == 1
    faults.slow_matching(50_000_000)
    slow = desk.market(desk.ann, "SELL", "0.002")
    assert slow["status"] == "NEW"
    desk.wait(0.04)
    assert desk.ask("query_order", desk.ann, orderId=slow["orderId"])["status"] == "NEW"
    desk.wait(0.02)
    assert desk.ask("query_order", desk.ann, orderId=slow["orderId"])["status"] == "FILLED"
