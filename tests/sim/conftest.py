"""The exchange over real sockets, for every test that asks for a `client`."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from socket_client import Client, running


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with running() as one:
        yield one
