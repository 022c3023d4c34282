"""The connectors run on uvloop, as a session does, over TLS."""

from __future__ import annotations

import uvloop
from desk import at_desk, exchange, until

from mmbot._core.types import OrderEventKind


def test_an_order_lives_and_dies_on_uvloop(kind: str) -> None:
    async def session() -> None:
        async with exchange(tls=True) as server, at_desk(server, kind) as desk:
            await until(lambda: desk.sink.frames)
            await desk.rest_order(1)
            desk.cancel(1)
            await until(lambda: OrderEventKind.CANCEL in desk.sink.kinds(1))

    uvloop.run(session())
