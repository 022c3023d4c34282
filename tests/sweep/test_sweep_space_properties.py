"""Spaces: everything that is drawn lies inside, and arrives in the config as it was."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from mmbot.config.document import read
from mmbot.config.overrides import apply
from mmbot.sweep.search import RandomSearch
from mmbot.sweep.space import Axis, Interval, Values, Whole, drawn_axis, grid_axis, overrides, text_of

SHARES = st.floats(0, 1, exclude_max=True)
NUMBERS = st.floats(-1e9, 1e9, allow_nan=False)
TEXTS = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), max_size=12)
PLAIN = st.one_of(st.integers(-(10**12), 10**12), NUMBERS, st.booleans(), st.none(), TEXTS, st.lists(st.integers(0, 9)))


@given(low=st.integers(-(10**6), 10**6), steps=st.integers(0, 300), step=st.decimals(Decimal("0.001"), 1000, places=3))
def test_a_range_has_both_ends_and_equal_steps(low: int, steps: int, step: Decimal) -> None:
    high = low + steps * step
    values = grid_axis(f"a={low}:{high:f}:{step:f}").values
    assert len(values) == steps + 1
    assert values[0] == low
    assert values[-1] == float(high)
    assert list(values) == sorted(values)


@given(low=NUMBERS, wide=st.floats(1e-3, 1e9), share=SHARES)
def test_a_draw_lies_inside_an_interval(low: float, wide: float, share: float) -> None:
    axis = Interval("a", low, low + wide)
    if axis.high > axis.low:
        assert axis.low <= axis.draw(share) <= axis.high


@given(low=st.floats(1e-12, 1e6), factor=st.floats(1.001, 1e12), share=SHARES)
def test_a_draw_by_magnitude_lies_inside(low: float, factor: float, share: float) -> None:
    axis = Interval("a", low, low * factor, log=True)
    assert axis.low <= axis.draw(share) <= axis.high


@given(low=st.integers(-(10**9), 10**9), wide=st.integers(1, 10**6), share=SHARES)
def test_a_draw_lies_among_whole_numbers(low: int, wide: int, share: float) -> None:
    value = Whole("a", low, low + wide).draw(share)
    assert isinstance(value, int)
    assert low <= value <= low + wide


@given(value=PLAIN)
def test_a_value_arrives_as_it_was(value: object) -> None:
    document = read("{}", "x")
    apply(document, overrides({"a.b": value}))
    assert not document.problems
    found = document.data["a"]["b"]
    if isinstance(found, Decimal):
        assert isinstance(value, float)
        assert float(found) == value
    else:
        assert found == value
        assert type(found) is type(value)


@given(axis=st.one_of(
    st.builds(lambda low, wide: Interval("a", low, low + wide), st.integers(-99, 99).map(float), st.just(3.5)),
    st.builds(lambda low, wide: Whole("a", low, low + wide), st.integers(-99, 99), st.integers(1, 9)),
    st.lists(PLAIN, min_size=1, max_size=4, unique_by=text_of).map(lambda values: Values("a", tuple(values))),
))  # fmt: skip
def test_an_axis_is_written_as_it_is_read(axis: Axis) -> None:
    assert drawn_axis(f"a={axis}") == axis


@given(seed=st.integers(0, 2**32), count=st.integers(1, 20), more=st.integers(0, 20))
def test_a_longer_random_search_begins_with_the_shorter_one(seed: int, count: int, more: int) -> None:
    axes = [Interval("a", 0.0, 1.0), Whole("b", 1, 9)]
    short, long = (RandomSearch(axes, n, seed).ask() for n in (count, count + more))
    assert long[:count] == short
    assert RandomSearch(axes[::-1], count, seed).ask() == short  # an axis draws whatever the others are
