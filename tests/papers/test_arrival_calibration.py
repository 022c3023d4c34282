"""What `Signals` makes of market orders that come exactly as the models assume."""

from __future__ import annotations

import numpy as np
import pytest
from arrivals import Measured, expected, measured

RUNS = 12


@pytest.mark.parametrize(("intensity", "k"), [(0.5, 0.1), (2.0, 0.1), (8.0, 0.3), (32.0, 0.1)])
def test_the_fit_is_that_of_the_procedures_own_rate(intensity: float, k: float) -> None:
    """Mean of several runs: within three of its standard errors, and the bend of the logarithm.

    E ln(N) is below ln(E N) by some 1/(2 N), N the trades beyond a depth; only the deepest few levels are rare, so the
    line moves by less than 2 % of either result.
    """
    runs = [measured(intensity, k, seed) for seed in range(RUNS)]
    wanted = expected(intensity, k)
    for name in Measured.__slots__:
        values = np.array([getattr(run, name) for run in runs])
        want = getattr(wanted, name)
        assert values.mean() == pytest.approx(want, abs=3 * values.std(ddof=1) / np.sqrt(RUNS) + 0.02 * want)


def test_on_a_quiet_market_the_truth_is_found_for_both_sides_together() -> None:
    found = expected(0.01, 0.05)  # one trade in 50 s a side
    assert found.k == pytest.approx(0.05, rel=0.01)
    assert found.intensity == pytest.approx(2 * 0.01, rel=0.02)  # but for depths being whole ticks: exp(k/4)


def test_no_depth_counts_more_than_ten_times_a_second() -> None:
    found = expected(1000.0, 0.05)
    assert found.intensity < 10.5
    assert found.k < 0.01
