"""Which streams spot is read from, and how long each may be silent.

Docs: ``web-socket-streams.md``. All streams are on one path; depth comes every 100 or 1000 ms.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mmbot.venues.base import VenueSettings

FEED_NAMES = ("public",)
_DEPTH_SILENCE_S = 20.0
_TICKER_SILENCE_S = 60.0
_TRADE_SILENCE_S = 0.0  # a quiet market has no trades
_DEPTH_MS = {0: "@100ms", 100: "@100ms", 1000: ""}


def plan_feeds(symbols: Iterable[str], settings: VenueSettings) -> Sequence[tuple[str, Mapping[str, float]]]:
    """Give url and streams of the feed.

    Raises:
        ValueError: `depth_ms` is none of the intervals that the venue has.
    """
    depth_ms = 100 if settings.depth_ms is None else settings.depth_ms
    if depth_ms not in _DEPTH_MS:
        raise ValueError(f"{settings.name}: depth_ms: expected one of {sorted(_DEPTH_MS)}, found {depth_ms}")
    limits_s: dict[str, float] = {}
    for name in (symbol.lower() for symbol in symbols):
        limits_s[f"{name}@depth{_DEPTH_MS[depth_ms]}"] = _DEPTH_SILENCE_S
        limits_s[f"{name}@bookTicker"] = _TICKER_SILENCE_S
        limits_s[f"{name}@{settings.trade_stream or 'trade'}"] = _TRADE_SILENCE_S
    return [(settings.endpoint.ws.rstrip("/") + "/stream", limits_s)]
