"""Every fault as a client on the other end of the socket sees it."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
import time
from urllib.parse import urlsplit

import aiohttp
import pytest
from socket_client import FUTURES, Client, end_of, next_message, running, wait_for

from mmbot.sim.faults import Fault, FaultKind, FaultPlan


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
        return f"{url}?{text}&signature={client.signature(text)}"

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


@pytest.mark.parametrize("path", ["/ws/btcusdt@depth", "/stream?streams=btcusdt@depth", "/ws-fapi/v1"])
async def test_a_client_that_dies_in_its_handshake_is_no_error(
    client: Client, path: str, caplog: pytest.LogCaptureFixture
):
    """It asks for a websocket and resets the connection, so that the answer finds it gone."""
    at = urlsplit(client.server.futures.ws_api if "fapi" in path else client.server.futures.ws)
    key = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
    request = f"GET {path} HTTP/1.1\r\nHost: sim\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{key}\r\n\r\n"
    for _ in range(20):  # without an await: the server sees the requests when their senders are gone
        with socket.create_connection((at.hostname, at.port)) as dying:
            dying.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            dying.sendall(request.encode())
    async with client.http.ws_connect(client.server.futures.ws + "/ws/btcusdt@depth") as living:
        await next_message(living)
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []
