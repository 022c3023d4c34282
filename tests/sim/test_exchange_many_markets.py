"""A venue that lists a thousand markets: nothing about one of them costs more for the others."""

from __future__ import annotations

import time
from decimal import Decimal

import pytest
from exchange_desk import START, Desk

from mmbot.errors import ConfigError
from mmbot.sim.exchange import ExchangeConfig, SimExchange
from mmbot.sim.minor import minor_symbols, perpetual, spot_market

SECOND = 1_000_000_000
MANY = 300


@pytest.fixture(scope="module")
def crowded() -> Desk:
    return Desk(symbols=("BTCUSDT", *minor_symbols(MANY)))


def test_any_name_is_a_market_that_trades(crowded: Desk) -> None:
    order = {"symbol": "SIM0007USDT", "side": "BUY", "type": "MARKET", "newOrderRespType": "RESULT", "quantity": "100"}
    for venue in (crowded.exchange.futures, crowded.exchange.spot):
        assert venue.new_order(crowded.ann, order, crowded.now)["status"] == "FILLED"
    held = crowded.ask("position_risk_in_use", crowded.ann, symbol="SIM0007USDT")
    assert [each["positionAmt"] for each in held] == ["100.0"]
    assert len(crowded.ask("position_risk", crowded.ann, symbol="")) == MANY + 1


def test_units_depend_on_the_name_alone() -> None:
    assert perpetual("SOLUSDT") == perpetual("SOLUSDT")
    assert perpetual("SOLUSDT").start_price == spot_market("SOLUSDT").start_price != perpetual("XRPUSDT").start_price
    assert perpetual("BTCUSDT").tick == "0.1", "the listed ones are as they are"


@pytest.mark.parametrize("venue", ["futures", "spot"])
def test_listed_units_are_those_that_orders_are_checked_by(crowded: Desk, venue: str) -> None:
    """Ticks were listed with two decimals, whatever they were."""
    traded = getattr(crowded.exchange, venue)
    for listed in traded.exchange_info({}, crowded.now)["symbols"]:
        filters = {each["filterType"]: each for each in listed["filters"]}
        instrument = traded.markets[listed["symbol"]].instrument
        assert Decimal(filters["PRICE_FILTER"]["tickSize"]) == Decimal(instrument.tick) > 0
        assert Decimal(filters["LOT_SIZE"]["stepSize"]) == Decimal(instrument.lot) > 0


@pytest.mark.parametrize("symbol", ["", "USDT", "BTCEUR", "btcusdt", "BTC/USDT"])
def test_a_name_that_cannot_be_is_said(symbol: str) -> None:
    with pytest.raises(ConfigError, match="expected a symbol"):
        SimExchange(ExchangeConfig(symbols=(symbol,)), start_ns=START)


def test_an_order_costs_the_same_whatever_is_listed(crowded: Desk) -> None:
    """Margin was summed over every listed symbol at each order: 12 ms with 1,500 of them."""

    def orders(desk: Desk) -> float:
        price, began = desk.price(desk.best()[0] - 500), time.perf_counter()
        for _ in range(50):
            desk.limit(desk.bob, "BUY", price, "0.010")
        took = time.perf_counter() - began
        desk.ask("cancel_all", desk.bob)
        return took

    alone = Desk()
    assert min(orders(crowded) for _ in range(3)) < 4 * min(orders(alone) for _ in range(3)) + 0.01


def test_every_market_is_marked_once_a_second_but_not_all_at_once(crowded: Desk) -> None:
    crowded.wait(2.5)
    marks = crowded.exchange.futures.clearing.marks
    assert all(0 <= crowded.now - mark._last_ns < 1.01 * SECOND for mark in marks.values())
    assert len({mark._last_ns for mark in marks.values()}) == 5


def test_who_acts_next_is_the_same_whatever_the_number_of_markets() -> None:
    exchange = SimExchange(ExchangeConfig(seed=3, symbols=tuple(minor_symbols(40)), activity=20.0), start_ns=START)
    before = START
    for step in range(1, 200):
        exchange.advance(START + step * SECOND // 100, budget=50)
        assert exchange._source.next_ns >= before
        before = exchange._source.next_ns
    traded = [market.trade_id for market in exchange.futures.markets.values() if market.day.count]
    assert len(traded) > 30
