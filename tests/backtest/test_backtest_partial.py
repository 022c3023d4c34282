"""Fills under mmbot's own rules: what trades is what fills, and nothing is given twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from backtest_desk import ASIDE, BUY, SELL, Desk, FillSeen, Played, book, depth, instrument, spot, trade

END = depth(ASIDE / 1e6, BUY, (1, 1))
OWN = {"rules": "mmbot"}


def quoting(tmp_path: Path, *events: Any, asks: list[tuple[int, int]], lots: int = 2) -> list[FillSeen]:
    desk = Desk(tmp_path, **OWN)
    desk.tape(book(0, bid=99, ask=101, lots=lots), *events, END)
    desk.script((1, [], asks))
    return desk.play().fills


def test_a_trade_fills_what_it_leaves_after_the_queue(tmp_path: Path) -> None:
    fills = quoting(tmp_path, trade(5, BUY, 101, 5), trade(6, BUY, 101, 1), trade(7, BUY, 101, 9), asks=[(101, 6)])
    assert fills == [(5.0, 1, SELL, 101, 3), (6.0, 1, SELL, 101, 1), (7.0, 1, SELL, 101, 2)]


def test_what_went_to_the_queue_does_not_come_to_us_later(tmp_path: Path) -> None:
    # 2 ahead: after 1 there is 1 left, after 4 more 3 are ours, and no more.
    assert quoting(tmp_path, trade(5, BUY, 101, 1), trade(6, BUY, 101, 4), asks=[(101, 9)]) == [(6.0, 1, SELL, 101, 3)]


def test_orders_share_the_quantity_of_a_trade_through_them_best_price_first(tmp_path: Path) -> None:
    desk = Desk(tmp_path, **OWN)
    desk.tape(book(0, bid=99, ask=101), trade(5, BUY, 104, 5), END)
    desk.script((1, [], [(103, 3)]), (2, [], [(102, 3), (103, 3)]))
    assert desk.play().fills == [(5.0, 2, SELL, 102, 3), (5.0, 1, SELL, 103, 2)]


def test_a_trade_at_the_price_of_the_worst_serves_the_better_ones_first(tmp_path: Path) -> None:
    # 5 traded at 103, where nobody else stands: 3 of them must have met our order at 102.
    desk = Desk(tmp_path, **OWN)
    desk.tape(book(0, bid=99, ask=101), trade(5, BUY, 103, 5), END)
    desk.script((1, [], [(103, 3)]), (2, [], [(102, 3), (103, 3)]))
    assert desk.play().fills == [(5.0, 2, SELL, 102, 3), (5.0, 1, SELL, 103, 2)]


def test_the_other_side_reaching_our_price_fills_the_rest(tmp_path: Path) -> None:
    fills = quoting(tmp_path, trade(5, BUY, 101, 3), depth(6, BUY, (101, 1)), asks=[(101, 6)])
    assert fills == [(5.0, 1, SELL, 101, 1), (6.0, 1, SELL, 101, 5)]


def test_the_order_says_how_much_of_it_has_filled(tmp_path: Path) -> None:
    desk = Desk(tmp_path, **OWN)
    desk.tape(book(0, bid=99, ask=101, lots=2), trade(5, BUY, 101, 5), END)
    desk.script((1, [], [(101, 6)]))
    played = desk.play()
    assert played.orders == [(SELL, 101, 6, "live", 3)]
    assert played.engine.markets[0].position_lots == -3


def test_the_sum_of_fills_is_never_more_than_what_traded(tmp_path: Path) -> None:
    desk = Desk(tmp_path, **OWN)
    traded = [(5 + i, 101 + i % 4, 1 + i * 7 % 5) for i in range(12)]
    desk.tape(book(0, bid=99, ask=105), *(trade(at, BUY, price, lots) for at, price, lots in traded), END)
    desk.script((1, [], [(101, 9), (102, 9), (103, 9)]))
    played = desk.play()
    for at, _, lots in traded:
        assert sum(fill.lots for fill in played.fills if fill.at == at) <= lots
    assert len(played.fills) > 5


class TestTaking:
    """Hedges on a spot market: orders that take at once or expire."""

    def hedged(
        self, tmp_path: Path, *hedge_events: Any, sold: int = 6, rules: str = "mmbot", **backtest: Any
    ) -> Played:
        """`sold` lots of the perpetual are sold at 5 ms, known at 6 ms; the hedge buys from 7 ms on."""
        desk = Desk(
            tmp_path, instrument(), spot(), strategy={"acts": "always"}, rules=rules, **backtest,
            hedge={"max_slippage_bps": 1000, "retry_ms": 60_000},
        )  # fmt: skip
        desk.tape(book(0, bid=99, ask=101, lots=1), trade(5, BUY, 102, sold), END)
        desk.tape(book(0, bids=[(99, 9)], asks=[(100, 2), (101, 2), (103, 9)]), *hedge_events, END, market=1)
        desk.script((1, 0, [], [(101, sold)]), (5.5, 0, [], []))
        return desk.play()

    def test_level_by_level(self, tmp_path: Path) -> None:
        played = self.hedged(tmp_path)
        assert played.fills_of(1) == [(7.0, 2, BUY, 100, 2), (7.0, 2, BUY, 101, 2), (7.0, 2, BUY, 103, 2)]
        assert [f["maker"] for f in played.arrays["fills"] if f["market"] == 1] == [0, 0, 0]

    def test_what_is_not_there_any_more_expires(self, tmp_path: Path) -> None:
        # The level at 103 went to 120 while the order was on its way: beyond its limit.
        played = self.hedged(tmp_path, depth(6.5, SELL, (103, 0), (120, 9)))
        assert [fill for fill in played.fills_of(1) if fill.order == 2] == [
            (7.0, 2, BUY, 100, 2),
            (7.0, 2, BUY, 101, 2),
        ]
        assert played.orders[1][2:] == (6, "expired", 4)

    def test_nothing_within_its_limit_expires_whole(self, tmp_path: Path) -> None:
        played = self.hedged(tmp_path, depth(6.5, SELL, (100, 0), (101, 0), (103, 0), (120, 9)))
        assert played.fills_of(1) == []
        assert played.orders[1][2:] == (6, "expired", 0)

    def test_whole_at_the_best_price_by_the_rules_of_hftbacktest(self, tmp_path: Path) -> None:
        played = self.hedged(tmp_path, rules="hftbacktest")
        assert played.fills_of(1) == [(7.0, 2, BUY, 100, 6)]

    def test_the_rest_is_hedged_by_another_order(self, tmp_path: Path) -> None:
        # On what the recording shows, which knows nothing of what we took.
        played = self.hedged(tmp_path, depth(6.5, SELL, (103, 0), (120, 9)))
        assert played.fills_of(1)[2:] == [(9.0, 3, BUY, 100, 2)]
        assert played.engine.markets[1].position_lots == 6


class TestSelfTrade:
    """A hedge that would meet our own quote on its market."""

    def met(self, tmp_path: Path, mode: str) -> Played:
        desk = Desk(
            tmp_path, instrument(), spot(), strategy={"acts": "always"}, rules="mmbot", self_trade=mode,
            hedge={"max_slippage_bps": 500, "retry_ms": 60_000},
        )  # fmt: skip
        desk.sections["markets"]["m1"]["role"] = "maker"
        desk.sections["strategy"]["markets"].append("m1")
        desk.tape(book(0, bid=99, ask=101, lots=1), trade(5, BUY, 102, 3), END)
        desk.tape(book(0, bid=99, ask=101, lots=9), END, market=1)
        desk.script((1, 1, [], [(100, 4)]), (1, 0, [], [(101, 3)]), (5.5, 0, [], []), (6.5, 1, [], [(100, 4)]))
        return desk.play()

    def test_our_resting_order_expires(self, tmp_path: Path) -> None:
        played = self.met(tmp_path, "expire_maker")
        assert played.fills_of(1) == [(7.0, 3, BUY, 101, 3)]
        assert (SELL, 100, 4, "expired", 0) in played.orders

    def test_our_taking_order_expires(self, tmp_path: Path) -> None:
        played = self.met(tmp_path, "expire_taker")
        assert played.fills_of(1) == []
        assert (SELL, 100, 4, "live", 0) in played.orders
        assert played.orders[2][3] == "expired"

    def test_neither_sees_the_other(self, tmp_path: Path) -> None:
        played = self.met(tmp_path, "ignored")
        assert played.fills_of(1) == [(7.0, 3, BUY, 101, 3)]
        assert (SELL, 100, 4, "live", 0) in played.orders
