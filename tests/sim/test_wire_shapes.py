"""Answers and events have every key of the venue's documented samples, and nothing of another type."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from rest_client import Client

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

START_NS = 1_750_000_000_000_000_000
BTC = {"symbol": "BTCUSDT"}

REST = [
    ("futures/http_json/account_info_v2.json", "/fapi/v2/account"),
    ("futures/http_json/position_risk.json", "/fapi/v2/positionRisk"),
    ("py_http/http_futures_market_depth.json", "/fapi/v1/depth"),
    ("py_http/http_futures_market_exchange_info.json", "/fapi/v1/exchangeInfo"),
    ("py_http/http_futures_market_premium_index.json", "/fapi/v1/premiumIndex"),
    ("py_http/http_futures_market_ticker_24hr.json", "/fapi/v1/ticker/24hr"),
    ("py_http/http_futures_market_trades.json", "/fapi/v1/trades"),
    ("py_http/http_futures_wallet_commission_rate_btcusdt.json", "/fapi/v1/commissionRate"),
    ("py_http/http_spot_market_avg_price.json", "/api/v3/avgPrice"),
    ("py_http/http_spot_market_book_ticker.json", "/api/v3/ticker/bookTicker"),
    ("py_http/http_spot_market_depth.json", "/api/v3/depth"),
    ("py_http/http_spot_market_ticker_price.json", "/api/v3/ticker/price"),
    ("py_http/http_spot_market_time.json", "/api/v3/time"),
    ("py_http/http_spot_market_trades.json", "/api/v3/trades"),
    ("py_http/http_wallet_trading_fees.json", "/sapi/v1/asset/tradeFee"),
    ("spot/http_json/account_response.json", "/api/v3/account"),
    ("spot/http_json/exchange_info_response.json", "/api/v3/exchangeInfo"),
]
STREAMS = [
    ("futures/market_data_json/agg_trade_stream.json", "btcusdt@aggTrade"),
    ("futures/market_data_json/book_ticker_stream.json", "btcusdt@bookTicker"),
    ("futures/market_data_json/depth_update_stream.json", "btcusdt@depth@100ms"),
    ("futures/market_data_json/mark_price_stream.json", "btcusdt@markPrice@1s"),
    ("futures/market_data_json/trade_stream.json", "btcusdt@trade"),
]
# Keys of newer documents that the recorded feeds do not have: stream type, pair.
NEWER = {"st", "ps"}
# Of conditional orders; of smart order routing, shown only where there is some.
ELSEWHERE = {"activatePrice", "priceRate", "sors"}


def sample(data_dir: Path, name: str):
    return json.loads((data_dir / "messages" / "binance" / name).read_text())


def differences(expected, found, where: str = "") -> Iterator[str]:
    """What `found` lacks of `expected`, key by key and down into lists (their first entries)."""
    if isinstance(expected, dict) and isinstance(found, dict):
        for key, value in expected.items():
            if key in NEWER | ELSEWHERE:
                continue
            if key not in found:
                yield f"{where}.{key} is missing"
            elif key not in ("filters", "rateLimits", "orderTypes", "permissions", "permissionSets"):
                yield from differences(value, found[key], f"{where}.{key}")
    elif isinstance(expected, list) and isinstance(found, list):
        if expected and found:
            yield from differences(expected[0], found[0], f"{where}[]")
    elif expected is not None and found is not None and not _alike(expected, found):
        yield f"{where}: expected like {expected!r}, found {found!r}"


def _alike(expected, found) -> bool:
    return type(expected) is type(found) or (isinstance(expected, int | float) and isinstance(found, int | float))


@pytest.fixture(scope="module")
def trader() -> Client:
    """A client of a market that has traded, with a position and an open order on both venues."""
    client = Client()
    client.now_ms = START_NS // 1_000_000
    exchange = client.server.exchange
    for _ in range(40):
        client.now_ms += 100
        while exchange.advance(client.now_ms * 1_000_000) <= client.now_ms * 1_000_000:
            pass
    for path, extra in (("/fapi/v1/order", {"timeInForce": "GTC"}), ("/api/v3/order", {"timeInForce": "GTC"})):
        reply = client.send("POST", path, {**BTC, "side": "BUY", "type": "MARKET", "quantity": "0.01"}, signed=True)
        assert reply.status == 200, reply.body
        order = {
            **BTC,
            "side": "BUY",
            "type": "LIMIT",
            "quantity": "0.01",
            "price": f"{client.bid() * 0.98:.1f}",
            **extra,
        }
        reply = client.send("POST", path, order, signed=True)
        assert reply.status == 200, reply.body
    return client


@pytest.mark.parametrize(("name", "path"), REST)
def test_rest_answers(trader: Client, data_dir: Path, name: str, path: str):
    params = {} if path.endswith(("Info", "time", "account")) else BTC
    reply = trader.send(
        "GET", path, params, signed="account" in path or "position" in path or "ommission" in path or "sapi" in path
    )
    assert reply.status == 200, reply.body
    assert list(differences(sample(data_dir, name), json.loads(reply.body))) == []


@pytest.mark.parametrize(
    ("name", "method", "path", "extra"),
    [
        ("futures/http_json/order_response.json", "GET", "/fapi/v1/order", {}),
        ("py_http/http_futures_account_orders.json", "GET", "/fapi/v1/allOrders", {}),
        ("spot/http_json/order_response.json", "GET", "/api/v3/order", {}),
        ("spot/http_json/all_orders_response.json", "GET", "/api/v3/allOrders", {}),
        ("spot/http_json/cancel_order_response.json", "DELETE", "/api/v3/order", {}),
        ("spot/http_json/cancel_open_orders_response.json", "DELETE", "/api/v3/openOrders", {}),
        (
            "spot/http_json/new_order_full_response.json",
            "POST",
            "/api/v3/order",
            {"type": "MARKET", "newOrderRespType": "FULL"},
        ),
    ],
)
def test_order_answers(trader: Client, data_dir: Path, name: str, method: str, path: str, extra: dict):  # noqa: PLR0917
    order = {
        **BTC,
        "side": "BUY",
        "type": "LIMIT",
        "quantity": "0.01",
        "price": f"{trader.bid() * 0.98:.1f}",
        "timeInForce": "GTC",
    }
    if extra:
        params = {**BTC, "side": "SELL", "quantity": "0.01", **extra}
    else:
        venue = path.split("/")[1:3]
        placed = json.loads(trader.send("POST", f"/{venue[0]}/{venue[1]}/order", order, signed=True).body)
        params = dict(BTC) if "rders" in path else {**BTC, "orderId": placed["orderId"]}
    reply = trader.send(method, path, params, signed=True)
    assert reply.status == 200, reply.body
    assert list(differences(sample(data_dir, name), json.loads(reply.body))) == []


@pytest.mark.parametrize(("name", "stream"), STREAMS)
def test_market_streams(trader: Client, data_dir: Path, name: str, stream: str):
    exchange = trader.server.exchange
    assert exchange.futures.subscribe(stream)
    exchange.take_events()
    found = None
    for _ in range(100):
        trader.now_ms += 50
        while exchange.advance(trader.now_ms * 1_000_000) <= trader.now_ms * 1_000_000:
            pass
        found = next(
            (event.payload for event in exchange.take_events() if getattr(event, "stream", "") == stream), None
        )
        if found:
            break
    exchange.futures.unsubscribe(stream)
    assert found, "the stream is silent"
    assert list(differences(sample(data_dir, name), json.loads(found))) == []


def test_private_events(trader: Client, data_dir: Path):
    exchange = trader.server.exchange
    exchange.take_events()
    for path in ("/fapi/v1/order", "/api/v3/order"):
        reply = trader.send("POST", path, {**BTC, "side": "SELL", "type": "MARKET", "quantity": "0.01"}, signed=True)
        assert reply.status == 200, reply.body
    events: dict[tuple[str, str], dict] = {}
    for event in exchange.take_events():
        if hasattr(event, "user"):
            body = event.payload
            events[
                body["e"],
                body.get("o", body).get("x", "") if isinstance(body.get("o", body), dict) else body.get("x", ""),
            ] = body
    expected = {
        ("ORDER_TRADE_UPDATE", "TRADE"): "futures/user_data_json/order_update_trade.json",
        ("ORDER_TRADE_UPDATE", "NEW"): "futures/user_data_json/order_update_new.json",
        ("ACCOUNT_UPDATE", ""): "futures/user_data_json/account_update.json",
        ("TRADE_LITE", ""): "futures/user_data_json/trade_lite.json",
        ("executionReport", "NEW"): "spot/user_data_json/execution_report_new.json",
        ("executionReport", "TRADE"): "spot/user_data_json/execution_report_new.json",
        ("outboundAccountPosition", ""): "spot/user_data_json/account_position.json",
    }
    optional = {"AP", "cr", "n", "N"}  # of trailing stops; of fills
    for key, name in expected.items():
        assert key in events, (key, list(events))
        lacking = [
            text
            for text in differences(sample(data_dir, name), events[key])
            if text.split()[0].rpartition(".")[2] not in optional
        ]
        assert lacking == [], key
