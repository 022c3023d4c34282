"""From a config, or from names on the command line, to what a `Recorder` is to record."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmbot.engine.connect import connect_all
from mmbot.errors import ConfigError
from mmbot.recorder.session import Source
from mmbot.venues.base import VenueSettings
from mmbot.venues.registry import create_venue, public_endpoint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmbot.config import Config
    from mmbot.sim.server import SimServer


def from_config(config: Config, server: SimServer | None) -> list[Source]:
    """Every market of a config, whatever its role, at the endpoints that the config names; without credentials.

    Args:
        config: checked.
        server: the embedded exchange, where the config has one.
    """
    venues = connect_all(config, server, 0, trading=False)
    sources = []
    for name, venue in zip(config.venues, venues, strict=True):
        symbols = {m: market.symbol for m, market in config.markets.items() if market.venue == name}
        if symbols:
            sources.append(Source(venue, symbols))
    return sources


def from_names(kind: str, symbols: Sequence[str], endpoint: str) -> list[Source]:
    """Markets of one venue at one of its public addresses.

    Args:
        kind: of venue, such as ``binance_usdm``.
        symbols: unified or the venue's own.
        endpoint: ``live`` or ``testnet``.

    Raises:
        ConfigError: no symbols, an unknown venue, or one that has no such network.
    """
    if not symbols:
        raise ConfigError(f"--venue {kind}: expected the markets to record, as --symbol BTC/USDT:USDT; found none")
    settings = VenueSettings(name=kind, endpoint=public_endpoint(kind, endpoint))
    return [Source(create_venue(kind, settings), {symbol: symbol for symbol in dict.fromkeys(symbols)})]
