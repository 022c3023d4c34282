"""The websocket API (order entry by request and response on one socket), without I/O.

Requests are ``{"id", "method", "params"}``; answers ``{"id", "status", "result" | "error", "rateLimits"}``. Signed
requests carry ``apiKey`` and ``signature`` over all other parameters sorted by name, unless the session has logged on
(Ed25519 keys only), which leaves ``timestamp`` to be sent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from mmbot.sim import wire_errors
from mmbot.sim.auth import Credential, check_time, sorted_payload
from mmbot.sim.endpoint import Endpoint, MethodTable, Security
from mmbot.sim.events import Refused
from mmbot.sim.streams import StreamHub, UserFeed
from mmbot.sim.wire_errors import ApiError

if TYPE_CHECKING:
    from mmbot.sim.connection import Connection
    from mmbot.sim.exchange import User
    from mmbot.sim.faults import Fault
    from mmbot.sim.gateway import Gateway

VERSION = re.compile(r"v\d+/")
SESSION_WEIGHT = 2
MAX_SUBSCRIPTIONS = 1000
LISTS = ("symbols", "permissions")  # parameters that may be lists
AUTH_PARAMS = ("apiKey", "signature")

decode = msgspec.json.Decoder(float_hook=str).decode  # a number is signed as it was written


@dataclass(frozen=True, slots=True)
class WsAnswer:
    """One answer frame; `fault` asks the transport to spoil it."""

    body: bytes
    fault: Fault | None = None
    request_id: Any = None


class WsApiSession:
    """One websocket API connection of one venue.

    Args:
        gateway: the venue's front door.
        table: methods it serves.
        hub: for private subscriptions on this connection.
        connection: where events go.
        ip: of the client.
        show_limits: default of ``returnRateLimits``.
    """

    def __init__(
        self,
        gateway: Gateway,
        table: MethodTable,
        hub: StreamHub,
        connection: Connection,
        *,
        ip: str,
        show_limits: bool = True,
    ) -> None:
        self._gateway = gateway
        self._table = table
        self._hub = hub
        self._connection = connection
        self._ip = ip
        self._show_limits = show_limits
        self._credential: Credential | None = None
        self._authorized_ms = 0
        self._connected_ms = int(gateway.clock.public_ms())
        self._feeds: dict[int, UserFeed] = {}
        self._session_feed: int | None = None
        self._made = 0
        self._session_methods = {
            "session.logon": self._log_on,
            "session.status": lambda _params: self._status(),
            "session.logout": self._log_out,
            "session.subscriptions": lambda _params: [{"subscriptionId": number} for number in self._feeds],
            "userDataStream.subscribe": self._subscribe,
            "userDataStream.subscribe.signature": self._subscribe_signed,
            "userDataStream.unsubscribe": self._unsubscribe,
        }

    def answer(self, text: str | bytes) -> WsAnswer:
        """Carry one request out; never raises for what a client sends."""
        request_id: Any = None
        params: dict[str, Any] = {}
        endpoint: Endpoint | None = None
        user: User | None = None
        fault = None
        reply: dict[str, Any]
        try:
            request_id, method, params = _parse(text)
            special = self._session_methods.get(method)
            if special is not None:
                self._gateway.limiter.charge(self._ip, SESSION_WEIGHT, self._gateway.clock.now_s())
                result = special(params)
            else:
                endpoint = self._find(method)
                self._gateway.charge(endpoint, self._ip, params)
                user = self._identify(endpoint, params)
                result = self._gateway.run(endpoint, user, params)
                fault = self._gateway.fault(endpoint)
            reply = {"id": request_id, "status": 200, "result": result}
        except _BadRequest as bad:
            request_id, params = bad.request_id, {}
            reply = {"id": bad.request_id, "status": 400, "error": bad.refusal.payload()}
        except Refused as refusal:
            reply = {"id": request_id, "status": refusal.status, "error": refusal.payload()}
        if _is_true(params.get("returnRateLimits"), self._show_limits):
            reply["rateLimits"] = self._limits(endpoint, user)
        return WsAnswer(msgspec.json.encode(reply), fault, request_id)

    def refuse(self, request_id: Any, refusal: ApiError) -> bytes:
        """An error answer made by the transport (a spoilt acknowledgement)."""
        return msgspec.json.encode({"id": request_id, "status": refusal.status, "error": refusal.payload()})

    # -- finding out who asks for what --------------------------------------------------------------------------

    def _find(self, method: str) -> Endpoint:
        endpoint = self._table.get(method) or self._table.get(VERSION.sub("", method, count=1))
        if endpoint is None:
            raise ApiError(-1020, "This operation is not supported.")
        return endpoint

    def _identify(self, endpoint: Endpoint, params: dict[str, Any]) -> User | None:
        if endpoint.security is Security.NONE:
            return None
        gateway = self._gateway
        if endpoint.security is Security.KEY:
            return gateway.permit(endpoint, self._by_key(params))
        return gateway.permit(endpoint, self._check(params))

    def _by_key(self, params: dict[str, Any]) -> Credential:
        if "apiKey" not in params and self._credential is not None:
            return self._credential
        return self._gateway.keys.find(params.get("apiKey"))

    def _check(self, params: dict[str, Any]) -> Credential:
        gateway = self._gateway
        texts = {name: str(params[name]) for name in ("timestamp", "recvWindow") if params.get(name) is not None}
        if self._credential is not None and not any(name in params for name in AUTH_PARAMS):
            check_time(texts.get("timestamp"), texts.get("recvWindow"), gateway.clock.public_ms())
            return self._credential
        for name in AUTH_PARAMS:
            if not params.get(name):
                raise wire_errors.mandatory(name)
        return gateway.keys.check(
            str(params["apiKey"]), sorted_payload(params), str(params["signature"]), texts, gateway.clock.public_ms()
        )

    # -- session ------------------------------------------------------------------------------------------------

    def _log_on(self, params: dict[str, Any]) -> dict[str, Any]:
        credential = self._gateway.keys.find(params.get("apiKey"))
        if not credential.can_log_on:
            raise ApiError(-4056, "HMAC_SHA256 API key is not supported.")
        self._credential = self._check({"signature": "", **params})
        self._authorized_ms = int(self._gateway.clock.public_ms())
        return self._status()

    def _log_out(self, _params: dict[str, Any]) -> dict[str, Any]:
        self._credential = None
        if self._session_feed is not None:
            self._end(self._session_feed)
        return self._status()

    def _status(self) -> dict[str, Any]:
        known = self._credential is not None
        return {
            "apiKey": self._credential.api_key if self._credential is not None else None,
            "authorizedSince": self._authorized_ms if known else None,
            "connectedSince": self._connected_ms,
            "returnRateLimits": self._show_limits,
            "serverTime": int(self._gateway.clock.public_ms()),
            "userDataStream": bool(self._feeds),
        }

    # -- private events on this socket --------------------------------------------------------------------------

    def _subscribe(self, _params: dict[str, Any]) -> dict[str, Any]:
        if self._credential is None:
            raise wire_errors.ApiError(-1002, "You are not authorized to execute this request.", 401)
        answer = self._begin(self._credential.account)
        self._session_feed = answer["subscriptionId"]
        return answer

    def _subscribe_signed(self, params: dict[str, Any]) -> dict[str, Any]:
        return self._begin(self._check({"signature": "", **params}).account)

    def _begin(self, account: str) -> dict[str, Any]:
        if any(feed.account == account for feed in self._feeds.values()):
            raise ApiError(-2035, "User Data Stream subscription already active.")
        if len(self._feeds) >= MAX_SUBSCRIPTIONS:
            raise ApiError(
                -1191,
                f"Too many subscriptions. Connection may create up to '{MAX_SUBSCRIPTIONS}' subscriptions at a time.",
            )
        number, self._made = self._made, self._made + 1
        self._feeds[number] = UserFeed(self._connection, account, subscription_id=number)
        self._hub.add_feed(self._feeds[number])
        return {"subscriptionId": number}

    def _unsubscribe(self, params: dict[str, Any]) -> dict[str, Any]:
        wanted = params.get("subscriptionId")
        if wanted is not None and wanted not in self._feeds:
            raise ApiError(-2036, "User Data Stream subscription not active.")
        for number in list(self._feeds) if wanted is None else [wanted]:
            self._end(number)
        return {}

    def _end(self, number: int) -> None:
        self._hub.remove_feed(self._feeds.pop(number))
        if self._session_feed == number:
            self._session_feed = None

    def _limits(self, endpoint: Endpoint | None, user: User | None) -> list[dict[str, object]]:
        limiter, now_s = self._gateway.limiter, self._gateway.clock.now_s()
        orders = endpoint is not None and endpoint.orders is not None and user is not None
        counted = limiter.report("ORDERS", user.name, now_s) if orders and user else []
        return counted + limiter.report("REQUEST_WEIGHT", self._ip, now_s)


class _BadRequest(Exception):
    """A frame that is not a request."""

    def __init__(self, request_id: Any, refusal: ApiError) -> None:
        super().__init__(refusal.msg)
        self.request_id = request_id
        self.refusal = refusal


def _parse(text: str | bytes) -> tuple[Any, str, dict[str, Any]]:
    try:
        request = decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise _BadRequest(None, ApiError(-1135, "Invalid JSON Request")) from None
    if not isinstance(request, dict):
        raise _BadRequest(None, ApiError(-1135, "Invalid JSON Request"))
    request_id = request.get("id")
    if isinstance(request_id, dict | list | bool):
        raise _BadRequest(None, wire_errors.invalid_data("id"))
    method = request.get("method")
    if not isinstance(method, str) or not method:
        raise _BadRequest(request_id, wire_errors.mandatory("method"))
    params = request.get("params")
    if params is None:
        params = {}
    if not isinstance(params, dict):
        raise _BadRequest(request_id, wire_errors.invalid_data("params"))
    for name, value in params.items():
        if isinstance(value, dict) or (isinstance(value, list) and name not in LISTS):
            raise _BadRequest(request_id, wire_errors.invalid_data(name))
    return request_id, method, params


def _is_true(value: object, default: bool) -> bool:  # noqa: FBT001 - a pair of flags
    if value is None:
        return default
    return value not in (False, "false")
