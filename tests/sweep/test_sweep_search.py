"""Which trials there are."""

from __future__ import annotations

import sys

import pytest

from mmbot.errors import ConfigError, MmbotError
from mmbot.sweep.search import GridSearch, Objective, OptunaSearch, RandomSearch
from mmbot.sweep.space import Axis, Params, Values, drawn_axis

AXES: list[Axis] = [
    drawn_axis("a=uniform(0,10)"),
    drawn_axis("b=loguniform(1e-4,1)"),
    drawn_axis("c=int(1,5)"),
    drawn_axis("d=choice(x,[1,2],null)"),
]


def distance(params: Params) -> float:
    return -((params["a"] - 3) ** 2) - abs(params["c"] - 4)


def play(search: OptunaSearch) -> list[Params]:
    asked: list[Params] = []
    while batch := search.ask():
        asked += batch
        search.tell([None if params["d"] is None else distance(params) for params in batch])
    return asked


def test_a_grid_has_every_combination_the_last_axis_fastest() -> None:
    search = GridSearch([Values("a", (1, 2)), Values("b", ("x", "y", "z"))])
    assert search.size == 6
    asked = search.ask()
    assert [(p["a"], p["b"]) for p in asked] == [(1, "x"), (1, "y"), (1, "z"), (2, "x"), (2, "y"), (2, "z")]
    assert search.ask() == []


def test_a_grid_beyond_all_bounds_is_refused_before_it_is_made() -> None:
    with pytest.raises(ConfigError, match="1,000,000,000 combinations"):
        GridSearch([Values(key, tuple(range(1000))) for key in "abc"])


def test_a_random_search_is_its_seed() -> None:
    first, again, other = (RandomSearch(AXES, 20, seed).ask() for seed in (1, 1, 2))
    assert first == again != other
    assert len({params["a"] for params in first}) == 20


def test_optuna_asks_the_same_again_and_learns() -> None:
    first, again = (play(OptunaSearch(AXES, 60, 7)) for _ in range(2))
    assert first == again
    assert len(first) == 60
    assert play(OptunaSearch(AXES, 60, 8)) != first
    early, late = (sum(map(distance, part)) / len(part) for part in (first[:16], first[-16:]))
    assert late > early


def test_optuna_asks_in_batches_of_the_size_it_is_given() -> None:
    search = OptunaSearch(AXES, 10, 1, batch=4)
    sizes = []
    while batch := search.ask():
        sizes.append(len(batch))
        search.tell([1.0] * len(batch))
    assert sizes == [4, 4, 2]


def test_without_optuna_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(MmbotError, match=r"mmbot\[sweep\]"):
        OptunaSearch(AXES, 1, 1)


@pytest.mark.parametrize(("axes", "count"), [(AXES, 0), (AXES, -1), (AXES, 10**7), ([], 5)])
def test_a_search_needs_a_space_and_a_sensible_number(axes: list[Axis], count: int) -> None:
    with pytest.raises(ConfigError, match="--random"):
        RandomSearch(axes, count, 0)


def test_an_objective_says_what_is_better() -> None:
    assert Objective.parse("pnl.total") == Objective.parse("max:pnl.total") == Objective("pnl.total")
    least = Objective.parse("min:drawdown")
    assert least.score({"drawdown": 3}) == -3.0
    assert str(least) == "min:drawdown"
    for metrics in (None, {}, {"drawdown": None}, {"drawdown": float("nan")}, {"drawdown": "much"}):
        assert least.score(metrics) is None
    for wrong in ("up:drawdown", "", "min:"):
        with pytest.raises(ConfigError, match="--objective"):
            Objective.parse(wrong)
