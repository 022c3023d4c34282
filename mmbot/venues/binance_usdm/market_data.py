"""Which streams USD-M futures are read from, and how long each may be silent.

Since 2026 the streams are split by path: ``/public`` has depth, bookTicker and trade, ``/market`` has aggTrade and
markPrice. Test networks and older servers serve all on the un-routed paths.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mmbot.venues.base import VenueSettings

FEED_NAMES = ("public", "market")
DEPTH_MS = {0: "@0ms", 100: "@100ms", 250: "", 500: "@500ms"}
_DEPTH_SILENCE_S = 15.0
_TICKER_SILENCE_S = 60.0
_MARK_SILENCE_S = 15.0  # comes every second
_TRADE_SILENCE_S = 0.0  # a quiet market has no trades


def plan_feeds(symbols: Iterable[str], settings: VenueSettings) -> Sequence[tuple[str, Mapping[str, float]]]:
    """Give url and streams of both feeds, in the order of `FEED_NAMES`.

    Raises:
        ValueError: `depth_ms` is none of the intervals that the venue has.
    """
    depth_ms = 100 if settings.depth_ms is None else settings.depth_ms
    if depth_ms not in DEPTH_MS:
        raise ValueError(f"{settings.name}: depth_ms: expected one of {sorted(DEPTH_MS)}, found {depth_ms}")
    trade = settings.trade_stream or "aggTrade"
    public: dict[str, float] = {}
    market: dict[str, float] = {}
    for name in (symbol.lower() for symbol in symbols):
        public[f"{name}@depth{DEPTH_MS[depth_ms]}"] = _DEPTH_SILENCE_S
        public[f"{name}@bookTicker"] = _TICKER_SILENCE_S
        (public if trade == "trade" else market)[f"{name}@{trade}"] = _TRADE_SILENCE_S
        market[f"{name}@markPrice@1s"] = _MARK_SILENCE_S
    base = settings.endpoint.ws.rstrip("/")
    paths = ("/public/stream", "/market/stream") if settings.endpoint.routed else ("/stream", "/stream")
    return [(base + paths[0], public), (base + paths[1], market)]
