"""Sections about what the bot is connected to: `venues` and `markets`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from mmbot.config.fields import HttpUrl, Id, Section, Symbol, WsUrl

VenueKind = Literal["binance_usdm", "binance_spot", "tape"]
PERPETUAL_KINDS: frozenset[str] = frozenset({"binance_usdm"})


class EndpointUrls(Section):
    """Where a venue is reached when it is neither the embedded exchange nor one of the venue's public addresses."""

    rest: HttpUrl
    """Base URL of the REST interface, as `https://127.0.0.1:9001`."""
    ws: WsUrl
    """Base URL of the market data and user streams."""
    ws_api: WsUrl | None = None
    """Base URL of the websocket order interface; without it orders go over REST."""
    routed: bool = True
    """Whether market streams are split into `/public`, `/market` and `/private` paths, as on `binance_usdm` itself."""
    ca_file: Path | None = None
    """Certificate authority to trust for these URLs (PEM), as the one that `mmbot exchange --tls` writes."""


def _endpoint_form(value: object) -> str:
    return "urls" if isinstance(value, dict | EndpointUrls) else "name"


class VenueConfig(Section):
    """One account on one venue. Keys never stand here: they come from the environment or the keystore."""

    kind: VenueKind
    """Which venue this is; `tape`: one that only backtests know, from its tapes."""
    endpoint: Annotated[
        Annotated[Literal["sim", "testnet", "live"], Tag("name")] | Annotated[EndpointUrls, Tag("urls")],
        Discriminator(_endpoint_form),
    ] = "sim"
    """`sim`: the exchange embedded in this process. `live` needs `mmbot run --live` too."""
    credentials: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")] | None = None
    """Prefix of the environment variables `<PREFIX>_API_KEY`, `_API_SECRET`; default: the kind in capitals."""
    order_entry: Literal["websocket", "rest"] = "websocket"
    """How orders are sent; REST is the fallback of the websocket in any case."""
    order_timeout_ms: Annotated[int, Field(ge=50, le=60_000)] = 3_000
    """An order message without an answer for this long makes the order unknown: it is queried, and counts as live."""
    recv_window_ms: Annotated[int, Field(ge=100, le=60_000)] = 5_000
    """How old a signed request may be when the venue receives it."""
    depth_interval_ms: Literal[0, 100, 250, 500, 1000] | None = None
    """Interval of the depth feed, where the venue offers a choice; 0 is the fastest, none the venue's best."""
    trade_stream: Literal["trade", "aggTrade"] | None = None
    """Which trade feed to read; none: the venue's best."""
    dead_man_s: Annotated[int, Field(ge=0, le=600)] = 60
    """The venue cancels everything of ours when it has not heard of us this long; 0: off. Ignored where it has none."""
    leverage: Annotated[int, Field(ge=1, le=125)] | None = None
    """Leverage to be set on every market at the start; none: left as it is."""
    margin_mode: Literal["cross", "isolated"] = "cross"
    """Margin mode of the markets, set with `set_modes`. The liquidation check assumes cross: mild for isolated."""
    set_modes: bool = False
    """Set the margin mode of every market at the start; else the account's stands. One-way positions are required."""


class MarketConfig(Section):
    """One market of one venue."""

    venue: Id
    """Id of a venue in `venues`."""
    symbol: Symbol
    """Unified (`BTC/USDT:USDT` a perpetual, `BTC/USDT` spot) or the venue's own (`BTCUSDT`)."""
    role: Literal["maker", "hedge", "observe"] = "maker"
    """`maker`: the strategy quotes here. `hedge`: only hedges trade here. `observe`: data only, no order ever."""
