"""The matching engine, the crowd and a whole order on the simulated exchange; run with ``pytest benchmarks``.

Beside each engine figure stands the same work on a dict of deques, the shortest honest Python engine.
"""

from __future__ import annotations

import random
from collections import deque

import pytest

from mmbot._core.matching import MatchingEngine
from mmbot.sim.exchange import ExchangeConfig, SimExchange

START = 1_700_000_000_000_000_000
ORDERS = 10_000


def script() -> list[tuple[int, int, int, int]]:
    """(order_id, side, price, lots): near the touch, one in ten aggressive."""
    chance = random.Random(1)
    made = []
    for order_id in range(1, ORDERS + 1):
        side = chance.randrange(2)
        away = -3 if chance.random() < 0.1 else min(200, int(chance.expovariate(0.1)))
        made.append((order_id, side, 100_000 - away if side == 0 else 100_001 + away, chance.randrange(1, 20)))
    return made


class DictEngine:
    """Price levels in dicts of deques; the best price by ``min`` and ``max``."""

    def __init__(self) -> None:
        self.sides: tuple[dict[int, deque[list[int]]], dict[int, deque[list[int]]]] = ({}, {})

    def place(self, order_id: int, side: int, price: int, lots: int) -> None:
        other = self.sides[1 - side]
        while lots and other:
            best = min(other) if side == 0 else max(other)
            if (best > price) if side == 0 else (best < price):
                break
            queue = other[best]
            taken = min(lots, queue[0][1])
            lots -= taken
            queue[0][1] -= taken
            if not queue[0][1]:
                queue.popleft()
                if not queue:
                    del other[best]
        if lots:
            self.sides[side].setdefault(price, deque()).append([order_id, lots])


def test_place(benchmark: pytest.FixtureRequest) -> None:
    orders = script()

    def run() -> None:
        engine = MatchingEngine(ORDERS)
        bids: dict[int, int] = {}
        asks: dict[int, int] = {}
        for order_id, side, price, lots in orders:
            engine.place(order_id, 1, side, price, lots)
            engine.take_changes(bids, asks)

    benchmark.extra_info["orders"] = ORDERS  # type: ignore[attr-defined]
    benchmark(run)  # type: ignore[operator]


def test_place_peer_dict_of_deques(benchmark: pytest.FixtureRequest) -> None:
    orders = script()

    def run() -> None:
        engine = DictEngine()
        for order in orders:
            engine.place(*order)

    benchmark(run)  # type: ignore[operator]


def test_place_and_cancel(benchmark: pytest.FixtureRequest) -> None:
    engine = MatchingEngine(ORDERS)
    for order_id, side, price, lots in script():
        engine.place(order_id, 0, side, price, lots)
    price = engine.best()[0] - 5

    def run() -> None:
        for order_id in range(10**6, 10**6 + 1000):
            engine.place(order_id, 1, 0, price, 3)
            engine.cancel(order_id)
        engine.take_changes({}, {})

    benchmark(run)  # type: ignore[operator]


@pytest.fixture
def exchange() -> SimExchange:
    made = SimExchange(ExchangeConfig(seed=1), start_ns=START)
    made.add_user("bot", key="k", secret="s", futures={"USDT": "1000000"}, spot={"USDT": "1000000", "BTC": "10"})
    return made


def test_exchange_order_and_cancel(benchmark: pytest.FixtureRequest, exchange: SimExchange) -> None:
    user = exchange.users()[0]
    futures = exchange.futures
    bid = futures.markets["BTCUSDT"].matcher.best()[0]
    order = {
        "symbol": "BTCUSDT",
        "side": "BUY",
        "type": "LIMIT",
        "timeInForce": "GTX",
        "quantity": "0.010",
        "price": futures.markets["BTCUSDT"].instrument.price_text(bid - 20),
    }

    def run() -> None:
        placed = futures.new_order(user, order, START)
        futures.cancel_order(user, {"symbol": "BTCUSDT", "orderId": placed["orderId"]}, START)
        exchange.take_events()

    benchmark(run)  # type: ignore[operator]


def test_exchange_market_order(benchmark: pytest.FixtureRequest, exchange: SimExchange) -> None:
    user = exchange.users()[0]
    sides = ["BUY", "SELL"]

    def run() -> None:
        sides.reverse()
        order = {"symbol": "BTCUSDT", "side": sides[0], "type": "MARKET", "quantity": "0.002"}
        exchange.futures.new_order(user, order, exchange.now_ns)
        exchange.advance(exchange.now_ns + 5_000_000)
        exchange.take_events()

    benchmark(run)  # type: ignore[operator]


def test_a_second_of_four_markets(benchmark: pytest.FixtureRequest, exchange: SimExchange) -> None:
    for venue in (exchange.futures, exchange.spot):
        for symbol in ("btcusdt", "ethusdt"):
            for stream in ("depth@100ms", "bookTicker", "trade"):
                venue.subscribe(f"{symbol}@{stream}")

    def run() -> None:
        until = exchange.now_ns + 1_000_000_000
        while exchange.advance(until) <= until:
            exchange.take_events()

    benchmark(run)  # type: ignore[operator]
