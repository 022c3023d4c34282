"""Every message finds its file, and snapshots are asked for where a reader will need them."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from mmbot._core.sync import Trust
from mmbot._core.types import CommandKind, CommandView, Instrument
from mmbot.recorder.sink import RecordedMarket, RecordingSink
from mmbot.testing import INSTRUMENTS

SECOND = 1_000_000_000


class Tray:
    """A spool that keeps what it takes; `full` makes it refuse."""

    def __init__(self) -> None:
        self.lines: list[tuple[int, bytes]] = []
        self.full = False

    def put(self, file: int, _recv_ns: int, body: bytes) -> bool:
        if self.full:
            return False
        self.lines.append((file, body))
        return True


class Desk:
    """A sink over BTCUSDT and ETHUSDT perpetuals, and what it asked for."""

    def __init__(self) -> None:
        self.tray = Tray()
        self.asked: list[int] = []
        self.now_ns = 100 * SECOND
        venue: Any = SimpleNamespace(kind="binance_usdm", submit=self._submit)
        fields = INSTRUMENTS["perp_btc"]
        self.markets = {
            number: RecordedMarket(number, name, Instrument(**(fields | {"venue_symbol": name})), number, 0)
            for number, name in enumerate(("BTCUSDT", "ETHUSDT"))
        }
        spool: Any = self.tray
        self.sink = RecordingSink(venue, self.markets, 2, spool, lambda: self.now_ns)

    def _submit(self, command: CommandView) -> None:
        assert command.kind == CommandKind.RESYNC
        self.asked.append(command.market)

    def ask(self, after_s: float = 0.1) -> list[int]:
        """Let time pass; which markets a snapshot is asked for."""
        self.now_ns += int(after_s * SECOND)
        self.asked.clear()
        self.sink.ask(self.now_ns)
        return self.asked

    def frame(self, message: object) -> bytes:
        body = message if isinstance(message, bytes) else json.dumps(message, separators=(",", ":")).encode()
        self.sink.on_frame(0, memoryview(body), self.now_ns)
        return body

    def depth(self, last: int, symbol: str = "BTCUSDT", *, prev: int | None = None) -> bytes:
        data = {
            "e": "depthUpdate", "E": 5, "T": 4, "s": symbol, "U": last, "u": last,
            "pu": last - 1 if prev is None else prev,
            "b": [["50000.0", "1"]], "a": [["50000.1", "1"]],
        }  # fmt: skip
        return self.frame({"stream": f"{symbol.lower()}@depth@100ms", "data": data})

    def snapshot(self, last: int, market: int = 0) -> bytes:
        body = json.dumps(
            {"lastUpdateId": last, "E": 5, "T": 4, "bids": [["49999.9", "1"]], "asks": [["50000.2", "1"]]}
        ).encode()
        self.sink.on_snapshot(market, body)
        return body

    def in_sync(self) -> None:
        self.sink.on_feed(0, up=True)
        self.ask()
        for number in self.markets:
            self.depth(10, ("BTCUSDT", "ETHUSDT")[number])
            self.snapshot(10, number)
            self.depth(11, ("BTCUSDT", "ETHUSDT")[number])
        assert all(m.sync.trusted for m in self.markets.values())
        assert self.ask() == []


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_messages_and_snapshots_go_to_their_market_as_they_came(desk: Desk) -> None:
    bodies = [(0, desk.depth(10)), (1, desk.depth(10, "ETHUSDT")), (0, desk.snapshot(10))]
    ticker = {"e": "bookTicker", "u": 7, "E": 5, "T": 4, "s": "ETHUSDT", "b": "1.0", "B": "1", "a": "1.1", "A": "1"}
    bodies.append((1, desk.frame({"stream": "ethusdt@bookTicker", "data": ticker})))
    assert desk.tray.lines == bodies
    assert [m.messages for m in desk.markets.values()] == [2, 2]
    assert desk.markets[0].snapshots == 1


def test_what_the_decoder_does_not_know_is_recorded_all_the_same(desk: Desk) -> None:
    kline = desk.frame({"stream": "btcusdt@kline_1m", "data": {"e": "kline", "s": "BTCUSDT"}})
    broken = desk.frame(b'{"stream":"ethusdt@depth@100ms","data":{"e":"depthUpdate","E":1')
    stranger = desk.frame({"stream": "!contractInfo", "data": {"e": "contractInfo", "s": "XRPUSDT"}})
    assert desk.tray.lines == [(0, kline), (1, broken), (2, stranger)]
    assert desk.sink.other == 1


def test_answers_to_our_own_requests_are_counted_and_not_recorded(desk: Desk) -> None:
    desk.frame(b'{"result":null,"id":1}')
    assert desk.sink.control == 1
    assert desk.tray.lines == []


def test_a_snapshot_is_asked_for_when_the_feed_is_up_and_again_without_an_answer(desk: Desk) -> None:
    desk.sink.on_feed(0, up=True)
    assert desk.ask() == [0, 1]
    assert desk.ask() == []
    assert desk.ask(after_s=5) == [0, 1]


def test_a_gap_in_the_numbering_is_counted_and_brings_a_snapshot(desk: Desk) -> None:
    desk.in_sync()
    desk.depth(20, prev=19)
    assert desk.markets[0].sync.gaps == 1
    assert desk.ask(after_s=1) == [0]
    desk.snapshot(20)
    desk.depth(21)
    assert desk.markets[0].sync.trusted


def test_a_reconnect_brings_snapshots(desk: Desk) -> None:
    desk.in_sync()
    desk.sink.on_feed(0, up=False)
    assert desk.ask(after_s=60) == []  # none could be joined to the stream before it is back
    desk.sink.on_feed(0, up=True)
    assert desk.ask() == [0, 1]
    assert desk.sink.reconnects == 1


def test_the_second_feed_of_a_venue_says_nothing_about_books(desk: Desk) -> None:
    desk.in_sync()
    desk.sink.on_feed(1, up=False)
    desk.sink.on_feed(1, up=True)
    assert desk.ask(after_s=1) == []
    assert desk.markets[0].sync.trusted


def test_dropped_messages_are_counted_and_followed_by_a_snapshot(desk: Desk) -> None:
    desk.in_sync()
    desk.tray.full = True
    trade = {"e": "trade", "E": 5, "T": 4, "s": "BTCUSDT", "t": 1, "p": "50000.0", "q": "1", "X": "MARKET", "m": True}
    for _ in range(3):  # trades have no numbering that would show the gap to the book
        desk.frame({"stream": "btcusdt@trade", "data": trade})
    assert desk.markets[0].dropped == 3
    desk.tray.full = False
    desk.depth(12)
    assert desk.markets[0].messages == 4
    assert not desk.markets[0].sync.trusted
    assert desk.ask(after_s=1) == [0]
    desk.snapshot(12)
    desk.depth(13)
    assert desk.markets[0].sync.trusted
    assert desk.markets[1].dropped == 0


def test_a_new_file_brings_a_snapshot_that_does_not_disturb_the_book(desk: Desk) -> None:
    desk.in_sync()
    desk.markets[1].wanted = True
    assert desk.ask(after_s=1) == [1]
    desk.snapshot(9, 1)
    assert desk.markets[1].sync.trusted
    assert desk.ask(after_s=10) == []


def test_the_end_of_a_recording_is_no_disconnect(desk: Desk) -> None:
    desk.in_sync()
    desk.sink.leave()
    desk.sink.on_feed(0, up=False)
    assert desk.markets[0].as_dict()["book"] == Trust.TRUSTED.name.lower()
