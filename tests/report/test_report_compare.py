"""Two runs of one session, fill by fill: what belongs together, and why the rest does not."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up_runs import INVERSE, S, fill, first_terms, made_up, order, rows, stormy

from mmbot._core.blotter import FILLS
from mmbot._core.types import OrderState
from mmbot.report import RunData, analyse, compare
from mmbot.report.matching import REASONS, pair_up

STATE: list[dict[str, Any]] = [{"ts_ns": 1}, {"ts_ns": 100 * S}]


def run(fills: list[dict[str, Any]], orders: list[dict[str, Any]] | None = None, **fields: Any) -> RunData:
    return made_up(fills, orders or [], fields.pop("terms", first_terms(orders or [])), STATE, **fields)


def compared(a: RunData, b: RunData, **settings: int) -> dict[str, Any]:
    result = compare([a, b], [analyse(a), analyse(b)], **settings)
    fills: dict[str, Any] = result["fills"]
    return fills


def only(a: RunData, b: RunData) -> tuple[str, str]:
    """Code and text of the one difference."""
    differences = compared(a, b)["differences"]
    assert len(differences) == 1, differences
    return differences[0]["code"], differences[0]["text"]


def test_a_run_is_the_same_as_itself() -> None:
    storm, _ = stormy(4)
    found = compared(storm, storm)
    assert found["matched"] == found["same"] == found["a"] == found["b"] == len(storm.fills) > 0
    assert found["differences"] == []
    assert found["first_difference"] is None
    assert found["time_apart_ms"]["p99"] == 0


def test_a_millisecond_is_no_difference_and_two_are() -> None:
    a = run([fill(1, 600), fill(2, 601)])
    b = run([fill(1.001, 600), fill(2.002, 601)])
    found = compared(a, b)
    assert (found["matched"], found["same"]) == (2, 1)
    assert found["differences"][0]["code"] == "time"
    assert found["differences"][0]["text"] == "2.0 ms later in B"


def test_a_late_order_explains_a_late_fill() -> None:
    a = run([fill(2, 600)], [order(1, 1, 600)])
    b = run([fill(2.5, 600)], [order(1, 1.3, 600)])
    assert only(a, b) == ("time", "500.0 ms later in B; B's order arrived 300.0 ms later")


def test_quantity_and_price_differ() -> None:
    assert only(run([fill(1, 600, qty=10)]), run([fill(1, 600, qty=4)]))[0] == "quantity"
    code, text = only(run([fill(1, 600)]), run([fill(1.2, 601)]))
    assert code == "at_price"
    assert text == "price 60 in A, 60.1 in B; 200.0 ms later in B"


def test_no_order() -> None:
    assert only(run([fill(1, 600)]), run([])) == ("no_order", "B had no order on this side")
    # An order of the other side, and one of a hedge, are no counterpart.
    other = [order(1, 0.5, 600, side=1), order(2, 0.5, 600, purpose=1)]
    assert only(run([fill(1, 600)]), run([], other))[0] == "no_order"


def test_the_queue() -> None:
    code, text = only(run([fill(2, 600)]), run([], [order(1, 1, 600, front_lots=17.5)]))
    assert code == "queue"
    assert text == "B's order had stood at this price for 990.0 ms, 17.5 lots ahead of it on arrival; not its turn yet"


def test_an_order_that_came_too_late() -> None:
    code, text = only(run([fill(2, 600)]), run([], [order(1, 2.04, 600)]))
    assert (code, text) == ("late", "B's order at this price arrived 50.0 ms after")


def test_an_order_that_had_gone() -> None:
    code, text = only(run([fill(2, 600)]), run([], [order(1, 1, 600, until_s=1.9)]))
    assert (code, text) == ("gone", "B's order at this price was canceled 100.0 ms before")
    filled = [order(1, 1, 600, until_s=1.9, state=OrderState.FILLED)]
    assert "was filled" in only(run([fill(2, 600)]), run([], filled))[1]


def test_an_order_amended_away_stands_where_it_went() -> None:
    orders = [order(1, 1, 590, amends=1)]
    terms = [
        {"order_id": 1, "ts_ns": S, "price_ticks": 600, "qty_lots": 10},
        {"order_id": 1, "ts_ns": int(1.9 * S), "price_ticks": 590, "qty_lots": 10},
    ]
    assert only(run([fill(2, 600)]), run([], orders, terms=terms)) == (
        "gone", "B's order at this price was amended away 100.0 ms before"
    )  # fmt: skip
    assert only(run([fill(2, 590)]), run([], orders, terms=terms))[0] == "queue"
    code, text = only(run([fill(2, 595)]), run([], orders, terms=terms))
    assert (code, text) == ("price", "B's best order stood at 59, 5 ticks further away")


def test_a_better_order_of_the_other_run() -> None:
    code, text = only(run([fill(2, 600, side=1)]), run([], [order(1, 1, 598, side=1)]))
    assert (code, text) == ("price", "B's best order stood at 59.8, 2 ticks nearer the market")


def test_a_hedge_of_a_fill_that_only_one_run_has() -> None:
    def of(quotes: list[dict[str, Any]]) -> RunData:
        hedges = [fill(q["exch_ts_ns"] / S + 0.005, 700, side=1, purpose=1, market=1, maker=0) for q in quotes]
        fills = sorted(quotes + hedges, key=lambda f: f["ts_ns"])
        return made_up(fills, state=STATE, instruments=[INVERSE, INVERSE])

    found = compared(of([fill(1, 600), fill(3, 601)]), of([fill(1, 600)]))
    assert [(d["in"], d["market"], d["code"]) for d in found["differences"]] == [
        ("A", "market0", "no_order"), ("A", "market1", "follows"),
    ]  # fmt: skip
    assert found["differences"][1]["text"] == "5.0 ms behind a fill that only this run has"
    assert {r["code"]: r["count"] for r in found["reasons"]} == {"no_order": 1, "follows": 1}


def test_quotes_are_counted_beside_the_fills() -> None:
    a = run([], [order(1, 1, 600), order(2, 2, 601), order(3, 3, 602, purpose=1)])
    b = run([], [order(1, 1.004, 600), order(2, 2, 601, side=1)])
    quotes = compared(a, b)["markets"]["market0"]["quotes"]
    assert (quotes["a"], quotes["b"], quotes["matched"]) == (2, 2, 1)
    assert quotes["later_ms"]["p50"] == pytest.approx(4.0)
    assert quotes["first_difference_ns"] == a.start_ns - 1 + 2 * S


def test_positions_that_differ_are_part_of_the_reason() -> None:
    a, b = run([fill(1, 600), fill(5, 600)]), run([fill(1, 600), fill(5.1, 601), fill(8, 590)])
    code, text = [(d["code"], d["text"]) for d in compared(a, b)["differences"]][1]
    assert (code, text) == ("no_order", "A had no order on this side")
    b = run([fill(5.1, 601)])
    texts = {d["code"]: d["text"] for d in compared(a, b)["differences"]}
    assert texts["at_price"] == "price 60 in A, 60.1 in B; 100.0 ms later in B; held 0.01 in A, 0 in B"


def test_runs_of_other_times_are_not_compared_fill_by_fill() -> None:
    a = made_up(state=[{"ts_ns": S}, {"ts_ns": 2 * S}])
    b = made_up(state=[{"ts_ns": 5 * S}, {"ts_ns": 6 * S}])
    result = compare([a, b], [analyse(a), analyse(b)])
    assert result["fills"] is None
    assert "do not overlap" in result["remarks"][0]


def test_fills_outside_the_shared_time_do_not_count() -> None:
    a = made_up([fill(1, 600), fill(9, 600)], state=[{"ts_ns": S // 2}, {"ts_ns": 10 * S}])
    b = made_up([fill(9, 600)], state=[{"ts_ns": 5 * S}, {"ts_ns": 10 * S}])
    assert compared(a, b)["a"] == 1


def test_several_runs_have_their_figures_side_by_side() -> None:
    runs = [stormy(seed, steps=150)[0] for seed in range(3)] + [made_up()]
    figures = [analyse(r) for r in runs]
    result = compare(runs, figures)
    assert [r["label"] for r in result["runs"]] == ["A", "B", "C", "D"]
    assert result["fills"] is None
    pnl = next(m for m in result["metrics"] if m["name"] == "PnL, USDT")
    assert pnl["values"] == [f["assets"]["USDT"]["pnl"]["total_e8"] for f in figures]
    only_desk = next(m for m in result["metrics"] if m["name"] == "PnL, USDC")
    assert only_desk["values"][3] is None
    assert only_desk["texts"][3] == "\u2013"
    assert json.loads(json.dumps(result, allow_nan=False)) == result


TIMES = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 1), st.integers(600, 602), st.integers(1, 2)), max_size=14
).map(sorted)


@given(TIMES, TIMES, st.integers(0, 3000))
def test_pairs_are_one_to_one_on_one_side_and_inside_the_window(a: list[Any], b: list[Any], window_ms: int) -> None:
    def of(given_rows: list[Any]) -> np.ndarray[Any, Any]:
        return rows(FILLS, *(fill(t / 10, p, side=s, qty=q) for t, s, p, q in given_rows))

    fills_a, fills_b = of(a), of(b)
    pairs = pair_up(fills_a, fills_b, window_ms * 1_000_000)
    assert len({i for i, _ in pairs}) == len({j for _, j in pairs}) == len(pairs)
    for i, j in pairs:
        assert fills_a[i]["side"] == fills_b[j]["side"]
        assert abs(int(fills_a[i]["exch_ts_ns"]) - int(fills_b[j]["exch_ts_ns"])) <= window_ms * 1_000_000
    left_a = [i for i in range(len(a)) if i not in {i for i, _ in pairs}]
    left_b = [j for j in range(len(b)) if j not in {j for _, j in pairs}]
    for i in left_a:  # nothing that would still fit was left lying
        for j in left_b:
            apart = abs(int(fills_a[i]["exch_ts_ns"]) - int(fills_b[j]["exch_ts_ns"]))
            assert fills_a[i]["side"] != fills_b[j]["side"] or apart > window_ms * 1_000_000


@pytest.mark.parametrize("seeds", [(1, 2), (5, 6)])
def test_every_difference_has_its_reason(seeds: tuple[int, int]) -> None:
    found = compared(*(stormy(seed)[0] for seed in seeds))
    assert found["a"] == found["matched"] + found["only_a"]
    assert found["b"] == found["matched"] + found["only_b"]
    assert len(found["differences"]) == found["matched"] - found["same"] + found["only_a"] + found["only_b"]
    assert sum(r["count"] for r in found["reasons"]) == len(found["differences"])
    assert all(d["text"] for d in found["differences"])
    assert {d["code"] for d in found["differences"]} <= set(REASONS)
