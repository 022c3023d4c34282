"""Terms of an order beside its price: how long it is good, prices taken from the book, what was changed of it."""

from __future__ import annotations

import pytest
from exchange_desk import Desk


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_an_order_good_till_a_date_expires_then(desk: Desk) -> None:
    price, now_ms = desk.price(desk.best()[0] - 50), desk.now // 10**6
    until = now_ms + 601_000 - now_ms % 1000 + 999
    placed = desk.limit(desk.ann, "BUY", price, "0.010", timeInForce="GTD", goodTillDate=until)
    assert (placed["timeInForce"], placed["goodTillDate"]) == ("GTD", until - 999), "whole seconds"
    assert desk.told(desk.ann, "ORDER_TRADE_UPDATE")[0]["o"]["gtd"] == until - 999
    desk.wait(590)
    assert len(desk.ask("open_orders", desk.ann)) == 1
    desk.wait(12)
    assert desk.ask("query_order", desk.ann, orderId=placed["orderId"])["status"] == "EXPIRED"
    [update] = desk.told(desk.ann, "ORDER_TRADE_UPDATE")
    assert (update["o"]["x"], update["o"]["X"]) == ("EXPIRED", "EXPIRED")


def test_a_date_must_lie_ten_minutes_ahead(desk: Desk) -> None:
    price, now_ms = desk.price(desk.best()[0] - 50), desk.now // 10**6
    for until in (now_ms, now_ms + 600_000, 253_402_300_799_000):
        desk.refused(-5040, desk.limit, desk.ann, "BUY", price, "0.010", timeInForce="GTD", goodTillDate=until)
    desk.refused(-1102, desk.limit, desk.ann, "BUY", price, "0.010", timeInForce="GTD")


def test_an_order_that_ended_does_not_expire(desk: Desk) -> None:
    price, now_ms = desk.price(desk.best()[0] - 50), desk.now // 10**6
    placed = desk.limit(desk.ann, "BUY", price, "0.010", timeInForce="GTD", goodTillDate=now_ms + 700_000)
    desk.ask("cancel_order", desk.ann, orderId=placed["orderId"])
    desk.wait(800)
    assert desk.ask("query_order", desk.ann, orderId=placed["orderId"])["status"] == "CANCELED"


@pytest.mark.parametrize(
    ("match", "side", "number"),
    [("QUEUE", 0, 1), ("QUEUE_5", 0, 5), ("QUEUE_20", 0, 20), ("OPPONENT", 1, 1), ("OPPONENT_10", 1, 10)],
)
def test_prices_are_taken_from_the_book(desk: Desk, match: str, side: int, number: int) -> None:
    levels = desk.exchange.futures.markets["BTCUSDT"].matcher.levels(side, number)
    answer = desk.limit(desk.ann, "BUY", "", "0.010", priceMatch=match)
    assert answer["price"] == desk.price(levels[-1][0])
    assert answer["priceMatch"] == match
    assert desk.told(desk.ann, "ORDER_TRADE_UPDATE")[0]["o"]["pm"] == match


def test_a_price_from_the_book_is_refused_in_the_venues_words(desk: Desk) -> None:
    desk.refused(-5037, desk.limit, desk.ann, "BUY", "", "0.010", priceMatch="BEST")
    desk.refused(-1106, desk.limit, desk.ann, "BUY", desk.price(desk.best()[0]), "0.010", priceMatch="QUEUE")
    desk.refused(-5038, desk.market, desk.ann, "BUY", "0.010", priceMatch="QUEUE")
    market = desk.exchange.futures.markets["BTCUSDT"]
    for price, _ in market.matcher.levels(0)[4:]:
        for order_id, _, _ in market.matcher.queue(0, price):
            market.matcher.cancel(order_id)
    desk.refused(-5041, desk.limit, desk.ann, "BUY", "", "0.010", priceMatch="QUEUE_5")


def test_changes_of_an_order_are_remembered(desk: Desk) -> None:
    bid = desk.best()[0]
    placed = desk.limit(desk.ann, "BUY", desk.price(bid - 50), "0.010")
    for price, quantity in ((bid - 60, "0.010"), (bid - 70, "0.020")):
        desk.ask(
            "amend_order", desk.ann, orderId=placed["orderId"], side="BUY", price=desk.price(price), quantity=quantity
        )
    first, second = desk.ask("order_amendments", desk.ann, orderId=placed["orderId"])
    assert first["amendment"] == {
        "price": {"before": desk.price(bid - 50), "after": desk.price(bid - 60)},
        "origQty": {"before": "0.010", "after": "0.010"},
        "count": 1,
    }
    assert second["amendment"]["origQty"] == {"before": "0.010", "after": "0.020"}
    assert second["amendmentId"] > first["amendmentId"]
    desk.refused(-2013, desk.ask, "order_amendments", desk.bob, orderId=placed["orderId"])


def test_spot_remembers_them_too_and_has_no_icebergs(desk: Desk) -> None:
    price = desk.price(desk.best("spot")[0] - 500, "spot")
    placed = desk.limit(desk.ann, "BUY", price, "0.02", "spot")
    desk.ask("amend_keep_priority", desk.ann, "spot", orderId=placed["orderId"], newQty="0.01")
    [change] = desk.ask("order_amendments", desk.ann, "spot", orderId=placed["orderId"])
    assert (change["origQty"], change["newQty"]) == ("0.02000000", "0.01000000")
    desk.refused(-2010, desk.limit, desk.ann, "BUY", price, "0.02", "spot", icebergQty="0.01")


def test_a_spot_test_order_tells_its_fees_when_asked(desk: Desk) -> None:
    order = {"side": "BUY", "type": "MARKET", "quantity": "0.01"}
    assert desk.ask("test_order", desk.ann, "spot", **order) == {}
    rates = desk.ask("test_order", desk.ann, "spot", **order, computeCommissionRates="true")
    assert rates["standardCommissionForOrder"] == {"maker": "0.00100000", "taker": "0.00100000"}


def test_the_latest_hundred_amendments_are_remembered(desk: Desk) -> None:
    best = desk.best()[0]
    placed = desk.limit(desk.ann, "BUY", desk.price(best - 50), "0.010")
    for n in range(103):
        desk.ask(
            "amend_order", desk.ann, orderId=placed["orderId"], side="BUY", price=desk.price(best - 60 - n % 2),
            quantity="0.010",
        )  # fmt: skip
    found = desk.ask("order_amendments", desk.ann, orderId=placed["orderId"], limit="100")
    assert [change["amendment"]["count"] for change in found] == list(range(4, 104))
