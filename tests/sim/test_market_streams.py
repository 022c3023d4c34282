"""Market data frames: shapes, sequence rules, and the book that a listener can build from them."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from exchange_desk import SECOND, START, Desk

from mmbot.sim.events import MarketEvent

Book = tuple[dict[str, str], dict[str, str]]


@pytest.fixture
def desk() -> Desk:
    return Desk(activity=1.0, seed=3)


def frames(desk: Desk, stream: str) -> list[dict[str, Any]]:
    return [
        json.loads(event.payload)
        for event in desk.exchange.take_events()
        if isinstance(event, MarketEvent) and event.stream == stream
    ]


def apply(book: Book, bids: list[list[str]], asks: list[list[str]]) -> None:
    for side, rows in zip(book, (bids, asks), strict=True):
        for price, qty in rows:
            if float(qty):
                side[price] = qty
            else:
                side.pop(price, None)


def shown(desk: Desk, venue: str) -> Book:
    market = getattr(desk.exchange, venue).markets["BTCUSDT"]
    texts = market.instrument
    return tuple(  # type: ignore[return-value]
        {texts.price_text(price): texts.qty_text(lots) for price, lots in market.matcher.levels(side)}
        for side in (0, 1)
    )


@pytest.mark.parametrize("interval", ["@0ms", "@100ms", "", "@500ms"])
def test_the_documented_futures_synchronisation_works(desk: Desk, interval: str) -> None:
    stream = f"btcusdt@depth{interval}"
    futures = desk.exchange.futures
    assert futures.subscribe(stream)
    desk.wait(1.23)
    desk.exchange.take_events()
    snapshot = futures.data.depth({"symbol": "BTCUSDT", "limit": 1000}, desk.now)
    book: Book = ({}, {})
    apply(book, snapshot["bids"], snapshot["asks"])
    desk.wait(3 - 1.23)
    received = [frame for frame in frames(desk, stream) if frame["u"] >= snapshot["lastUpdateId"]]
    assert received[0]["U"] <= snapshot["lastUpdateId"] <= received[0]["u"]
    for before, frame in itertools.pairwise(received):
        assert frame["pu"] == before["u"]
        assert before["u"] < frame["U"] <= frame["u"]
    for frame in received:
        assert list(frame) == ["e", "E", "T", "s", "U", "u", "pu", "b", "a"]
        apply(book, frame["b"], frame["a"])
    assert book == shown(desk, "futures")


@pytest.mark.parametrize("interval", ["@100ms", ""])
def test_the_documented_spot_synchronisation_works(desk: Desk, interval: str) -> None:
    stream = f"btcusdt@depth{interval}"
    spot = desk.exchange.spot
    assert spot.subscribe(stream)
    desk.wait(0.77)
    desk.exchange.take_events()
    snapshot = spot.data.depth({"symbol": "BTCUSDT", "limit": 5000}, desk.now)
    book: Book = ({}, {})
    apply(book, snapshot["bids"], snapshot["asks"])
    desk.wait(3 - 0.77)
    received = [frame for frame in frames(desk, stream) if frame["u"] > snapshot["lastUpdateId"]]
    assert received[0]["U"] <= snapshot["lastUpdateId"] + 1 <= received[0]["u"]
    for before, frame in itertools.pairwise(received):
        assert frame["U"] == before["u"] + 1
    for frame in received:
        assert list(frame) == ["e", "E", "s", "U", "u", "b", "a"]
        apply(book, frame["b"], frame["a"])
    assert book == shown(desk, "spot")


def test_book_ticker_is_the_touch(desk: Desk) -> None:
    desk.exchange.futures.subscribe("btcusdt@bookTicker")
    desk.wait(2)
    received = frames(desk, "btcusdt@bookTicker")
    assert len(received) > 50
    assert all(float(frame["b"]) < float(frame["a"]) for frame in received)
    assert [frame["u"] for frame in received] == sorted({frame["u"] for frame in received})
    answer = desk.exchange.futures.data.book_ticker({"symbol": "BTCUSDT"}, desk.now)
    assert (answer["bidPrice"], answer["bidQty"]) == (received[-1]["b"], received[-1]["B"])  # type: ignore[call-overload]


def test_frames_have_the_recorded_shape(desk: Desk) -> None:
    for venue, trade in (
        ("futures", ["e", "E", "T", "s", "t", "p", "q", "X", "m"]),
        ("spot", ["e", "E", "s", "t", "p", "q", "T", "m", "M"]),
    ):
        for kind in ("trade", "aggTrade", "bookTicker"):
            getattr(desk.exchange, venue).subscribe(f"btcusdt@{kind}")
        desk.wait(1)
        events = [event for event in desk.exchange.take_events() if isinstance(event, MarketEvent)]
        for event in events:
            frame = json.loads(event.payload)
            assert json.dumps(frame, separators=(",", ":")).encode() == event.payload
            kind = event.stream.partition("@")[2]
            if kind == "trade" and event.venue.endswith(venue.replace("futures", "usdm")):
                assert list(frame) == trade
        trades = [json.loads(event.payload) for event in events if event.stream == "btcusdt@trade"]
        futures = [frame["t"] for frame in trades if "X" in frame]
        assert futures == sorted(set(futures))


def test_aggregated_trades_cover_every_trade(desk: Desk) -> None:
    spot = desk.exchange.spot
    spot.subscribe("btcusdt@aggTrade")
    spot.subscribe("btcusdt@trade")
    desk.wait(3)
    events = desk.exchange.take_events()
    trades = [json.loads(e.payload) for e in events if isinstance(e, MarketEvent) and e.stream == "btcusdt@trade"]
    sums = [json.loads(e.payload) for e in events if isinstance(e, MarketEvent) and e.stream == "btcusdt@aggTrade"]
    assert [t["t"] for t in trades] == [t for s in sums for t in range(s["f"], s["l"] + 1)]
    assert sum(round(float(t["q"]) * 1e5) for t in trades) == sum(round(float(s["q"]) * 1e5) for s in sums)


def test_partial_depth(desk: Desk) -> None:
    desk.exchange.spot.subscribe("btcusdt@depth5@100ms")
    desk.wait(1)
    frame = frames(desk, "btcusdt@depth5@100ms")[-1]
    assert list(frame) == ["lastUpdateId", "bids", "asks"]
    assert frame["bids"] == [list(row) for row in list(shown(desk, "spot")[0].items())[:5]]


def test_mark_prices_arrive_every_second(desk: Desk) -> None:
    futures = desk.exchange.futures
    streams = ("btcusdt@markPrice@1s", "btcusdt@markPrice", "!markPrice@arr@1s")
    for stream in streams:
        assert futures.subscribe(stream)
    desk.wait(6)
    events = [event for event in desk.exchange.take_events() if isinstance(event, MarketEvent)]
    assert [sum(e.stream == stream for e in events) for stream in streams] == [6, 2, 6]
    frame = json.loads(next(e.payload for e in events if e.stream == "btcusdt@markPrice@1s"))
    assert frame["E"] == START // 1_000_000 + 1000
    assert frame["T"] > frame["E"]
    assert abs(float(frame["p"]) / float(frame["i"]) - 1) < 0.002


def test_only_what_is_subscribed_is_produced(desk: Desk) -> None:
    futures = desk.exchange.futures
    desk.wait(1)
    assert desk.exchange.take_events() == []
    for stream in ("btcusdt@depth7", "nope@depth", "btcusdt@depth@1000ms", "btcusdt", "btcusdt@depth5x"):
        assert not futures.subscribe(stream)
        futures.unsubscribe(stream)
    futures.subscribe("!bookTicker")
    futures.subscribe("btcusdt@depth@100ms")
    futures.subscribe("btcusdt@depth@100ms")
    futures.unsubscribe("btcusdt@depth@100ms")
    desk.wait(1)
    streams = {event.stream for event in desk.exchange.take_events() if isinstance(event, MarketEvent)}
    assert streams == {"!bookTicker", "btcusdt@bookTicker", "btcusdt@depth@100ms"}
    futures.unsubscribe("!bookTicker")
    futures.unsubscribe("btcusdt@depth@100ms")
    desk.wait(1)
    assert desk.exchange.take_events() == []


def test_work_per_call_is_bounded(desk: Desk) -> None:
    late = desk.now + 10 * SECOND
    calls = 1
    while desk.exchange.advance(late, budget=100) <= late:
        calls += 1
    assert calls > 50
    assert desk.exchange.now_ns == late


def test_public_answers(desk: Desk) -> None:
    desk.wait(2)
    for venue in (desk.exchange.futures, desk.exchange.spot):
        info = venue.exchange_info({}, desk.now)
        assert [symbol["symbol"] for symbol in info["symbols"]] == ["BTCUSDT"]
        kinds = {row["filterType"] for row in info["symbols"][0]["filters"]}
        assert {"PRICE_FILTER", "LOT_SIZE", "MARKET_LOT_SIZE"} <= kinds
        trades = venue.data.trades({"symbol": "BTCUSDT", "limit": 5}, desk.now)
        assert [t["id"] for t in trades] == list(range(trades[0]["id"], trades[0]["id"] + 5))
        day = venue.data.ticker_24h({"symbol": "BTCUSDT"}, desk.now)
        price = venue.data.ticker_price({"symbol": "BTCUSDT"}, desk.now)
        assert day["lastPrice"] == price["price"] == trades[-1]["price"]  # type: ignore[call-overload]
        assert venue.data.time({}, desk.now) == {"serverTime": desk.now // 1_000_000}
        assert len(venue.data.agg_trades({"symbol": "BTCUSDT", "limit": 3}, desk.now)) == 3
