"""A client that signs requests and hands them to a server's REST side directly, with a clock that stands still."""

from __future__ import annotations

import hashlib
import hmac
import json
from urllib.parse import urlencode

from mmbot.sim.exchange import ExchangeConfig
from mmbot.sim.rest import RestRequest, RestResponse
from mmbot.sim.server import SimServer
from mmbot.sim.server_config import Account, ServerConfig

NOW_MS = 1_750_000_000_123
FUTURES, SPOT = "binance_usdm", "binance_spot"


class Client:
    """Signs requests and hands them to the server's REST side directly."""

    def __init__(self, **config) -> None:
        account = Account(api_key="test-api-key-0001", api_secret="test-secret-do-not-use-0002")
        self.now_ms = NOW_MS
        self.server = SimServer(
            ServerConfig(exchange=ExchangeConfig(seed=7), accounts=(account,), **config),
            clock=lambda: self.now_ms * 1_000_000,
        )
        self.key, self.secret = self.server.credentials()

    def send(
        self, method: str, path: str, params: dict | None = None, *, signed: bool = False, **other
    ) -> RestResponse:
        query = urlencode(params or {})
        if signed:
            query = urlencode({**(params or {}), "timestamp": self.now_ms})
            query += f"&signature={hmac.new(self.secret.encode(), query.encode(), hashlib.sha256).hexdigest()}"
        return self.raw(RestRequest(method, path, query, **{"api_key": self.key, **other}))

    def raw(self, request: RestRequest) -> RestResponse:
        venue = FUTURES if "fapi" in request.path else SPOT
        return self.server._servers[venue]._rest.answer(request)

    def code(self, *args, **kwargs) -> tuple[int, int]:
        reply = self.send(*args, **kwargs)
        return reply.status, json.loads(reply.body)["code"]

    def bid(self) -> float:
        return float(
            json.loads(self.send("GET", "/fapi/v1/depth", {"symbol": "BTCUSDT", "limit": 5}).body)["bids"][0][0]
        )
