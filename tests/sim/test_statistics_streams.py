"""Candle and ticker streams, and the answers to requests that show the same."""

from __future__ import annotations

import json
from typing import Any

import pytest
from exchange_desk import Desk
from rest_client import Client

from mmbot.sim.events import MarketEvent

MINUTE = 60
BTC = {"symbol": "BTCUSDT"}


@pytest.fixture
def desk() -> Desk:
    return Desk(activity=0.3, seed=3)


def frames(desk: Desk, stream: str) -> list[Any]:
    return [
        json.loads(event.payload)
        for event in desk.exchange.take_events()
        if isinstance(event, MarketEvent) and event.stream == stream
    ]


@pytest.mark.parametrize("venue", ["futures", "spot"])
def test_a_candle_is_shown_while_it_grows_and_once_more_when_it_closes(desk: Desk, venue: str) -> None:
    traded = getattr(desk.exchange, venue)
    assert traded.subscribe("btcusdt@kline_1m")
    desk.wait(2.2 * MINUTE)
    seen = [frame["k"] for frame in frames(desk, "btcusdt@kline_1m")]
    closed = [candle for candle in seen if candle["x"]]
    assert len(closed) == 2
    assert len(seen) > 40
    rows = {row[0]: row for row in traded.data.klines({**BTC, "interval": "1m"}, desk.now)}
    for candle in closed:
        row = rows[candle["t"]]
        assert [candle[name] for name in ("o", "h", "l", "c", "v", "T", "q", "n", "V", "Q")] == row[1:11]
    traded.unsubscribe("btcusdt@kline_1m")
    desk.wait(1)
    frames(desk, "")
    desk.wait(5)
    assert not frames(desk, "btcusdt@kline_1m")


def test_candle_requests_are_cut_as_the_venue_cuts_them(desk: Desk) -> None:
    futures = desk.exchange.futures
    desk.wait(6 * MINUTE)
    rows = futures.data.klines({**BTC, "interval": "1m", "limit": 3}, desk.now)
    assert [row[0] for row in rows] == [(desk.now // 10**6 // 60_000 - back) * 60_000 for back in (2, 1, 0)]
    assert futures.data.klines({**BTC, "interval": "1m", "startTime": rows[0][0], "limit": 2}, desk.now) == rows[:2]
    between = {"startTime": rows[0][0] + 1, "endTime": rows[2][0] - 1}
    assert futures.data.klines({**BTC, "interval": "1m", **between}, desk.now) == [rows[1]]
    five = futures.data.klines({**BTC, "interval": "5m"}, desk.now)
    assert sum(row[8] for row in five) == sum(
        row[8] for row in futures.data.klines({**BTC, "interval": "1m"}, desk.now)
    )
    pair = {"pair": "BTCUSDT", "contractType": "PERPETUAL", "interval": "5m"}
    assert futures.continuous_klines(pair, desk.now) == five
    desk.refused(-1120, futures.data.klines, {**BTC, "interval": "1s"}, desk.now)
    desk.refused(-1120, futures.data.klines, {**BTC, "interval": "7m"}, desk.now)
    desk.refused(-1102, futures.data.klines, BTC, desk.now)
    assert len(desk.exchange.spot.data.klines({**BTC, "interval": "1s", "limit": 10}, desk.now)) == 10


def test_reference_prices_have_candles_without_volume(desk: Desk) -> None:
    futures = desk.exchange.futures
    desk.wait(2 * MINUTE)
    for rows in (
        futures.mark_klines({**BTC, "interval": "1m"}, desk.now),
        futures.index_klines({"pair": "BTCUSDT", "interval": "1m"}, desk.now),
        futures.premium_klines({**BTC, "interval": "1m"}, desk.now),
    ):
        assert float(rows[-2][3]) <= float(rows[-2][4]) <= float(rows[-2][2])
        assert (rows[-2][5], rows[-2][8]) == ("0", MINUTE)
    shown = futures.premium_index(BTC, desk.now)
    assert futures.mark_klines({**BTC, "interval": "1m"}, desk.now)[-1][4] == shown["markPrice"]


@pytest.mark.parametrize("venue", ["futures", "spot"])
def test_tickers_agree_with_the_request_for_them(desk: Desk, venue: str) -> None:
    traded = getattr(desk.exchange, venue)
    for stream in ("btcusdt@ticker", "btcusdt@miniTicker"):
        assert traded.subscribe(stream)
    desk.wait(3)
    events = desk.exchange.take_events()
    last = {event.stream: json.loads(event.payload) for event in events if isinstance(event, MarketEvent)}
    answer = traded.data.ticker_24h(BTC, desk.now)
    ticker, mini = last["btcusdt@ticker"], last["btcusdt@miniTicker"]
    assert (ticker["e"], mini["e"]) == ("24hrTicker", "24hrMiniTicker")
    for frame in (ticker, mini):
        names = {
            "o": "openPrice",
            "h": "highPrice",
            "l": "lowPrice",
            "c": "lastPrice",
            "v": "volume",
            "q": "quoteVolume",
        }
        assert {name: frame[name] for name in names} == {name: answer[shown] for name, shown in names.items()}
    assert (ticker["n"], ticker["w"], ticker["p"]) == (
        answer["count"],
        answer["weightedAvgPrice"],
        answer["priceChange"],
    )
    assert ("b" in ticker) == (venue == "spot")


def test_all_market_tickers_show_what_has_traded() -> None:
    desk = Desk(symbols=("BTCUSDT", "ETHUSDT"), activity=1e-9)
    assert desk.exchange.futures.subscribe("!miniTicker@arr")
    desk.wait(2)
    assert not frames(desk, "!miniTicker@arr")
    desk.market(desk.ann, "BUY", "0.010")
    desk.wait(3)
    assert [[each["s"] for each in frame] for frame in frames(desk, "!miniTicker@arr")] == [["BTCUSDT"]]


@pytest.mark.parametrize("stream", ["btcusdt@kline_7m", "btcusdt@kline_", "xxx@ticker", "!nothing@arr", "btcusdt@tick"])
def test_what_is_no_stream_stays_silent(desk: Desk, stream: str) -> None:
    assert not desk.exchange.futures.subscribe(stream)


def test_spot_answers_about_the_symbols_that_were_asked_for() -> None:
    client = Client()
    named = {"symbols": '["BTCUSDT"]'}
    for path in ("exchangeInfo", "ticker/24hr", "ticker/price", "ticker/bookTicker", "ticker", "ticker/tradingDay"):
        answer = json.loads(client.send("GET", f"/api/v3/{path}", named).body)
        assert [each["symbol"] for each in (answer if isinstance(answer, list) else answer["symbols"])] == ["BTCUSDT"]
        assert client.code("GET", f"/api/v3/{path}", {"symbols": '["BTCUSDT","NOPE"]'}) == (400, -1121)
        assert client.code("GET", f"/api/v3/{path}", {**named, **BTC}) == (400, -1128)
    assert client.code("GET", "/api/v3/ticker") == (400, -1128)
    mini = json.loads(client.send("GET", "/api/v3/ticker/24hr", {**BTC, "type": "MINI"}).body)
    assert "bidPrice" not in mini
    assert mini["count"] == 0


@pytest.mark.parametrize(
    ("path", "answer"),
    [("openOrderList", []), ("allOrderList", []), ("myAllocations", []), ("myPreventedMatches", [])],
)
def test_what_spot_never_has_is_empty(path: str, answer: list[Any]) -> None:
    assert json.loads(Client().send("GET", f"/api/v3/{path}", BTC, signed=True).body) == answer


def test_order_lists_are_refused_in_the_venues_words() -> None:
    for path in ("order/oco", "orderList/oco", "orderList/oto", "orderList/otoco"):
        assert Client().code("POST", f"/api/v3/{path}", BTC, signed=True) == (400, -2010)


def test_open_interest_is_what_users_and_crowd_hold() -> None:
    desk = Desk()
    futures = desk.exchange.futures
    assert futures.open_interest(BTC, desk.now)["openInterest"] == "0.000"
    desk.market(desk.ann, "BUY", "0.010")
    desk.market(desk.bob, "SELL", "0.004")
    assert futures.open_interest(BTC, desk.now)["openInterest"] == "0.010"
    assert [each["symbol"] for each in desk.ask("adl_quantiles", desk.ann)] == ["BTCUSDT"]
    assert futures.adl_risk(BTC, desk.now)["adlRisk"] == "low"


def test_margin_of_a_cross_position_cannot_be_changed() -> None:
    client = Client()
    params = {**BTC, "amount": "1", "type": "1"}
    assert client.code("POST", "/fapi/v1/positionMargin", params, signed=True) == (400, -4054)
    assert json.loads(client.send("GET", "/fapi/v1/positionMargin/history", BTC, signed=True).body) == []
