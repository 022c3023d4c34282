"""Is every stream of a connection still speaking? A connected socket proves nothing about its single streams."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class StreamWatch:
    """Notices streams that went silent, at almost no cost per message.

    Once a round (`check`, about every second) all streams are put on a list; messages are looked at only while one is
    on it (`pending`), and strike their stream off.

    Args:
        limits_s: stream name -> seconds it may stay silent; 0: for ever.
        clock: monotonic seconds.
    """

    def __init__(self, limits_s: Mapping[str, float], clock: Callable[[], float] = monotonic) -> None:
        self._limits_s = {name: limit for name, limit in limits_s.items() if limit > 0}
        self._clock = clock
        self._heard: dict[str, float] = {}
        self.pending: set[str] = set()

    def start(self) -> None:
        """Begin anew: the streams were just subscribed."""
        self._heard = dict.fromkeys(self._limits_s, self._clock())
        self.pending = set(self._limits_s)

    def stop(self) -> None:
        """Watch nothing: there is no connection."""
        self._heard = {}
        self.pending = set()

    def note(self, stream: str) -> None:
        """Strike a stream off the list."""
        if stream in self.pending:
            self.pending.discard(stream)
            self._heard[stream] = self._clock()

    def check(self) -> list[str]:
        """Name the streams that were silent beyond their limit, and put all on the list again."""
        now = self._clock()
        silent = sorted(name for name, at in self._heard.items() if now - at > self._limits_s[name])
        if self._heard:
            self.pending = set(self._limits_s)
        return silent
