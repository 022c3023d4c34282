"""The page's tables, as Markdown."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import avellaneda
import gueant
import published
from arrivals import expected, measured, skew_ratio
from avellaneda import Outcome, mean_error, simulate, std_error, tolerance
from gueant import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

AS_PAPER, PRECISE = published.PUBLISHED_PATHS, 20_000
LONG_RUN_ORDERS = 60  # so many that the limit is not felt near q = 0


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def number(value: float, digits: int) -> str:
    """Fixed decimals, and no minus before nothing."""
    text = f"{value:.{digits}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def _measures(outcome: Outcome) -> list[tuple[float, float]]:
    """Value and standard error: mean and deviation of profit, then of the final position."""
    return [
        (float(values.mean()) if mean else float(values.std()), mean_error(values) if mean else std_error(values))
        for values in (outcome.profit, outcome.position)
        for mean in (True, False)
    ]


def _against_print(rows: Iterable[published.Row], prefix: str, digits: tuple[int, int, int, int]) -> str:
    lines = []
    for row in rows:
        few, many = (simulate(prefix + row.strategy, row.gamma, paths) for paths in (AS_PAPER, PRECISE))
        cells = [f"{row.gamma:g}", row.strategy, f"{row.spread:.2f} / {many.spread:.2f}"]
        printed = (row.profit, row.profit_std, row.position, row.position_std)
        for said, (value, _), (precise, error), places in zip(
            printed, _measures(few), _measures(many), digits, strict=True
        ):
            allowed = tolerance(error, PRECISE, AS_PAPER, 10**-places)
            ours = f"{number(value, 2)} / {number(precise, 2)} ± {allowed:.2f}"
            cells.append(f"{number(said, places)} / {ours}")
        lines.append(cells)
    return table(["gamma", "strategy", "spread", "profit", "std(profit)", "final q", "std(final q)"], lines)


def published_rule() -> str:
    """The published tables and ours."""
    return _against_print(published.AVELLANEDA_STOIKOV, "", (1, 1, 2, 1))


def preprint_rule() -> str:
    """The preprint's tables and ours."""
    rows = (*published.PREPRINT, published.PREPRINT_AT_ODDS)
    return _against_print(rows, "constant ", (2, 2, 2, 2))


def other_implementation() -> str:
    """The same rule, implemented twice."""
    lines = []
    for row in published.KNOWN:
        measures = _measures(simulate(row.strategy, row.gamma, PRECISE))
        cells = [f"{row.gamma:g}", row.strategy]
        for said, (value, error) in zip(row[2:], [measures[0], measures[1], measures[3]], strict=True):
            cells.append(f"{said:.2f} / {value:.2f} ± {tolerance(error, PRECISE, published.KNOWN_PATHS, 0.01):.2f}")
        lines.append(cells)
    return table(["gamma", "strategy", "profit", "std(profit)", "std(final q)"], lines)


def long_run_quotes() -> str:
    """Which quotes the risk-averse like best: profit less gamma/2 times its variance."""
    lines = []
    for gamma in (0.01, 0.1, 1.0):
        for rule, name in (("inventory", "Avellaneda-Stoikov"), ("long run", "GLFT, closed form")):
            outcome = simulate(rule, gamma, PRECISE)
            profit, std = float(outcome.profit.mean()), float(outcome.profit.std())
            worth = profit - gamma / 2 * std**2
            values = (outcome.spread, profit, std, float(outcome.position.std()), worth)
            lines.append([f"{gamma:g}", name, *(number(value, 2) for value in values)])
    return table(
        ["gamma", "quotes", "spread", "profit", "std(profit)", "std(final q)", "profit - gamma/2 * variance"], lines
    )


def glft_golden() -> str:
    """Closed form and exact solution at the figures' parameters."""
    lines = []
    for row in published.GLFT:
        problem = Problem(row.sigma, row.intensity, row.k, row.gamma)
        solved = gueant.exact(problem)
        for n in (-5, 0, 1, 5, 10):
            quoted = gueant.closed_form(problem, n)[0]
            lines.append(
                [
                    f"{row.sigma:g}, {row.intensity:g}, {row.k:g}, {row.gamma:g}", str(n), f"{solved.bid(n):.6f}",
                    f"{quoted:.6f}", number(1e3 * (quoted - solved.bid(n)), 3),
                ]
            )  # fmt: skip
    return table(["sigma, A, k, gamma", "q", "exact", "kernel", "apart, 1e-3 ticks"], lines)


VARIANTS = {
    "as in the figures": (Problem(0.3, 0.9, 0.3, 0.01, orders=12), 20.0),
    "three units an order": (Problem(0.2, 1.2, 0.4, 0.01, delta=3.0, orders=8), 20.0),
    "another xi, three units": (Problem(0.2, 1.2, 0.4, 0.01, xi=0.05, delta=3.0, orders=8), 20.0),
    "xi = 0 (model B)": (Problem(0.2, 1.2, 0.4, 0.01, xi=0.0, orders=8), 20.0),
    "drift": (Problem(0.2, 1.2, 0.4, 0.01, drift=0.0005, orders=8), 20.0),
}
"""Problems that the general form covers, and a time left to integrate over."""


def variants() -> str:
    """Two numerical solutions of the same problem with a limit, and the kernel beside the long run without one."""
    lines = []
    for name, (problem, left_s) in VARIANTS.items():
        stepped, solved = gueant.by_integration(problem, left_s, 60), gueant.exact(problem, left_s)
        apart = abs(stepped.bids[:-1] - solved.bids[:-1]).max()
        long_run = gueant.exact(replace(problem, orders=LONG_RUN_ORDERS))
        lines.append(
            [
                name, f"{solved.bid(1):.5f}", f"{stepped.bid(1):.5f}", "below 1e-6" if apart < 1e-6 else f"{apart:.1e}",
                f"{long_run.bid(1):.5f}", f"{gueant.closed_form(problem, 1)[0]:.5f}",
            ]
        )  # fmt: skip
    head = ["problem", "matrix exponential, 20 s left", "integrated", "apart, all q", "long run", "kernel"]
    return table(head, lines)


def left_out() -> str:
    """What the closed form leaves out, in units of 1/k."""
    lines = []
    for roughness in (0.01, 0.03, 0.1, 0.2, 0.3, 0.5):
        problem = of_roughness(roughness)
        solved = gueant.exact(problem)
        cells = [f"{roughness:g}"]
        for n in (0, 1, 2, 5, 10):
            apart = problem.k * (solved.bid(n) - gueant.closed_form(problem, n)[0])
            cells.append(f"{number(apart, 5)} / {number(gueant.next_terms(problem.roughness, n), 5)}")
        lines.append(cells)
    return table(["k*w", "q = 0", "1", "2", "5", "10"], lines)


def of_roughness(roughness: float, orders: int = LONG_RUN_ORDERS) -> Problem:
    """A problem with this k*w; the error in units of 1/k depends on nothing else."""
    unit = Problem(1.0, 1.0, 1.0, 1.0, xi=0.0)
    return Problem(1.0, 1.0, 1.0, roughness**2 / unit.roughness**2, xi=0.0, orders=orders)


def arrivals() -> str:
    """Calibration of A and k, and what it does to the lean."""
    lines = []
    for intensity in (0.5, 2.0, 8.0, 32.0):
        k, gamma = 0.1, 0.001
        mean, seen = expected(intensity, k), measured(intensity, k, seed=2013)
        lines.append(
            [
                f"{intensity:g}", f"{k:g}", f"{mean.intensity:.2f} / {seen.intensity:.2f}",
                f"{mean.k:.4f} / {seen.k:.4f}", f"{skew_ratio(intensity, k, mean, gamma):.2f}",
            ]
        )  # fmt: skip
    return table(
        ["A of a side", "k", "measured A, expected / seen", "measured k, expected / seen", "lean / lean"], lines
    )


def exponential_fills() -> dict[str, float]:
    """Profits at gamma 0.1 with the fill probability 1 - exp(-lambda*dt)."""
    return {
        rule: float(simulate(rule, 0.1, PRECISE, exponential=True).profit.mean()) for rule in ("inventory", "symmetric")
    }


def mean_spread(gamma: float) -> float:
    """Mean total spread over the whole time, both ends included, as the published table has it."""
    start, end = (sum(avellaneda.inventory(gamma)(0.0, left_s)) for left_s in (avellaneda.HORIZON_S, 0.0))
    return (start + end) / 2
