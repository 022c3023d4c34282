"""One websocket client: frames out, with a bounded backlog, and the rules of its connection.

Frames to a client are not masked, so a message is framed once and the same bytes go to everybody who wants it, straight
to the transport. A client that does not read is cut off when its backlog is full, as the real venue does: nothing is
dropped silently and nobody else waits.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

    from aiohttp import web

    from mmbot.sim.faults import Target

TEXT, PING, PONG = 0x81, 0x89, 0x8A  # FIN set, opcode
SHORT, MEDIUM = 126, 1 << 16  # payload lengths at which the length field grows


def frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """An unmasked, unfragmented websocket frame (RFC 6455, 5.2)."""
    size = len(payload)
    if size < SHORT:
        return bytes((opcode, size)) + payload
    if size < MEDIUM:
        return struct.pack("!BBH", opcode, SHORT, size) + payload
    return struct.pack("!BBQ", opcode, 127, size) + payload


class Connection:
    """A client's socket as the stream hub and the order API see it.

    Args:
        socket: the upgraded aiohttp websocket.
        transport: its transport, for frames made elsewhere.
        opened_s: when it was opened, on the server's clock.
        max_backlog_bytes: unsent bytes at which it is cut off.
        orders: it speaks the websocket API (order entry), not streams.
    """

    __slots__ = (
        "_max_backlog",
        "_transport",
        "combined",
        "heard_s",
        "ip",
        "message_count",
        "message_second",
        "muted",
        "opened_s",
        "orders",
        "pinged_s",
        "slow",
        "socket",
        "streams",
        "users",
    )

    def __init__(
        self,
        socket: web.WebSocketResponse,
        transport: asyncio.Transport,
        *,
        opened_s: float,
        max_backlog_bytes: int,
        orders: bool = False,
    ) -> None:
        self.socket = socket
        self.opened_s = opened_s
        self.heard_s = opened_s  # last pong, or the opening
        self.pinged_s = opened_s
        self.orders = orders
        self.combined = False  # wrap stream messages in {"stream", "data"}
        self.muted = False  # connected but silent (fault)
        self.slow = False  # cut off for not reading
        self.streams: dict[str, bool] = {}  # subscribed name -> whether anything will ever come
        self.users = 0  # private subscriptions on this connection
        self.message_second = 0
        self.message_count = 0
        self._transport = transport
        self._max_backlog = max_backlog_bytes

    @property
    def closing(self) -> bool:
        """Nothing more can be sent."""
        return self._transport.is_closing()

    @property
    def backlog(self) -> int:
        """Bytes not yet taken by the client's side of the network."""
        return 0 if self.closing else self._transport.get_write_buffer_size()

    def matches(self, target: Target) -> bool:
        """Whether a fault aimed at `target` may hit this connection."""
        if target == "any":
            return True
        if target == "orders":
            return self.orders
        if target == "user":
            return self.users > 0
        return not self.orders and self.users == 0

    def write(self, data: bytes) -> None:
        """Send an already framed message, unless muted; cuts the connection when its backlog is full."""
        transport = self._transport
        if self.muted or transport.is_closing():
            return
        transport.write(data)
        if transport.get_write_buffer_size() > self._max_backlog:
            self.slow = True
            self.abort()

    def ping(self, now_s: float) -> None:
        """Send a ping frame whose payload is the time in milliseconds."""
        self.pinged_s = now_s
        self.write(frame(b"%d" % int(now_s * 1000), PING))

    def pong(self, payload: bytes) -> None:
        """Answer a client's ping."""
        self.write(frame(payload, PONG))

    def allow_message(self, now_s: float, per_second: int) -> bool:
        """Count an incoming frame; false when the client sends more than `per_second`."""
        second = int(now_s)
        if second != self.message_second:
            self.message_second, self.message_count = second, 0
        self.message_count += 1
        return self.message_count <= per_second

    def abort(self) -> None:
        """Cut the connection without a close frame: the client sees 1006."""
        self.muted = True
        self._transport.abort()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close with a close frame, the last thing the client sees."""
        self.muted = True
        await self.socket.close(code=code, message=reason.encode())
