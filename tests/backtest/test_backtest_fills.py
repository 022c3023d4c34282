"""What fills an order that rests, and what does not; under the rules of hftbacktest."""

from __future__ import annotations

from pathlib import Path

import pytest
from backtest_desk import ASIDE, BUY, SELL, Batch, Desk, Played, book, clear, depth, trade

END = depth(ASIDE / 1e6, BUY, (1, 1))


def played_with(
    tmp_path: Path, *events: Batch, bids: list[tuple[int, int]] | None = None,
    asks: list[tuple[int, int]] | None = None, lots: int = 5, queue: dict[str, object] | None = None,
) -> Played:  # fmt: skip
    """A book of 99 and 101 with `lots` each, our orders from 1 ms on (at the exchange from 2 ms), then the events."""
    desk = Desk(tmp_path, queue=queue or {"model": "risk_averse"})
    desk.tape(book(0, bid=99, ask=101, lots=lots), *events, END)
    desk.script((1, bids or [], asks or []))
    return desk.play()


def test_a_post_only_order_that_would_cross_expires(tmp_path: Path) -> None:
    played = played_with(tmp_path, bids=[(101, 1)])
    assert played.orders == [(BUY, 101, 1, "expired", 0)]
    assert played.backtest.lanes[0].paper.expired == 1
    assert played.fills == []


def test_a_post_only_sell_at_the_bid_expires_too(tmp_path: Path) -> None:
    assert played_with(tmp_path, asks=[(99, 1)]).orders == [(SELL, 99, 1, "expired", 0)]


def test_inside_the_spread_it_rests(tmp_path: Path) -> None:
    played = played_with(tmp_path, bids=[(100, 1)])
    assert played.orders == [(BUY, 100, 1, "live", 0)]
    assert played.arrays["orders"]["front_lots"].tolist() == [0.0]


def test_with_nothing_on_the_other_side_any_price_rests(tmp_path: Path) -> None:
    played = played_with(tmp_path, clear(1.5, SELL), bids=[(101, 1)])
    assert played.orders == [(BUY, 101, 1, "live", 0)]


def test_a_side_that_empties_pulls_no_quotes(tmp_path: Path) -> None:
    # hftbacktest leaves that to its strategy; a live bot would pull them.
    played = played_with(tmp_path, clear(5, SELL), depth(6, SELL, (101, 1)), trade(7, BUY, 102, 1), asks=[(101, 1)])
    assert played.fills == [(7.0, 1, SELL, 101, 1)]


def test_the_queue_ahead_is_what_stands_there_on_arrival(tmp_path: Path) -> None:
    played = played_with(tmp_path, depth(1.9, SELL, (101, 8)), depth(2.1, SELL, (101, 11)), asks=[(101, 1)])
    assert played.arrays["orders"]["front_lots"].tolist() == [8.0]


@pytest.mark.parametrize(("lots", "filled"), [(5, False), (6, True)])
def test_it_fills_when_more_has_traded_than_was_ahead(tmp_path: Path, lots: int, filled: bool) -> None:
    played = played_with(tmp_path, trade(5, BUY, 101, lots), asks=[(101, 1)])
    assert played.fills == ([(5.0, 1, SELL, 101, 1)] if filled else [])


def test_trades_add_up(tmp_path: Path) -> None:
    played = played_with(
        tmp_path, trade(5, BUY, 101, 2), trade(6, BUY, 101, 3), trade(7, BUY, 101, 1), bids=[(99, 1)], asks=[(101, 1)]
    )
    assert played.fills == [(7.0, 2, SELL, 101, 1)]


def test_it_fills_whole_however_little_traded(tmp_path: Path) -> None:
    played = played_with(tmp_path, trade(5, BUY, 101, 6), asks=[(101, 40)])
    assert played.fills == [(5.0, 1, SELL, 101, 40)]


def test_one_trade_fills_every_order_it_passes(tmp_path: Path) -> None:
    played = played_with(tmp_path, trade(5, BUY, 104, 1), asks=[(101, 3), (102, 3), (103, 3), (104, 3), (105, 3)])
    assert sorted(played.fills) == [(5.0, i, SELL, 100 + i, 3) for i in range(1, 5)]


def test_a_trade_through_its_price_fills_it_whatever_its_place(tmp_path: Path) -> None:
    played = played_with(tmp_path, trade(5, SELL, 98, 1), bids=[(99, 2)])
    assert played.fills == [(5.0, 1, BUY, 99, 2)]


def test_a_trade_before_its_price_does_not(tmp_path: Path) -> None:
    assert played_with(tmp_path, trade(5, BUY, 100, 50), asks=[(101, 1)]).fills == []


def test_takers_of_the_same_side_do_not_meet_it(tmp_path: Path) -> None:
    assert played_with(tmp_path, trade(5, SELL, 101, 50), trade(6, SELL, 102, 50), asks=[(101, 1)]).fills == []


def test_a_bid_that_reaches_our_sell_fills_it(tmp_path: Path) -> None:
    played = played_with(tmp_path, depth(5, BUY, (100, 9)), depth(6, BUY, (101, 1)), asks=[(101, 7)])
    assert played.fills == [(6.0, 1, SELL, 101, 7)]


def test_an_ask_that_falls_below_our_bid_fills_it_at_its_own_price(tmp_path: Path) -> None:
    played = played_with(tmp_path, depth(5, SELL, (97, 1)), bids=[(99, 2), (98, 2), (97, 2), (96, 2)])
    assert sorted(played.fills) == [(5.0, 1, BUY, 99, 2), (5.0, 2, BUY, 98, 2), (5.0, 3, BUY, 97, 2)]


@pytest.mark.parametrize("queue", [{"model": "risk_averse"}, {"model": "power", "n": 2}])
def test_a_change_of_its_level_never_fills(tmp_path: Path, queue: dict[str, object]) -> None:
    changes = [depth(5 + i, SELL, (101, lots)) for i, lots in enumerate((3, 9, 1, 0, 0, 4, 0))]
    assert played_with(tmp_path, *changes, asks=[(101, 1)], queue=queue).fills == []


def test_a_cleared_side_takes_nobody_off_the_queue(tmp_path: Path) -> None:
    # What was ahead stays ahead until the level is told anew.
    played = played_with(tmp_path, clear(5, SELL), trade(6, BUY, 101, 5), asks=[(101, 1)])
    assert played.fills == []


def test_an_order_that_filled_is_gone(tmp_path: Path) -> None:
    played = played_with(
        tmp_path, trade(5, BUY, 101, 6), trade(5, BUY, 101, 6), depth(6, BUY, (105, 1)), asks=[(101, 1)]
    )
    assert played.fills == [(5.0, 1, SELL, 101, 1)]


def test_our_orders_are_not_in_the_book(tmp_path: Path) -> None:
    played = played_with(tmp_path, bids=[(100, 3)])
    lane = played.backtest.lanes[0]
    assert lane.paper.book.levels(BUY) == lane.market.book.levels(BUY) == [(99, 5), (1, 1)]


class TestQueueOfTheRiskAverse:
    """Every cancel is behind us while there is something behind."""

    def test_a_shrinking_level_leaves_no_more_ahead_than_it_holds(self, tmp_path: Path) -> None:
        played = played_with(tmp_path, depth(5, SELL, (101, 3)), trade(6, BUY, 101, 3), asks=[(101, 1)])
        assert played.fills == []
        played = played_with(tmp_path, depth(5, SELL, (101, 3)), trade(6, BUY, 101, 4), asks=[(101, 1)])
        assert played.fills == [(6.0, 1, SELL, 101, 1)]

    def test_what_joins_after_us_is_behind_us(self, tmp_path: Path) -> None:
        changes = [depth(5, SELL, (101, 20)), depth(6, SELL, (101, 6))]
        assert played_with(tmp_path, *changes, trade(7, BUY, 101, 5), asks=[(101, 1)]).fills == []
        assert len(played_with(tmp_path, *changes, trade(7, BUY, 101, 6), asks=[(101, 1)]).fills) == 1


class TestQueueByPower:
    """p = back**2 / (back**2 + front**2) of what is cancelled was behind us; worked out by hand."""

    QUEUE = {"model": "power", "n": 2}  # noqa: RUF012 - read only

    def fills(self, tmp_path: Path, *events: Batch, lots: int = 10) -> int:
        return len(played_with(tmp_path, *events, asks=[(101, 1)], lots=lots, queue=self.QUEUE).fills)

    def test_half_a_lot_counts_as_traded_past(self, tmp_path: Path) -> None:
        # 10 ahead, 10 join behind; 5 are cancelled with p = 1/2: 7.5 ahead. 7 leave +0.5, 8 leave -0.5: half a lot.
        changes = [depth(5, SELL, (101, 20)), depth(6, SELL, (101, 15))]
        assert self.fills(tmp_path, *changes, trade(7, BUY, 101, 7)) == 0
        assert self.fills(tmp_path, *changes, trade(7, BUY, 101, 8)) == 1

    def test_what_traded_is_not_taken_for_a_cancel(self, tmp_path: Path) -> None:
        # 7.5 ahead as before; 3 trade and the level tells them: 4.5 ahead, still.
        changes = [
            depth(5, SELL, (101, 20)),
            depth(6, SELL, (101, 15)),
            trade(7, BUY, 101, 3),
            depth(8, SELL, (101, 12)),
        ]
        assert self.fills(tmp_path, *changes, trade(9, BUY, 101, 4)) == 0
        assert self.fills(tmp_path, *changes, trade(9, BUY, 101, 5)) == 1

    def test_the_sum_of_trades_starts_anew_with_each_change(self, tmp_path: Path) -> None:
        # After 20: 3 trade, the level says 17 (7 ahead, 10 behind), then 12: 5 cancelled, p = 100/149: 5.36 ahead.
        changes = [
            depth(5, SELL, (101, 20)),
            trade(6, BUY, 101, 3),
            depth(7, SELL, (101, 17)),
            depth(8, SELL, (101, 12)),
        ]
        assert self.fills(tmp_path, *changes, trade(9, BUY, 101, 5)) == 0
        assert self.fills(tmp_path, *changes, trade(9, BUY, 101, 6)) == 1

    def test_more_cancelled_behind_than_there_was_comes_off_the_front(self, tmp_path: Path) -> None:
        # 2 ahead, 8 behind; all but 1 go: p = 64/68, 8.47 of 9 would be behind, where 8 were: 2 - 0.53 - 0.47 = 1.
        changes = [depth(5, SELL, (101, 10)), depth(6, SELL, (101, 1))]
        assert self.fills(tmp_path, *changes, trade(7, BUY, 101, 1), lots=2) == 0
        assert self.fills(tmp_path, *changes, trade(7, BUY, 101, 2), lots=2) == 1

    def test_an_empty_level_told_empty_leaves_nobody_ahead(self, tmp_path: Path) -> None:
        desk = Desk(tmp_path, queue=self.QUEUE)
        desk.tape(book(0, bid=99, ask=102), depth(5, SELL, (101, 0)), trade(6, BUY, 101, 1), END)
        desk.script((1, [], [(101, 1)]))
        assert len(desk.play().fills) == 1
