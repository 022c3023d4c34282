"""One venue on one port: HTTP and websockets of aiohttp around the parts that do the thinking."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec
from aiohttp import WSMsgType, web

from mmbot.sim import wire_errors
from mmbot.sim.connection import Connection, frame
from mmbot.sim.faults import Fault, FaultKind
from mmbot.sim.rest import RestApi, RestRequest, RestResponse
from mmbot.sim.stream_session import StreamSession, TooManyStreams
from mmbot.sim.wire_errors import ApiError
from mmbot.sim.ws_api import WsAnswer, WsApiSession

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from mmbot.sim.endpoint import MethodTable, RestTable
    from mmbot.sim.gateway import Gateway
    from mmbot.sim.server_config import ConnectionRules
    from mmbot.sim.streams import Category, StreamHub

JSON = "application/json;charset=UTF-8"
MAX_REQUEST_BYTES = 1 << 20
CLOSE_TIMEOUT_S = 2.0
ORDER_SOCKET_WEIGHT = 2
CATEGORIES: tuple[Category, ...] = ("public", "market", "private")


class _TurnedAway(web.HTTPException):
    """The answer to a websocket handshake of a client that is over a limit."""

    def __init__(self, refusal: ApiError) -> None:
        self.status_code = refusal.status
        super().__init__(
            text=msgspec.json.encode(refusal.payload()).decode(),
            headers={"Retry-After": str(refusal.retry_after_s)},
            content_type="application/json",
        )


class VenueServer:
    """The web application of one venue.

    Args:
        gateway: the venue's front door.
        hub: its stream listeners.
        rest: its REST requests.
        methods: its websocket API methods.
        ws_api_path: where the websocket API is.
        rules: for connections; zeros already replaced by the venue's own.
        routed: serve ``/public``, ``/market`` and ``/private`` paths.
        unrouted: serve ``/ws`` and ``/stream``.
        pump: called (soon) after a request, to send what it caused.
        extra_routes: adds routes of other parts.
    """

    def __init__(
        self,
        gateway: Gateway,
        hub: StreamHub,
        rest: RestTable,
        methods: MethodTable,
        *,
        ws_api_path: str,
        rules: ConnectionRules,
        routed: bool,
        unrouted: bool,
        pump: Callable[[], None],
        extra_routes: Callable[[web.Application], None],
    ) -> None:
        self.gateway = gateway
        self.hub = hub
        self.requests = 0
        self._rest = RestApi(gateway, rest)
        self._methods = methods
        self.rules = rules
        self._pump = pump
        self._pumping = False
        self.app = web.Application(client_max_size=MAX_REQUEST_BYTES)
        extra_routes(self.app)
        self._route(ws_api_path, routed=routed, unrouted=unrouted)

    def _route(self, ws_api_path: str, *, routed: bool, unrouted: bool) -> None:
        router = self.app.router
        router.add_get(ws_api_path, self._order_socket)
        prefixes = [""] if unrouted else []
        prefixes += [f"/{category}" for category in CATEGORIES] if routed else []
        for prefix in prefixes:
            for path in ("/ws", "/ws/{streams:.*}", "/stream", "/stream/"):
                router.add_get(prefix + path, self._stream_socket)
        router.add_route("*", "/{path:.*}", self._http)

    # -- REST ---------------------------------------------------------------------------------------------------

    async def _http(self, request: web.Request) -> web.Response:
        self.requests += 1
        body = (await request.read()).decode(errors="surrogateescape") if request.can_read_body else ""
        path, _, query = request.raw_path.partition("?")
        reply = self._rest.answer(
            RestRequest(
                request.method, path, query, body, request.headers.get("X-MBX-APIKEY"), request.remote or "unknown"
            )
        )
        self._pump_soon()
        if reply.fault is not None:
            reply = await self._spoil_http(request, reply, reply.fault)
        return web.Response(body=reply.body, status=reply.status, headers={**reply.headers, "Content-Type": JSON})

    async def _spoil_http(self, request: web.Request, reply: RestResponse, fault: Fault) -> RestResponse:
        if fault.kind is FaultKind.SLOW_ACK:
            await asyncio.sleep(fault.delay_ms / 1000)
            return reply
        if fault.mode in ("close", "silence"):
            if fault.mode == "silence":
                await asyncio.sleep(fault.duration_ms / 1000)
            if request.transport is not None:
                request.transport.abort()
            return reply
        refusal = wire_errors.state_unknown() if fault.mode == "timeout" else wire_errors.unknown_503()
        return RestResponse(refusal.status, msgspec.json.encode(refusal.payload()), reply.headers)

    def _pump_soon(self) -> None:
        """Send what the request caused once its answer is written."""
        if not self._pumping:
            self._pumping = True
            asyncio.get_running_loop().call_soon(self._pump_now)

    def _pump_now(self) -> None:
        self._pumping = False
        self._pump()

    # -- streams ------------------------------------------------------------------------------------------------

    async def _upgrade(self, request: web.Request, *, orders: bool) -> Connection:
        # autoping is off: pongs are counted, and pings answered past the aiohttp writer
        socket = web.WebSocketResponse(
            autoping=False, compress=False, max_msg_size=MAX_REQUEST_BYTES, timeout=CLOSE_TIMEOUT_S
        )
        if not socket.can_prepare(request):
            raise web.HTTPBadRequest(text="expected a websocket upgrade")
        gateway = self.gateway
        try:
            weight = ORDER_SOCKET_WEIGHT if orders else 0
            gateway.limiter.connect(request.remote or "unknown", weight, gateway.clock.now_s())
        except ApiError as refusal:
            raise _TurnedAway(refusal) from refusal
        try:
            await socket.prepare(request)
        except ConnectionError as gone:
            raise web.HTTPBadRequest(text="the connection is gone") from gone
        transport = request.transport
        if transport is None:
            raise web.HTTPBadRequest(text="the connection is gone")
        connection = Connection(
            socket,
            transport,
            opened_s=gateway.clock.now_s(),
            max_backlog_bytes=self.rules.max_backlog_bytes,
            orders=orders,
        )
        self.hub.add(connection)
        return connection

    async def _stream_socket(self, request: web.Request) -> web.WebSocketResponse:
        parts = request.path.strip("/").split("/")
        category: Category = next((name for name in CATEGORIES if parts[0] == name), "")
        connection = await self._upgrade(request, orders=False)
        connection.combined = parts[1 if category else 0] == "stream"
        session = StreamSession(
            self.hub,
            connection,
            self.gateway.listen_keys,
            category=category,
            max_streams=self.rules.max_streams,
        )
        query = request.query
        events = frozenset(event for event in query.get("events", "").split("/") if event)
        wanted = [
            *request.match_info.get("streams", "").split("/"),
            *query.get("streams", "").split("/"),
            query.get("listenKey", ""),
        ]
        try:
            session.open(wanted, events)
            await self._serve_stream(connection, session)
        except TooManyStreams:
            await connection.close(1008, "Too many streams")
        finally:
            self.hub.remove(connection)
        return connection.socket

    async def _serve_stream(self, connection: Connection, session: StreamSession) -> None:
        clock, per_second = self.gateway.clock, self.rules.messages_per_s
        async for message in connection.socket:
            if not connection.allow_message(clock.now_s(), per_second):
                await connection.close(1008, "Too many requests")
                return
            if message.type is WSMsgType.PING:
                connection.pong(message.data)
            elif message.type is WSMsgType.PONG:
                connection.heard_s = clock.now_s()
            elif message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                connection.write(frame(session.answer(message.data)))

    # -- websocket API ------------------------------------------------------------------------------------------

    async def _order_socket(self, request: web.Request) -> web.WebSocketResponse:
        connection = await self._upgrade(request, orders=True)
        session = WsApiSession(
            self.gateway,
            self._methods,
            self.hub,
            connection,
            ip=request.remote or "unknown",
            show_limits=request.query.get("returnRateLimits", "true") != "false",
        )
        try:
            async with asyncio.TaskGroup() as late:
                await self._serve_orders(connection, session, late)
        finally:
            self.hub.remove(connection)
        return connection.socket

    async def _serve_orders(self, connection: Connection, session: WsApiSession, late: asyncio.TaskGroup) -> None:
        clock = self.gateway.clock
        async for message in connection.socket:
            if message.type is WSMsgType.PING:
                connection.pong(message.data)
            elif message.type is WSMsgType.PONG:
                connection.heard_s = clock.now_s()
            elif message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                self.requests += 1
                answer = session.answer(message.data)
                if answer.fault is None:
                    connection.write(frame(answer.body))
                else:
                    self._spoil_answer(connection, session, answer, answer.fault, late)
                self._pump_soon()

    def _spoil_answer(
        self, connection: Connection, session: WsApiSession, answer: WsAnswer, fault: Fault, late: asyncio.TaskGroup
    ) -> None:
        if fault.kind is FaultKind.SLOW_ACK:
            late.create_task(_write_later(connection, frame(answer.body), fault.delay_ms / 1000))
        elif fault.mode == "close":
            connection.abort()
        elif fault.mode != "silence":
            refusal: ApiError = wire_errors.state_unknown() if fault.mode == "timeout" else wire_errors.unknown_503()
            connection.write(frame(session.refuse(answer.request_id, refusal)))

    # -- rules --------------------------------------------------------------------------------------------------

    def look_after(self, spawn: Callable[[Coroutine[None, None, None]], object]) -> None:
        """Ping, cut off the silent and the old, expire listen keys. To be called often; `spawn` starts owned tasks."""
        clock = self.gateway.clock
        now_s, rules = clock.now_s(), self.rules
        for key, account in self.gateway.listen_keys.expire(now_s):
            expired = {"e": "listenKeyExpired", "E": int(clock.public_ms()), "listenKey": key}
            self.hub.send_user(account, expired, stream=key)
        for connection in list(self.hub.connections):
            if connection.closing:
                continue
            if now_s - connection.opened_s >= rules.max_age_s:
                spawn(connection.close(1000, "maximum connection age"))
            elif now_s - connection.heard_s >= rules.pong_timeout_s:
                connection.abort()
            elif now_s - connection.pinged_s >= rules.ping_interval_s:
                connection.ping(now_s)

    async def close_all(self) -> None:
        """Say goodbye (``serverShutdown``) and close every websocket with 1001."""
        self.hub.shut_down(b'{"e":"serverShutdown","E":%d}' % int(self.gateway.clock.public_ms()))
        await asyncio.gather(*(connection.close(1001, "going away") for connection in list(self.hub.connections)))


async def _write_later(connection: Connection, data: bytes, delay_s: float) -> None:
    await asyncio.sleep(delay_s)
    connection.write(data)
