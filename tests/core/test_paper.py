"""The modelled venue, request by request: what takes, what rests, what goes, and who is told when."""

from __future__ import annotations

from typing import Any

import pytest

from mmbot._core.order_latency import ConstantLatency
from mmbot._core.paper import PaperMarket, SelfTrade
from mmbot._core.queue_models import QueueModel
from mmbot._core.types import CommandKind, CommandView, Instrument, OrderEventKind, Side, TimeInForce

BUY, SELL = Side.BUY, Side.SELL
GTC, IOC, FOK, GTX = TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK, TimeInForce.GTX
ACK, FILL, CANCEL, EXPIRE, REJECT = (
    OrderEventKind.ACK, OrderEventKind.FILL, OrderEventKind.CANCEL, OrderEventKind.EXPIRE, OrderEventKind.REJECT,
)  # fmt: skip
AMEND, CANCEL_REJECT = OrderEventKind.AMEND, OrderEventKind.CANCEL_REJECT
INSTRUMENT = Instrument(
    venue="tape", symbol="BTC/USDT:USDT", venue_symbol="BTCUSDT", base_asset="BTC", quote_asset="USDT",
    settle_asset="USDT", tick_size="1", lot_size="1", min_qty_lots=1, maker_fee=0.0, taker_fee=0.0,
)  # fmt: skip


class Venue:
    """A market with 5 lots at 99 and 101 and further ones behind; requests are numbered as they come."""

    def __init__(self, **rules: Any) -> None:
        self.paper = PaperMarket(
            0, INSTRUMENT, ConstantLatency(0, 10),
            **{"queue_model": QueueModel.RISK_ADVERSE, "partial": True, "self_trade": SelfTrade.EXPIRE_MAKER, **rules},
        )  # fmt: skip
        self.now_ns = 0
        self.orders = 0
        self.paper.on_depth(BUY, [(99, 5), (98, 5), (97, 5)], 0)
        self.paper.on_depth(SELL, [(101, 5), (102, 5), (103, 5)], 0)

    def send(self, **fields: Any) -> None:
        self.now_ns += 1
        self.paper.on_request(CommandView(**fields), self.orders, self.now_ns)

    def place(self, side: int, price: int, lots: int, tif: int = GTC, *, reduce_only: bool = False) -> int:
        self.orders += 1
        self.send(
            kind=CommandKind.PLACE, order_num=self.orders, side=side, price_ticks=price, qty_lots=lots,
            time_in_force=tif, reduce_only=reduce_only,
        )  # fmt: skip
        return self.orders

    def amend(self, num: int, price: int, lots: int) -> None:
        self.send(kind=CommandKind.AMEND_ORDER, order_num=num, price_ticks=price, qty_lots=lots)

    def told(self) -> list[tuple[int, ...]]:
        """Answers since the last look: kind and order; of a fill also price and quantity, of an amend its terms."""
        found: list[tuple[int, ...]] = []
        for _, event in self.paper.take_answers():
            if event["kind"] == FILL:
                found.append((event["kind"], event["order_num"], event["last_price_ticks"], event["last_qty_lots"]))
            elif event["kind"] == AMEND:
                found.append((event["kind"], event["order_num"], event["price_ticks"], event["qty_lots"]))
            else:
                found.append((event["kind"], event["order_num"]))
        return found


def test_an_order_that_is_amended_across_takes_and_the_rest_stays() -> None:
    # It used to rest at a price where it would have met others.
    venue = Venue()
    num = venue.place(BUY, 98, 8)
    venue.told()
    venue.amend(num, 101, 8)
    assert venue.told() == [(AMEND, num, 101, 8), (FILL, num, 101, 5)]
    assert venue.paper.n_open == 1
    assert venue.paper.position_lots == 5


def test_an_order_that_is_amended_across_fills_whole_without_partial_fills() -> None:
    venue = Venue(partial=False)
    num = venue.place(SELL, 103, 8)
    venue.told()
    venue.amend(num, 98, 8)
    assert venue.told() == [(AMEND, num, 98, 8), (FILL, num, 99, 8)]
    assert venue.paper.n_open == 0


def test_a_post_only_order_that_is_amended_across_goes() -> None:
    venue = Venue()
    num = venue.place(BUY, 98, 8, GTX)
    venue.told()
    venue.amend(num, 101, 8)
    assert venue.told() == [(CANCEL, num)]
    assert venue.paper.n_open == 0


def test_inside_the_spread_our_own_orders_do_not_cross_either() -> None:
    # Nobody else stood there, so that bid and ask of ours could rest at one price.
    venue = Venue()
    resting = venue.place(BUY, 100, 1, GTX)
    assert venue.told() == [(ACK, resting)]
    post_only = venue.place(SELL, 100, 1, GTX)
    assert venue.told() == [(EXPIRE, post_only)]
    taking = venue.place(SELL, 100, 1)
    assert venue.told() == [(EXPIRE, resting), (ACK, taking)]


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        (SelfTrade.IGNORED, [(ACK, 2)]),
        (SelfTrade.EXPIRE_MAKER, [(EXPIRE, 1), (ACK, 2)]),
        (SelfTrade.EXPIRE_TAKER, [(EXPIRE, 2)]),
    ],
)
def test_who_goes_when_our_own_orders_meet(rule: SelfTrade, told: list[tuple[int, ...]]) -> None:
    venue = Venue(self_trade=rule)
    venue.place(BUY, 100, 1)
    venue.told()
    venue.place(SELL, 100, 1)
    assert venue.told() == told


def test_an_own_order_behind_enough_of_others_is_not_met() -> None:
    # Every own order up to the limit used to expire, however little was taken.
    venue = Venue()
    own = venue.place(SELL, 103, 1, GTX)
    venue.told()
    taking = venue.place(BUY, 103, 7, IOC)
    assert venue.told() == [(FILL, taking, 101, 5), (FILL, taking, 102, 2)]
    taking = venue.place(BUY, 103, 12, IOC)
    assert venue.told()[0] == (EXPIRE, own)


def test_whole_fills_at_the_best_price_meet_no_own_order_behind_it() -> None:
    venue = Venue(partial=False)
    own = venue.place(SELL, 102, 1, GTX)
    venue.told()
    taking = venue.place(BUY, 103, 50, IOC)
    assert venue.told() == [(FILL, taking, 101, 50)]
    better = venue.place(SELL, 101, 1, GTX)
    venue.told()
    taking = venue.place(BUY, 101, 50, IOC)
    assert venue.told() == [(EXPIRE, better), (FILL, taking, 101, 50)]
    assert own != better
    assert venue.paper.n_open == 1


def test_a_reduce_only_order_takes_no_more_than_there_is() -> None:
    # Two that were each accepted for the whole position used to turn it round.
    venue = Venue()
    venue.place(BUY, 101, 5, IOC)
    first, second = (venue.place(SELL, price, 5, GTX, reduce_only=True) for price in (102, 103))
    venue.told()
    venue.paper.on_trade(BUY, 103, 8, 10)
    venue.paper.on_trade(BUY, 104, 8, 11)
    assert venue.told() == [(FILL, first, 102, 5), (EXPIRE, second)]
    assert venue.paper.position_lots == 0
    assert venue.paper.n_open == 0


def test_a_reduce_only_order_grows_no_further_than_the_position() -> None:
    venue = Venue()
    venue.place(BUY, 101, 5, IOC)
    num = venue.place(SELL, 102, 3, GTX, reduce_only=True)
    venue.told()
    venue.amend(num, 102, 9)
    assert venue.told() == [(AMEND, num, 102, 5)]


def refusals(venue: Venue) -> list[tuple[int, int]]:
    """A cancel is refused at 50; what happens at 1 and 30 is answered 10 later. When each is known, and of what."""
    resting = venue.place(BUY, 98, 1)
    venue.paper.on_refusal(CommandView(kind=CommandKind.CANCEL_ORDER, order_num=resting), 0, 50)
    venue.paper.on_trade(SELL, 97, 1, 30)
    return [(due_ns, event["kind"]) for due_ns, event in venue.paper.take_answers()]


def test_a_refusal_holds_nothing_up() -> None:
    assert refusals(Venue()) == [(11, ACK), (40, FILL), (50, CANCEL_REJECT)]


def test_with_hftbacktest_a_refusal_keeps_its_place_among_the_answers() -> None:
    assert refusals(Venue(as_hftbacktest=True)) == [(11, ACK), (50, CANCEL_REJECT), (50, FILL)]


@pytest.mark.parametrize(("as_hftbacktest", "lots"), [(False, 3), (True, 8)])
def test_a_partial_order_traded_through(as_hftbacktest: bool, lots: int) -> None:
    venue = Venue(as_hftbacktest=as_hftbacktest)
    num = venue.place(SELL, 102, 8)
    venue.told()
    venue.paper.on_trade(BUY, 103, 3, 9)
    assert venue.told() == [(FILL, num, 102, lots)]
