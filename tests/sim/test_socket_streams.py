"""Market streams over real sockets: paths, sequence, speed, and the rules of a connection."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import aiohttp
import pytest
from socket_client import FUTURES, Client, end_of, next_message, running, wait_for

from mmbot.sim.exchange import ExchangeConfig
from mmbot.sim.faults import Fault, FaultKind
from mmbot.sim.server import SimServer
from mmbot.sim.server_config import ConnectionRules, ServerConfig


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
            began, count = time.process_time(), 0  # not the clock's: other processes may want the machine too
            while time.process_time() - began < 1.0:
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
