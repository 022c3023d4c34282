"""REST without a socket: every recorded client request is understood, refusals are worded as the venue words them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from rest_client import NOW_MS, Client

from mmbot.sim import endpoints_futures, endpoints_spot
from mmbot.sim.limits import RateLimit
from mmbot.sim.rest import RestRequest

if TYPE_CHECKING:
    from pathlib import Path

SMALL = (
    RateLimit("REQUEST_WEIGHT", "MINUTE", 1, 20),
    RateLimit("ORDERS", "MINUTE", 1, 1200),
    RateLimit("ORDERS", "SECOND", 10, 3),
)

NOT_UNDERSTOOD = {-1021, -1022, -2014, -2015, -1100, -1101, -1102, -1104, -1130, -5000}


@pytest.fixture
def client() -> Client:
    return Client()


@pytest.mark.parametrize("name", ["binance", "binanceusdm"])
def test_requests_of_a_real_client_are_understood(client: Client, data_dir: Path, name: str):
    recorded = json.loads((data_dir / "requests" / "generated_by_ccxt" / f"{name}.json").read_text())
    assert recorded["now_ms"] == NOW_MS
    accepted = 0
    for vector in recorded["vectors"]:
        request = vector["request"]
        url = urlsplit(request["url"])
        key = request["headers"].get("X-MBX-APIKEY")
        reply = client.raw(RestRequest(request["method"], url.path, url.query, request["body"] or "", key))
        body = json.loads(reply.body)
        code = body.get("code", 200) if isinstance(body, dict) else 200
        assert code not in NOT_UNDERSTOOD, (vector["method"], vector["input"], body)
        assert reply.status in (200, 400), (vector["method"], body)
        accepted += reply.status == 200
    assert accepted >= 8, "queries and settings succeed; orders at that day's prices may be refused by a filter"


@pytest.mark.parametrize("table", [endpoints_futures, endpoints_spot])
def test_tables_hold_documented_paths_only(table):
    prefix = (
        ("/fapi/", "/sapi/", "/dapi/", "/eapi/")
        if table is endpoints_futures
        else ("/api/v3/", "/sapi/", "/dapi/", "/eapi/")
    )
    for method, path in table.REST:
        assert method in ("GET", "POST", "PUT", "DELETE")
        assert path.startswith(prefix)


def test_every_private_request_of_both_venues_answers(client: Client):
    """Nothing in the tables is a name without a method behind it."""
    for table in (endpoints_futures, endpoints_spot):
        for method, path in table.REST:
            if path in ("/fapi/v1/ping", "/api/v3/ping"):
                continue
            reply = client.send(method, path, {"symbol": "BTCUSDT"}, signed=True)
            assert reply.status in (200, 400), (method, path, reply)
            client.server.reset_limits()


def test_who_is_refused_and_how(client: Client):
    account = ("GET", "/fapi/v2/account")
    assert client.code(*account, api_key=None) == (401, -2014)
    assert client.code(*account, api_key="z" * 64) == (401, -2015)
    assert client.code(*account) == (400, -1102)
    assert client.code(*account, {"timestamp": NOW_MS, "signature": "00"}) == (400, -1022)
    assert client.code(*account, {"timestamp": NOW_MS - 5001, "signature": "00"}) == (400, -1021)
    assert client.code("GET", "/fapi/v1/nothing") == (404, -5000)
    assert client.code("PATCH", "/fapi/v1/order") == (404, -5000)
    reply = client.raw(RestRequest("GET", "/fapi/v1/depth", "symbol=BTCUSDT&symbol=ETHUSDT"))
    assert json.loads(reply.body)["code"] == -1101
    assert client.code("GET", "/fapi/v1/depth", {"symbol": "XXXUSDT"}) == (400, -1121)
    assert client.send("GET", *account[1:], signed=True).status == 200


def test_used_weight_and_order_counts_are_in_the_headers(client: Client):
    bid = client.bid()
    order = {
        "symbol": "BTCUSDT",
        "side": "BUY",
        "type": "LIMIT",
        "timeInForce": "GTC",
        "quantity": "0.01",
        "price": f"{bid * 0.99:.1f}",
    }
    reply = client.send("POST", "/fapi/v1/order", order, signed=True)
    assert reply.status == 200, reply.body
    assert (reply.headers["X-MBX-ORDER-COUNT-10S"], reply.headers["X-MBX-ORDER-COUNT-1M"]) == ("1", "1")
    assert reply.headers["X-MBX-USED-WEIGHT-1M"] == "2", "depth took 2, an order takes none"
    refused = client.send("POST", "/fapi/v1/order", {**order, "price": "1.23456"}, signed=True)
    assert refused.status == 400
    assert "X-MBX-ORDER-COUNT-10S" not in refused.headers


def test_limits_are_enforced_and_shown():
    client = Client(futures_limits=SMALL)
    shown = json.loads(client.send("GET", "/fapi/v1/exchangeInfo").body)["rateLimits"]
    assert shown[0] == {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 20}
    order = {
        "symbol": "BTCUSDT",
        "side": "BUY",
        "type": "LIMIT",
        "timeInForce": "GTC",
        "quantity": "0.01",
        "price": f"{client.bid() * 0.99:.1f}",
    }
    assert [client.send("POST", "/fapi/v1/order", order, signed=True).status for _ in range(4)] == [200, 200, 200, 429]
    assert client.code("POST", "/fapi/v1/order", order, signed=True) == (429, -1015)
    statuses = [client.send("GET", "/fapi/v1/time").status for _ in range(40)]
    assert set(statuses[:17]) == {200}
    assert statuses[17:27] == [429] * 10
    assert set(statuses[27:]) == {418}
    reply = client.send("GET", "/fapi/v1/time")
    assert int(reply.headers["Retry-After"]) == 120
    assert json.loads(reply.body).keys() == {"code", "msg"}
    client.now_ms += 121_000
    assert client.send("GET", "/fapi/v1/time").status == 200


def test_a_key_that_may_not_trade():
    client = Client()
    from mmbot.sim.auth import Credential

    client.server.keys.add(Credential(client.key, "main", secret=client.secret, can_trade=False))
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.01"}
    assert client.code("POST", "/fapi/v1/order", order, signed=True) == (401, -2015)
    assert client.send("GET", "/fapi/v2/account", signed=True).status == 200


def test_listen_keys(client: Client):
    start = client.send("POST", "/fapi/v1/listenKey")
    key = json.loads(start.body)["listenKey"]
    assert json.loads(client.send("POST", "/fapi/v1/listenKey").body)["listenKey"] == key
    assert json.loads(client.send("PUT", "/fapi/v1/listenKey").body) == {"listenKey": key}
    assert client.send("DELETE", "/fapi/v1/listenKey").body == b"{}"
    assert client.code("PUT", "/fapi/v1/listenKey", {"listenKey": key}) == (400, -1125)
    assert client.code("POST", "/api/v3/userDataStream", api_key=None) == (401, -2014)


def test_a_batch_of_nonsense(client: Client):
    path = "/fapi/v1/batchOrders"
    assert client.code("POST", path, signed=True) == (400, -1102)
    assert client.code("POST", path, {"batchOrders": "[{"}, signed=True) == (400, -1130)
    assert client.code("POST", path, {"batchOrders": "[" + ",".join(["{}"] * 6) + "]"}, signed=True) == (400, -4082)


def test_the_venue_clock_may_be_wrong(client: Client):
    client.server.clock.skew_ns = 3_000_000_000
    assert json.loads(client.send("GET", "/fapi/v1/time").body) == {"serverTime": NOW_MS + 3000}
    client.server.clock.skew_ns = 10_000_000_000
    assert client.code("GET", "/fapi/v2/account", signed=True) == (400, -1021)
