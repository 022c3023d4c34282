"""A client of the exchange over real sockets: signs, asks, listens; and the exchange that it talks to."""

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
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from mmbot.sim.exchange import ExchangeConfig
from mmbot.sim.server import SimServer
from mmbot.sim.server_config import Account, ServerConfig

if TYPE_CHECKING:
    pass

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
        return {**params, "signature": self.signature(payload)}

    def signature(self, text: str) -> str:
        return hmac.new(self.secret.encode(), text.encode(), hashlib.sha256).hexdigest()

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
