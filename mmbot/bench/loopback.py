"""From socket to order: a frame sent over TCP loopback until its signed order is there, beside a plain blocking recv.

A child process is the venue: it stamps each frame, sends it over a websocket, waits, and throws the orders away. Floor
and bot take turns, a block of frames each, so that both find the machine in the same state; and their processor is kept
awake, since one that has gone to sleep takes its time to come back, under a hypervisor above all. All read the same
monotonic clock, and the stamps lie in memory that all see.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import mmap
import os
import signal
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
    from collections.abc import Callable, Iterator

    from mmbot.bench.feed import Feed
    from mmbot.plugins import Plugin

PAUSE_NS = 150_000
"""Between two frames: long enough for the receiver to sleep again, as between real ones."""
WARM_UP = 200
BLOCK = 50
"""Frames to one of the two before the other's turn; the first few of each find cold caches and do not count."""
COLD = 5
_SENDER, _RECEIVER = 0, 1  # which of the processors
clock = time.perf_counter_ns


def over_floor(feed: Feed, plugins: dict[str, Plugin], frames: int, rounds: int) -> dict[str, list[float]]:
    """Us from send to the signed order, by name of plugin, less the p50 of ``floor``; and ``send``, the order's write.

    Only frames that made an order count, for the floor too. The plugins take turns, `rounds` times over, and each is
    judged in its quietest round, by floor and bot together: a scheduler with other things to do adds milliseconds that
    have nothing to do with either.
    """
    quietest: dict[str, tuple[float, dict[str, list[float]]]] = {}
    wanted = (b"depthUpdate", b"bookTicker")
    played = [frame for frame in feed.frames if any(kind in frame[1][:120] for kind in wanted)][:frames]
    payloads = [payload for _, payload in played]
    for _ in range(rounds):
        for name, plugin in plugins.items():
            with _venue(payloads) as (port, sent, asked, received), journal() as writer, _awake():
                ordered = uvloop.run(_trade(port, Bot(feed, plugin, writer), played))
            counted = [i for i in ordered if i >= WARM_UP and i % BLOCK >= COLD]
            if not counted:
                raise MmbotError(f"bench: {feed.name} is too short: no order after the first {WARM_UP} frames")
            floor = [(received[i] - asked[i]) / 1e3 for i in counted]
            middle = median(floor)
            over = [(ordered[i][0] - sent[i]) / 1e3 - middle for i in counted]
            noise = 2 * middle + median(over)
            if name not in quietest or noise < quietest[name][0]:
                send = [(ordered[i][1] - ordered[i][0]) / 1e3 for i in counted]
                quietest[name] = noise, {"floor": floor, "send": send, name: over}
    found: dict[str, list[float]] = {}
    for _, samples in sorted(quietest.values(), key=lambda each: each[0], reverse=True):
        found |= samples  # floor and send are those of the quieter round
    return found


# --- the receiving side ----------------------------------------------------------------------------------------------


def _receive_all(port: int, payloads: list[bytes], stamps: Any) -> None:
    """Receive every frame by a blocking recv; stamp when each was there."""
    _stay_on(_RECEIVER)
    with socket.create_connection(("127.0.0.1", port)) as one:
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        one.sendall(b"GET /floor HTTP/1.1\r\nSec-WebSocket-Key: floor\r\n\r\n")
        buffer = memoryview(bytearray(1 << 20))
        answer = one.recv_into(buffer)
        if answer < 12 or b"101" not in bytes(buffer[:answer]):
            raise MmbotError("bench: the loopback venue did not answer")
        for i, payload in enumerate(payloads):
            left = len(_head(payload)) + len(payload)
            while left > 0:
                got = one.recv_into(buffer, left)
                if not got:
                    raise MmbotError("bench: the loopback venue hung up")
                left -= got
            stamps[i] = clock()


class _Trader:
    """Takes frames as a session does, and notes when the first order of each was signed, and when written."""

    def __init__(self, bot: Bot, played: list[tuple[int, bytes]]) -> None:
        self.bot = bot
        self.times = iter([ts_ns for ts_ns, _ in played])
        self.left = len(played)
        self.seen = 0
        self.ordered: dict[int, tuple[int, int]] = {}
        self.done = asyncio.Event()

    def on_text(self, payload: memoryview | bytes, _recv_ns: int) -> None:
        """One frame: decide, sign, write."""
        ts_ns = next(self.times)
        self.bot.inbox.frame(0, payload, ts_ns)
        if self.bot.answer(ts_ns):
            self.ordered[self.seen] = self.bot.venue.signed_ns, self.bot.venue.written_ns
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


async def _trade(port: int, bot: Bot, played: list[tuple[int, bytes]]) -> dict[int, tuple[int, int]]:
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
        async with asyncio.timeout(30 + 2 * len(played) * PAUSE_NS / 1e8):
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


# --- the sending side, and the floor: processes of their own ----------------------------------------------------------


@contextmanager
def _venue(payloads: list[bytes]) -> Iterator[tuple[int, Any, Any, Any]]:
    """A venue that sends `payloads` to whoever connects to ``/feed``, and to a child that only receives them.

    Yields its port, and the stamps: sent to ``/feed``; sent to the floor; there.
    """
    shared = memoryview(mmap.mmap(-1, 3 * 8 * len(payloads))).cast("q")
    sent, asked, received = (shared[i * len(payloads) : (i + 1) * len(payloads)] for i in range(3))
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        children = [
            _fork(lambda: _send_all(server, payloads, sent, asked)),
            _fork(lambda: _receive_all(port, payloads, received)),
        ]
        try:
            yield port, sent, asked, received
        except BaseException:
            for child in children:  # nobody will connect to it any more
                os.kill(child, signal.SIGKILL)
            raise
        finally:
            for child in children:
                os.waitpid(child, 0)


@contextmanager
def _awake() -> Iterator[None]:
    """Stay on the receivers' processor, and keep it awake: a child spins there when nobody else wants it.

    A machine for trading is set up so (``idle=poll``). Where there is only one processor, nothing is done.
    """
    processors = os.sched_getaffinity(0)
    if len(processors) < 2:
        yield
        return
    _stay_on(_RECEIVER)
    child = _fork(_spin)
    try:
        yield
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.sched_setaffinity(0, processors)


def _stay_on(which: int) -> None:
    processors = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {processors[which % len(processors)]})


def _spin() -> None:
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    parent = os.getppid()
    while os.getppid() == parent:
        for _ in range(100_000):
            pass


def _fork(work: Callable[[], None]) -> int:
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        work()
        status = 0
    finally:
        os._exit(status)


def _send_all(server: socket.socket, payloads: list[bytes], sent: Any, asked: Any) -> None:
    _stay_on(_SENDER)
    frames = [_head(payload) + payload for payload in payloads]
    connections: dict[str, socket.socket] = {}
    while len(connections) < 3:
        connection, _ = server.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connections[_upgrade(connection)] = connection
    orders = connections["/orders"]
    orders.setblocking(False)  # noqa: FBT003 - the standard library's
    time.sleep(0.1)
    for first in range(0, len(frames), BLOCK):
        for connection, stamps in ((connections["/floor"], asked), (connections["/feed"], sent)):
            for i in range(first, min(first + BLOCK, len(frames))):
                begin = clock()
                while clock() - begin < PAUSE_NS:
                    with suppress(BlockingIOError):
                        orders.recv(1 << 16)
                stamps[i] = clock()
                connection.sendall(frames[i])
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
