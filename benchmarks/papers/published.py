"""What the papers print, number for number."""

from __future__ import annotations

from typing import NamedTuple

PUBLISHED_PATHS = 1000


class Row(NamedTuple):
    """One line of a table of Avellaneda and Stoikov; `position` is the final inventory, in orders."""

    gamma: float
    strategy: str
    spread: float
    profit: float
    profit_std: float
    position: float
    position_std: float


AVELLANEDA_STOIKOV = (
    Row(0.1, "inventory", 1.49, 65.0, 6.6, 0.08, 2.9),
    Row(0.1, "symmetric", 1.49, 68.4, 12.7, 0.26, 8.4),
    Row(0.01, "inventory", 1.35, 68.6, 8.7, 0.12, 5.1),
    Row(0.01, "symmetric", 1.35, 68.8, 12.8, 0.09, 8.7),
    Row(1.0, "inventory", 3.02, 31.4, 5.0, 0.02, 1.7),
    Row(1.0, "symmetric", 3.02, 44.0, 11.0, 0.00, 5.1),
)
"""Quantitative Finance 8(3), 2008: the spread shrinks with the time left."""

PREPRINT = (
    Row(0.1, "inventory", 1.29, 62.94, 5.89, 0.10, 2.80),
    Row(0.1, "symmetric", 1.29, 67.21, 13.43, -0.018, 8.66),
    Row(0.01, "inventory", 1.33, 66.78, 8.76, -0.02, 4.70),
    Row(0.01, "symmetric", 1.33, 67.36, 13.40, -0.31, 8.65),
    Row(0.5, "symmetric", 1.15, 66.20, 14.53, 0.25, 9.06),
)
"""The preprint of 2006: a spread of (2/gamma)*ln(1+gamma/k) all the time."""

PREPRINT_AT_ODDS = Row(0.5, "inventory", 1.15, 33.92, 4.72, -0.02, 1.88)
"""A line of the preprint that its own rule does not give: profits are those of another simulation."""


class Known(NamedTuple):
    """One line of another implementation of the published rule, over 20,000 paths."""

    gamma: float
    strategy: str
    profit: float
    profit_std: float
    position_std: float


KNOWN_PATHS = 20_000
KNOWN = (
    Known(0.1, "inventory", 64.86, 6.52, 2.91),
    Known(0.1, "symmetric", 68.24, 13.47, 8.35),
    Known(0.01, "inventory", 68.38, 8.92, 5.18),
    Known(0.01, "symmetric", 68.64, 13.69, 8.67),
    Known(0.5, "inventory", 48.58, 5.93, 1.95),
    Known(0.5, "symmetric", 59.92, 12.34, 6.89),
    Known(1.0, "inventory", 31.45, 4.81, 1.63),
    Known(1.0, "symmetric", 43.57, 10.67, 5.16),
)
KNOWN_PREPRINT_AT_ODDS = (23.9, 5.06)
"""Profit and its standard deviation that the rule gives where the preprint has 33.92 and 4.72."""
KNOWN_EXPONENTIAL = {"inventory": 57.2, "symmetric": 61.0}
"""Profits at gamma 0.1 when a step's fill probability is 1 - exp(-lambda*dt)."""

SPREADS = {0.1: (1.6908, 1.4918), 0.01: (1.3689, 1.3490), 0.5: (3.1507, 2.1557), 1.0: (5.0217, 3.0317)}
"""Total spread at the start, and its mean over the 200 times that are quoted at, by gamma."""


class GlftRow(NamedTuple):
    """One parameter set of Gueant, Lehalle, Fernandez-Tapia, Q = 30: offset of the bid by q, exact and closed form."""

    sigma: float
    intensity: float
    k: float
    gamma: float
    offsets: dict[int, tuple[float, float]]
    spread: float


GLFT = (
    GlftRow(
        0.3, 0.9, 0.3, 0.01,
        {0: (3.313045, 3.312915), 1: (3.381168, 3.380781), 5: (3.653480, 3.652244), 10: (3.992933, 3.991574)},
        6.625830,
    ),
    GlftRow(
        0.4, 0.9, 0.3, 0.01,
        {0: (3.324458, 3.324226), 1: (3.415401, 3.414714), 5: (3.778746, 3.776665), 10: (4.230704, 4.229104)},
        6.648452,
    ),
    GlftRow(
        1.0, 0.2, 0.3, 0.01,
        {
            -5: (1.100245, 1.119505), 0: (3.525651, 3.518924), 1: (4.017546, 3.998808), 2: (4.505189, 4.478692),
            5: (5.918517, 5.918344), 10: (8.022747, 8.317763),
        },
        7.037848,
    ),
)  # fmt: skip
