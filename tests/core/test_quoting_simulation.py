"""The published simulation of Avellaneda and Stoikov, run on our kernel.

Their tables: 1000 paths, s0 = 100, T = 1, sigma = 2, dt = 0.005, k = 1.5, A = 140. In each step the mid moves by
+-sigma*sqrt(dt), and each side fills with probability A*exp(-k*offset)*dt taken literally (1 - exp(-A*...) would give
profits 11 % lower). The symmetric strategy quotes the average spread around the mid.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pytest

from mmbot._core.quoting import avellaneda_stoikov

PATHS, STEPS, DT, SIGMA, K, INTENSITY = 4000, 200, 0.005, 2.0, 1.5, 140.0


class Row(NamedTuple):
    profit: float
    profit_std: float
    position_std: float


def simulate(gamma: float, *, symmetric: bool) -> Row:
    rng = np.random.default_rng(2008)
    mid = np.full(PATHS, 100.0)
    cash = np.zeros(PATHS)
    position = np.zeros(PATHS)
    half_average = np.mean([avellaneda_stoikov(0, gamma, SIGMA, K, 1 - s * DT)["bid_ticks"] for s in range(STEPS)])
    for step in range(STEPS):
        if symmetric:
            bid_offset = ask_offset = np.full(PATHS, half_average)
        else:
            held, which = np.unique(position, return_inverse=True)
            offsets = [avellaneda_stoikov(q, gamma, SIGMA, K, 1 - step * DT) for q in held]
            bid_offset = np.array([o["bid_ticks"] for o in offsets])[which]
            ask_offset = np.array([o["ask_ticks"] for o in offsets])[which]
        bought = rng.random(PATHS) < INTENSITY * np.exp(-K * bid_offset) * DT
        sold = rng.random(PATHS) < INTENSITY * np.exp(-K * ask_offset) * DT
        cash += sold * (mid + ask_offset) - bought * (mid - bid_offset)
        position += bought.astype(float) - sold
        mid += rng.choice((-1.0, 1.0), PATHS) * SIGMA * math.sqrt(DT)
    profit = cash + position * mid
    return Row(profit.mean(), profit.std(), position.std())


@pytest.mark.parametrize(
    ("gamma", "symmetric", "published"),
    [
        (0.1, False, Row(65.0, 6.6, 2.9)),
        (0.1, True, Row(68.4, 12.7, 8.4)),
        (0.01, False, Row(68.6, 8.7, 5.1)),
        (0.01, True, Row(68.8, 12.8, 8.7)),
        (1.0, False, Row(31.4, 5.0, 1.7)),
        (1.0, True, Row(44.0, 11.0, 5.1)),
    ],
)
def test_published_tables_reproduce(gamma: float, symmetric: bool, published: Row) -> None:
    ours = simulate(gamma, symmetric=symmetric)
    # Three standard errors of the difference of their 1000 paths to ours.
    spread_of_means = math.sqrt(1 / 1000 + 1 / PATHS)
    assert ours.profit == pytest.approx(published.profit, abs=3 * published.profit_std * spread_of_means)
    # A standard deviation of n normal values has a standard error of itself / sqrt(2 n); profits have fatter tails.
    assert ours.profit_std == pytest.approx(published.profit_std, rel=0.1)
    assert ours.position_std == pytest.approx(published.position_std, rel=0.1)
