"""A connector bound to many markets: what it asks for at once must not use up what the venue allows in a minute."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from decimal import Decimal

import pytest
from desk import RecordingSink, settings_for, until

from mmbot._core.types import CommandKind, CommandView, Side, TimeInForce
from mmbot.errors import ConfigError, RateLimited
from mmbot.sim.exchange import ExchangeConfig
from mmbot.sim.minor import minor_symbols
from mmbot.sim.server import SimServer
from mmbot.sim.server_config import ServerConfig
from mmbot.venues.binance.account_rest import asked_for_fees
from mmbot.venues.registry import create_venue

MANY = 50


def test_fees_of_many_symbols_are_asked_for_by_quote_asset() -> None:
    few = {f"S{i}USDT": "USDT" for i in range(20)}
    assert asked_for_fees(few) == {symbol: symbol for symbol in few}
    many = {f"S{i}USDT": "USDT" for i in range(30)} | {f"S{i}USDC": "USDC" for i in range(30)}
    assert set(asked_for_fees(many).values()) == {"S0USDT", "S0USDC"}
    assert asked_for_fees(many)["S7USDC"] == "S0USDC"


@pytest.mark.parametrize("kind", ["binance_usdm", "binance_spot"])
async def test_fifty_markets_start_within_one_minutes_allowance(kind: str) -> None:
    """Sixty markets took more than a minute's weight in fees, books and switches, and ended in a ban."""
    config = ServerConfig(exchange=ExchangeConfig(seed=7, symbols=tuple(minor_symbols(MANY))))
    async with SimServer(config) as server, asyncio.TaskGroup() as tasks:
        asked: Counter[tuple[str, str]] = Counter()
        rest = server._servers[kind]._rest
        answer = rest.answer

        def counted(request):
            asked[request.method, request.path.rpartition("/")[2]] += 1
            return answer(request)

        rest.answer = counted
        venue, sink = create_venue(kind, settings_for(server, kind)), RecordingSink()
        try:
            await venue.open()
            instruments = await venue.instruments(list(minor_symbols(MANY)))
            venue.bind(sink, dict(enumerate(instruments)))
            await venue.start(tasks)
            await asyncio.gather(*(venue.snapshot(market) for market in range(MANY)))
            assert await venue.open_orders() == []
            assert len(await venue.positions()) == MANY
            fees = ("GET", "commissionRate" if kind == "binance_usdm" else "commission")
            assert (asked[fees], asked["GET", "openOrders"], asked["GET", "depth"]) == (1, 1, MANY)
            assert venue.rate_usage()["weight_1m"] < 0.3 * venue.rate_usage()["weight_1m_limit"]
            if kind == "binance_usdm":
                assert asked["POST", "countdownCancelAll"] == 0, "nothing rests there"
                book = next(json.loads(body) for market, body in sink.snapshots if market == 3)
                bid = Decimal(book["bids"][0][0]) / Decimal(instruments[3].tick_size)
                order = CommandView(
                    kind=CommandKind.PLACE,
                    market=3,
                    ts_ns=time.time_ns(),
                    order_num=1,
                    side=Side.BUY,
                    qty_lots=1000,
                    price_ticks=int(bid) * 99 // 100,
                    time_in_force=TimeInForce.GTX,
                )
                venue.submit(order)
                await until(lambda: asked["POST", "countdownCancelAll"] == 1)
                await until(lambda: sink.orders)
        finally:
            await venue.stop()


@pytest.mark.parametrize("kind", ["binance_usdm", "binance_spot"])
async def test_a_minute_that_others_have_used_up_does_not_end_in_a_ban(kind: str) -> None:
    """Every request under way at the first 429 is another strike: fifty books at once were ten too many."""
    config = ServerConfig(exchange=ExchangeConfig(seed=7, symbols=tuple(minor_symbols(MANY))))
    if (left_s := 60 - time.time() % 60) < 4:
        await asyncio.sleep(left_s)  # the venue counts by the minute, and a new one is about to begin
    async with SimServer(config) as server:
        limiter = server._servers[kind].gateway.limiter
        venue = create_venue(kind, settings_for(server, kind, credentials=None))
        await venue.open()
        venue.bind(RecordingSink(), dict(enumerate(await venue.instruments(list(minor_symbols(MANY))))))
        [limit] = limiter.of_kind("REQUEST_WEIGHT")
        limiter.charge("127.0.0.1", limit.limit - limiter.count(limit, "127.0.0.1", time.time()) - 7, time.time())
        books = [asyncio.create_task(venue.snapshot(market)) for market in range(MANY)]
        await asyncio.sleep(1.0)
        assert not limiter._bans["127.0.0.1"].until_s
        assert 0 < limiter._bans["127.0.0.1"].strikes <= 4
        for book in books:
            book.cancel()
        refused = [each for each in await asyncio.gather(*books, return_exceptions=True) if each is not None]
        assert all(isinstance(each, RateLimited | asyncio.CancelledError) for each in refused)
        await venue.stop()


async def test_more_streams_than_a_connection_takes_are_a_clear_error() -> None:
    symbols = tuple(minor_symbols(400))
    async with SimServer(ServerConfig(exchange=ExchangeConfig(seed=7, symbols=symbols))) as server:
        venue = create_venue("binance_spot", settings_for(server, "binance_spot", credentials=None))
        await venue.open()
        venue.bind(RecordingSink(), dict(enumerate(await venue.instruments(list(symbols)))))
        with pytest.raises(ExceptionGroup) as caught:
            async with asyncio.TaskGroup() as tasks:
                await venue.start(tasks)
        assert caught.group_contains(ConfigError, match="at most 341 markets")
        await venue.stop()
