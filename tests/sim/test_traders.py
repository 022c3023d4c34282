"""The crowd: deterministic, and like a market."""

from __future__ import annotations

import itertools
import math
import random
import statistics

import pytest
from exchange_desk import START, Desk
from test_money import trade_at_random

from mmbot._core.crowd import Crowd
from mmbot._core.matching import MatchingEngine


def session(seed: int, *, step_s: float = 0.01) -> list[object]:
    """Everything that leaves an exchange on which two users trade at random."""
    desk = Desk(seed=seed, activity=1.0, funding_interval_s=3)
    for venue in (desk.exchange.futures, desk.exchange.spot):
        for stream in ("depth@100ms", "bookTicker", "trade", "aggTrade"):
            venue.subscribe(f"btcusdt@{stream}")
    chance = random.Random(1)
    events: list[object] = []
    for _ in range(400):
        trade_at_random(desk, chance)
        desk.wait(step_s)
        events += desk.exchange.take_events()
    return events


def test_the_same_seed_and_calls_give_the_same_events() -> None:
    first, second = session(5), session(5)
    assert len(first) > 3000
    assert first == second
    assert session(6) != first


def test_how_often_it_is_called_does_not_change_the_market() -> None:
    """Without orders of users, the market at a time does not depend on the calls that led there."""
    books = []
    for step_s in (0.001, 0.1, 5.0):
        desk = Desk(seed=9, activity=1.0)
        for _ in range(round(5 / step_s)):
            desk.wait(step_s)
        market = desk.exchange.futures.markets["BTCUSDT"]
        books.append((market.matcher.levels(0), market.matcher.levels(1), market.update_id, list(market.tape)))
    assert books[0] == books[1] == books[2]


@pytest.fixture(scope="module")
def minute() -> dict[str, list[float]]:
    """Samples every 50 ms over two minutes of both markets."""
    desk = Desk(seed=4, activity=1.0)
    markets = (desk.exchange.futures.markets["BTCUSDT"], desk.exchange.spot.markets["BTCUSDT"])
    start = [market.trade_id for market in markets]
    samples: dict[str, list[float]] = {"spread": [], "touch": [], "perp": [], "spot": []}
    for _ in range(2400):
        desk.wait(0.05)
        bid, bid_lots, ask, _ = markets[0].matcher.best()
        samples["spread"].append(ask - bid)
        samples["touch"].append(bid_lots / 1000)
        samples["perp"].append(markets[0].mid_e8 / 1e8)
        samples["spot"].append(markets[1].mid_e8 / 1e8)
    samples["trades"] = [(market.trade_id - before) / 120 for market, before in zip(markets, start, strict=True)]
    samples["levels"] = [len(markets[0].matcher.levels(side)) for side in (0, 1)]
    return samples


def test_the_book_is_tight_and_deep(minute: dict[str, list[float]]) -> None:
    assert statistics.median(minute["spread"]) == 1
    assert sum(spread <= 20 for spread in minute["spread"]) / len(minute["spread"]) > 0.9
    assert 0.1 < statistics.median(minute["touch"]) < 10
    assert min(minute["levels"]) > 100


def test_it_trades_as_often_as_the_recorded_market(minute: dict[str, list[float]]) -> None:
    perp, spot = minute["trades"]
    assert 20 < perp < 200  # 62 a second were recorded
    assert 10 < spot < 150  # 28 a second were recorded


def test_prices_move_and_perp_and_spot_move_together(minute: dict[str, list[float]]) -> None:
    perp, spot = minute["perp"], minute["spot"]
    moves = [(math.log(perp[i + 20] / perp[i]), math.log(spot[i + 20] / spot[i])) for i in range(0, len(perp) - 20, 20)]
    yearly = statistics.pstdev(move for move, _ in moves) * math.sqrt(365.25 * 86400)
    assert 0.15 < yearly < 2.5
    assert statistics.correlation([a for a, _ in moves], [b for _, b in moves]) > 0.8
    basis = [(a / b - 1) * 1e4 for a, b in zip(perp, spot, strict=True)]
    assert -8 < statistics.mean(basis) < 2
    assert statistics.pstdev(basis) < 3


def test_volatility_clusters() -> None:
    crowd = Crowd(3, START)
    asset = crowd.add_asset(60_000.0, yearly_volatility=0.5)
    crowd.add_market(MatchingEngine(), asset=asset, tick=0.1, rate=50.0, target=10, impact=0.0)
    prices = []
    for second in range(1, 4000):
        while crowd.step(START + second * 10**9) >= 0:
            pass
        prices.append(crowd.fair(asset))
    sizes = [abs(math.log(b / a)) for a, b in itertools.pairwise(prices)]
    assert statistics.correlation(sizes[:-1], sizes[1:]) > 0.05
    assert statistics.correlation(sizes[:-10], sizes[10:]) > 0.05


def test_a_stale_quote_is_picked_off() -> None:
    """A user's order that fair moves through does not survive."""
    desk = Desk(seed=2, activity=1.0)
    _, _, ask, _ = desk.best()
    stale = desk.limit(desk.ann, "BUY", desk.price(ask + 200), "0.500", timeInForce="GTC")
    assert stale["status"] in {"FILLED", "NEW", "PARTIALLY_FILLED"}
    desk.wait(1)
    assert desk.ask("query_order", desk.ann, orderId=stale["orderId"])["status"] == "FILLED"


def test_wrong_arguments_are_refused() -> None:
    crowd = Crowd(1, 0)
    assert crowd.step(10**18) == -1
    with pytest.raises(ValueError, match="asset: expected price > 0"):
        crowd.add_asset(0.0)
    with pytest.raises(ValueError, match="market: expected an asset below 0"):
        crowd.add_market(MatchingEngine(), asset=0, tick=0.1)
    crowd.add_asset(100.0)
    with pytest.raises(ValueError, match="positive numbers"):
        crowd.add_market(MatchingEngine(), asset=0, tick=0.0)
    with pytest.raises(IndexError):
        crowd.fair(1)
