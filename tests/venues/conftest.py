"""Fixtures of the connectors' tests; what they are made of is in `desk`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from desk import Desk, at_desk, exchange

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture(params=["binance_usdm", "binance_spot"])
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
async def desk(kind: str) -> AsyncIterator[Desk]:
    async with exchange() as server, at_desk(server, kind) as made:
        yield made
