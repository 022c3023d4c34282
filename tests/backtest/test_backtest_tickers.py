"""Book tickers at the exchange: they tell what stands at the best prices between two messages of the book."""

from __future__ import annotations

from pathlib import Path

from backtest_desk import ASIDE, BUY, SELL, Batch, Desk, Played, book, depth, instrument, spot, ticker, trade

from mmbot.tape import TapeFlag

END = depth(ASIDE / 1e6, BUY, (1, 1))


def with_id(batch: Batch, seq: int) -> Batch:
    return batch._replace(seq=seq)


def played(tmp_path: Path, *events: Batch) -> Played:
    """A bid of 99 and an ask of 102 from 1 ms on, at the exchange at 2 ms, in a book of 5 lots at 99 and at 101."""
    desk = Desk(tmp_path, rules="mmbot")
    desk.tape(*(with_id(batch, 10) for batch in book(0, bid=99, ask=101)), *events, with_id(END, 10**9))
    desk.script((1, [(99, 1)], [(102, 1)]))
    return desk.play()


def test_a_best_bid_that_reaches_our_ask_fills_it(tmp_path: Path) -> None:
    assert played(tmp_path, ticker(5, (102, 1), (103, 1), seq=11)).fills == [(5.0, 2, SELL, 102, 1)]


def test_a_ticker_that_is_older_than_the_book_says_nothing(tmp_path: Path) -> None:
    assert played(tmp_path, ticker(5, (102, 1), (103, 1), seq=10)).fills == []


def test_of_two_tickers_the_one_with_the_later_id_counts(tmp_path: Path) -> None:
    events = ticker(4, (99, 5), (101, 1), seq=12), ticker(5, (102, 1), (103, 1), seq=11)
    assert played(tmp_path, *events).fills == []


def test_the_queue_ahead_shrinks_with_the_best_quantity(tmp_path: Path) -> None:
    # 5 lots are ahead at 2 ms, 1 is left at 5 ms; a trade of 2 takes that one and ours.
    trades = trade(6, SELL, 99, 2)
    assert played(tmp_path, trades).fills == []
    assert played(tmp_path, ticker(5, (99, 1), (101, 5), seq=11), trades).fills == [(6.0, 1, BUY, 99, 1)]


def test_when_the_best_price_moves_away_nobody_is_ahead_any_more(tmp_path: Path) -> None:
    events = ticker(5, (98, 4), (101, 5), seq=11), trade(6, SELL, 99, 1)
    assert played(tmp_path, *events).fills == [(6.0, 1, BUY, 99, 1)]


def test_an_order_before_the_best_price_arrives_at_the_front(tmp_path: Path) -> None:
    found = played(tmp_path, ticker(1.5, (98, 4), (101, 5), seq=11), trade(6, SELL, 99, 1))
    assert found.fills == [(6.0, 1, BUY, 99, 1)]
    assert found.arrays["orders"]["front_lots"].tolist() == [0, 0]


def test_a_newer_message_of_the_book_counts_again_an_older_one_does_not(tmp_path: Path) -> None:
    best = ticker(1.2, (98, 4), (101, 5), seq=11)
    for seq, front in ((12, 7), (9, 0)):
        found = played(tmp_path, best, with_id(depth(1.5, BUY, (99, 7)), seq))
        assert found.arrays["orders"]["front_lots"].tolist() == [front, 0]


def test_of_no_lots_the_best_is_what_the_book_has_behind_it(tmp_path: Path) -> None:
    # Nobody else stands at 101: an order arrives there at the front, and one that comes to 102 meets somebody.
    alone = ticker(1.5, (99, 5), (101, 0), seq=11)._replace(flags=TapeFlag.EXCH)
    desk = Desk(tmp_path, rules="mmbot")
    snapshot = book(0, bids=[(99, 5)], asks=[(101, 5), (102, 5)])
    desk.tape(*(with_id(batch, 10) for batch in snapshot), alone, trade(5, BUY, 101, 1), with_id(END, 10**9))
    desk.script((1, [], [(101, 1)]))
    assert desk.play().fills == [(5.0, 1, SELL, 101, 1)]


def test_a_taking_order_meets_what_the_ticker_left(tmp_path: Path) -> None:
    desk = Desk(
        tmp_path, instrument(), spot(), strategy={"acts": "always"}, rules="mmbot",
        hedge={"max_slippage_bps": 1000, "retry_ms": 60_000},
    )  # fmt: skip
    desk.tape(book(0, bid=99, ask=101, lots=1), trade(5, BUY, 102, 4), END)
    hedge = book(0, bids=[(99, 9)], asks=[(100, 2), (101, 2), (103, 9)])
    gone = ticker(6.5, (99, 9), (101, 1), seq=11)
    desk.tape(*(with_id(batch, 10) for batch in hedge), gone, with_id(END, 10**9), market=1)
    desk.script((1, 0, [], [(101, 4)]), (5.5, 0, [], []))
    assert desk.play().fills_of(1) == [(7.0, 2, BUY, 101, 1), (7.0, 2, BUY, 103, 3)]
