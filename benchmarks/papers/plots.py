"""The page's figures."""

from __future__ import annotations

import avellaneda
import gueant
import numpy as np
import published
from chart import Series, chart
from gueant import Problem
from tables import PRECISE, of_roughness

from mmbot._core.quoting import glft_coefficients

PATH_SEED = 8


def one_path() -> str:
    """Mid, reservation price and quotes along one path."""
    path = avellaneda.one_path(0.1, PATH_SEED)
    times = [round(step * avellaneda.STEP_S, 9) for step in range(avellaneda.STEPS)]
    return chart(
        "One path of the simulation, gamma = 0.1",
        "time, s",
        "price",
        [
            Series("mid", list(zip(times, path.mid, strict=True)), 0, width=2.0),
            Series("reservation price", list(zip(times, path.reservation, strict=True)), 3, "dashed"),
            Series("ask", list(zip(times, path.ask, strict=True)), 1, width=1.1),
            Series("bid", list(zip(times, path.bid, strict=True)), 2, width=1.1),
        ],
    )


def profits() -> str:
    """Distribution of profit, both strategies."""
    edges = np.arange(10.0, 126.0, 2.0)
    series = []
    for colour, rule in enumerate(("inventory", "symmetric")):
        counts, _ = np.histogram(avellaneda.simulate(rule, 0.1, PRECISE).profit, edges)
        share = 100 * counts / PRECISE
        steps = [(float(edges[i + end]), float(share[i])) for i in range(len(share)) for end in (0, 1)]
        series.append(Series(rule, steps, colour))
    title = f"Profit of {PRECISE:,} paths, gamma = 0.1: the same spread, half the risk"
    return chart(title, "profit", "% of paths in 2 units of profit", series)


def quotes() -> str:
    """Exact and closed form by inventory, at the paper's parameters."""
    series = []
    for colour, row in enumerate(published.GLFT):
        problem = Problem(row.sigma, row.intensity, row.k, row.gamma)
        solved = gueant.exact(problem)
        held = range(-20, 21)
        name = f"sigma {row.sigma:g}, A {row.intensity:g}"
        series.append(Series(name, [(n, solved.bid(n)) for n in held], colour))
        kernel = [(n, gueant.closed_form(problem, n)[0]) for n in held]
        series.append(Series("", kernel, colour, "dashed", 1.2))
    title = "Exact offset of the bid by inventory (dashed: the kernel), k = 0.3, gamma = 0.01"
    return chart(title, "orders held", "ticks from the mid", series)


def left_out() -> str:
    """What the closed form leaves out, by inventory."""
    series = []
    for colour, roughness in enumerate((0.03, 0.1, 0.2, 0.3)):
        problem = of_roughness(roughness)
        solved = gueant.exact(problem)
        held = range(-8, 9)
        apart = [(n, problem.k * (solved.bid(n) - gueant.closed_form(problem, n)[0])) for n in held]
        series.append(Series(f"k*w = {roughness:g}", apart, colour))
        series.append(Series("", [(n, gueant.next_terms(roughness, n)) for n in held], colour, "dotted"))
    title = "Exact bid offset less the closed form (dotted: the next terms of the expansion)"
    return chart(title, "orders held", "in units of 1/k", series)


def horizon() -> str:
    """How far one order of inventory moves the quotes, by the time left, three ways."""
    gamma, sigma, k, intensity = 0.1, avellaneda.SIGMA, avellaneda.K, avellaneda.INTENSITY
    problem = Problem(sigma, intensity, k, gamma)
    times = [0.005 * step for step in range(1, 101)]
    exact = [(left_s, _lean(gueant.exact(problem, left_s))) for left_s in times]
    paper = [
        (left_s, 0.5 * (pair[0] - pair[1])) for left_s in times for pair in [avellaneda.inventory(gamma)(1, left_s)]
    ]
    skew = glft_coefficients(gamma, sigma, intensity, k)["skew_ticks"]
    return chart(
        "Lean for the first order held: sigma = 2, A = 140, k = 1.5, gamma = 0.1",
        "time left, s",
        "price units",
        [
            Series("exact", exact, 0, width=2.0),
            Series("Avellaneda-Stoikov", paper, 1, "dashed"),
            Series("GLFT, closed form", [(times[0], skew), (times[-1], skew)], 2, "dashed"),
        ],
    )


def _lean(solved: gueant.Quotes) -> float:
    return 0.5 * (solved.bid(1) - solved.ask(1))


FIGURES = {
    "one_path": one_path,
    "profits": profits,
    "quotes": quotes,
    "left_out": left_out,
    "horizon": horizon,
}
"""File name in docs/papers, without its ending, and what draws it."""
