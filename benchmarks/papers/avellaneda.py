"""The simulation of Avellaneda and Stoikov, section 3.3, with the bot's own kernels quoting.

s0 = 100, T = 1, sigma = 2, dt = 0.005, k = 1.5, A = 140. In each step the mid moves by +-sigma*sqrt(dt) with equal
probability, and each side fills with probability A*exp(-k*offset)*dt, taken literally.

Paths are simulated side by side. All paths with the same inventory have the same quotes, so a step asks the kernel once
for each inventory there is, and gives every path its own.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
import numpy.typing as npt

from mmbot._core.quoting import avellaneda_stoikov, glft, glft_coefficients, ladder

START, HORIZON_S, SIGMA, STEP_S, K, INTENSITY = 100.0, 1.0, 2.0, 0.005, 1.5, 140.0
STEPS = round(HORIZON_S / STEP_S)
SEED = 2008
# Seconds left at each step: rounded, since 1 - 0.005 * i is not exact.
TIMES_LEFT_S = [round(HORIZON_S - step * STEP_S, 9) for step in range(STEPS)]

Offsets = tuple[float, float]
QuoteRule = Callable[[float, float], Offsets]
"""From inventory and seconds left to the offsets of bid and ask."""
FloatArray = npt.NDArray[np.float64]


class _Sides(TypedDict):
    bid_ticks: float
    ask_ticks: float


def _pair(offsets: _Sides) -> Offsets:
    return offsets["bid_ticks"], offsets["ask_ticks"]


def inventory(gamma: float) -> QuoteRule:
    """Quote as the paper says: a spread that shrinks with the time left, around the reservation price."""
    return lambda q, left_s: _pair(avellaneda_stoikov(q, gamma, SIGMA, K, left_s))


def symmetric(gamma: float) -> QuoteRule:
    """Quote the average spread of `inventory` around the mid."""
    half = float(np.mean([inventory(gamma)(0.0, left_s)[0] for left_s in TIMES_LEFT_S]))
    return lambda q, _left_s: _pair(ladder(half, 0.0, q))


def constant(gamma: float) -> QuoteRule:
    """Quote as the preprint does: around the reservation price, with the spread that is left at T."""
    half = inventory(gamma)(0.0, 0.0)[0]

    def quote(q: float, left_s: float) -> Offsets:
        bid, ask = inventory(gamma)(1.0, left_s)
        return _pair(ladder(half, 0.5 * (bid - ask), q))

    return quote


def constant_symmetric(gamma: float) -> QuoteRule:
    """Quote the spread of `constant` around the mid."""
    half = inventory(gamma)(0.0, 0.0)[0]
    return lambda q, _left_s: _pair(ladder(half, 0.0, q))


def long_run(gamma: float) -> QuoteRule:
    """Quote the closed form of Gueant, Lehalle and Fernandez-Tapia, which knows no T."""
    coefficients = glft_coefficients(gamma, SIGMA, INTENSITY, K)
    return lambda q, _left_s: _pair(glft(coefficients, q))


RULES: dict[str, Callable[[float], QuoteRule]] = {
    "inventory": inventory,
    "symmetric": symmetric,
    "constant inventory": constant,
    "constant symmetric": constant_symmetric,
    "long run": long_run,
}


@dataclass(frozen=True)
class Outcome:
    """What every path ended with, and the mean of its quoted spread when flat."""

    spread: float
    profit: FloatArray
    position: FloatArray

    @property
    def paths(self) -> int:
        """How many there are."""
        return len(self.profit)


@functools.cache
def simulate(rule: str, gamma: float, paths: int, *, exponential: bool = False) -> Outcome:
    """Run one strategy; the same arguments give the same paths.

    Args:
        rule: one of `RULES`.
        gamma: risk aversion.
        paths: how many.
        exponential: fill with probability 1 - exp(-lambda*dt) instead of lambda*dt.
    """
    quote = RULES[rule](gamma)
    rng = np.random.default_rng(SEED)
    mid, cash = np.full(paths, START), np.zeros(paths)
    position = np.zeros(paths, dtype=np.int64)
    for left_s in TIMES_LEFT_S:
        lowest = int(position.min())
        by_inventory = np.array([quote(float(q), left_s) for q in range(lowest, int(position.max()) + 1)])
        chance = INTENSITY * np.exp(-K * by_inventory) * STEP_S
        if exponential:
            chance = -np.expm1(-chance)
        held = position - lowest
        draws = rng.random((3, paths))
        bought, sold = draws[0] < chance[held, 0], draws[1] < chance[held, 1]
        cash += sold * (mid + by_inventory[held, 1]) - bought * (mid - by_inventory[held, 0])
        position += bought.astype(np.int64) - sold
        mid += np.where(draws[2] < 0.5, SIGMA, -SIGMA) * math.sqrt(STEP_S)
    spread = float(np.mean([sum(quote(0.0, left_s)) for left_s in TIMES_LEFT_S]))
    return Outcome(spread, cash + position * mid, position.astype(np.float64))


@dataclass(frozen=True)
class Path:
    """One path in full, for the eye: prices at each step, and the steps that filled."""

    mid: list[float]
    reservation: list[float]
    bid: list[float]
    ask: list[float]
    position: list[int]


def one_path(gamma: float, seed: int) -> Path:
    """Follow the inventory strategy along one path."""
    quote, rng = inventory(gamma), np.random.default_rng(seed)
    path, mid, position = Path([], [], [], [], []), START, 0
    for left_s in TIMES_LEFT_S:
        bid, ask = quote(float(position), left_s)
        path.mid.append(mid)
        path.bid.append(mid - bid)
        path.ask.append(mid + ask)
        path.reservation.append(mid + 0.5 * (ask - bid))
        path.position.append(position)
        position += int(rng.random() < INTENSITY * math.exp(-K * bid) * STEP_S)
        position -= int(rng.random() < INTENSITY * math.exp(-K * ask) * STEP_S)
        mid += (SIGMA if rng.random() < 0.5 else -SIGMA) * math.sqrt(STEP_S)
    return path


def mean_error(values: FloatArray) -> float:
    """Standard error of the mean of these values."""
    return float(values.std() / math.sqrt(len(values)))


def std_error(values: FloatArray) -> float:
    """Standard error of the standard deviation: std * sqrt((kurtosis - 1) / 4n), for whatever distribution."""
    centred = values - values.mean()
    kurtosis = float(np.mean(centred**4) / np.mean(centred**2) ** 2)
    return float(values.std() * math.sqrt((kurtosis - 1) / (4 * len(values))))


def tolerance(error: float, paths: int, other_paths: int, last_digit: float = 0.0) -> float:
    """How far two samples of one quantity may lie apart: three standard errors of their difference, and rounding.

    Args:
        error: the standard error over `paths`.
        paths, other_paths: the sizes of both samples.
        last_digit: one unit of the last digit that the other number is printed with.
    """
    return 3 * error * math.sqrt(1 + paths / other_paths) + last_digit / 2
