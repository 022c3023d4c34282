"""REST: what fails tells whether the request may have taken effect."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from mmbot.errors import Disconnected, UnknownOrderState
from mmbot.net.http import HttpClient

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


async def echo(request: web.Request) -> web.Response:
    assert request.headers["X-Key"] == "k"
    return web.Response(text=request.raw_path, status=418, headers={"Retry-After": "3"})


async def slow(_request: web.Request) -> web.Response:
    await asyncio.sleep(30)
    return web.Response()


async def cut(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.close()
    return web.Response()


@pytest.fixture
async def client() -> AsyncIterator[HttpClient]:
    app = web.Application()
    app.router.add_route("*", "/echo", echo)
    app.router.add_route("*", "/slow", slow)
    app.router.add_route("*", "/cut", cut)
    async with TestServer(app) as server:
        made = HttpClient(str(server.make_url("")), timeout_s=0.3)
        await made.open()
        yield made
        await made.close()


async def test_the_query_is_sent_exactly_as_signed(client: HttpClient) -> None:
    query = "symbol=%EF%BC%91%EF%BC%92&list=%5B1%2C2%5D&signature=ab"
    answer = await client.request("POST", "/echo", query, headers={"X-Key": "k"})
    assert answer.body.decode() == f"/echo?{query}"
    assert answer.status == 418
    assert answer.headers["retry-after"] == "3"


@pytest.mark.parametrize("path", ["/slow", "/cut"])
async def test_a_request_that_may_have_arrived_has_an_unknown_outcome(client: HttpClient, path: str) -> None:
    with pytest.raises(UnknownOrderState) as caught:
        await client.request("POST", path, "apiKey=sensitive")
    assert "sensitive" not in str(caught.value)


async def test_a_request_that_never_left_is_a_disconnection() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    client = HttpClient(f"http://127.0.0.1:{port}")
    with pytest.raises(Disconnected, match="not open"):
        await client.request("GET", "/")
    await client.open()
    try:
        with pytest.raises(Disconnected, match="could not connect") as caught:
            await client.request("GET", "/x", "apiKey=sensitive")
        assert "sensitive" not in str(caught.value)
    finally:
        await client.close()
