"""Delays grow, stay within bounds, and differ from client to client."""

from __future__ import annotations

from random import Random

import pytest

from mmbot.net.backoff import Backoff


def test_delays_stay_within_bounds_and_grow_at_most_threefold() -> None:
    backoff = Backoff(0.1, 5.0, Random(1))
    last = 0.1
    seen = []
    for _ in range(200):
        delay = backoff.next_s()
        assert 0.1 <= delay <= min(5.0, last * 3)
        last = delay
        seen.append(delay)
    assert max(seen) > 4


def test_reset_begins_with_small_delays_again() -> None:
    backoff = Backoff(0.1, 100.0, Random(2))
    for _ in range(30):
        backoff.next_s()
    backoff.reset()
    assert backoff.next_s() <= 0.3


def test_two_clients_do_not_return_in_step() -> None:
    first, second = Backoff(0.1, 15.0), Backoff(0.1, 15.0)
    assert [first.next_s() for _ in range(8)] != [second.next_s() for _ in range(8)]


@pytest.mark.parametrize(("first", "cap"), [(0, 1), (-1, 1), (2, 1)])
def test_senseless_bounds_are_refused(first: float, cap: float) -> None:
    with pytest.raises(ValueError, match="backoff"):
        Backoff(first, cap)
