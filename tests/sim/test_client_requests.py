"""Sessions of clients made for the real venue, replayed byte for byte: every request is answered as it was then.

``clients/*.json`` has what each client sent, in order, to an exchange at a standstill; the key is the one of the
venue's documentation. What was refused then was meant to be: the codes are in the files.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from mmbot.sim.connection import Connection
from mmbot.sim.exchange import ExchangeConfig
from mmbot.sim.rest import RestRequest
from mmbot.sim.server import SimServer
from mmbot.sim.server_config import Account, ServerConfig
from mmbot.sim.ws_api import WsApiSession

SESSIONS = sorted((Path(__file__).parent / "clients").glob("*.json"))


class NoTransport:
    """What an event for a client goes to when there is no socket."""

    def is_closing(self) -> bool:
        return True


class Replay:
    """An exchange whose clock is that of the request it answers."""

    def __init__(self, session: dict[str, Any]) -> None:
        self.key = session["api_key"]
        self.now_ms = 1_795_000_000_000
        account = Account(api_key=self.key, api_secret=session["secret"])
        exchange = ExchangeConfig(seed=7, activity=1e-9)
        config = ServerConfig(exchange=exchange, accounts=(account,), enforce_limits=False)
        self.server = SimServer(config, clock=lambda: self.now_ms * 1_000_000)
        self.sockets = {name: self.socket(name) for name in self.server._servers}

    def socket(self, venue: str) -> WsApiSession:
        server = self.server._servers[venue]
        connection = Connection(None, NoTransport(), opened_s=0.0, max_backlog_bytes=1, orders=True)
        return WsApiSession(server.gateway, server._methods, server.hub, connection, ip="127.0.0.1")

    def answer(self, request: dict[str, Any]) -> tuple[int, Any]:
        if "text" in request:
            self.now_ms = int(json.loads(request["text"])["params"].get("timestamp", self.now_ms))
            body = json.loads(self.sockets[request["venue"]].answer(request["text"]).body)
            return body["status"], body.get("error", body.get("result"))
        query, form = request.get("query", ""), request.get("body", "")
        sent = parse_qs(query) | parse_qs(form)
        self.now_ms = int(sent.get("timestamp", [self.now_ms])[0])
        key = self.key if request["keyed"] else None
        reply = self.server._servers[request["venue"]]._rest.answer(
            RestRequest(request["method"], request["path"], query, form, key)
        )
        return reply.status, json.loads(reply.body)


@pytest.mark.parametrize("path", SESSIONS, ids=lambda path: path.stem)
def test_a_clients_session_is_answered_as_it_was(path: Path) -> None:
    session = json.loads(path.read_text())
    replay = Replay(session)
    for request in session["requests"]:
        status, answer = replay.answer(request)
        code = answer.get("code") if isinstance(answer, dict) and status != 200 else None
        assert (status, code) == (request["status"], request.get("code")), (request, answer)
    trades = replay.server.ledger()
    assert trades["binance_spot"]["fills"], "each of them bought something"
    assert not trades["binance_spot"]["openOrders"]


def test_batches_tell_of_every_order() -> None:
    """One of an asynchronous client's two orders crosses as a post-only one: its entry alone is an error."""
    session = json.loads((Path(__file__).parent / "clients" / "python-binance.json").read_text())
    replay = Replay(session)
    for request in session["requests"]:
        _, answer = replay.answer(request)
        if request.get("path") == "/fapi/v1/batchOrders":
            assert answer[0]["status"] == "NEW"
            assert answer[1]["code"] == -5022
            return
    pytest.fail("no batch in the session")
