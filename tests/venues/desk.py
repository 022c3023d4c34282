"""A recording sink, and connectors over the simulated exchange, plain and TLS."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from mmbot._core.types import CommandKind, CommandView, Instrument, OrderEvent, OrderEventKind, Side, TimeInForce
from mmbot.sim.exchange import ExchangeConfig
from mmbot.sim.server import SimServer
from mmbot.sim.server_config import ServerConfig
from mmbot.venues.base import Credentials, Endpoint, Venue, VenueSettings
from mmbot.venues.registry import create_venue

SYMBOLS = {"binance_usdm": "BTC/USDT:USDT", "binance_spot": "BTC/USDT"}
LOTS = {"binance_usdm": 100, "binance_spot": 10_000}


@dataclass
class RecordingSink:
    """Keeps everything; `kinds` and `until` are for assertions."""

    frames: list[tuple[int, bytes]] = field(default_factory=list)
    feeds: list[tuple[int, bool]] = field(default_factory=list)
    snapshots: list[tuple[int, bytes]] = field(default_factory=list)
    orders: list[dict[str, int]] = field(default_factory=list)
    funding: list[tuple[int, int, int, int]] = field(default_factory=list)
    balances: dict[str, int] = field(default_factory=dict)
    trading: list[bool] = field(default_factory=list)
    assets: list[str] = field(default_factory=list)

    def on_frame(self, feed: int, payload: bytes | memoryview, recv_ns: int) -> None:
        assert abs(recv_ns - time.time_ns()) < 60 * 10**9
        self.frames.append((feed, bytes(payload)))

    def on_feed(self, feed: int, up: bool) -> None:
        self.feeds.append((feed, up))

    def on_snapshot(self, market: int, body: bytes) -> None:
        self.snapshots.append((market, body))

    def on_order(self, event: OrderEvent) -> None:
        self.orders.append(event.as_dict())

    def on_funding(self, market: int, amount_e8: int, asset: int, ts_ns: int) -> None:
        self.funding.append((market, amount_e8, asset, ts_ns))

    def on_balance(self, asset: int, wallet_e8: int, ts_ns: int) -> None:
        self.balances[self.assets[asset]] = wallet_e8

    def on_trading_up(self, up: bool) -> None:
        self.trading.append(up)

    def asset_index(self, name: str) -> int:
        if name not in self.assets:
            self.assets.append(name)
        return self.assets.index(name)

    def kinds(self, order_num: int) -> list[OrderEventKind]:
        return [OrderEventKind(each["kind"]) for each in self.orders if each["order_num"] == order_num]

    def of(self, kind: OrderEventKind, order_num: int | None = None) -> list[dict[str, int]]:
        return [
            each
            for each in self.orders
            if each["kind"] == kind and (order_num is None or each["order_num"] == order_num)
        ]


async def until(condition: Callable[[], object], timeout_s: float = 5.0) -> None:
    """Wait for a condition; fails the test when it does not come true."""
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


@dataclass
class Desk:
    """One connector at work on the simulated exchange."""

    venue: Venue
    sink: RecordingSink
    server: SimServer
    instrument: Instrument
    seq: int = 0

    @property
    def kind(self) -> str:
        return self.venue.kind

    @property
    def lots(self) -> int:
        return LOTS[self.kind]

    def command(self, kind: int, order_num: int = 0, **fields: Any) -> CommandView:
        self.seq += 1
        return CommandView(kind=kind, market=0, ts_ns=time.time_ns(), event_seq=self.seq, order_num=order_num, **fields)

    def place(self, order_num: int, price_ticks: int, **fields: Any) -> None:
        defaults = {"side": Side.BUY, "qty_lots": self.lots, "time_in_force": TimeInForce.GTX}
        self.venue.submit(self.command(CommandKind.PLACE, order_num, price_ticks=price_ticks, **{**defaults, **fields}))

    def cancel(self, order_num: int, **fields: Any) -> None:
        self.venue.submit(self.command(CommandKind.CANCEL_ORDER, order_num, **fields))

    async def touch(self) -> tuple[int, int]:
        """Best bid and ask in ticks."""
        await self.venue.snapshot(0)
        book = json.loads(self.sink.snapshots[-1][1])
        tick = Decimal(self.instrument.tick_size)
        return int(Decimal(book["bids"][0][0]) / tick), int(Decimal(book["asks"][0][0]) / tick)

    async def rest_order(self, order_num: int) -> int:
        """Place an order that rests far from the touch; returns its price."""
        bid, _ = await self.touch()
        price = bid * 98 // 100
        self.place(order_num, price)
        await until(lambda: OrderEventKind.ACK in self.sink.kinds(order_num))
        return price


def settings_for(server: SimServer, kind: str, **changes: Any) -> VenueSettings:
    urls = server.futures if kind == "binance_usdm" else server.spot
    key, secret = server.credentials()
    defaults: dict[str, Any] = {
        "name": kind,
        "endpoint": Endpoint(rest=urls.rest, ws=urls.ws, ws_api=urls.ws_api, ca_file=server.ca_file),
        "credentials": Credentials(api_key=key, api_secret=secret),
        "bot": "tester",
        "session": 1_700_000_000,
        "request_timeout_s": 1.0,
    }
    return VenueSettings(**{**defaults, **changes})


@asynccontextmanager
async def at_desk(server: SimServer, kind: str, **changes: Any) -> AsyncIterator[Desk]:
    """Start a connector; stop it at the end whatever happened."""
    venue, sink = create_venue(kind, settings_for(server, kind, **changes)), RecordingSink()
    async with asyncio.TaskGroup() as tasks:
        try:
            await venue.open()
            (instrument,) = await venue.instruments([SYMBOLS[kind]])
            venue.bind(sink, {0: instrument})
            await venue.start(tasks)
            yield Desk(venue, sink, server, instrument)
        finally:
            await venue.stop()


@asynccontextmanager
async def exchange(**config: Any) -> AsyncIterator[SimServer]:
    async with SimServer(ServerConfig(exchange=ExchangeConfig(seed=7, symbols=("BTCUSDT",)), **config)) as server:
        yield server
