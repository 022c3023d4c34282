"""A managed socket stays connected, replaces what broke, and never loses a text on the way."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from mmbot.errors import AuthError, Disconnected, Rejected
from mmbot.net.websocket import ManagedSocket, SocketRules

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Server:
    """Greets, echoes, and does as it is told."""

    def __init__(self) -> None:
        self.sockets: list[web.WebSocketResponse] = []
        self.url = ""

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        response = web.WebSocketResponse(autoping=request.query.get("mute") is None)
        await response.prepare(request)
        self.sockets.append(response)
        await response.send_str(f"hello {len(self.sockets)}")
        async for message in response:
            if message.type is aiohttp.WSMsgType.TEXT:
                await response.send_str(message.data)
        return response

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Server]:
        app = web.Application()
        app.router.add_get("/", self.handle)
        async with TestServer(app, shutdown_timeout=0.1) as server:
            self.url = str(server.make_url("/")).replace("http", "ws")
            yield self


class Handler:
    def __init__(self) -> None:
        self.texts: list[str] = []
        self.closed: list[str] = []
        self.opened = 0
        self.fail_open: Exception | None = None
        self.fail_text: Exception | None = None

    def on_text(self, payload: memoryview | bytes, _recv_ns: int) -> None:
        if self.fail_text is not None:
            error, self.fail_text = self.fail_text, None
            raise error
        self.texts.append(bytes(payload).decode())

    async def on_open(self, _socket: ManagedSocket) -> None:
        self.opened += 1
        if self.fail_open is not None:
            error, self.fail_open = self.fail_open, None
            raise error

    def on_close(self, reason: str) -> None:
        self.closed.append(reason)


async def until(condition: object, timeout_s: float = 3.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


@asynccontextmanager
async def connected(
    handler: Handler, rules: SocketRules | None = None, query: str = ""
) -> AsyncIterator[tuple[Server, ManagedSocket]]:
    async with Server().running() as server:

        async def address() -> str:
            return server.url + query

        socket = ManagedSocket("test", address, handler, rules=rules)
        task = asyncio.create_task(socket.run())
        try:
            yield server, socket
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_texts_go_both_ways() -> None:
    handler = Handler()
    async with connected(handler) as (_, socket):
        await until(lambda: handler.texts == ["hello 1"])
        socket.send(b"ping")
        await until(lambda: handler.texts == ["hello 1", "ping"])
    assert handler.closed == ["stopped"]
    with pytest.raises(Disconnected, match="not connected"):
        socket.send(b"late")


async def test_a_fault_in_a_handler_does_not_swallow_a_stop() -> None:
    """A connection was made again instead, and whoever had cancelled the task waited for it forever."""

    class Broken(Handler):
        def on_close(self, reason: str) -> None:
            super().on_close(reason)
            raise RuntimeError("the task group is shutting down")

    handler = Broken()
    async with Server().running() as server:

        async def address() -> str:
            return server.url

        task = asyncio.create_task(ManagedSocket("test", address, handler).run())
        await until(lambda: handler.texts)
        task.cancel()
        async with asyncio.timeout(3):
            with pytest.raises(asyncio.CancelledError):
                await task
        assert handler.closed == ["stopped"]
        assert len(server.sockets) == 1


@pytest.mark.parametrize("code", [1000, 1012])
async def test_a_close_by_the_server_is_told_and_replaced(code: int) -> None:
    handler = Handler()
    async with connected(handler) as (server, _):
        await until(lambda: handler.texts)
        await server.sockets[0].close(code=code, message=b"maintenance")
        await until(lambda: handler.texts == ["hello 1", "hello 2"])
        assert str(code) in handler.closed[0] or "maintenance" in handler.closed[0]


async def test_a_cut_connection_is_replaced() -> None:
    handler = Handler()
    async with connected(handler) as (server, _):
        await until(lambda: handler.texts)
        server.sockets[0]._writer.transport.abort()
        await until(lambda: handler.texts == ["hello 1", "hello 2"])


async def test_a_server_that_is_not_there_is_tried_again() -> None:
    handler = Handler()
    attempts = 0

    async with Server().running() as server:

        async def address() -> str:
            nonlocal attempts
            attempts += 1
            if attempts < 3:
                raise Disconnected("no ticket")
            return server.url

        socket = ManagedSocket("test", address, handler)
        task = asyncio.create_task(socket.run())
        await until(lambda: handler.texts)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert attempts == 3


async def test_a_failed_log_on_costs_the_connection_only() -> None:
    handler = Handler()
    handler.fail_open = Rejected("not today")
    async with connected(handler):
        await until(lambda: handler.opened == 2)
        await until(lambda: "hello 2" in handler.texts)
    assert len(handler.closed) == 2


@pytest.mark.parametrize("error", [RuntimeError("a bug"), Rejected("odd")])
async def test_a_fault_in_a_callback_costs_the_connection_only(error: Exception) -> None:
    handler = Handler()
    handler.fail_text = error
    async with connected(handler):
        await until(lambda: handler.texts == ["hello 2"])


async def test_authentication_errors_end_the_task() -> None:
    async def address() -> str:
        raise AuthError("wrong key")

    with pytest.raises(AuthError):
        await ManagedSocket("test", address, Handler()).run()


async def test_a_connection_is_replaced_before_its_age_limit() -> None:
    handler = Handler()
    async with connected(handler, SocketRules(max_age_s=0.3)):
        await until(lambda: "hello 2" in handler.texts)
    assert "age limit" in handler.closed[0]


async def test_a_peer_that_does_not_answer_pings_is_cut() -> None:
    handler = Handler()
    async with connected(handler, SocketRules(idle_ping_s=0.1, pong_s=0.1), "?mute=1"):
        await until(lambda: "hello 2" in handler.texts)


async def test_reconnect_on_request_stops_sending_at_once() -> None:
    handler = Handler()
    async with connected(handler) as (_, socket):
        await until(lambda: handler.texts)
        socket.reconnect("silent: depth")
        assert not socket.connected
        with pytest.raises(Disconnected):
            socket.send(b"x")
        await until(lambda: "hello 2" in handler.texts)
    assert handler.closed[0] == "silent: depth"


async def test_fragments_are_joined_and_bounded() -> None:
    handler = Handler()
    async with connected(handler, SocketRules(max_message=1000)) as (server, _):
        await until(lambda: handler.texts)
        transport = server.sockets[0]._writer.transport
        transport.write(b"\x01\x03abc" + b"\x00\x03def" + b"\x80\x03ghi")
        await until(lambda: handler.texts[-1] == "abcdefghi")
        for _ in range(12):
            transport.write(b"\x01\x64" + b"a" * 100 if _ == 0 else b"\x00\x64" + b"a" * 100)
        await until(lambda: "hello 2" in handler.texts)
