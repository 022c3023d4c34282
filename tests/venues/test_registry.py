"""All connectors are found by kind, all networks by name."""

from __future__ import annotations

import pytest

from mmbot.errors import ConfigError
from mmbot.venues.base import VenueSettings
from mmbot.venues.registry import ENDPOINTS, VENUES, create_venue, public_endpoint


@pytest.mark.parametrize("kind", sorted(VENUES))
def test_a_kind_makes_its_connector(kind: str) -> None:
    venue = create_venue(kind, VenueSettings(name="mine", endpoint=public_endpoint(kind, "live")))
    assert (venue.kind, venue.name) == (kind, "mine")
    assert venue.feed_names


def test_unknown_kinds_and_networks_are_told_what_there_is() -> None:
    with pytest.raises(ConfigError, match=r"binance_usdm.*found 'bitmax'"):
        create_venue("bitmax", VenueSettings(name="x", endpoint=public_endpoint("binance_usdm", "live")))
    with pytest.raises(ConfigError, match=r"\['live', 'testnet'\]"):
        public_endpoint("binance_spot", "paper")


def test_every_public_address_is_encrypted() -> None:
    for endpoint in ENDPOINTS.values():
        assert endpoint.rest.startswith("https://")
        assert endpoint.ws.startswith("wss://")
        assert endpoint.ws_api is not None
        assert endpoint.ws_api.startswith("wss://")
