"""The offset comes from the quickest of the latest samples."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mmbot.net.clock_offset import ClockOffset


def test_no_sample_means_no_offset() -> None:
    clock = ClockOffset()
    assert (clock.offset_ns, clock.uncertainty_ns) == (0, -1)


def test_the_quickest_sample_wins() -> None:
    clock = ClockOffset()
    clock.add(0, 1_000_500, 1000)  # symmetric: offset 1,000,000
    clock.add(0, 1_900_000, 800_000)  # slow answer: says 1,500,000
    assert clock.offset_ns == 1_000_000
    assert clock.uncertainty_ns == 500


def test_old_samples_make_way_so_that_drift_is_followed() -> None:
    clock = ClockOffset(window=3)
    clock.add(0, 500, 10)
    for _ in range(3):
        clock.add(0, 9050, 100)
    assert clock.offset_ns == 9000


def test_forgetting_begins_anew() -> None:
    clock = ClockOffset()
    clock.add(0, 500, 10)
    clock.forget()
    assert clock.offset_ns == 0


WAY = st.integers(0, 10**9)


@given(st.integers(-(10**12), 10**12), st.lists(st.tuples(WAY, WAY), min_size=1, max_size=8))
def test_the_true_offset_lies_within_the_uncertainty(offset: int, ways: list[tuple[int, int]]) -> None:
    clock = ClockOffset(window=8)
    for there, back in ways:
        clock.add(0, there + offset, there + back)
    assert abs(clock.offset_ns - offset) <= clock.uncertainty_ns + 1
