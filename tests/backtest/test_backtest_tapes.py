"""Which part of which tape is played, and when a book is trusted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from backtest_desk import (
    ASIDE,
    BUY,
    SELL,
    Desk,
    Played,
    book,
    clear,
    depth,
    gap,
    instrument,
    ns,
    ticker,
    trade,
    write_tape,
)  # fmt: skip

from mmbot.backtest import run
from mmbot.errors import ConfigError, TapeError

END = depth(ASIDE / 1e6, BUY, (1, 1))
OWN = {"rules": "mmbot"}


def moment(ms: float) -> str:
    return (datetime(2024, 8, 9, tzinfo=UTC) + timedelta(milliseconds=ms)).isoformat()


class TestStartAndEnd:
    def cut(self, tmp_path: Path, *steps: Any, rules: str = "hftbacktest", **cuts: str) -> Played:
        desk = Desk(tmp_path, rules=rules, **cuts)
        desk.tape(
            book(0, bid=99, ask=101), depth(5, BUY, (100, 2)), trade(15, BUY, 102, 1),
            depth(25, SELL, (101, 0), (102, 3)),
            trade(35, BUY, 105, 1), END,
        )  # fmt: skip
        desk.script(*steps)
        return desk.play()

    def test_what_is_before_the_start_only_builds_the_books(self, tmp_path: Path) -> None:
        played = self.cut(tmp_path, start=moment(20))
        assert played.told("book") == [(25.1, 100, 102)]
        assert played.told("trade") == [(35.1, BUY, 105, 1)]
        assert played.backtest.lanes[0].market.book.levels(BUY) == [(100, 2), (99, 5), (1, 1)]

    @pytest.mark.parametrize("rules", ["hftbacktest", "mmbot"])
    def test_the_strategy_can_quote_from_the_start_on_however_still_the_market_is(
        self, tmp_path: Path, rules: str
    ) -> None:
        # The book stands, trusted, before the start, and its next change is 4 ms after the first quote.
        played = self.cut(tmp_path, (1, [(98, 1)], []), start=moment(20), rules=rules)
        assert played.times("placed_ns") == [21.0]
        assert played.orders == [(BUY, 98, 1, "live", 0)]

    def test_times_of_the_strategy_count_from_the_start(self, tmp_path: Path) -> None:
        played = self.cut(tmp_path, (10, [], [(103, 1)]), start=moment(20))
        assert played.times("placed_ns") == [30.0]
        assert played.fills == [(35.0, 1, SELL, 103, 1)]

    def test_from_the_end_on_nothing_happens(self, tmp_path: Path) -> None:
        played = self.cut(tmp_path, (1, [], [(104, 1)]), end=moment(35))
        assert played.fills == []
        assert played.told("trade") == [(15.1, BUY, 102, 1)]
        played = self.cut(tmp_path, (1, [], [(104, 1)]), end=moment(36.5))
        assert played.fills == [(35.0, 1, SELL, 104, 1)]

    def test_what_happened_and_is_not_known_at_the_end_does_not_count(self, tmp_path: Path) -> None:
        played = self.cut(tmp_path, (1, [], [(104, 1)]), end=moment(35.5))
        assert played.fills == []
        assert played.engine.markets[0].position_lots == 0
        assert played.orders == [(SELL, 104, 1, "live", 0)]

    def test_a_summary_says_why_it_ended(self, tmp_path: Path) -> None:
        desk = Desk(tmp_path, end=moment(3))
        desk.tape(book(0, bid=99, ask=101), END)
        assert run(desk.config()).summary["exit_reason"] == "end of backtest"


class TestGaps:
    def gapped(self, tmp_path: Path, *events: Any, acts: str = "always", rules: str = "mmbot") -> Played:
        """A quote of 98 from 1 ms on, a gap at 10 ms, and then the events."""
        desk = Desk(tmp_path, strategy={"acts": acts}, rules=rules)
        desk.tape(book(0, bid=99, ask=101), gap(10), *events, END)
        desk.script((1, [(98, 1)], []))
        return desk.play()

    def test_a_gap_pulls_the_quotes(self, tmp_path: Path) -> None:
        played = self.gapped(tmp_path)
        assert played.orders == [(BUY, 98, 1, "canceled", 0)]
        assert played.times("ended_ns") == [12.1]

    def test_a_message_after_it_does_not_bring_them_back(self, tmp_path: Path) -> None:
        assert len(self.gapped(tmp_path, depth(20, BUY, (99, 7)), depth(21, SELL, (101, 7))).orders) == 1

    def test_the_next_snapshot_does(self, tmp_path: Path) -> None:
        played = self.gapped(tmp_path, depth(20, BUY, (99, 7)), book(30, bid=99, ask=101))
        assert played.orders == [(BUY, 98, 1, "canceled", 0), (BUY, 98, 1, "live", 0)]
        assert played.times("placed_ns") == [1.0, 30.1]

    def test_it_pulls_them_also_when_orders_only_follow_declarations(self, tmp_path: Path) -> None:
        played = self.gapped(tmp_path, book(30, bid=99, ask=101), acts="on_declare")
        assert played.orders == [(BUY, 98, 1, "canceled", 0)]

    def test_the_snapshot_replaces_what_was_held(self, tmp_path: Path) -> None:
        played = self.gapped(tmp_path, book(30, bids=[(97, 2)], asks=[(98, 1), (105, 1)]))
        for found in (played.backtest.lanes[0].paper.book, played.backtest.lanes[0].market.book):
            assert found.levels(BUY) == [(97, 2), (1, 1)]
            assert found.levels(SELL) == [(98, 1), (105, 1)]


class TestTrust:
    def test_by_our_rules_a_book_counts_from_its_first_snapshot_on(self, tmp_path: Path) -> None:
        desk = Desk(tmp_path, **OWN)
        desk.tape(
            depth(0, BUY, (99, 5)), depth(0, SELL, (101, 5)), depth(5, BUY, (100, 1)), book(10, bid=97, ask=98), END
        )
        desk.script((2, [(96, 1)], []), (20, [(95, 1)], []))
        played = desk.play()
        assert played.told("book") == [(10.1, 97, 98)]
        assert played.times("placed_ns") == [20.0]

    def test_by_those_of_hftbacktest_from_its_first_level_on(self, tmp_path: Path) -> None:
        desk = Desk(tmp_path)
        desk.tape(depth(0, BUY, (99, 5)), depth(0, SELL, (101, 5)), END)
        desk.script((2, [(96, 1)], []))
        assert desk.play().times("placed_ns") == [2.0]

    def test_a_silent_book_is_not_quoted_on_until_its_next_message(self, tmp_path: Path) -> None:
        # It was once never trusted again before the next snapshot.
        desk = Desk(
            tmp_path,
            strategy={"acts": "always"},
            risk={"stale_book_ms": 50, "resume_after_s": 0},
            bot={"timer_ms": 10},
            **OWN,
        )
        ticks = [depth(i, BUY, (90, round(i))) for i in range(200, 240, 5)]
        desk.tape(book(0, bid=99, ask=101), *ticks, depth(300, BUY, (90, 1)))
        desk.script((1, [(98, 1)], []))
        played = desk.play()
        assert played.orders[0][3] == "canceled"
        assert 50 < played.times("ended_ns")[0] < 70
        assert 200 < played.times("placed_ns")[1] < 215

    def test_a_side_that_empties_pulls_the_quotes_by_our_rules(self, tmp_path: Path) -> None:
        desk = Desk(tmp_path, strategy={"acts": "always"}, **OWN)
        desk.tape(book(0, bid=99, ask=101), clear(10, SELL), depth(20, SELL, (101, 1)), END)
        desk.script((1, [(98, 1)], []))
        assert desk.play().times("placed_ns") == [1.0, 20.1]

    def test_tickers_newer_than_the_book_tell_the_best_prices(self, tmp_path: Path) -> None:
        desk = Desk(tmp_path, **OWN)
        desk.tape(
            book(0, bid=99, ask=101), ticker(5, (98, 1), (100, 2), seq=7), ticker(6, (97, 1), (99, 2), seq=6),
            depth(8, BUY, (99, 6))._replace(seq=9), END,
        )  # fmt: skip
        played = desk.play()
        assert played.told("book") == [(0.1, 99, 101), (5.1, 98, 100), (8.1, 99, 101)]


def test_several_tapes_are_played_as_if_they_were_one(tmp_path: Path) -> None:
    events = [
        [book(0, bid=99, ask=101), trade(5, BUY, 102, 1)],
        [depth(10, BUY, (100, 1)), trade(12, SELL, 97, 1)],
        [trade(20, BUY, 103, 4), END],
    ]
    steps = [(1, [(98, 1)], [(101, 1)]), (13, [(97, 1)], [(102, 1)])]
    split = Desk(tmp_path)
    for part in events:
        split.tape(*part)
    split.script(*steps)
    played = split.play()
    (tmp_path / "whole").mkdir()
    whole = Desk(tmp_path / "whole")
    whole.tape(*(one for part in events for one in part))
    whole.script(*steps)
    assert len(played.fills) == 3
    assert played.same_as(whole.play())


def test_a_tape_of_another_instrument_in_a_row_is_refused(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.tape(book(0, bid=99, ask=101))
    desk.tapes[0].append(write_tape(tmp_path / "other.tape", instrument(tick_size="0.5"), [book(10, bid=99, ask=101)]))
    with pytest.raises(ConfigError, match="another tick_size"):
        desk.play()


def test_a_damaged_tape_stops_the_run_and_says_where(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.tape(book(0, bid=99, ask=101), *(depth(i, BUY, (90, i)) for i in range(1, 50)))
    path = desk.tapes[0][0]
    content = bytearray(path.read_bytes())
    content[200] ^= 0x40
    path.write_bytes(content)
    with pytest.raises(TapeError, match=r"m0-0\.tape"):
        desk.play()


def test_a_tape_without_events_is_refused(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.tape()
    with pytest.raises(TapeError, match="holds no event"):
        desk.play()


def test_states_lie_on_whole_multiples_and_end_with_the_last_moment(tmp_path: Path) -> None:
    desk = Desk(tmp_path, state_every_ms=10)
    desk.tape(book(0, bid=99, ask=101), *(depth(i, BUY, (90, i)) for i in range(5, 46, 5)))
    state = desk.play().arrays["state"]
    assert [(t - ns(0)) / 1e6 for t in state["ts_ns"].tolist()][-1] == pytest.approx(45.1)
    assert all((t - ns(0)) % 10_000_000 == 0 for t in state["ts_ns"].tolist()[1:-1])
    assert len(state) >= 5


class TestWhatWouldMeanNothing:
    """Each of these once ran, and gave a result of noughts or by another model."""

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"start": moment(20), "end": moment(10)}, r"between \S+00\.020Z and \S+00\.010Z; the data is from 2024"),
            ({"start": moment(10**7)}, "nothing to play"),
            ({"end": moment(-(10**7))}, "nothing to play"),
            ({"queue": {"model": "l3_fifo"}}, r"l3_fifo needs order ids, which .*\.tape does not have"),
            ({"balances": {"USDX": 5}}, r"balances\.USDX: no market settles in USDX; allowed: USDT"),
        ],
    )
    def test_it_is_refused(self, tmp_path: Path, changes: dict[str, Any], message: str) -> None:
        desk = Desk(tmp_path, **changes)
        desk.tape(book(0, bid=99, ask=101), depth(5, BUY, (100, 2)), END)
        with pytest.raises(ConfigError, match=message):
            run(desk.config())


def test_data_out_of_order_of_time_is_refused(tmp_path: Path) -> None:
    """A list is played one after the other: a day before its predecessor was played with a clock that went back."""
    desk = Desk(tmp_path)
    desk.tape(book(60_000, bid=99, ask=101), depth(90_000, BUY, (90, 1)))
    desk.tape(book(0, bid=99, ask=101), depth(30_000, BUY, (90, 1)))
    with pytest.raises(
        ConfigError, match=r"data\.m0: expected data in the order of time.*m0-1\.tape from .* behind .*m0-0"
    ):
        run(desk.config())
    desk.tapes[0].reverse()
    assert run(desk.config()).summary["rows"] == 10
