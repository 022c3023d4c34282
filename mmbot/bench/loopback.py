"""Socket to socket: a frame sent over TCP loopback until the signed order is written, beside a plain blocking recv.

A child process is the venue: it stamps each frame, sends it over a websocket, waits, and throws the orders away. Both
processes read the same monotonic clock, and the stamps lie in memory that both see.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import mmap
import os
import socket
import struct
import time
from contextlib import contextmanager, suppress
from statistics import median
from typing import TYPE_CHECKING, Any

import uvloop

from mmbot.bench.bot import Bot, journal
from mmbot.errors import MmbotError
from mmbot.net.websocket import ManagedSocket

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mmbot.bench.feed import Feed
    from mmbot.plugins import Plugin

PAUSE_NS = 150_000
"""Between two frames: long enough for the receiver to sleep again, as between real ones."""
WARM_UP = 200
clock = time.perf_counter_ns


def over_floor(feed: Feed, plugins: dict[str, Plugin], frames: int, rounds: int) -> dict[str, list[float]]:
    """Us from send to the receiver's end of work, by name: ``floor``, and each plugin less the floor's p50.

    Floor and plugins take turns, `rounds` times over, and each is judged by its quietest round: a scheduler with other
    things to do adds milliseconds that have nothing to do with either.
    """
    quietest: dict[str, list[float]] = {}
    wanted = (b"depthUpdate", b"bookTicker")
    played = [frame for frame in feed.frames if any(kind in frame[1][:120] for kind in wanted)][:frames]
    payloads = [payload for _, payload in played]

    def keep(name: str, samples: list[float]) -> None:
        if samples and (name not in quietest or median(samples) < median(quietest[name])):
            quietest[name] = samples

    for _ in range(rounds):
        with _sender(payloads) as (port, sent):
            received = _blocking(port, payloads)
            keep("floor", [(received[i] - sent[i]) / 1e3 for i in range(WARM_UP, len(payloads))])
        for name, plugin in plugins.items():
            with _sender(payloads) as (port, sent), journal() as writer:
                ordered = uvloop.run(_trade(port, Bot(feed, plugin, writer), played))
                keep(name, [(ordered[i] - sent[i]) / 1e3 for i in ordered if i >= WARM_UP])
    middle = median(quietest["floor"])
    return {name: values if name == "floor" else [v - middle for v in values] for name, values in quietest.items()}


# --- the receiving side ----------------------------------------------------------------------------------------------


def _blocking(port: int, payloads: list[bytes]) -> list[int]:
    """Receive every frame by a blocking recv; when each was there."""
    times = []
    with socket.create_connection(("127.0.0.1", port)) as one:
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        one.sendall(b"GET /feed HTTP/1.1\r\nSec-WebSocket-Key: floor\r\n\r\n")
        buffer = memoryview(bytearray(1 << 20))
        answer = one.recv_into(buffer)
        if answer < 12 or b"101" not in bytes(buffer[:answer]):
            raise MmbotError("bench: the loopback venue did not answer")
        for payload in payloads:
            left = len(_head(payload)) + len(payload)
            while left > 0:
                got = one.recv_into(buffer, left)
                if not got:
                    raise MmbotError("bench: the loopback venue hung up")
                left -= got
            times.append(clock())
    return times


class _Trader:
    """Takes frames as a session does, and notes when the first order of each was written."""

    def __init__(self, bot: Bot, played: list[tuple[int, bytes]]) -> None:
        self.bot = bot
        self.times = iter([ts_ns for ts_ns, _ in played])
        self.left = len(played)
        self.seen = 0
        self.ordered: dict[int, int] = {}
        self.done = asyncio.Event()
        self.orders: ManagedSocket

    def on_text(self, payload: memoryview | bytes, _recv_ns: int) -> None:
        """One frame: decide, sign, write."""
        ts_ns = next(self.times)
        self.bot.inbox.frame(0, payload, ts_ns)
        if self.bot.answer(ts_ns):
            self.ordered[self.seen] = self.bot.venue.written_ns
        self.seen += 1
        if self.seen == self.left:
            self.done.set()

    async def on_open(self, _socket: ManagedSocket) -> None:
        """Nothing to say."""

    def on_close(self, _reason: str) -> None:
        """The end."""
        self.done.set()


class _Quiet:
    """The order socket's handler: nothing comes back."""

    def __init__(self) -> None:
        self.up = asyncio.Event()

    def on_text(self, _payload: memoryview | bytes, _recv_ns: int) -> None:
        """Nothing is expected."""

    async def on_open(self, _socket: ManagedSocket) -> None:
        """Connected."""
        self.up.set()

    def on_close(self, _reason: str) -> None:
        """Nothing to clean up."""


async def _trade(port: int, bot: Bot, played: list[tuple[int, bytes]]) -> dict[int, int]:
    async def feed_address() -> str:
        return f"ws://127.0.0.1:{port}/feed"

    async def order_address() -> str:
        return f"ws://127.0.0.1:{port}/orders"

    trader, quiet = _Trader(bot, played), _Quiet()
    feed = ManagedSocket("bench feed", feed_address, trader)
    orders = ManagedSocket("bench orders", order_address, quiet)
    bot.venue.send = orders.send
    tasks = [asyncio.ensure_future(orders.run())]
    try:
        async with asyncio.timeout(30 + len(played) * PAUSE_NS / 1e8):
            await quiet.up.wait()
            tasks.append(asyncio.ensure_future(feed.run()))
            await trader.done.wait()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    if trader.seen < len(played):
        raise MmbotError(f"bench: the loopback connection ended after {trader.seen} of {len(played)} frames")
    return trader.ordered


# --- the sending side, a process of its own --------------------------------------------------------------------------


@contextmanager
def _sender(payloads: list[bytes]) -> Iterator[tuple[int, Any]]:
    """A child that sends `payloads` to whoever connects to ``/feed``; its port and its stamps."""
    shared = mmap.mmap(-1, 8 * len(payloads))
    with socket.create_server(("127.0.0.1", 0)) as server:
        child = os.fork()
        if child == 0:
            status = 1
            try:
                _send_all(server, payloads, memoryview(shared).cast("q"))
                status = 0
            finally:
                os._exit(status)
        try:
            yield server.getsockname()[1], memoryview(shared).cast("q")
        finally:
            os.waitpid(child, 0)


def _send_all(server: socket.socket, payloads: list[bytes], stamps: Any) -> None:
    frames = [_head(payload) + payload for payload in payloads]
    orders, path = None, ""
    while path != "/feed":
        connection, _ = server.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        path = _upgrade(connection)
        if path == "/orders":
            orders = connection
            orders.setblocking(False)  # noqa: FBT003 - the standard library's
    time.sleep(0.1)
    for i, frame in enumerate(frames):
        begin = clock()
        while clock() - begin < PAUSE_NS:
            if orders is not None:
                with suppress(BlockingIOError):
                    orders.recv(1 << 16)
        stamps[i] = clock()
        connection.sendall(frame)
    time.sleep(0.2)


def _upgrade(connection: socket.socket) -> str:
    """Answer a websocket handshake; the path that was asked for."""
    request, *headers = connection.recv(4096).decode().split("\r\n")
    key = next(line.partition(": ")[2] for line in headers if line.lower().startswith("sec-websocket-key"))
    digest = hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()  # noqa: S324 - RFC 6455
    accept = base64.b64encode(digest).decode()
    upgrade = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    connection.sendall(f"{upgrade}Sec-WebSocket-Accept: {accept}\r\n\r\n".encode())
    return request.split(" ")[1]


def _head(payload: bytes) -> bytes:
    """The header of an unmasked text frame (RFC 6455, 5.2)."""
    if len(payload) < 126:
        return struct.pack(">BB", 0x81, len(payload))
    if len(payload) < 1 << 16:
        return struct.pack(">BBH", 0x81, 126, len(payload))
    return struct.pack(">BBQ", 0x81, 127, len(payload))
