"""What the bot measures of market orders that come just as the models assume, beside the truth.

Market buys and sells each reach deeper than d ticks from the mid at a rate of A*exp(-k*d) a second (A of one side, as
in the models). `Signals` notes the deepest trade of every 100 ms, of both sides together; so

    lambda(d) = 10 * (1 - exp(-2*A*exp(-k*d) / 10))         intervals a second with a trade beyond d

is what it fits a line to, and what it can know: no more than ten a second, however many come.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mmbot._core.quoting import glft_coefficients
from mmbot._core.signals import Signals
from mmbot._core.types import Side

START_NS = 1_723_075_200_000_000_000
INTERVAL_NS = 100_000_000
PER_S = 10
WINDOW_S = 600
FIT_DEPTH_TICKS = 35
MIN_BEYOND = 5
MID_TICKS = 100_000


@dataclass(frozen=True, slots=True)
class Measured:
    """A line through ln(lambda): intensity per second, k per tick."""

    intensity: float
    k: float


def expected(intensity: float, k: float) -> Measured:
    """What the procedure finds on average, but for the bend of the logarithm: the fit to lambda(d) itself.

    The mid is on a whole tick and trades are, too: one goes beyond d when it is at the next whole tick or deeper.
    """
    depths = np.arange(1, 2 * FIT_DEPTH_TICKS + 1) / 2
    rate = PER_S * -np.expm1(-2 * intensity * np.exp(-k * np.floor(depths)) / PER_S)
    known = rate * WINDOW_S >= MIN_BEYOND
    slope, at_mid = np.polyfit(depths[known], np.log(rate[known]), 1)
    return Measured(math.exp(at_mid), float(-slope))


def measured(intensity: float, k: float, seed: int) -> Measured:
    """What `Signals` finds after ten minutes of such a market."""
    rng = np.random.default_rng(seed)
    signals = Signals(window_s=WINDOW_S, fit_depth_ticks=FIT_DEPTH_TICKS)
    signals.on_mid(2 * MID_TICKS, START_NS)
    counts = rng.poisson(2 * intensity / PER_S, WINDOW_S * PER_S)
    for interval, count in enumerate(counts):
        ts_ns = START_NS + interval * INTERVAL_NS + 1
        for depth, buys in zip(rng.exponential(1 / k, count), rng.random(count) < 0.5, strict=True):
            ticks = math.ceil(depth)
            signals.on_trade(Side.BUY if buys else Side.SELL, MID_TICKS + (ticks if buys else -ticks), 1, ts_ns)
        signals.on_time(ts_ns + INTERVAL_NS // 2)
    signals.on_time(START_NS + WINDOW_S * PER_S * INTERVAL_NS)
    return Measured(signals.intensity, signals.k)


def skew_ratio(intensity: float, k: float, found: Measured, gamma: float) -> float:
    """The closed form's lean at what was found, half of the intensity a side, over that at the truth."""
    ours = glft_coefficients(gamma, 1.0, found.intensity / 2, found.k)["skew_ticks"]
    return ours / glft_coefficients(gamma, 1.0, intensity, k)["skew_ticks"]
