"""REST requests in, REST answers out, without I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote_plus

import msgspec

from mmbot.sim import wire_errors
from mmbot.sim.auth import query_payload
from mmbot.sim.endpoint import Endpoint, RestTable, Security
from mmbot.sim.events import Refused
from mmbot.sim.wire_errors import ApiError

if TYPE_CHECKING:
    from mmbot.sim.exchange import User
    from mmbot.sim.faults import Fault
    from mmbot.sim.gateway import Gateway


@dataclass(frozen=True, slots=True)
class RestRequest:
    """An HTTP request as received; `query` and `body` are raw text, since the signature covers them byte for byte."""

    method: str
    path: str
    query: str = ""
    body: str = ""
    api_key: str | None = None
    ip: str = "127.0.0.1"


@dataclass(slots=True)
class RestResponse:
    """An HTTP answer; `fault` asks the transport to spoil it."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    fault: Fault | None = None


def parse_params(query: str, body: str) -> dict[str, str]:
    """Parameters of query string and body; the query string wins.

    Raises:
        ApiError: -1101 when one of them has a parameter twice.
    """
    merged: dict[str, str] = {}
    for text in (body, query):
        pairs = parse_qsl(text, keep_blank_values=True)
        params = dict(pairs)
        if len(params) != len(pairs):
            raise ApiError(-1101, "Duplicate values for a parameter detected.")
        merged.update(params)
    return merged


class RestApi:
    """Answers the REST requests of one venue.

    Args:
        gateway: the venue's front door.
        table: what it serves.
    """

    def __init__(self, gateway: Gateway, table: RestTable) -> None:
        self._gateway = gateway
        self._table = table

    def answer(self, request: RestRequest) -> RestResponse:
        """Carry one request out. Refusals become their HTTP status and ``{"code", "msg"}``."""
        gateway = self._gateway
        now_s = gateway.clock.now_s()
        headers = {}
        fault = None
        try:
            endpoint = self._table.get((request.method, request.path))
            if endpoint is None:
                raise wire_errors.no_such_path(request.method, request.path)
            params = parse_params(request.query, request.body)
            gateway.charge(endpoint, request.ip, params)
            user = self._identify(endpoint, request, params)
            result = gateway.run(endpoint, user, params)
            fault = gateway.fault(endpoint)
            if user is not None and endpoint.orders is not None:
                headers.update(gateway.limiter.order_headers(user.name, now_s))
            status = 200
        except Refused as refusal:
            status, result = refusal.status, _body(refusal)
            if isinstance(refusal, ApiError) and refusal.retry_after_s:
                headers["Retry-After"] = str(refusal.retry_after_s)
        headers.update(gateway.limiter.weight_headers(request.ip, now_s))
        return RestResponse(status, msgspec.json.encode(result), headers, fault)

    def _identify(self, endpoint: Endpoint, request: RestRequest, params: dict[str, str]) -> User | None:
        gateway = self._gateway
        if endpoint.security is Security.NONE:
            return None
        if endpoint.security is Security.KEY:
            return gateway.permit(endpoint, gateway.keys.find(request.api_key))
        payload, signature = query_payload(request.query, request.body)
        credential = gateway.keys.check(
            request.api_key, payload, _decoded(signature), params, gateway.clock.public_ms()
        )
        return gateway.permit(endpoint, credential)


def _decoded(signature: str | None) -> str | None:
    """Base64 may come percent-encoded or plain; in plain text a + is a +."""
    if signature is None or "%" not in signature:
        return signature
    return unquote_plus(signature.replace("+", "%2B"))


def _body(refusal: Refused) -> dict[str, object]:
    """An error as REST words it: a limit's ``data`` is for the websocket API only."""
    if isinstance(refusal, ApiError):
        return {"code": refusal.code, "msg": refusal.msg}
    return refusal.payload()
