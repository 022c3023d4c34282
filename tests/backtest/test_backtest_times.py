"""When things happen: latencies to the nanosecond, orders kept in line, and what comes first at equal times."""

from __future__ import annotations

from pathlib import Path

import pytest
from backtest_desk import (
    ASIDE,
    BUY,
    PLUGIN,
    SELL,
    Desk,
    at_exchange,
    book,
    depth,
    instrument,
    latency_file,
    ns,
    seen,
    spot,
    trade,
)  # fmt: skip

from mmbot._core.types import OrderState

END = depth(ASIDE / 1e6, BUY, (1, 1))


def test_requests_and_answers_take_their_latency_to_the_nanosecond(tmp_path: Path) -> None:
    desk = Desk(tmp_path, latency={"model": "constant", "entry_us": 1234.567, "response_us": 0.891})
    desk.tape(book(0, bid=99, ask=101), END)
    desk.script((1, [(98, 1)], []))
    played = desk.play()
    orders = played.arrays["orders"]
    assert orders["placed_ns"].tolist() == [ns(1)]
    assert orders["arrived_ns"].tolist() == [ns(1) + 1_234_567]
    assert played.told("order") == [((1_000_000 + 1_234_567 + 891) / 1e6, OrderState.LIVE, 98, 1, 0)]


def test_a_fill_is_known_a_response_latency_later(tmp_path: Path) -> None:
    desk = Desk(tmp_path, latency={"model": "constant", "entry_us": 10, "response_us": 250})
    desk.tape(book(0, bid=99, ask=101, lots=1), trade(5, BUY, 101, 2), END)
    desk.script((1, [], [(101, 1)]))
    played = desk.play()
    assert played.fills == [(5.0, 1, SELL, 101, 1)]
    assert played.arrays["fills"]["ts_ns"].tolist() == [ns(5.25)]
    assert played.told("fill") == [(5.25, SELL, 101, 1)]


def test_without_latency_an_order_is_there_and_answered_at_once(tmp_path: Path) -> None:
    desk = Desk(tmp_path, latency={"model": "constant", "entry_us": 0, "response_us": 0})
    desk.tape(book(0, bid=99, ask=101), END)
    desk.script((1, [(98, 1)], []))
    played = desk.play()
    assert played.times("arrived_ns") == [1.0]
    assert played.told("order") == [(1.0, OrderState.LIVE, 98, 1, 0)]


def test_a_request_does_not_overtake_an_earlier_one(tmp_path: Path) -> None:
    # The feed was 10 ms late when the first order left, and 1 ms when the second did.
    desk = Desk(tmp_path, latency={"model": "feed"})
    desk.tape(book(0, bid=99, ask=101, local=10), depth(11, BUY, (90, 1), local=12), END)
    desk.script((10.5, [(98, 1)], []), (13, [(98, 1), (97, 1)], []))
    played = desk.play()
    assert played.times("placed_ns") == [10.5, 13.0]
    assert played.times("arrived_ns") == [20.5, 20.5]


def test_an_answer_does_not_overtake_an_earlier_one(tmp_path: Path) -> None:
    latency = {"model": "feed", "entry_factor": 0, "entry_offset_us": 1000}
    desk = Desk(tmp_path, latency=latency)
    desk.tape(book(0, bid=99, ask=101, local=10), depth(11.6, BUY, (90, 1), local=12.6), END)
    desk.script((10.5, [(98, 1)], []), (13, [(98, 1), (97, 1)], []))
    played = desk.play()
    assert played.times("arrived_ns") == [11.5, 14.0]
    assert [at for at, *_ in played.told("order")] == [21.5, 21.5]


def test_recorded_latencies_are_interpolated(tmp_path: Path) -> None:
    desk = Desk(tmp_path, latency=latency_file(tmp_path / "latency.npz", (0, 1, 3), (10, 13, 17)))
    desk.tape(book(0, bid=99, ask=101), END)
    desk.script((5, [(98, 1)], []))
    played = desk.play()
    assert played.times("arrived_ns") == [7.0]  # half way between 1 and 3 ms
    assert [at for at, *_ in played.told("order")] == [10.0]  # half way from (1, 2 ms) to (13, 4 ms)


def test_at_equal_times_the_market_moves_before_an_order_arrives(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.tape(book(0, bid=99, ask=101), depth(2, SELL, (100, 1)), END)
    desk.script((1, [(100, 1)], []))
    assert desk.play().orders == [(BUY, 100, 1, "expired", 0)]


def test_a_nanosecond_later_the_order_rests_and_is_met(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.tape(book(0, bid=99, ask=101), depth(2.000001, SELL, (100, 1)), END)
    desk.script((1, [(100, 1)], []))
    played = desk.play()
    assert played.orders == [(BUY, 100, 1, "filled", 1)]
    assert played.fills == [(2.000001, 1, BUY, 100, 1)]


def test_at_equal_times_the_lower_market_comes_first(tmp_path: Path) -> None:
    desk = Desk(tmp_path, *(Desk(tmp_path).instruments * 2))
    for market in range(2):
        desk.tape(book(0, bid=99, ask=101, lots=1), trade(5, BUY, 101, 2), END, market=market)
    desk.script((1, 1, [], [(101, 1)]), (1.5, 0, [], [(101, 1)]))
    played = desk.play()
    assert played.fills_of(1) == [(5.0, 1, SELL, 101, 1)]
    assert played.fills_of(0) == [(5.0, 2, SELL, 101, 1)]
    assert played.arrays["fills"]["market"].tolist() == [0, 1]


def test_what_is_seen_and_an_answer_of_one_instant_are_both_known_when_the_strategy_is_asked(tmp_path: Path) -> None:
    desk = Desk(tmp_path, strategy={"wake": "message"})
    desk.tape(book(0, bid=99, ask=101), depth(2.5, BUY, (97, 1), local=3), END)
    desk.script((1, [(98, 1)], []))
    played = desk.play()
    at_3 = [text.partition(": ")[2].split()[0] for text in played.notes if f" {ns(3)} " in text]
    assert at_3 == ["order", "book"]


def test_trades_and_both_sides_of_an_instant_are_one_call(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.tape(
        book(0, bid=99, ask=101),
        [depth(5, BUY, (99, 0), (98, 1)), depth(5, SELL, (101, 0), (100, 1)), trade(5, SELL, 99, 5)],
        END,
    )
    played = desk.play()
    assert played.told("trade") == [(5.1, SELL, 99, 5)]
    assert played.told("book") == [(0.1, 99, 101), (5.1, 98, 100)]


def test_we_see_messages_in_our_order_and_the_exchange_has_them_in_its_own(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.tape(
        book(0, bid=99, ask=101),
        depth(10, BUY, (98, 7), local=20),
        depth(11, BUY, (98, 3), local=12),
        END,
    )
    lane = desk.play().backtest.lanes[0]
    assert lane.paper.book.quantity(BUY, 98) == 3
    assert lane.market.book.quantity(BUY, 98) == 7


def test_batches_of_one_clock_alone_reach_only_that_side(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.tape(
        book(0, bid=99, ask=101),
        at_exchange(depth(5, SELL, (101, 0), (103, 1))),
        seen(depth(6, BUY, (100, 4))),
        at_exchange(trade(7, BUY, 101, 1)),
        END,
    )
    played = desk.play()
    lane = played.backtest.lanes[0]
    assert lane.paper.book.levels(SELL) == [(103, 1)]
    assert lane.market.book.levels(SELL) == [(101, 5)]
    assert lane.paper.book.quantity(BUY, 100) == 0
    assert lane.market.book.quantity(BUY, 100) == 4
    assert played.told("trade") == []


def test_timers_go_on_where_no_message_comes(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.tape(book(0, bid=99, ask=101), END)
    desk.script((10, [(98, 1)], []), (500, [(97, 1)], []), (999.5, [(96, 1)], []))
    played = desk.play()
    assert played.times("placed_ns") == [10.0, 500.0, 999.5]


def test_who_is_asked_about_one_market_sees_the_others_of_that_instant(tmp_path: Path) -> None:
    # Both moved at once; the second market's best prices used to be old when the strategy was asked about the first.
    told = PLUGIN.replace('self.tell("book", market, ', 'self.tell("book", market, self.markets[1].bid_ticks, ')
    desk = Desk(tmp_path, *(Desk(tmp_path).instruments * 2), plugin=told)
    for market in range(2):
        desk.tape(book(0, bid=99, ask=101), depth(5, BUY, (100, 1)), END, market=market)
    assert desk.play().told("book") == [(0.1, 99, 99, 101), (5.1, 100, 100, 101)]


@pytest.mark.parametrize(("wake", "heard"), [("touch", []), ("message", [0.1, 5.1, 8.1])])
def test_every_message_wakes_also_one_of_a_market_to_hedge_on(tmp_path: Path, wake: str, heard: list[float]) -> None:
    # Decisions at every message missed those of a market that is only hedged on.
    desk = Desk(tmp_path, instrument(), spot(), hedge={"band": 1}, strategy={"wake": wake})
    desk.tape(book(0, bid=99, ask=101), END)
    desk.tape(book(0, bid=99, ask=101), depth(5, BUY, (98, 3)), trade(5.0, BUY, 101, 1), trade(8, BUY, 101, 1), END,
              market=1)  # fmt: skip
    told = desk.play().told("book", 1)
    assert [at for at, *_ in told if at < 100] == heard


def test_a_timer_of_whole_milliseconds_is_due_to_the_nanosecond(tmp_path: Path) -> None:
    # 1.001 s is a little less in binary; cut to whole nanoseconds it lost one at every round.
    plugin = """
from mmbot.strategy import Params, Strategy
class ClockParams(Params):
    pass
class Clock(Strategy):
    def on_start(self) -> None:
        self.set_timer("round", every_s=1.001)
    def on_timer(self, name: str) -> None:
        self.note(str(self.now_ns))
"""
    desk = Desk(tmp_path, plugin=plugin)
    desk.tape(book(0, bid=99, ask=101), depth(3500, BUY, (98, 1)))
    rounds = [int(text.partition(": ")[2]) for text in desk.play().notes]
    assert rounds == [ns(1001), ns(2002), ns(3003)]
