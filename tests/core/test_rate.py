"""Message budgets by the time that is passed in."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmbot._core.rate import RateBudget

S = 1_000_000_000


def budget(*windows: tuple[int, int, int, bool]) -> RateBudget:
    return RateBudget(list(windows))


def test_cancels_use_a_share_that_others_may_not() -> None:
    rate = budget((10, 10 * S, 3, True))
    assert rate.take(7, False, 0)
    assert not rate.take(1, False, 0)
    assert rate.available(True, 0) == 3
    assert rate.take(3, True, 0)
    assert not rate.take(1, True, 0)
    assert rate.refused == 2


def test_cancels_are_free_where_the_venue_does_not_count_them() -> None:
    rate = budget((2, S, 0, False))
    assert rate.take(2, False, 0)
    assert all(rate.take(1, True, 0) for _ in range(100))
    assert rate.available(True, 0) == 2**31 - 1


def test_a_unit_comes_back_when_it_has_left_the_window() -> None:
    rate = budget((2, 10 * S, 0, True), (3, 60 * S, 0, True))
    assert rate.take(1, False, 0)
    assert rate.take(1, False, 4 * S)
    assert not rate.take(1, False, 9 * S)
    assert rate.ready_ns(1, False, 9 * S) == 10 * S
    assert rate.ready_ns(2, False, 9 * S) == 60 * S, "the longer window decides"
    assert rate.take(1, False, 10 * S)
    assert rate.ready_ns(1, False, 20 * S) == 60 * S
    assert rate.ready_ns(4, False, 20 * S) == 2**63 - 1


def test_the_venues_larger_count_is_taken_over() -> None:
    rate = budget((10, S, 0, True))
    rate.take(2, False, 0)
    rate.sync(0, 9, 0)
    assert rate.available(False, 0) == 1
    rate.sync(0, 1, 0)
    assert rate.available(False, 0) == 1, "a smaller count may be older than our last messages"
    rate.sync(0, 50, 0)
    assert rate.available(False, 0) == 0
    rate.sync(5, 50, 0)
    assert rate.available(False, S) == 10


def test_a_ban_stops_cancels_too_and_is_not_shortened() -> None:
    rate = budget((10, S, 0, True))
    rate.block_until(5 * S)
    rate.block_until(3 * S)
    assert not rate.take(1, True, 4 * S)
    assert rate.ready_ns(1, True, 4 * S) == 5 * S
    assert rate.take(1, True, 5 * S)


def test_time_that_runs_backwards_stands_still() -> None:
    rate = budget((1, S, 0, True))
    assert rate.take(1, False, 5 * S)
    assert not rate.take(1, False, 0)
    assert not rate.take(1, False, 5 * S + S - 1)
    assert rate.take(1, False, 6 * S)


@pytest.mark.parametrize("window", [(0, S, 0, True), (1, 0, 0, True), (5, S, 5, True), (5, S, -1, True)])
def test_nonsense_is_refused(window: tuple[int, int, int, bool]) -> None:
    with pytest.raises(ValueError, match="RateBudget"):
        RateBudget([window])


def test_needs_a_window() -> None:
    with pytest.raises(ValueError, match="1 to 6"):
        RateBudget([])


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 8), st.integers(1, 50), st.integers(0, 3)), min_size=1, max_size=3),
    st.lists(st.tuples(st.integers(0, 12), st.integers(1, 3), st.booleans()), max_size=80),
)
def test_no_window_anywhere_exceeds_its_limit(
    shapes: list[tuple[int, int, int]], takes: list[tuple[int, int, bool]]
) -> None:
    """Against a plain list of everything taken: the same answer every time, hence at most `limit` in any window."""
    shapes = [(limit, span, min(reserved, limit - 1)) for limit, span, reserved in shapes]
    rate = RateBudget([(limit, span, reserved, True) for limit, span, reserved in shapes])
    taken: list[tuple[int, int]] = []
    now = 0
    for step, weight, is_cancel in takes:
        now += step
        allowed = all(
            weight + sum(units for at, units in taken if at + span > now) <= (limit if is_cancel else limit - reserved)
            for limit, span, reserved in shapes
        )
        ready = rate.ready_ns(weight, is_cancel, now)
        assert (ready == now) == allowed
        assert rate.take(weight, is_cancel, now) == allowed
        if allowed:
            taken.append((now, weight))
