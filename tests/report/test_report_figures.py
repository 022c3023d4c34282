"""Small runs whose every figure is known."""

from __future__ import annotations

import json

import numpy as np
import pytest
from made_up_runs import S, fill, made_up, of_desk, order, stormy

from mmbot._core.types import OrderState
from mmbot.report import analyse
from mmbot.report.performance import drawdown, equity, ratios, step


def quoted(at_s: int, **fields: int) -> dict[str, int]:
    return {"ts_ns": at_s * S, "bid_ticks": 100, "ask_ticks": 104, "mid_x2": 204, **fields}


def test_shares_of_time_weigh_each_state_by_how_long_it_held() -> None:
    run = made_up(
        state=[
            {"ts_ns": S},  # no book: does not count
            quoted(11),
            quoted(21, own_bid_ticks=99, own_ask_ticks=105),
            quoted(51, own_bid_ticks=100),
            quoted(61, own_bid_ticks=101, own_ask_ticks=104),
            quoted(71),
        ]
    )
    found = analyse(run)["markets"]["market0"]["quoting"]
    assert found["book_s"] == 60
    assert found["both"] == pytest.approx(40 / 60)
    assert (found["bid"], found["ask"]) == (pytest.approx(50 / 60), pytest.approx(40 / 60))
    assert (found["bid_at_touch"], found["ask_at_touch"]) == (pytest.approx(20 / 60), pytest.approx(10 / 60))
    assert found["both_at_touch"] == pytest.approx(10 / 60)
    assert found["market_spread_bps"] == pytest.approx(4 / 102 * 1e4)
    assert found["own_spread_bps"] == pytest.approx((6 * 30 + 3 * 10) / 40 / 102 * 1e4)


def test_orders_and_queue() -> None:
    orders = [
        order(1, 1, 600_000, until_s=3, state=OrderState.FILLED, filled_lots=10, front_lots=7.0),
        order(2, 2, 600_000, until_s=4),
        order(3, 3, 600_000, filled_lots=5, amends=2),
        order(4, 3, 600_000, purpose=1, time_in_force=1),
    ]
    fills = [
        fill(3, 600_000, number=1, placed_ns=S), fill(4, 600_000, number=3, qty=5, placed_ns=3 * S),
        fill(4.5, 600_100, number=4, purpose=1, maker=0, side=1),
    ]  # fmt: skip
    market = analyse(made_up(fills, orders))["markets"]["market0"]
    found = market["orders"]
    assert (found["placed"], found["quotes"], found["hedges"], found["amends"]) == (4, 3, 1, 2)
    assert found["ended"] == {"live": 1, "filled": 1, "canceled": 1}
    assert found["time_in_force"] == {"IOC": 1, "GTX": 3}
    assert found["fill_ratio"] == pytest.approx(15 / 30)
    assert found["filled_orders_share"] == pytest.approx(2 / 3)
    assert found["time_to_fill_s"]["p50"] == pytest.approx((2.001 + 1.001) / 2)
    assert found["queue_time_s"] == pytest.approx({"count": 1, "mean": 1.99, "p50": 1.99, "p90": 1.99, "p99": 1.99})
    assert found["front_lots"]["p50"] == 7.0
    assert found["entry_latency_ms"]["p99"] == pytest.approx(10.0)
    assert found["report_latency_ms"]["p50"] == pytest.approx(1.0)
    assert market["fills"]["turnover"] == pytest.approx(0.015 * 60_000 + 0.01 * 60_010)
    assert market["fills"]["maker_share"] == pytest.approx(0.015 * 60_000 / (0.015 * 60_000 + 0.01 * 60_010))


def test_mark_outs_are_weighted_and_know_their_error() -> None:
    fills = [
        fill(1, 600_000, qty=10, mid_x2=1_200_012, after_x2=[1_199_988, 0, 0, 0, 0]),
        fill(2, 600_000, qty=30, side=1, mid_x2=1_199_988, after_x2=[1_199_988, 1_200_120, 0, 0, 0]),
    ]
    found = analyse(made_up(fills))["markets"]["market0"]["mark_outs"]
    at_fill, soon, second, later, *_ = found["all"]
    assert at_fill["mean_bps"] == pytest.approx(0.1)
    assert at_fill["error_bps"] == pytest.approx(0.0)
    assert soon["mean_bps"] == pytest.approx((-0.1 * 10 + 0.1 * 30) / 40)
    # weights 1/4 and 3/4, distances -0.15 and 0.05 from the mean, times 2 for two fills
    assert soon["error_bps"] == pytest.approx(np.sqrt((0.25 * 0.15) ** 2 + (0.75 * 0.05) ** 2) * np.sqrt(2))
    assert (second["fills"], second["mean_bps"], second["error_bps"]) == (1, pytest.approx(-1.0), None)
    assert (later["fills"], later["mean_bps"]) == (0, None)
    assert [p["fills"] for p in found["buy"]] == [1, 1, 0, 0, 0, 0]


def test_a_step_function_holds_its_value() -> None:
    at, values = np.array([10, 20]), np.array([1, 5])
    assert list(step(np.array([9, 10, 19, 20, 99]), at, values)) == [0, 1, 1, 5, 5]
    assert list(step(np.array([1, 2]), np.zeros(0, np.int64), np.zeros(0, np.int64))) == [0, 0]


def test_drawdown_names_its_peak_and_bottom() -> None:
    times = np.arange(8) * S
    found = drawdown(times, np.array([0, 5, 3, 9, 4, 2, 8, 10]))
    assert found == {"max_e8": 7, "peak_ns": 3 * S, "bottom_ns": 5 * S, "longest_s": 4.0}
    assert drawdown(times, np.arange(8))["max_e8"] == 0
    # The run starts at zero, so a loss from the first moment is one.
    assert drawdown(times[:3], np.array([-1, -4, -2]))["max_e8"] == 4


def test_ratios_state_their_interval() -> None:
    chance = np.random.default_rng(3)
    times = np.arange(0, 7201) * S
    total = np.concatenate([[0], np.cumsum(chance.integers(-1000, 1400, 7200))])
    found = ratios(times, total, 1.0)
    assert (found["interval_s"], found["intervals"]) == (60, 120)
    change = np.diff(total[::60])
    year = np.sqrt(365 * 86_400 / 60)
    assert found["sharpe"] == pytest.approx(change.mean() / change.std(ddof=1) * year)
    assert found["sortino"] == pytest.approx(change.mean() / np.sqrt(np.mean(np.minimum(change, 0) ** 2)) * year)


def test_ratios_are_not_made_up_from_nothing() -> None:
    assert ratios(np.zeros(0, np.int64), np.zeros(0, np.int64), 0)["sharpe"] is None
    flat = ratios(np.arange(200) * S, np.zeros(200, np.int64), 1.0)
    assert (flat["interval_s"], flat["sharpe"], flat["sortino"]) == (1, None, None)
    rising = ratios(np.arange(200) * S, np.arange(200) ** 2, 1.0)
    assert rising["sharpe"] > 0
    assert rising["sortino"] is None
    assert ratios(np.arange(3) * 60 * S, np.array([0, 1, 2]), 60.0)["interval_s"] == 60


def test_equity_adds_the_markets_of_an_asset_at_every_time() -> None:
    run, _ = stormy(1, steps=200)
    times, total = equity(run, "USDT")
    assert np.all(np.diff(times) > 0)
    found = analyse(run)
    assert total[-1] == found["assets"]["USDT"]["pnl"]["total_e8"]
    assert found["assets"]["USDT"]["drawdown"]["max_e8"] == int(
        (np.maximum(np.maximum.accumulate(total), 0) - total).max()
    )


def test_positions() -> None:
    run = made_up(
        state=[
            quoted(10), quoted(20, position_lots=4), quoted(30, position_lots=-2), quoted(50, position_lots=1),
        ]
    )  # fmt: skip
    found = analyse(run)["markets"]["market0"]["position"]
    assert (found["min_lots"], found["max_lots"], found["end_lots"]) == (-2, 4, 1)
    assert found["mean_abs_lots"] == pytest.approx((4 * 10 + 2 * 20) / 40)
    assert found["unit"] == "BTC"


def test_a_run_in_which_nothing_happened() -> None:
    figures = analyse(made_up())
    assert figures["run"]["duration_s"] == 0
    assert figures["assets"]["USDT"]["pnl"]["total_e8"] == 0
    assert json.loads(json.dumps(figures, allow_nan=False)) == figures


def test_figures_are_json_without_nan() -> None:
    _, desk = stormy(2)
    figures = analyse(of_desk(desk))
    assert json.loads(json.dumps(figures, allow_nan=False)) == figures
    assert figures["schema"] == 1
    assert set(figures["conventions"]) >= {"sharpe", "sortino", "annualisation", "mark_outs", "adverse_selection"}
