"""What one event sets off beyond its own market: snapshots, quotes elsewhere, ended orders for the books."""

from __future__ import annotations

from engine_desk import PERP, PERP2, SPOT, Desk

from mmbot._core.types import CommandKind, OrderState


def test_no_snapshot_is_asked_for_while_a_socket_of_the_venue_is_missing() -> None:
    # Two sockets of venue 0: which of them brings the book is not known yet, and what it says goes unheard.
    desk = Desk(feeds=[0, 0, 1])

    def asked() -> list[int]:
        return sorted(command.market for command in desk.sent if command.kind == CommandKind.RESYNC)

    desk.tick()
    assert asked() == []
    desk.do("on_feed", 2, True, desk.now_ns)
    assert asked() == [SPOT]
    desk.do("on_feed", 0, True, desk.now_ns)
    desk.tick()
    assert asked() == []
    desk.do("on_feed", 1, True, desk.now_ns)
    assert asked() == [PERP, PERP2]


def test_orders_that_end_are_kept_for_who_asks() -> None:
    desk = Desk()
    desk.engine.order_flow.keep_ended = True
    desk.open()
    first = desk.quotes()
    desk.command("pause")
    desk.settle()
    ended = desk.engine.order_flow.take_ended()
    assert len(ended) == len(first) == 4
    assert {order["state"] for order in ended} == {OrderState.CANCELED}
    assert all(order["venue_order_id"] and order["created_ns"] <= order["last_update_ns"] for order in ended)
    assert desk.engine.order_flow.take_ended() == []
    desk.engine.order_flow.keep_ended = False
    desk.command("resume")
    desk.settle()
    desk.command("pause")
    desk.settle()
    assert desk.engine.order_flow.ended == []


LEADER = """
from mmbot.strategy import Market, Strategy

class Leader(Strategy):
    def on_book(self, market: Market) -> None:
        if market is not self.markets[0]:
            self.quote(self.markets[0], [(market.bid_ticks - 100, 10)], [])

    def on_trade(self, market: Market, side: int, price_ticks: int, qty_lots: int) -> None:
        if market is not self.markets[0]:
            self.quote(self.markets[0], [(price_ticks - 500, 10)], [])
"""


def test_one_market_is_quoted_on_the_news_of_another_in_the_same_event() -> None:
    desk = Desk(LEADER, strategy="observes: [perp2_btc]").open()
    desk.settle()
    sent = desk.book(PERP2, 600_050, 600_060)
    assert [(c.kind, c.market, c.price_ticks) for c in sent] == [(CommandKind.AMEND_ORDER, PERP, 599_950)]
    desk.settle()
    body = b'{"e":"aggTrade","E":1,"s":"BTCUSDC","a":7,"p":"60010.0","q":"1","f":1,"l":1,"T":1,"m":false}'
    sent = desk.do("on_frame", 0, body, desk.now_ns)
    assert [(c.kind, c.market, c.price_ticks) for c in sent] == [(CommandKind.AMEND_ORDER, PERP, 599_600)]
