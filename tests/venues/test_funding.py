"""Funding payments reach the sink with their market, as the venue's history has them."""

from __future__ import annotations

import asyncio

from desk import RecordingSink, at_desk, exchange, settings_for, until

from mmbot._core.types import OrderEventKind, TimeInForce
from mmbot.sim.exchange import ExchangeConfig
from mmbot.sim.server import SimServer
from mmbot.sim.server_config import ServerConfig
from mmbot.venues.registry import create_venue


async def test_a_payment_on_the_only_market_is_told_at_once() -> None:
    config = ServerConfig(exchange=ExchangeConfig(seed=7, symbols=("BTCUSDT",), funding_interval_s=1.0))
    async with SimServer(config) as server, at_desk(server, "binance_usdm") as desk:
        _, ask = await desk.touch()
        desk.place(1, ask * 101 // 100, time_in_force=TimeInForce.IOC)
        await until(lambda: desk.sink.of(OrderEventKind.FILL, 1))
        await until(lambda: len(desk.sink.funding) >= 2, 6.0)
        market, amount, asset, _ = desk.sink.funding[0]
        assert market == 0
        assert amount != 0
        assert desk.sink.assets[asset] == "USDT"
        history = await desk.venue.funding_since(0)
        told = desk.sink.funding[: len(history)]
        assert [(each.market, each.amount_e8) for each in history[: len(told)]] == [each[:2] for each in told]
        assert len({each.payment_id for each in history}) == len(history)


async def test_a_payment_among_several_markets_is_looked_up() -> None:
    config = ServerConfig(exchange=ExchangeConfig(seed=7, funding_interval_s=3.0))
    async with SimServer(config) as server:
        venue, sink = create_venue("binance_usdm", settings_for(server, "binance_usdm")), RecordingSink()
        async with asyncio.TaskGroup() as tasks:
            try:
                await venue.open()
                found = await venue.instruments(["ETHUSDT", "BTCUSDT"])
                venue.bind(sink, dict(enumerate(found)))
                await venue.start(tasks)
                async with at_desk(server, "binance_usdm") as desk:  # the same account
                    _, ask = await desk.touch()
                    desk.place(1, ask * 101 // 100, time_in_force=TimeInForce.IOC)
                    await until(lambda: desk.sink.of(OrderEventKind.FILL, 1))
                await until(lambda: sink.funding, 9.0)
                assert {market for market, *_ in sink.funding} == {1}
            finally:
                await venue.stop()


async def test_spot_has_none() -> None:
    async with exchange() as server, at_desk(server, "binance_spot") as desk:
        assert await desk.venue.funding_since(0) == []
