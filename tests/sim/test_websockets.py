"""Websockets over real sockets: streams, user streams, the order API, the rules of a connection, and every fault."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import aiohttp
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from mmbot.sim.exchange import ExchangeConfig
from mmbot.sim.faults import Fault, FaultKind, FaultPlan
from mmbot.sim.server import SimServer
from mmbot.sim.server_config import Account, ConnectionRules, ServerConfig

if TYPE_CHECKING:
    from pathlib import Path

ED_KEY = ed25519.Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)
PEM = ED_KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
FUTURES, SPOT = "binance_usdm", "binance_spot"


class Client:
    """A small venue client: signs, asks, listens."""

    def __init__(self, server: SimServer, http: aiohttp.ClientSession) -> None:
        self.server = server
        self.http = http
        self.key, self.secret = server.credentials()

    def signed(self, params: dict) -> dict:
        params = {**params, "apiKey": self.key, "timestamp": int(time.time() * 1000)}
        payload = "&".join(f"{name}={params[name]}" for name in sorted(params))
        return {**params, "signature": hmac.new(self.secret.encode(), payload.encode(), hashlib.sha256).hexdigest()}

    def signed_ed25519(self, params: dict) -> dict:
        params = {**params, "apiKey": "ed", "timestamp": int(time.time() * 1000)}
        payload = "&".join(f"{name}={params[name]}" for name in sorted(params))
        return {**params, "signature": base64.b64encode(ED_KEY.sign(payload.encode())).decode()}

    async def ask(self, socket, method: str, params: dict | None = None, request_id: object = 1) -> dict:
        await socket.send_json({"id": request_id, "method": method, "params": params or {}})
        while True:
            answer = await next_message(socket)
            if "status" in answer:
                return answer

    async def get(self, path: str) -> dict:
        async with self.http.get(self.server.futures.rest + path) as response:
            return await response.json()

    async def listen_key(self) -> str:
        async with self.http.post(
            f"{self.server.futures.rest}/fapi/v1/listenKey", headers={"X-MBX-APIKEY": self.key}
        ) as response:
            return (await response.json())["listenKey"]

    async def order(self, share: float = 0.99) -> dict:
        bid = float((await self.get("/fapi/v1/depth?symbol=BTCUSDT&limit=5"))["bids"][0][0])
        return {
            "symbol": "BTCUSDT",
            "side": "BUY",
            "type": "LIMIT",
            "timeInForce": "GTC",
            "quantity": "0.010",
            "price": f"{bid * share:.1f}",
        }


@asynccontextmanager
async def running(**config):
    account = Account(ed25519_key="ed", public_key_pem=PEM)
    exchange = config.pop("exchange", ExchangeConfig(seed=7))
    async with SimServer(ServerConfig(exchange=exchange, accounts=(account,), **config)) as server:  # noqa: SIM117
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=server.client_ssl() or True)) as http:
            yield Client(server, http)


@pytest.fixture
async def client():
    async with running() as one:
        yield one


async def next_message(socket, timeout_s: float = 5.0) -> dict:
    message = await asyncio.wait_for(socket.receive(), timeout_s)
    assert message.type is aiohttp.WSMsgType.TEXT, message
    return json.loads(message.data)


async def end_of(socket) -> int | None:
    """Read until the connection ends; its close code."""
    async with asyncio.timeout(5):
        while (await socket.receive()).type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.PING):
            pass
    return socket.close_code


async def wait_for(condition, timeout_s: float = 5.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - the server has no event for everything
            await asyncio.sleep(0.01)


# -- streams ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tls", [False, True])
async def test_raw_combined_and_routed_paths(tls: bool):
    async with running(tls=tls) as client:
        urls = client.server.futures
        for path in ("/ws/btcusdt@depth@0ms", "/public/ws/btcusdt@depth@0ms"):
            async with client.http.ws_connect(urls.ws + path) as socket:
                assert (await next_message(socket))["e"] == "depthUpdate"
        for path in (
            "/stream?streams=btcusdt@bookTicker/ethusdt@bookTicker",
            "/public/stream?streams=btcusdt@bookTicker",
        ):
            async with client.http.ws_connect(urls.ws + path) as socket:
                message = await next_message(socket)
                assert message["data"]["e"] == "bookTicker"
                assert message["stream"].endswith("@bookTicker")
        async with client.http.ws_connect(urls.ws + "/market/ws") as socket:
            await socket.send_json({"method": "SUBSCRIBE", "params": ["btcusdt@depth@0ms"], "id": 1})
            assert await next_message(socket) == {"result": None, "id": 1}
            with pytest.raises(TimeoutError):
                await next_message(socket, 0.3)


async def test_diff_depth_joins_the_snapshot_and_has_no_gap(client: Client):
    async with client.http.ws_connect(client.server.futures.ws + "/public/ws/btcusdt@depth@0ms") as socket:
        first = await next_message(socket)
        snapshot = await client.get("/fapi/v1/depth?symbol=BTCUSDT&limit=1000")
        last, joined = first["u"], first["U"] <= snapshot["lastUpdateId"] <= first["u"]
        for _ in range(500):
            event = await next_message(socket)
            assert event["pu"] == last
            joined |= event["U"] <= snapshot["lastUpdateId"] <= event["u"]
            last = event["u"]
        assert joined


async def test_several_thousand_messages_a_second_reach_one_client():
    async with running(exchange=ExchangeConfig(seed=7, activity=12.0)) as client:
        streams = "btcusdt@depth@0ms/ethusdt@depth@0ms/btcusdt@bookTicker/ethusdt@bookTicker"
        async with client.http.ws_connect(f"{client.server.futures.ws}/public/stream?streams={streams}") as socket:
            await next_message(socket)
            began, count = time.perf_counter(), 0
            while time.perf_counter() - began < 1.0:
                await next_message(socket)
                count += 1
        assert count > 1500, "client and server share this process"


async def test_too_many_incoming_messages_cut_the_connection(client: Client):
    async with client.http.ws_connect(client.server.futures.ws + "/ws") as socket:
        for number in range(22):
            await socket.send_json({"method": "LIST_SUBSCRIPTIONS", "id": number})
        assert await end_of(socket) == 1008


async def test_pings_age_and_silence():
    rules = ConnectionRules(max_age_s=1.2, ping_interval_s=0.2, pong_timeout_s=0.6)

    async def pings_until_cut(socket) -> int:
        count = 0
        async with asyncio.timeout(5):
            while (await socket.receive()).type is aiohttp.WSMsgType.PING:
                count += 1
        return count

    async with running(rules=rules) as client:
        url = client.server.futures.ws + "/ws"
        async with client.http.ws_connect(url, autoping=False) as silent, client.http.ws_connect(url) as good:
            pings, code = await asyncio.gather(pings_until_cut(silent), end_of(good))
            assert pings >= 2
            assert silent.close_code == 1006, "no pong"
            assert code == 1000, "too old"


async def test_a_client_that_does_not_read_is_cut_off():
    rules = ConnectionRules(max_backlog_bytes=100_000)
    async with running(rules=rules, exchange=ExchangeConfig(seed=7, activity=12.0)) as client:
        host = client.server.futures.ws.removeprefix("ws://")
        name, port = host.split(":")
        reader, writer = await asyncio.open_connection(name, int(port), limit=1024)
        streams = "/".join(
            f"{symbol}@depth20@100ms/{symbol}@depth@0ms/{symbol}@bookTicker" for symbol in ("btcusdt", "ethusdt")
        )
        writer.write(
            f"GET /stream?streams={streams} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.pause_reading()
        await wait_for(lambda: client.server.status()["venues"][FUTURES]["slow_consumers"], 20.0)
        writer.transport.abort()


async def test_a_banned_address_gets_no_websocket(client: Client):
    client.server.inject(Fault(kind=FaultKind.BAN, venue=FUTURES, duration_ms=5000))
    for url in (client.server.futures.ws + "/ws", client.server.futures.ws_api):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await client.http.ws_connect(url)
        assert refused.value.status == 418
    async with client.http.ws_connect(client.server.spot.ws + "/ws"):
        pass


async def test_a_recording_is_played_as_fast_as_it_is_consumed(data_dir: Path):
    recordings = {(FUTURES, "BTCUSDT"): next((data_dir / "recordings" / "binance" / "usdm").glob("btcusdt*"))}
    exchange = ExchangeConfig(source="recording", recordings=recordings, speed=0, symbols=("BTCUSDT",))
    async with running(exchange=exchange) as client:
        await asyncio.sleep(0.2)
        snapshot = await client.get("/fapi/v1/depth?symbol=BTCUSDT&limit=1000")
        async with client.http.ws_connect(client.server.futures.ws + "/public/ws/btcusdt@depth@0ms") as socket:
            event = await next_message(socket)
            assert event["pu"] <= snapshot["lastUpdateId"] <= event["u"], "nothing was played before anybody listened"
            for _ in range(2000):
                last, event = event, await next_message(socket)
                assert event["pu"] == last["u"]


# -- user streams and the order API -----------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/private/ws?listenKey={}", "/ws/{}", "/private/stream?listenKey={}"])
async def test_futures_order_over_websocket_and_its_private_events(client: Client, path: str):
    key = await client.listen_key()
    async with (
        client.http.ws_connect(client.server.futures.ws + path.format(key)) as private,
        client.http.ws_connect(client.server.futures.ws_api) as orders,
    ):
        order = await client.order()
        placed = await client.ask(orders, "order.place", client.signed({**order, "newClientOrderId": "x1"}), "a")
        assert (placed["id"], placed["status"], placed["result"]["status"]) == ("a", 200, "NEW")
        limits = {(limit["rateLimitType"], limit["interval"]): limit["count"] for limit in placed["rateLimits"]}
        assert limits[("ORDERS", "SECOND")] == limits[("ORDERS", "MINUTE")] == 1
        who = {"symbol": "BTCUSDT", "origClientOrderId": "x1"}
        amended = await client.ask(
            orders, "order.modify", client.signed({**who, "side": "BUY", "quantity": "0.020", "price": order["price"]})
        )
        assert amended["result"]["origQty"] == "0.020"
        assert (await client.ask(orders, "order.status", client.signed(who)))["result"]["status"] == "NEW"
        assert (await client.ask(orders, "order.cancel", client.signed(who)))["result"]["status"] == "CANCELED"
        gone = await client.ask(orders, "order.cancel", client.signed(who))
        assert (gone["status"], gone["error"]["code"]) == (400, -2011)
        market = {"symbol": "BTCUSDT", "side": "SELL", "type": "MARKET", "quantity": "0.010"}
        assert (await client.ask(orders, "order.place", client.signed(market)))["status"] == 200
        kinds = []
        while ("ORDER_TRADE_UPDATE", "FILLED") not in kinds or kinds[-1][0] != "ACCOUNT_UPDATE":
            event = await next_message(private)
            if "stream" in event:
                assert event["stream"] == key
                event = event["data"]
            kinds.append((event["e"], event.get("o", {}).get("X")))
        states = [state for kind, state in kinds if kind == "ORDER_TRADE_UPDATE"]
        assert states == ["NEW", "NEW", "CANCELED", "NEW", "FILLED"]
        assert ("TRADE_LITE", None) in kinds
        position = await client.ask(orders, "v2/account.position", client.signed({}))
        assert position["result"][0]["positionAmt"] == "-0.010"
        assert (await client.ask(orders, "v2/account.balance", client.signed({})))["result"][0]["asset"] == "USDT"
        assert (await client.ask(orders, "account.status", client.signed({})))["result"]["canTrade"] is True


async def test_spot_order_over_websocket_and_events_on_the_same_socket(client: Client):
    async with client.http.ws_connect(client.server.spot.ws_api) as socket:
        assert (await client.ask(socket, "userDataStream.subscribe"))["error"]["code"] == -1002
        subscribed = await client.ask(socket, "userDataStream.subscribe.signature", client.signed({}))
        assert subscribed["result"] == {"subscriptionId": 0}
        assert (await client.ask(socket, "userDataStream.subscribe.signature", client.signed({})))["error"][
            "code"
        ] == -2035
        ticker = (await client.ask(socket, "ticker.book", {"symbol": "BTCUSDT"}))["result"]
        price = f"{float(ticker['bidPrice']) * 0.99:.2f}"
        order = {
            "symbol": "BTCUSDT",
            "side": "BUY",
            "type": "LIMIT_MAKER",
            "quantity": "0.02",
            "price": price,
            "newClientOrderId": "s1",
        }
        await socket.send_json({"id": 5, "method": "order.place", "params": client.signed(order)})
        seen = [await next_message(socket) for _ in range(3)]
        assert {message.get("id") for message in seen} == {5, None}
        events = [message["event"] for message in seen if "event" in message]
        assert [event["e"] for event in events] == ["executionReport", "outboundAccountPosition"]
        who = {"symbol": "BTCUSDT", "origClientOrderId": "s1"}
        smaller = await client.ask(socket, "order.amend.keepPriority", client.signed({**who, "newQty": "0.01"}))
        assert smaller["status"] == 200, smaller
        replaced = await client.ask(
            socket,
            "order.cancelReplace",
            client.signed(
                {
                    **order,
                    "newClientOrderId": "s2",
                    "cancelReplaceMode": "STOP_ON_FAILURE",
                    "cancelOrigClientOrderId": "s1",
                }
            ),
        )
        assert replaced["status"] == 200, replaced
        assert len((await client.ask(socket, "openOrders.status", client.signed({"symbol": "BTCUSDT"})))["result"]) == 1
        assert (
            len((await client.ask(socket, "openOrders.cancelAll", client.signed({"symbol": "BTCUSDT"})))["result"]) == 1
        )
        assert (await client.ask(socket, "session.subscriptions"))["result"] == [{"subscriptionId": 0}]
        assert (await client.ask(socket, "userDataStream.unsubscribe"))["result"] == {}


async def test_logging_on_with_ed25519_spares_signatures(client: Client):
    async with client.http.ws_connect(client.server.spot.ws_api) as socket:
        now = int(time.time() * 1000)
        refused = await client.ask(socket, "session.logon", client.signed({}))
        assert refused["error"]["code"] == -4056
        assert (await client.ask(socket, "account.status", {"timestamp": now}))["error"]["code"] == -1102
        session = (await client.ask(socket, "session.logon", client.signed_ed25519({})))["result"]
        assert (session["apiKey"], session["userDataStream"]) == ("ed", False)
        assert (await client.ask(socket, "account.status", {"timestamp": now}))["result"]["canTrade"] is True
        assert (await client.ask(socket, "account.status", {"timestamp": now - 6000}))["error"]["code"] == -1021
        assert (await client.ask(socket, "userDataStream.subscribe"))["result"] == {"subscriptionId": 0}
        assert (await client.ask(socket, "session.status"))["result"]["userDataStream"] is True
        assert (await client.ask(socket, "session.logout"))["result"]["apiKey"] is None
        assert (await client.ask(socket, "account.status", {"timestamp": now}))["error"]["code"] == -1102


async def test_nonsense_to_the_order_api_is_answered(client: Client):
    async with client.http.ws_connect(client.server.futures.ws_api) as socket:
        for text, code in (
            ("{", -1135),
            ("[]", -1135),
            ('{"id":1}', -1102),
            ('{"id":1,"method":"no.such"}', -1020),
            ('{"id":[],"method":"time"}', -1130),
            ('{"id":1,"method":"order.place","params":{"type":["LIMIT"]}}', -1130),
        ):
            await socket.send_str(text)
            assert (await next_message(socket))["error"]["code"] == code
        quiet = await client.ask(socket, "time", {"returnRateLimits": False})
        assert quiet.keys() == {"id", "status", "result"}
        bad = client.signed({"symbol": "BTCUSDT"}) | {"signature": "0" * 64}
        assert (await client.ask(socket, "order.status", bad))["error"]["code"] == -1022


async def test_a_listen_key_expires_and_says_so():
    async with running(rules=ConnectionRules(listen_key_s=0.3)) as client:
        key = await client.listen_key()
        async with client.http.ws_connect(f"{client.server.futures.ws}/private/ws?listenKey={key}") as socket:
            event = await next_message(socket)
            assert (event["e"], event["listenKey"]) == ("listenKeyExpired", key)


# -- faults -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "code"), [(FaultKind.DISCONNECT, 1000), (FaultKind.ABORT, 1006)])
async def test_disconnects(client: Client, kind: FaultKind, code: int):
    async with (
        client.http.ws_connect(client.server.futures.ws + "/ws/btcusdt@depth@0ms") as market,
        client.http.ws_connect(client.server.futures.ws_api) as orders,
    ):
        await next_message(market)
        client.server.inject(Fault(kind=kind, target="market"))
        assert await end_of(market) == code
        assert (await client.ask(orders, "ping"))["status"] == 200
        client.server.inject(Fault(kind=kind, target="orders"))
        assert await end_of(orders) == code
    assert client.server.injector.injected == {kind: 2}


async def test_a_stale_stream_stays_connected_and_wakes_up(client: Client):
    async with client.http.ws_connect(client.server.futures.ws + "/ws/btcusdt@depth@0ms") as socket:
        await next_message(socket)
        client.server.inject(Fault(kind=FaultKind.STALE, duration_ms=600))
        longest, last, end = 0.0, time.perf_counter(), time.perf_counter() + 1.2
        while time.perf_counter() < end:
            await next_message(socket)
            longest, last = max(longest, time.perf_counter() - last), time.perf_counter()
        assert longest > 0.5


@pytest.mark.parametrize(
    ("kind", "broken"),
    [
        (FaultKind.DROP_FRAME, True),
        (FaultKind.SEQUENCE_GAP, True),
        (FaultKind.REORDER_FRAMES, True),
        (FaultKind.DUPLICATE_FRAME, True),
        (None, False),
    ],
)
async def test_spoilt_frames_break_the_sequence_on_the_wire(client: Client, kind: FaultKind | None, broken: bool):
    async with client.http.ws_connect(client.server.futures.ws + "/ws/btcusdt@depth@0ms") as socket:
        last = (await next_message(socket))["u"]
        if kind:
            client.server.inject(Fault(kind=kind, stream="depth"))
        seen = False
        for _ in range(100):
            event = await next_message(socket)
            seen |= event["pu"] != last
            last = event["u"]
        assert seen is broken


@pytest.mark.parametrize(("mode", "seen"), [("error_503", 503), ("timeout", -1007), ("silence", None), ("close", 1006)])
async def test_an_acknowledgement_is_lost_but_the_order_lives(client: Client, mode: str, seen: int | None):
    async with client.http.ws_connect(client.server.futures.ws_api) as socket:
        order = {**await client.order(), "newClientOrderId": "lost"}
        client.server.inject(Fault(kind=FaultKind.LOST_ACK, mode=mode))
        await socket.send_json({"id": 1, "method": "order.place", "params": client.signed(order)})
        if mode == "close":
            assert await end_of(socket) == seen
        elif mode == "silence":
            with pytest.raises(TimeoutError):
                await next_message(socket, 0.3)
        else:
            answer = await next_message(socket)
            assert seen in (answer["status"], answer["error"]["code"])
    async with client.http.ws_connect(client.server.futures.ws_api) as socket:
        found = await client.ask(
            socket, "order.status", client.signed({"symbol": "BTCUSDT", "origClientOrderId": "lost"})
        )
        assert found["result"]["status"] == "NEW"
    assert client.server.injector.injected == {"lost_ack": 1}


async def test_rest_acknowledgements_are_lost_and_late_too(client: Client):
    def query(**extra) -> str:
        params = {**order, "timestamp": int(time.time() * 1000), **extra}
        text = "&".join(f"{name}={value}" for name, value in params.items())
        return f"{url}?{text}&signature={hmac.new(client.secret.encode(), text.encode(), hashlib.sha256).hexdigest()}"

    url, order = f"{client.server.futures.rest}/fapi/v1/order", await client.order()
    headers = {"X-MBX-APIKEY": client.key}
    client.server.inject(Fault(kind=FaultKind.LOST_ACK))
    async with client.http.post(query(), headers=headers) as response:
        assert response.status == 503
        assert (await response.json())["msg"] == "Unknown error, please check your request or try again later."
    client.server.inject(Fault(kind=FaultKind.LOST_ACK, mode="close"))
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await client.http.post(query(), headers=headers)
    client.server.inject(Fault(kind=FaultKind.SLOW_ACK, delay_ms=300))
    began = time.perf_counter()
    async with client.http.post(query(), headers=headers) as response:
        assert response.status == 200
    assert time.perf_counter() - began > 0.28
    open_orders = client.server.exchange.futures.open_orders(
        client.server.user(), {"symbol": "BTCUSDT"}, time.time_ns()
    )
    assert len(open_orders) == 3, "all three live"


async def test_slow_answers_rejections_limits_and_clock_skew(client: Client):
    async with client.http.ws_connect(client.server.futures.ws_api) as socket:
        order = await client.order()
        client.server.inject(Fault(kind=FaultKind.SLOW_ACK, delay_ms=300))
        began = time.perf_counter()
        assert (await client.ask(socket, "order.place", client.signed(order)))["status"] == 200
        assert time.perf_counter() - began > 0.28
        client.server.inject(Fault(kind=FaultKind.REJECT, venue=FUTURES, code=-2019, msg="Margin is insufficient."))
        assert (await client.ask(socket, "order.place", client.signed(order)))["error"] == {
            "code": -2019,
            "msg": "Margin is insufficient.",
        }
        assert (await client.ask(socket, "order.place", client.signed(order)))["status"] == 200
        for kind, status in ((FaultKind.RATE_LIMIT, 429), (FaultKind.BAN, 418)):
            client.server.inject(Fault(kind=kind, venue=FUTURES, duration_ms=200))
            answer = await client.ask(socket, "time")
            assert (answer["status"], answer["error"]["code"]) == (status, -1003)
            assert answer["error"]["data"]["retryAfter"] > answer["error"]["data"]["serverTime"]
            await asyncio.sleep(0.25)
            assert (await client.ask(socket, "time"))["status"] == 200
        client.server.inject(Fault(kind=FaultKind.CLOCK_SKEW, skew_ms=9000, duration_ms=200))
        assert (await client.ask(socket, "order.place", client.signed(order)))["error"]["code"] == -1021
        await asyncio.sleep(0.25)
        assert (await client.ask(socket, "order.place", client.signed(order)))["status"] == 200


async def test_a_fill_is_told_twice_with_one_trade_id(client: Client):
    key = await client.listen_key()
    async with (
        client.http.ws_connect(
            f"{client.server.futures.ws}/private/ws?listenKey={key}&events=ORDER_TRADE_UPDATE"
        ) as private,
        client.http.ws_connect(client.server.futures.ws_api) as orders,
    ):
        client.server.inject(Fault(kind=FaultKind.DUPLICATE_FILL, venue=FUTURES))
        market = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.010"}
        await client.ask(orders, "order.place", client.signed(market))
        new, first, second = [await next_message(private) for _ in range(3)]
        assert new["o"]["x"] == "NEW"
        assert first["o"]["t"] == second["o"]["t"] > 0
        trades = [fill["tradeId"] for fill in client.server.ledger()[FUTURES]["fills"]]
        assert trades.count(first["o"]["t"]) == 1


async def test_slow_matching_keeps_an_order_out_of_the_book(client: Client):
    async with client.http.ws_connect(client.server.futures.ws_api) as orders:
        client.server.inject(Fault(kind=FaultKind.SLOW_MATCHING, venue=FUTURES, delay_ms=300, duration_ms=100))
        await asyncio.sleep(0)
        market = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.010"}
        assert (await client.ask(orders, "order.place", client.signed(market)))["status"] == 200
        assert client.server.ledger()[FUTURES]["fills"] == []
        await wait_for(lambda: client.server.ledger()[FUTURES]["fills"])


async def test_a_plan_runs_by_itself():
    plan = FaultPlan(
        seed=3,
        per_minute={FaultKind.DROP_FRAME: 600.0},
        events=(Fault(kind=FaultKind.ABORT, at_s=0.5, target="market"),),
    )
    async with running(faults=plan) as client:
        async with client.http.ws_connect(client.server.futures.ws + "/ws/btcusdt@depth@0ms") as socket:
            assert await end_of(socket) == 1006
        injected = client.server.injector.injected
        assert injected["abort"] == 1
        assert injected["drop_frame"] >= 1


# -- the side door ----------------------------------------------------------------------------------------------


async def test_control_over_http(client: Client):
    base = client.server.spot.rest
    async with client.http.post(f"{base}/sim/faults", json=[{"kind": "drop_frame", "stream": "trade"}]) as response:
        status = await response.json()
        assert status["faults"]["waiting"] == ["drop_frame"]
    async with client.http.post(f"{base}/sim/faults", json={"kind": "drop_frames"}) as response:
        assert response.status == 400
    async with client.http.get(f"{base}/sim/ledger?account=main") as response:
        assert (await response.json())[FUTURES]["balances"]["USDT"] == "100000.00000000"
    async with client.http.get(f"{base}/sim/ledger?account=nobody") as response:
        assert response.status == 400
    async with client.http.delete(f"{base}/sim/limits") as response:
        assert response.status == 200


async def test_clients_are_told_of_a_shutdown():
    async with aiohttp.ClientSession() as http:
        async with SimServer(ServerConfig(exchange=ExchangeConfig(seed=7))) as server:
            socket = await http.ws_connect(server.spot.ws + "/stream?streams=btcusdt@trade")

            async def listen() -> tuple[dict, int | None]:
                while (message := await next_message(socket)).get("stream") != "!serverShutdown":
                    pass
                return message, await end_of(socket)

            listening = asyncio.create_task(listen())
            await asyncio.sleep(0.05)
        message, code = await listening
        assert message["data"]["e"] == "serverShutdown"
        assert code == 1001
