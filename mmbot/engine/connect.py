"""From the config's venues to connectors."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import structlog

from mmbot.config import EndpointUrls
from mmbot.errors import ConfigError, Disconnected, RateLimited, VenueError
from mmbot.venues.base import Credentials, Endpoint, VenueSettings
from mmbot.venues.registry import create_venue, public_endpoint
from mmbot.venues.secrets import load_credentials

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from mmbot.config import Config, VenueConfig
    from mmbot.sim.server import SimServer
    from mmbot.venues.base import Venue

_log = structlog.get_logger("mmbot.session")
T = TypeVar("T")
CONNECT_TIMEOUT_S = 30.0


def connect_all(config: Config, server: SimServer | None, session: int, *, trading: bool = True) -> list[Venue]:
    """Make a connector for each venue, in the config's order; none is opened yet.

    With `trading` False they have no credentials: market data alone, and no order can be sent.

    Raises:
        ConfigError: a key is missing where orders are to be sent.
    """
    return [
        create_venue(venue.kind, _settings(config, name, venue, server, session, trading=trading))
        for name, venue in config.venues.items()
    ]


def _settings(
    config: Config, name: str, venue: VenueConfig, server: SimServer | None, session: int, *, trading: bool
) -> VenueSettings:
    endpoint = _where(name, venue, server)
    credentials = _credentials(name, venue, server) if trading else None
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


def _where(name: str, venue: VenueConfig, server: SimServer | None) -> Endpoint:
    if venue.endpoint == "sim":
        if server is None:
            raise ConfigError(f"venue {name}: endpoint sim, but no exchange is embedded")
        urls = server.futures if venue.kind == "binance_usdm" else server.spot
        return Endpoint(rest=urls.rest, ws=urls.ws, ws_api=urls.ws_api, ca_file=server.ca_file)
    if isinstance(venue.endpoint, EndpointUrls):
        return Endpoint(
            rest=venue.endpoint.rest,
            ws=venue.endpoint.ws,
            ws_api=venue.endpoint.ws_api,
            ca_file=venue.endpoint.ca_file,
            routed=venue.endpoint.routed,
        )
    return public_endpoint(venue.kind, venue.endpoint)


def _credentials(name: str, venue: VenueConfig, server: SimServer | None) -> Credentials:
    if venue.endpoint == "sim" and server is not None:
        key, secret = server.credentials()
        return Credentials(api_key=key, api_secret=secret)
    prefix = venue.credentials or venue.kind.upper()
    credentials = load_credentials(prefix)
    if credentials is None:
        raise ConfigError(f"venue {name}: set {prefix}_API_KEY and {prefix}_API_SECRET in the environment")
    return credentials


async def patiently(name: str, call: Callable[[], Awaitable[T]]) -> T:
    """Do what a venue asks when it says that we are too fast: wait, however long; insisting makes a ban longer.

    Raises:
        VenueError: something else is wrong; its message names the venue.
    """
    while True:
        try:
            return await call()
        except RateLimited as error:
            _log.warning("waiting until the venue takes requests again", venue=name, wait_s=error.retry_after_s)
            await asyncio.sleep(error.retry_after_s)
        except VenueError as error:
            error.args = (f"venue {name}: {error}",)
            raise


def start_all(venues: Sequence[Venue], tasks: asyncio.TaskGroup) -> asyncio.Future[list[None]]:
    """Start every venue, at the same time; one that takes no requests just now is started when it does again.

    The future raises:
        Disconnected: one was not ready within `CONNECT_TIMEOUT_S`, waiting for its leave not counted.
        VenueError: it refuses something else.
    """

    async def start(venue: Venue) -> None:
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await venue.start(tasks)
        except TimeoutError:
            raise Disconnected(f"{venue.name}: expected it ready within {CONNECT_TIMEOUT_S:g} s") from None

    return asyncio.gather(*(patiently(venue.name, partial(start, venue)) for venue in venues))
