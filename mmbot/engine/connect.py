"""From the config's venues to connectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmbot.config import EndpointUrls
from mmbot.errors import ConfigError
from mmbot.venues.base import Credentials, Endpoint, VenueSettings
from mmbot.venues.registry import create_venue, public_endpoint
from mmbot.venues.secrets import load_credentials

if TYPE_CHECKING:
    from mmbot.config import Config, VenueConfig
    from mmbot.sim.server import SimServer
    from mmbot.venues.base import Venue


def connect_all(config: Config, server: SimServer | None, session: int) -> list[Venue]:
    """Make a connector for each venue, in the config's order; none is opened yet.

    Raises:
        ConfigError: a key is missing where orders are to be sent.
    """
    return [
        create_venue(venue.kind, _settings(config, name, venue, server, session))
        for name, venue in config.venues.items()
    ]


def _settings(config: Config, name: str, venue: VenueConfig, server: SimServer | None, session: int) -> VenueSettings:
    endpoint, credentials = _where(name, venue, server)
    return VenueSettings(
        name=name,
        endpoint=endpoint,
        credentials=credentials,
        bot=config.bot.name,
        session=session,
        depth_ms=venue.depth_interval_ms,
        leverage=venue.leverage,
        margin_mode=venue.margin_mode if venue.set_modes else None,
        countdown_ms=venue.dead_man_s * 1000,
        order_entry=venue.order_entry,
        trade_stream=venue.trade_stream,
        request_timeout_s=venue.order_timeout_ms / 1000,
        recv_window_ms=venue.recv_window_ms,
    )


def _where(name: str, venue: VenueConfig, server: SimServer | None) -> tuple[Endpoint, Credentials]:
    if venue.endpoint == "sim":
        if server is None:
            raise ConfigError(f"venue {name}: endpoint sim, but no exchange is embedded")
        urls = server.futures if venue.kind == "binance_usdm" else server.spot
        key, secret = server.credentials()
        return (
            Endpoint(rest=urls.rest, ws=urls.ws, ws_api=urls.ws_api, ca_file=server.ca_file),
            Credentials(api_key=key, api_secret=secret),
        )
    prefix = venue.credentials or venue.kind.upper()
    credentials = load_credentials(prefix)
    if credentials is None:
        raise ConfigError(f"venue {name}: set {prefix}_API_KEY and {prefix}_API_SECRET in the environment")
    if isinstance(venue.endpoint, EndpointUrls):
        return (
            Endpoint(
                rest=venue.endpoint.rest,
                ws=venue.endpoint.ws,
                ws_api=venue.endpoint.ws_api,
                ca_file=venue.endpoint.ca_file,
                routed=venue.endpoint.routed,
            ),
            credentials,
        )
    return public_endpoint(venue.kind, venue.endpoint), credentials
