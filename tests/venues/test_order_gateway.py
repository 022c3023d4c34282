"""The gateway's count of requests that are under way, where no websocket carries them."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from mmbot._core.encode_binance import BinanceEncoder
from mmbot._core.types import CommandKind, CommandView, Instrument, OrderEvent, Side, TimeInForce
from mmbot.net.rate_budget import WeightBudget
from mmbot.testing import INSTRUMENTS
from mmbot.venues.binance.market_table import MarketTable
from mmbot.venues.binance.order_gateway import GatewayPorts, OrderGateway

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence


class Session:
    """A gateway without a websocket; `ending` begins nothing more, as a task group that shuts down."""

    def __init__(self) -> None:
        maker = Instrument(**INSTRUMENTS["perp_btc"])
        encoder = BinanceEncoder(futures=True, api_key="k" * 64, secret="s" * 64, client_prefix="mm1a2b-t6bq1c-")
        encoder.add_market(0, maker)
        self.budget = WeightBudget(2400)
        self.ending = False
        self.begun: set[asyncio.Task[None]] = set()
        self.reported: list[OrderEvent] = []
        ports = GatewayPorts(
            report=self.reported.append,
            spawn=self.spawn,
            rest_send=self.unanswered,
            rest_batch=self.unanswered_batch,
            state_changed=lambda: None,
            log_on=self.log_on,
            pushed=len,
            clock_wrong=lambda: None,
            fatal=repr,
        )
        self.gateway = OrderGateway(
            encoder, MarketTable({0: maker}), {}, self.budget, ports, timeout_s=1.0, websocket=False
        )

    def spawn(self, request: Coroutine[None, None, None]) -> bool:
        if self.ending:
            request.close()
            return False
        task = asyncio.ensure_future(request)
        self.begun.add(task)
        return True

    async def unanswered(self, _command: CommandView) -> bytes:
        await asyncio.Event().wait()
        return b""

    async def unanswered_batch(self, _commands: Sequence[CommandView]) -> Sequence[bytes]:
        await asyncio.Event().wait()
        return ()

    async def log_on(self) -> None:
        pass

    def send(self, kind: CommandKind, order_num: int) -> None:
        self.gateway.submit(
            CommandView(
                kind=kind, market=0, ts_ns=time.time_ns(), event_seq=order_num, order_num=order_num, side=Side.BUY,
                price_ticks=1000, qty_lots=10, time_in_force=TimeInForce.GTX,
            )
        )  # fmt: skip

    async def end(self) -> None:
        for task in self.begun:
            task.cancel()
        await asyncio.gather(*self.begun, return_exceptions=True)


@pytest.mark.parametrize("kind", [CommandKind.PLACE, CommandKind.CANCEL_ORDER, CommandKind.QUERY_ORDER])
@pytest.mark.parametrize("paused", [False, True])
@pytest.mark.parametrize("orders", [1, 3])
async def test_a_request_is_under_way_only_when_it_was_begun(kind: CommandKind, paused: bool, orders: int):
    session = Session()
    if paused:
        session.budget.pause(60)
    held_back = paused and kind == CommandKind.PLACE  # refused at once: new risk does not wait
    for number in range(1, orders + 1):
        session.send(kind, number)
    await asyncio.sleep(0.01)
    assert session.gateway.in_flight(0) is not held_back
    assert len(session.reported) == (orders if held_back else 0)
    await session.end()
    assert not session.gateway.in_flight(0)

    session.ending = True
    for number in range(1, orders + 1):
        session.send(kind, orders + number)
    await asyncio.sleep(0.01)
    assert not session.gateway.in_flight(0)
