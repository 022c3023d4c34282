"""A loopback-only side door for tests and operators: ``/sim/...`` on either port.

========================  =================================================================================
``GET /sim/status``       counts of requests, frames, connections, slow consumers, faults injected and waiting
``GET /sim/ledger``       the exchange's own books; ``?account=NAME``
``POST /sim/faults``      inject: one `Fault` or a list of them as JSON; `at_s` counts from now
``DELETE /sim/limits``    forget all rate-limit counts and bans
========================  =================================================================================

The real venue has nothing of the kind; requests that do not come from this machine get 403.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import web

from mmbot.sim.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from mmbot.sim.server import SimServer

JSON = "application/json"


def add_control(app: web.Application, server: SimServer) -> None:
    """Serve the side door from `app`. To be called before catch-all routes are added."""
    app.router.add_get("/sim/status", _guarded(lambda _request, _body: server.status()))
    app.router.add_get("/sim/ledger", _guarded(lambda request, _body: server.ledger(request.query.get("account", ""))))
    app.router.add_post("/sim/faults", _guarded(lambda _request, body: _inject(server, body)))
    app.router.add_delete("/sim/limits", _guarded(lambda _request, _body: server.reset_limits()))


def _guarded(
    answer: Callable[[web.Request, bytes], Any],
) -> Callable[[web.Request], Any]:
    async def handle(request: web.Request) -> web.Response:
        if not _is_local(request.remote):
            return web.json_response({"error": "loopback only"}, status=403)
        try:
            result = answer(request, await request.read())
        except (msgspec.MsgspecError, KeyError) as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.Response(body=msgspec.json.encode(result), content_type=JSON)

    return handle


def _is_local(remote: str | None) -> bool:
    try:
        return remote is not None and ipaddress.ip_address(remote).is_loopback
    except ValueError:
        return False


def _inject(server: SimServer, body: bytes) -> dict[str, Any]:
    faults = msgspec.json.decode(body, type=list[Fault] | Fault)
    for fault in faults if isinstance(faults, list) else [faults]:
        server.inject(fault)
    return server.status()
