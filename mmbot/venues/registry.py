"""Which venues there are: the only place that knows all connectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmbot.errors import ConfigError
from mmbot.venues.base import Endpoint
from mmbot.venues.binance_spot import BinanceSpot
from mmbot.venues.binance_usdm import BinanceUsdm

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mmbot.venues.base import Venue, VenueSettings

VENUES: Mapping[str, type[Venue]] = {venue.kind: venue for venue in (BinanceUsdm, BinanceSpot)}

ENDPOINTS: Mapping[tuple[str, str], Endpoint] = {
    ("binance_usdm", "live"): Endpoint(
        rest="https://fapi.binance.com",
        ws="wss://fstream.binance.com",
        ws_api="wss://ws-fapi.binance.com/ws-fapi/v1",
    ),
    ("binance_usdm", "testnet"): Endpoint(
        rest="https://testnet.binancefuture.com",
        ws="wss://fstream.binancefuture.com",
        ws_api="wss://testnet.binancefuture.com/ws-fapi/v1",
        routed=False,
    ),
    ("binance_spot", "live"): Endpoint(
        rest="https://api.binance.com",
        ws="wss://stream.binance.com:9443",
        ws_api="wss://ws-api.binance.com/ws-api/v3",
        routed=False,
    ),
    ("binance_spot", "testnet"): Endpoint(
        rest="https://testnet.binance.vision",
        ws="wss://stream.testnet.binance.vision",
        ws_api="wss://ws-api.testnet.binance.vision/ws-api/v3",
        routed=False,
    ),
}


def create_venue(kind: str, settings: VenueSettings) -> Venue:
    """Make the connector of a kind.

    Raises:
        ConfigError: there is no such kind.
    """
    venue = VENUES.get(kind)
    if venue is None:
        raise ConfigError(f"venue kind: expected one of {sorted(VENUES)}, found {kind!r}")
    return venue(settings)


def public_endpoint(kind: str, name: str) -> Endpoint:
    """Give the addresses of a venue's ``live`` or ``testnet``.

    Raises:
        ConfigError: the venue has no such network.
    """
    endpoint = ENDPOINTS.get((kind, name))
    if endpoint is None:
        known = sorted(network for venue, network in ENDPOINTS if venue == kind)
        raise ConfigError(f"endpoint of {kind}: expected one of {known}, found {name!r}")
    return endpoint
