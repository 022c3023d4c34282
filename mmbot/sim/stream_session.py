"""What a client may say on a stream socket: SUBSCRIBE and its kin. Without I/O.

Error texts are those of the venue's "Error Messages" table for live subscribing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from mmbot.sim.streams import Category, StreamHub, UserFeed, category_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mmbot.sim.connection import Connection
    from mmbot.sim.listen_keys import ListenKeys

METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")
ID_LENGTH = 36


class TooManyStreams(Exception):
    """The client has more streams than a connection may have."""


class _Invalid(Exception):
    def __init__(self, code: int, msg: str) -> None:
        super().__init__(msg)
        self.code = code
        self.msg = msg


class StreamSession:
    """One stream connection.

    Args:
        hub: listeners of the venue.
        connection: the client.
        listen_keys: a stream name that is one of these is a private stream.
        category: of the routed path connected to; empty on un-routed paths, which serve everything.
        max_streams: limit of the connection.
    """

    def __init__(
        self, hub: StreamHub, connection: Connection, listen_keys: ListenKeys, *, category: Category, max_streams: int
    ) -> None:
        self._hub = hub
        self._connection = connection
        self._listen_keys = listen_keys
        self._category = category
        self._max_streams = max_streams

    def open(self, streams: Iterable[str], events: frozenset[str] = frozenset()) -> None:
        """Subscribe to what the connection's path and query name; `events` selects private event types."""
        for stream in streams:
            if stream:
                self._subscribe(stream, events)

    def answer(self, text: str | bytes) -> bytes:
        """Carry one control message out.

        Raises:
            TooManyStreams: the connection is to be cut.
        """
        request_id: Any = None
        try:
            request = _parse(text)
            request_id = request.get("id")
            _check_id(request_id)
            reply = {"result": self._carry_out(request), "id": request_id}
        except _Invalid as invalid:
            reply = {"error": {"code": invalid.code, "msg": invalid.msg}, "id": request_id}
        return msgspec.json.encode(reply)

    def _carry_out(self, request: dict[str, Any]) -> Any:
        method = request.get("method")
        if method is None:
            raise _Invalid(2, "Invalid request: missing field `method` at line 1 column 2")
        if method not in METHODS:
            names = ", ".join(f"`{name}`" for name in METHODS)
            raise _Invalid(
                2, f"Invalid request: unknown variant `{method}`, expected one of {names} at line 1 column 2"
            )
        if method == "LIST_SUBSCRIPTIONS":
            return list(self._connection.streams)
        params = request.get("params", [])
        if not isinstance(params, list):
            raise _Invalid(2, "Invalid request: params must be a list")
        if method.endswith("PROPERTY"):
            return self._property(method, params)
        if not all(isinstance(stream, str) for stream in params):
            raise _Invalid(2, "Invalid request: stream name must be a string")
        for stream in params:
            if method == "SUBSCRIBE":
                self._subscribe(stream)
            else:
                self._unsubscribe(stream)
        return None

    def _property(self, method: str, params: list[Any]) -> Any:
        if not params or not isinstance(params[0], str):
            raise _Invalid(2, "Invalid request: property name must be a string")
        if params[0] != "combined":
            raise _Invalid(0, "Unknown property")
        if method == "GET_PROPERTY":
            return self._connection.combined
        if len(params) < 2 or not isinstance(params[1], bool):
            raise _Invalid(1, "Invalid value type: expected Boolean")
        self._hub.set_combined(self._connection, combined=params[1])
        return None

    def _subscribe(self, stream: str, events: frozenset[str] = frozenset()) -> None:
        account = self._listen_keys.account(stream)
        if account is not None and self._category in ("", "private"):
            if self._hub.feed_of(self._connection, stream) is None:
                self._hub.add_feed(UserFeed(self._connection, account, stream=stream, events=events))
                self._connection.streams[stream] = False
            return
        served = self._category in ("", category_of(stream))
        self._hub.subscribe(self._connection, stream, served=served)
        if len(self._connection.streams) > self._max_streams:
            raise TooManyStreams

    def _unsubscribe(self, stream: str) -> None:
        feed = self._hub.feed_of(self._connection, stream)
        if feed is not None:
            self._hub.remove_feed(feed)
        self._hub.unsubscribe(self._connection, stream)


def _parse(text: str | bytes) -> dict[str, Any]:
    try:
        request = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise _Invalid(3, "Invalid JSON: expected value at line 1 column 1") from None
    if not isinstance(request, dict):
        raise _Invalid(2, "Invalid request: expected an object")
    return request


def _check_id(request_id: object) -> None:
    is_text = isinstance(request_id, str) and len(request_id) <= ID_LENGTH
    is_number = isinstance(request_id, int) and not isinstance(request_id, bool)
    if request_id is not None and not is_text and not is_number:
        raise _Invalid(2, "Invalid request: request ID must be an unsigned integer")
