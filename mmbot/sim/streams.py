"""Market and user data streams: who listens to what, and the fan-out.

A message is serialised and framed once (at most twice: raw and combined form) and the bytes go to every listener. The
hub tells the exchange which streams have listeners, so nothing is produced for nobody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from mmbot.sim.connection import Connection, frame
from mmbot.sim.events import MarketEvent, UserEvent
from mmbot.sim.faults import FaultInjector, FaultKind

if TYPE_CHECKING:
    from mmbot.sim.venue import Venue

Category = Literal["", "public", "market", "private"]
PUBLIC_KINDS = ("depth", "bookTicker", "rpiDepth", "trade")

encode = msgspec.json.encode


def category_of(stream: str) -> Category:
    """Which routed path of the futures venue serves a stream."""
    if "@" not in stream and not stream.startswith("!"):
        return "private"
    kind = stream.removeprefix("!").partition("@")[0] if stream.startswith("!") else stream.partition("@")[2]
    return "public" if kind.startswith(PUBLIC_KINDS) else "market"


class _Topic:
    """Listeners of one market stream."""

    __slots__ = ("combined", "raw")

    def __init__(self) -> None:
        self.raw: dict[Connection, None] = {}
        self.combined: dict[Connection, None] = {}


class UserFeed:
    """One private subscription: where an account's events go, and in which envelope.

    Args:
        connection: the client.
        account: whose events.
        stream: the listen key, for the combined envelope.
        subscription_id: of the websocket API; events then come as ``{"subscriptionId", "event"}``.
        events: event types wanted; empty wants all.
    """

    __slots__ = ("account", "connection", "events", "stream", "subscription_id")

    def __init__(
        self,
        connection: Connection,
        account: str,
        *,
        stream: str = "",
        subscription_id: int | None = None,
        events: frozenset[str] = frozenset(),
    ) -> None:
        self.connection = connection
        self.account = account
        self.stream = stream
        self.subscription_id = subscription_id
        self.events = events

    def deliver(self, payload: dict[str, object]) -> None:
        """Send one private message."""
        if self.events and payload["e"] not in self.events:
            return
        message: object = payload
        if self.subscription_id is not None:
            message = {"subscriptionId": self.subscription_id, "event": payload}
        elif self.connection.combined:
            message = {"stream": self.stream, "data": payload}
        self.connection.write(frame(encode(message)))


class StreamHub:
    """Listeners of one venue.

    Args:
        venue: told which streams are wanted.
        injector: spoils frames.
    """

    def __init__(self, venue: Venue, injector: FaultInjector) -> None:
        self._venue = venue
        self._injector = injector
        self._topics: dict[str, _Topic] = {}
        self._feeds: list[UserFeed] = []
        self._held: dict[str, MarketEvent] = {}
        self.connections: dict[Connection, None] = {}
        self.frames_out = 0
        self.slow_consumers = 0

    # -- listeners ----------------------------------------------------------------------------------------------

    def add(self, connection: Connection) -> None:
        """A client has connected."""
        self.connections[connection] = None

    def remove(self, connection: Connection) -> None:
        """A client is gone: end all its subscriptions."""
        self.connections.pop(connection, None)
        for stream in list(connection.streams):
            self.unsubscribe(connection, stream)
        self._feeds = [feed for feed in self._feeds if feed.connection is not connection]
        self.slow_consumers += connection.slow

    def subscribe(self, connection: Connection, stream: str, *, served: bool = True) -> None:
        """Send `stream` to the client from now on. Subscribing twice counts once.

        Args:
            connection: the client.
            stream: as the client wrote it; one that does not exist is accepted and stays silent.
            served: false for a stream of another category than the path connected to: accepted, listed, silent.
        """
        if stream in connection.streams:
            return
        topic = self._topics.get(stream)
        if served and topic is None:
            served = self._venue.subscribe(stream)
            if served:
                topic = self._topics[stream] = _Topic()
        connection.streams[stream] = served
        if served and topic is not None:
            (topic.combined if connection.combined else topic.raw)[connection] = None

    def unsubscribe(self, connection: Connection, stream: str) -> None:
        """Stop sending `stream`; one that was not subscribed is ignored."""
        if not connection.streams.pop(stream, False):
            return
        topic = self._topics[stream]
        topic.raw.pop(connection, None)
        topic.combined.pop(connection, None)
        if not topic.raw and not topic.combined:
            del self._topics[stream]
            self._held.pop(stream, None)
            self._venue.unsubscribe(stream)

    def set_combined(self, connection: Connection, *, combined: bool) -> None:
        """Change the envelope of all the client's streams (``SET_PROPERTY``)."""
        connection.combined = combined
        for stream, served in connection.streams.items():
            topic = self._topics.get(stream)
            if served and topic is not None:
                topic.raw.pop(connection, None)
                topic.combined.pop(connection, None)
                (topic.combined if combined else topic.raw)[connection] = None

    def add_feed(self, feed: UserFeed) -> None:
        """Begin a private subscription."""
        self._feeds.append(feed)
        feed.connection.users += 1

    def remove_feed(self, feed: UserFeed) -> None:
        """End a private subscription; one that has ended already is ignored."""
        if feed in self._feeds:
            self._feeds.remove(feed)
            feed.connection.users -= 1

    def feed_of(self, connection: Connection, stream: str) -> UserFeed | None:
        """The private subscription that a client began with this listen key."""
        return next((feed for feed in self._feeds if feed.connection is connection and feed.stream == stream), None)

    @property
    def listening(self) -> bool:
        """Whether anybody listens to the market."""
        return bool(self._topics)

    @property
    def backlog(self) -> int:
        """Unsent bytes of the client that is furthest behind."""
        return max((connection.backlog for connection in self.connections), default=0)

    # -- fan-out ------------------------------------------------------------------------------------------------

    def publish(self, event: MarketEvent | UserEvent) -> None:
        """Send one event of the exchange to whoever wants it."""
        if isinstance(event, UserEvent):
            self.send_user(event.user, event.payload)
        elif self._injector.armed or self._held:
            self._publish_spoilt(event)
        else:
            self._fan_out(event)

    def send_user(self, account: str, payload: dict[str, object], *, stream: str = "") -> None:
        """Send a private message to an account's subscriptions, or only to those of one listen key."""
        for feed in self._feeds:
            if feed.account == account and (not stream or feed.stream == stream):
                feed.deliver(payload)

    def _fan_out(self, event: MarketEvent) -> None:
        topic = self._topics.get(event.stream)
        if topic is None:
            return
        if topic.raw:
            data = frame(event.payload)
            for connection in topic.raw:
                connection.write(data)
        if topic.combined:
            data = frame(b'{"stream":"%b","data":%b}' % (event.stream.encode(), event.payload))
            for connection in topic.combined:
                connection.write(data)
        self.frames_out += len(topic.raw) + len(topic.combined)

    def _publish_spoilt(self, event: MarketEvent) -> None:
        held = self._held.pop(event.stream, None)
        fault = self._injector.take_frame(event.venue, event.stream) if event.stream in self._topics else None
        if fault is None:
            self._fan_out(event)
        elif fault.kind is FaultKind.DUPLICATE_FRAME:
            self._fan_out(event)
            self._fan_out(event)
        elif fault.kind is FaultKind.REORDER_FRAMES:
            self._held[event.stream] = event
        if held is not None:
            self._fan_out(held)

    def shut_down(self, payload: bytes) -> None:
        """Tell every stream client that the server is going (``serverShutdown``)."""
        for connection in self.connections:
            if connection.orders:
                connection.write(frame(b'{"event":%b}' % payload))
            elif connection.combined:
                connection.write(frame(b'{"stream":"!serverShutdown","data":%b}' % payload))
            else:
                connection.write(frame(payload))
