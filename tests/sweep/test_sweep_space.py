"""What may be varied, and how it is written."""

from __future__ import annotations

import pytest

from mmbot.errors import ConfigError
from mmbot.sweep.space import Interval, Values, Whole, check_keys, drawn_axis, grid_axis, overrides


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a.b=1,2,4", (1, 2, 4)),
        ("a.b=1:3:0.5", (1.0, 1.5, 2.0, 2.5, 3.0)),
        ("a.b=1,2,4:8:2", (1, 2, 4, 6, 8)),
        ("a.b=-1:1:1", (-1, 0, 1)),
        ("a.b=1e-3:3e-3:1e-3", (0.001, 0.002, 0.003)),
        ("a.b=0.1:0.3:0.1", (0.1, 0.2, 0.3)),
        ("a.b=mid, microprice", ("mid", "microprice")),
        ("a.b=true,false", (True, False)),
        ("a.b='1',2", ("1", 2)),
        ("a.b=[x, y],[z]", (["x", "y"], ["z"])),
        ("a.b=2024-08-08T12:00:00Z", ("2024-08-08T12:00:00Z",)),
    ],
)
def test_a_grid_names_its_values(text: str, values: tuple[object, ...]) -> None:
    axis = grid_axis(text)
    assert (axis.key, axis.values) == ("a.b", values)
    assert [type(value) for value in axis.values] == [type(value) for value in values]


def test_a_search_draws_them() -> None:
    assert drawn_axis("a=uniform(1, 5)") == Interval("a", 1.0, 5.0)
    assert drawn_axis("a=loguniform(1e-5,1e-2)") == Interval("a", 1e-5, 1e-2, log=True)
    assert drawn_axis("a=int(1,5)") == Whole("a", 1, 5)
    assert drawn_axis("a=choice(mid,microprice,3)") == Values("a", ("mid", "microprice", 3))


def test_draws_are_evenly_spread() -> None:
    assert [Interval("a", 1.0, 5.0).draw(share) for share in (0.0, 0.25, 0.5)] == [1.0, 2.0, 3.0]
    assert [Interval("a", 0.01, 1.0, log=True).draw(share) for share in (0.0, 0.5)] == [0.01, 0.1]
    assert [Whole("a", 1, 4).draw(share) for share in (0.0, 0.249, 0.25, 0.999)] == [1, 1, 2, 4]
    assert [Values("a", ("x", "y")).draw(share) for share in (0.0, 0.499, 0.5, 0.999)] == ["x", "x", "y", "y"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("half_spread", "expected key=1,2,4"),
        ("=1", "expected key=1,2,4"),
        ("a b=1", "expected key=1,2,4"),
        ("a=", "--grid a: has no values"),
        ("a=1,2,1", "--grid a: has 1 twice"),
        ("a=1:5:0", "range 1:5:0: expected from <= to and a step above 0"),
        ("a=5:1:1", "range 5:1:1: expected from <= to and a step above 0"),
        ("a=0:1:1e-9", "allowed are 10,000"),
        ("a=[1,2", "is not valid YAML"),
    ],
)
def test_a_grid_that_makes_no_sense_is_named(text: str, says: str) -> None:
    with pytest.raises(ConfigError, match="--grid") as raised:
        grid_axis(text)
    assert says in str(raised.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a=5", "--vary a: found '5'; expected uniform(a,b)"),
        ("a=normal(0,1)", "found normal(…); expected uniform(a,b)"),
        ("a=uniform(1)", "expected two numbers"),
        ("a=uniform(x,2)", "expected two numbers"),
        ("a=uniform(true,2)", "expected two numbers"),
        ("a=uniform(2,1)", "expected the lower end first"),
        ("a=uniform(1e999,2e999)", "both finite"),
        ("a=loguniform(0,1)", "expected ends above 0"),
        ("a=int(1,2.5)", "expected whole numbers"),
        ("a=choice()", "has no values"),
        ("a=choice(1,1)", "has 1 twice"),
    ],
)
def test_a_space_that_makes_no_sense_is_named(text: str, says: str) -> None:
    with pytest.raises(ConfigError, match="--vary") as raised:
        drawn_axis(text)
    assert says in str(raised.value)


def test_no_axis_overrides_another() -> None:
    with pytest.raises(ConfigError, match=r"a\.b: is varied twice"):
        check_keys([Values("a.b", (1,)), Values("a.b", (2,))])
    with pytest.raises(ConfigError, match=r"a\.b\.c: lies below a\.b, which is varied too"):
        check_keys([Values("a.b", (1,)), Values("a.b.c", (2,))])
    check_keys([Values("a.b", (1,)), Values("a.bc", (2,))])


def test_values_become_overrides() -> None:
    params = {"a.b": 0.5, "c": "mid", "d": [1, "x"], "e": True, "f": None, "g": "1"}
    assert overrides(params) == ["a.b=0.5", 'c="mid"', 'd=[1, "x"]', "e=true", "f=null", 'g="1"']
