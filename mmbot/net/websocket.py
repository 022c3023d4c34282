"""A websocket that is kept connected: TLS, pings, a bounded life, reconnection with backoff.

`ManagedSocket.run` is the root of one task. It knows no venue: what to say after connecting and what to do with a text
is the handler's, called back on the event loop's thread.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from random import Random
from time import time_ns
from typing import TYPE_CHECKING, Protocol

import structlog
from picows import WSError, WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from mmbot.errors import AuthError, Disconnected, MmbotError
from mmbot.net.backoff import Backoff

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable

_log = structlog.get_logger(__name__)
_quiet = logging.getLogger("mmbot.net.picows")
_quiet.setLevel(logging.CRITICAL)  # what picows reports is reported here, once
_random = Random()  # noqa: S311 - jitter is no secret
_TEXT = WSMsgType.TEXT
STOPPED = "stopped"  # the reason that `SocketHandler.on_close` is given when `ManagedSocket.run` was cancelled


class SocketHandler(Protocol):
    """Who uses a `ManagedSocket`."""

    def on_text(self, payload: memoryview | bytes, recv_ns: int) -> object:
        """Take one text message; a memoryview is valid only during the call. Raising drops the connection."""

    async def on_open(self, socket: ManagedSocket) -> None:
        """Say what has to be said first (subscribe, log on). Raising drops the connection."""

    def on_close(self, reason: str) -> object:
        """The connection is gone; only after an `on_open`, and once for each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketRules:
    """Time limits of a connection, in seconds.

    Args:
        connect_s: for connecting, TLS and upgrade, and again for `SocketHandler.on_open`.
        idle_ping_s: nothing received for so long: we ping.
        pong_s: and cut the connection when no pong comes for so long.
        max_age_s: the connection is replaced after so long, before the venue cuts it (Binance: 24 h).
        max_message: bytes of one message; a longer one drops the connection.
    """

    connect_s: float = 10.0
    idle_ping_s: float = 5.0
    pong_s: float = 5.0
    max_age_s: float = 23.5 * 3600
    max_message: int = 16 << 20


class _Listener(WSListener):
    """picows' callbacks; joins fragmented messages."""

    def __init__(self, handler: SocketHandler, max_message: int, connected: Callable[[WSTransport], None]) -> None:
        self._on_text = handler.on_text
        self._connected = connected
        self._parts = bytearray()
        self._partial = False
        self._max_message = max_message

    def on_ws_connected(self, transport: WSTransport) -> None:
        # Before the first frame, which may have come with the handshake: whoever handles it can answer.
        self._connected(transport)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == _TEXT and frame.fin:
            self._on_text(frame.get_payload_as_memoryview(), time_ns())
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()
        elif frame.msg_type in {_TEXT, WSMsgType.CONTINUATION}:
            self._join(frame)

    def _join(self, frame: WSFrame) -> None:
        if frame.msg_type == _TEXT:
            self._parts.clear()
            self._partial = True
        if not self._partial or len(self._parts) + frame.payload_size > self._max_message:
            raise Disconnected("websocket: a stray or oversized continuation frame")
        self._parts += frame.get_payload_as_bytes()
        if frame.fin:
            self._partial = False
            self._on_text(bytes(self._parts), time_ns())


class ManagedSocket:
    """One websocket address, connected for as long as `run` runs.

    Args:
        name: for the log.
        address: gives the URL before each connection (it may hold a fresh ticket); what it raises counts as a failed
            attempt.
        handler: what to do with the connection.
        ssl_context: for wss.
        rules: time limits.
    """

    def __init__(
        self,
        name: str,
        address: Callable[[], Awaitable[str]],
        handler: SocketHandler,
        *,
        ssl_context: ssl.SSLContext | None = None,
        rules: SocketRules | None = None,
    ) -> None:
        self.name = name
        self._address = address
        self._handler = handler
        self._ssl_context = ssl_context
        self._rules = rules or SocketRules()
        self._backoff = Backoff()
        self._transport: WSTransport | None = None
        self._reason = ""
        self.connections = 0

    @property
    def connected(self) -> bool:
        """Whether messages can be sent."""
        return self._transport is not None and not self._transport.is_disconnected

    def send(self, payload: bytes) -> None:
        """Write one text message.

        Raises:
            Disconnected: there is no connection; nothing was written.
        """
        transport = self._transport
        if transport is None or transport.is_disconnected:
            raise Disconnected(f"{self.name}: not connected")
        transport.send(_TEXT, payload)

    def reconnect(self, reason: str) -> None:
        """Drop the connection and make a new one; nothing is sent on the old one any more."""
        self._reason = reason
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.disconnect(graceful=False)

    async def run(self) -> None:
        """Stay connected until cancelled.

        Raises:
            AuthError: the venue will not have us; trying again is of no use.
        """
        while True:
            try:
                reason = await self._connection()
            except AuthError:
                raise
            except (MmbotError, WSError, OSError, TimeoutError) as error:
                reason = f"{type(error).__name__}: {error}"
            except Exception as error:  # noqa: BLE001 - a task's root: a fault in a callback costs the connection, no more
                _log.exception("websocket handler failed", socket=self.name)
                reason = f"{type(error).__name__} in a handler"
            self._transport = None
            delay_s = self._backoff.next_s()
            _log.warning("websocket down", socket=self.name, reason=reason, retry_s=round(delay_s, 3))
            await asyncio.sleep(delay_s)

    async def _connection(self) -> str:
        """Connect, serve until the connection ends, say why it ended."""
        rules = self._rules
        async with asyncio.timeout(rules.connect_s):
            url = await self._address()
            transport, _ = await ws_connect(
                lambda: _Listener(self._handler, rules.max_message, self._use),
                url,
                ssl_context=self._ssl_context,
                websocket_handshake_timeout=rules.connect_s,
                max_frame_size=rules.max_message,
                enable_auto_ping=True,
                auto_ping_idle_timeout=rules.idle_ping_s,
                auto_ping_reply_timeout=rules.pong_s,
                logger_name=_quiet,
            )
        stopped = False
        try:
            await self._open(transport)
            self.connections += 1
            self._backoff.reset()
            _log.info("websocket up", socket=self.name)
            try:
                async with asyncio.timeout(rules.max_age_s * _random.uniform(0.98, 1.0)):
                    await transport.wait_disconnected()
            except TimeoutError:
                self._reason = "replaced before the venue's age limit"
            return self._reason or _said(transport)
        except asyncio.CancelledError:
            stopped, self._reason = True, STOPPED
            raise
        finally:
            self._transport = None
            transport.disconnect(graceful=False)
            try:
                self._handler.on_close(self._reason or _said(transport))
            except Exception:
                if not stopped:
                    raise
                _log.exception("websocket handler failed", socket=self.name)  # a stop is a stop all the same

    def _use(self, transport: WSTransport) -> None:
        self._transport, self._reason = transport, ""

    async def _open(self, transport: WSTransport) -> None:
        """Let the handler speak first; give up when the connection ends meanwhile."""
        opening = asyncio.ensure_future(self._handler.on_open(self))
        closing = asyncio.ensure_future(transport.wait_disconnected())
        try:
            async with asyncio.timeout(self._rules.connect_s):
                await asyncio.wait((opening, closing), return_when=asyncio.FIRST_COMPLETED)
            if not opening.done():
                closing.result()
                raise Disconnected(f"{self.name}: lost while logging on")
            opening.result()
        finally:
            opening.cancel()
            closing.cancel()
            await asyncio.gather(opening, closing, return_exceptions=True)


def _said(transport: WSTransport) -> str:
    handshake = transport.close_handshake
    if handshake is not None and handshake.recv is not None:
        return f"closed by the server: {handshake.recv.code} {handshake.recv.reason}".rstrip()
    return "connection lost"
