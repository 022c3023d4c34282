"""One market-data websocket: subscribe, hand every frame to the sink, notice streams that went silent.

binance-spot-api-docs ``web-socket-streams.md`` "Live Subscribing/Unsubscribing to streams"; USD-M: "Live Subscribing".
Trap: a stream subscribed on the wrong path is acknowledged and then silent, hence the watch on every single stream.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec
import structlog

from mmbot.errors import DecodeError, Rejected
from mmbot.net.stream_watch import StreamWatch
from mmbot.net.websocket import STOPPED, ManagedSocket
from mmbot.venues.binance.messages import SubscribeAnswer, decode

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

    from mmbot.net.websocket import SocketRules
    from mmbot.venues.base import Sink

_log = structlog.get_logger(__name__)
_WRAPPED = b'{"stream":"'
_NAME_ROOM = 96
_CHUNK = 100  # streams of one SUBSCRIBE
_PAUSE_S = 0.25  # between two: spot allows five messages a second
_ROUND_S = 1.0


class MarketFeed:
    """One feed of one venue; the handler of its websocket.

    Args:
        name: for the log.
        url: of the combined-stream path, ``…/stream``.
        feed: its number in the engine.
        limits_s: every stream and how many seconds it may be silent (0: for ever).
        sink: takes frames and the feed's ups and downs.
    """

    def __init__(
        self,
        name: str,
        url: str,
        feed: int,
        limits_s: Mapping[str, float],
        sink: Sink,
        *,
        ssl_context: ssl.SSLContext | None = None,
        rules: SocketRules | None = None,
    ) -> None:
        self.name = name
        self._feed = feed
        self._streams = list(limits_s)
        self._watch = StreamWatch(limits_s)
        self._sink = sink
        self._deliver = sink.on_frame
        self._url = url
        self._socket = ManagedSocket(name, self._address, self, ssl_context=ssl_context, rules=rules)
        self._answers: dict[int, asyncio.Future[None]] = {}
        self._look = False  # a frame has to be looked at: answers are awaited, or a stream is on the watch's list
        self._open = False
        self.up = asyncio.Event()

    async def run(self) -> None:
        """Stay connected until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._socket.run(), name=f"{self.name} socket")
            tasks.create_task(self._watch_streams(), name=f"{self.name} watch")

    def on_text(self, payload: memoryview | bytes, recv_ns: int) -> None:
        """Pass one frame on: the hot path."""
        if self._look:
            self._inspect(payload)
        self._deliver(self._feed, payload, recv_ns)

    async def on_open(self, socket: ManagedSocket) -> None:
        """Subscribe to everything; the feed is up with the first frame of data or the last confirmation.

        Raises:
            Rejected: the venue refused a subscription.
        """
        self._open = True
        self._watch.start()
        self._look = True
        loop = asyncio.get_running_loop()
        try:
            for number, start in enumerate(range(0, len(self._streams), _CHUNK), 1):
                if number > 1:
                    await asyncio.sleep(_PAUSE_S)
                self._answers[number] = loop.create_future()
                request = {"method": "SUBSCRIBE", "params": self._streams[start : start + _CHUNK], "id": number}
                socket.send(msgspec.json.encode(request))
            await asyncio.gather(*self._answers.values())
        finally:
            for future in self._answers.values():
                future.cancel()
            self._answers.clear()
        self._rise()

    def on_close(self, reason: str) -> None:
        """Tell the sink; nothing that was known of the books holds any more."""
        self._open = False
        self._watch.stop()
        if self.up.is_set():
            self.up.clear()
            log = _log.debug if reason == STOPPED else _log.warning
            log("feed down", feed=self.name, reason=reason)
            self._sink.on_feed(self._feed, up=False)

    async def _address(self) -> str:
        return self._url

    def _rise(self) -> None:
        if self._open and not self.up.is_set():
            self.up.set()
            self._sink.on_feed(self._feed, up=True)

    def _inspect(self, payload: memoryview | bytes) -> None:
        head = bytes(payload[:_NAME_ROOM])
        if head.startswith(_WRAPPED):
            end = head.find(b'"', len(_WRAPPED))
            self._watch.note(head[len(_WRAPPED) : end].decode("ascii", "replace"))
            self._rise()
        elif self._answers:
            self._confirm(bytes(payload))
        self._look = bool(self._answers or self._watch.pending) or not self.up.is_set()

    def _confirm(self, payload: bytes) -> None:
        try:
            answer = decode(SubscribeAnswer, payload, self.name)
        except DecodeError:
            return  # not an answer; the decoder behind the sink counts it
        error = answer.error
        code, message = (error.code, error.msg) if error is not None else (answer.code, answer.msg)
        future = self._answers.get(answer.id) if isinstance(answer.id, int) else None
        waiting = [future] if future is not None else list(self._answers.values()) if code else []
        for each in waiting:
            if each.done():
                continue
            if code:
                each.set_exception(Rejected(f"{self.name}: SUBSCRIBE refused: {message} (code {code})", code=code))
            else:
                each.set_result(None)

    async def _watch_streams(self) -> None:
        while True:
            await asyncio.sleep(_ROUND_S)
            silent = self._watch.check()
            self._look = self._open
            if silent:
                self._watch.stop()
                self._socket.reconnect(f"silent: {', '.join(silent[:5])}")
