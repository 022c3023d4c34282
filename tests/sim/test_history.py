"""What an exchange remembers is bounded; a trade outlives the order that it filled, and does not keep it in memory."""

from __future__ import annotations

import gc

import pytest
from exchange_desk import Desk

from mmbot.sim import orders
from mmbot.sim.ledger import of_futures, of_spot
from mmbot.sim.orders import SimOrder


@pytest.mark.parametrize("venue", ["futures", "spot"])
def test_trades_of_forgotten_orders_are_still_told(monkeypatch: pytest.MonkeyPatch, venue: str):
    monkeypatch.setattr(orders, "HISTORY", 5)
    desk = Desk()
    placed = [
        desk.market(desk.ann, ("BUY", "SELL")[number % 2], "0.01000", venue, newClientOrderId=f"own-{number}")
        for number in range(20)
    ]
    remembered = desk.ask("all_orders", desk.ann, venue)
    assert [each["orderId"] for each in remembered] == [each["orderId"] for each in placed[-5:]]
    desk.refused(-2013, desk.ask, "query_order", desk.ann, venue, orderId=placed[0]["orderId"])

    told = desk.ask("user_trades", desk.ann, venue)
    assert list(dict.fromkeys(each["orderId"] for each in told)) == [each["orderId"] for each in placed]
    first = desk.ask("user_trades", desk.ann, venue, orderId=placed[0]["orderId"])
    assert {each.get("buyer", each.get("isBuyer")) for each in first} == {True}
    book = (of_futures if venue == "futures" else of_spot)(getattr(desk.exchange, venue), desk.ann)
    assert list(dict.fromkeys(each["clientOrderId"] for each in book["fills"])) == [f"own-{n}" for n in range(20)]

    desk.exchange.take_events()
    gc.collect()
    # By `type`: a weak proxy, which other tests may have left, lends its class to isinstance().
    alive = [each for each in gc.get_objects() if type(each) is SimOrder and each.user is desk.ann]
    assert sorted(each.order_id for each in alive) == [each["orderId"] for each in placed[-5:]]
