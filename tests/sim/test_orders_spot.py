"""The life of a spot order: balances, answers, refusals."""

from __future__ import annotations

from decimal import Decimal

import pytest
from exchange_desk import Desk


@pytest.fixture
def desk() -> Desk:
    return Desk()


def balances(desk: Desk) -> dict[str, tuple[str, str]]:
    answer = desk.exchange.spot.account(desk.ann, {}, desk.now)
    return {row["asset"]: (row["free"], row["locked"]) for row in answer["balances"] if row["asset"] != "ETH"}


def test_a_resting_order_locks_what_it_may_need(desk: Desk) -> None:
    order = desk.limit(desk.ann, "BUY", "50000.00", "0.10000", "spot")
    assert balances(desk) == {"USDT": ("95000.00000000", "5000.00000000"), "BTC": ("2.00000000", "0.00000000")}
    kinds = [(m["e"], m.get("x")) for m in desk.told(desk.ann)]
    assert kinds == [("executionReport", "NEW"), ("outboundAccountPosition", None)]
    canceled = desk.ask("cancel_order", desk.ann, "spot", orderId=order["orderId"], newClientOrderId="c-1")
    assert (canceled["status"], canceled["clientOrderId"], canceled["origClientOrderId"]) == (
        "CANCELED",
        "c-1",
        order["clientOrderId"],
    )
    report = desk.told(desk.ann, "executionReport")[0]
    assert (report["x"], report["c"], report["C"]) == ("CANCELED", "c-1", order["clientOrderId"])
    assert balances(desk)["USDT"] == ("100000.00000000", "0.00000000")


def test_a_market_buy_pays_its_fee_in_the_base(desk: Desk) -> None:
    answer = desk.market(desk.ann, "BUY", "0.05000", "spot", newOrderRespType="FULL")
    assert answer["status"] == "FILLED"
    fees = sum(Decimal(fill["commission"]) for fill in answer["fills"])
    assert {fill["commissionAsset"] for fill in answer["fills"]} == {"BTC"}
    got = balances(desk)
    assert Decimal(got["BTC"][0]) == Decimal("2.05") - fees
    assert Decimal(got["USDT"][0]) == Decimal(100000) - Decimal(answer["cummulativeQuoteQty"])
    trades = desk.ask("user_trades", desk.ann, "spot")
    assert sum(Decimal(trade["qty"]) for trade in trades) == Decimal("0.05")


def test_price_improvement_unlocks_the_rest(desk: Desk) -> None:
    high = desk.price(desk.best("spot")[2] + 100_000, "spot")
    answer = desk.limit(desk.ann, "BUY", high, "0.05000", "spot")
    assert answer["status"] == "FILLED"
    assert balances(desk)["USDT"][1] == "0.00000000"


def test_quote_order_quantity_spends_at_most_that(desk: Desk) -> None:
    params = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quoteOrderQty": "1000"}
    answer = desk.exchange.spot.new_order(desk.ann, params, desk.now)
    assert Decimal(999) < Decimal(answer["cummulativeQuoteQty"]) <= Decimal(1000)


def test_post_only_and_fill_or_kill(desk: Desk) -> None:
    _, _, ask, lots = desk.best("spot")
    params = {
        "symbol": "BTCUSDT",
        "side": "BUY",
        "type": "LIMIT_MAKER",
        "price": desk.price(ask, "spot"),
        "quantity": "0.01",
    }
    refusal = desk.refused(-2010, desk.exchange.spot.new_order, desk.ann, params, desk.now)
    assert refusal.msg == "Order would immediately match and take."
    rich = desk.open("rich", usdt="9000000")
    quantity = f"{(lots + 1) / 100_000:.5f}"
    killed = desk.limit(rich, "BUY", desk.price(ask, "spot"), quantity, "spot", timeInForce="FOK")
    assert (killed["status"], killed["executedQty"]) == ("EXPIRED", "0.00000000")
    assert balances(desk)["USDT"] == ("100000.00000000", "0.00000000")


def test_amend_keep_priority(desk: Desk) -> None:
    order = desk.limit(desk.ann, "BUY", "50000.00", "0.10000", "spot")
    other = desk.limit(desk.bob, "BUY", "50000.00", "0.10000", "spot")
    answer = desk.ask("amend_keep_priority", desk.ann, "spot", orderId=order["orderId"], newQty="0.04")
    assert answer["amendedOrder"]["qty"] == "0.04000000"
    assert balances(desk)["USDT"] == ("98000.00000000", "2000.00000000")
    matcher = desk.exchange.spot.markets["BTCUSDT"].matcher
    ids = [row[0] for row in matcher.queue(0, 5_000_000)]
    assert ids == [order["orderId"], other["orderId"]]
    desk.refused(-2038, desk.ask, "amend_keep_priority", desk.ann, "spot", orderId=order["orderId"], newQty="0.05")
    desk.refused(-2013, desk.ask, "amend_keep_priority", desk.ann, "spot", orderId=1, newQty="0.05")


def test_cancel_replace(desk: Desk) -> None:
    order = desk.limit(desk.ann, "BUY", "50000.00", "0.10000", "spot")
    new = {
        "side": "BUY",
        "type": "LIMIT",
        "timeInForce": "GTC",
        "price": "50001.00",
        "quantity": "0.10000",
        "cancelReplaceMode": "STOP_ON_FAILURE",
    }
    done = desk.ask("cancel_replace", desk.ann, "spot", cancelOrderId=order["orderId"], **new)
    assert (done["cancelResult"], done["newOrderResult"]) == ("SUCCESS", "SUCCESS")
    failed = desk.refused(-2022, desk.ask, "cancel_replace", desk.ann, "spot", cancelOrderId=order["orderId"], **new)
    assert failed.data is not None
    assert failed.data["newOrderResult"] == "NOT_ATTEMPTED"
    placed = done["newOrderResponse"]["orderId"]
    half = desk.refused(
        -2021,
        desk.ask,
        "cancel_replace",
        desk.ann,
        "spot",
        cancelOrderId=placed,
        **(new | {"quantity": "0"}),
    )
    assert half.status == 409
    assert desk.ask("open_orders", desk.ann, "spot") == []


def test_what_the_venue_refuses(desk: Desk) -> None:
    cases = [
        (-1121, {"symbol": "NOPE"}),
        (-1117, {"side": "LONG"}),
        (-1116, {"type": "STOP"}),
        (-1102, {"price": ""}),
        (-1013, {"price": "50000.001"}),
        (-1013, {"quantity": "0.000011"}),
        (-1111, {"price": "50000.000000001"}),
        (-1013, {"quantity": "0"}),
        (-1013, {"price": "1.00"}),
        (-1013, {"quantity": "0.00001"}),
        (-2010, {"quantity": "9"}),
        (-1115, {"timeInForce": "GTX"}),
        (-1100, {"newClientOrderId": "a b"}),
    ]
    for code, change in cases:
        desk.refused(code, desk.limit, desk.ann, "BUY", "50000.00", "0.10000", "spot", **change)
    desk.refused(-2010, desk.market, desk.ann, "SELL", "2.5", "spot")
    desk.refused(-2011, desk.ask, "cancel_all", desk.ann, "spot")
    desk.limit(desk.ann, "BUY", "50000.00", "0.10000", "spot", newClientOrderId="twin")
    refusal = desk.refused(-2010, desk.limit, desk.ann, "BUY", "50000.00", "0.10000", "spot", newClientOrderId="twin")
    assert refusal.msg == "Duplicate order sent."
