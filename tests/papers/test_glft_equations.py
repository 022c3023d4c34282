"""The closed form of Gueant, Lehalle and Fernandez-Tapia against numerical solutions of their equations."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import published
import pytest
from gueant import Problem, best_offset, by_integration, closed_form, exact, next_terms
from published import GlftRow
from tables import VARIANTS, of_roughness

from mmbot._core.quoting import avellaneda_stoikov

WIDE = 60  # orders: so many that the limit is not felt where we look
PROBLEMS = {
    **{f"figure sigma {row.sigma:g}": Problem(row.sigma, row.intensity, row.k, row.gamma) for row in published.GLFT},
    "figure k 0.9": Problem(0.6, 0.9, 0.9, 0.01),
    "ticks of a perpetual": Problem(50.0, 20.0, 0.02, 1e-5),
    "averse": Problem(0.5, 5.0, 1.5, 0.5),
    **{name: problem for name, (problem, _) in VARIANTS.items()},
    "smaller than a unit": Problem(0.3, 0.9, 0.3, 0.01, delta=0.1),
    "other xi, drift": Problem(0.3, 0.9, 0.3, 0.01, xi=0.002, delta=2.0, drift=-0.001),
    "adverse": Problem(0.3, 0.9, 0.3, 0.01, adverse=0.8),
}


def rest(roughness: float, x: float) -> float:
    """A bound on what `next_terms` leaves out.

    Its largest terms are e^3 x/16, about -0.044 e^4 x^3 and 3 e^5 x^5/640; they are taken together with all that
    follow by rounding each coefficient up. Looked at for e*|x| <= 1.
    """
    e, x = roughness, abs(x)
    return e**3 * x / 12 + e**4 * x**3 / 20 + e**5 * x**5 / 200


@pytest.mark.parametrize("row", published.GLFT, ids=lambda row: f"sigma {row.sigma:g}")
def test_golden_numbers(row: GlftRow) -> None:
    problem = Problem(row.sigma, row.intensity, row.k, row.gamma)
    solved = exact(problem)
    for n, (optimal, approximate) in row.offsets.items():
        assert solved.bid(n) == pytest.approx(optimal, abs=1e-6)
        assert solved.ask(-n) == pytest.approx(optimal, abs=1e-6)
        assert closed_form(problem, n)[0] == pytest.approx(approximate, abs=1e-6)
        assert closed_form(problem, -n)[1] == pytest.approx(approximate, abs=1e-6)
    assert sum(closed_form(problem, 3)) == pytest.approx(row.spread, abs=1e-6)


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)
def test_the_long_run_is_the_lowest_eigenvector(problem: Problem) -> None:
    """As the paper has it; elements below 1e-3 of the largest are left out, the library knows them to 1e-16 of it."""
    vector = np.abs(np.linalg.eigh(problem.matrix())[1][:, 0])
    solved = exact(problem)
    known = vector > 1e-3 * vector.max()
    pairs = np.flatnonzero(known[:-1] & known[1:])
    gain = np.log(vector[pairs + 1] / vector[pairs]) / problem.k
    base = problem.mark_up + problem.adverse / 2
    np.testing.assert_allclose(solved.bids[pairs], base - gain, rtol=0, atol=1e-9 / problem.k)
    np.testing.assert_allclose(solved.asks[pairs + 1], base + gain, rtol=0, atol=1e-9 / problem.k)


@pytest.mark.parametrize(("problem", "left_s"), VARIANTS.values(), ids=VARIANTS)
def test_the_linear_equation_and_the_value_equation_agree(problem: Problem, left_s: float) -> None:
    """Runge-Kutta's error at this step is below 1e-9, the searched maximum is known to 1e-7 (square root of 1e-15)."""
    stepped, solved = by_integration(problem, left_s, 60), exact(problem, left_s)
    np.testing.assert_allclose(stepped.bids[:-1], solved.bids[:-1], rtol=0, atol=1e-6)
    np.testing.assert_allclose(stepped.asks[1:], solved.asks[1:], rtol=0, atol=1e-6)


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)
def test_the_mark_up_is_the_best_offset(problem: Problem) -> None:
    p = np.linspace(-2, 2, 9) / problem.k
    offset, worth = best_offset(problem, p)
    np.testing.assert_allclose(offset - p, problem.mark_up, rtol=0, atol=1e-6 / problem.k)
    eta = replace(problem, adverse=0.0).eta  # the fills of `best_offset` move no price
    np.testing.assert_allclose(worth, problem.delta * eta / problem.k * np.exp(-problem.k * p), rtol=1e-12)


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)
def test_the_kernel_is_the_first_term_of_the_exact_quotes(problem: Problem) -> None:
    """The error of the closed form is what the expansion says, to within the order after it."""
    wide = replace(problem, orders=WIDE)
    solved, e = exact(wide), wide.roughness
    centre = problem.drift / (problem.gamma * problem.sigma**2 * problem.delta)
    for n in range(-10, 11):
        x = n + 0.5 - centre
        if e * abs(x) > 1:
            continue
        bid, ask = closed_form(wide, n)
        assert problem.k * (solved.bid(n) - bid) == pytest.approx(next_terms(e, n - centre), abs=rest(e, x) + 1e-9)
        mirrored = next_terms(e, centre - n)
        assert problem.k * (solved.ask(n) - ask) == pytest.approx(mirrored, abs=rest(e, 1 - x) + 1e-9)


@pytest.mark.parametrize("roughness", [0.01, 0.03, 0.1, 0.2, 0.3])
def test_the_error_depends_on_the_roughness_alone(roughness: float) -> None:
    plain = of_roughness(roughness)
    other = Problem(0.7, 3.0, 0.25, 1.0, xi=0.04, delta=2.5, orders=plain.orders)
    other = replace(other, gamma=(roughness / other.roughness) ** 2)
    plain_solved, other_solved = exact(plain), exact(other)
    for n in range(-6, 7):
        errors = [
            problem.k * (solved.bid(n) - closed_form(problem, n)[0])
            for problem, solved in ((plain, plain_solved), (other, other_solved))
        ]
        assert errors[0] == pytest.approx(errors[1], abs=1e-10)
        assert errors[0] == pytest.approx(next_terms(roughness, n), abs=rest(roughness, n + 0.5) + 1e-9)


def test_below_a_tenth_the_kernel_is_within_half_a_percent_of_the_mark_up() -> None:
    for roughness in (0.003, 0.01, 0.03, 0.06, 0.1):
        problem = of_roughness(roughness)
        solved = exact(problem)
        for n in range(-6, 6):
            assert abs(solved.bid(n) - closed_form(problem, n)[0]) < 0.005 / problem.k


def test_nothing_is_quoted_beyond_the_limit() -> None:
    solved = exact(Problem(0.3, 0.9, 0.3, 0.01, orders=5))
    assert (solved.bid(5), solved.ask(-5)) == (math.inf, math.inf)
    assert np.isfinite(solved.bids[:-1]).all()
    assert np.isfinite(solved.asks[1:]).all()


def test_quotes_settle_as_the_time_left_grows() -> None:
    """What all inventories are worth at T is even in q: only even eigenvectors take part, every other one."""
    problem = Problem(0.3, 0.9, 0.3, 0.01)
    values = np.linalg.eigvalsh(problem.matrix())
    settled = exact(problem).bid(0)
    away = [abs(exact(problem, left_s).bid(0) - settled) for left_s in (200.0, 300.0)]
    assert away[1] / away[0] == pytest.approx(math.exp(-100 * (values[2] - values[0])), rel=0.01)


@pytest.mark.parametrize("n", [-3, 0, 2])
def test_avellaneda_and_stoikov_quote_the_beginning_of_the_exact_solution(n: int) -> None:
    """Their offsets are exact to first order in the time left: the error falls with its square."""
    problem = Problem(2.0, 140.0, 1.5, 0.1)
    errors = []
    for left_s in (1e-4, 1e-5):
        theirs = avellaneda_stoikov(n, problem.gamma, problem.sigma, problem.k, left_s)
        solved = exact(problem, left_s)
        errors.append((solved.bid(n) - theirs["bid_ticks"], solved.ask(n) - theirs["ask_ticks"]))
    for first, second in zip(*errors, strict=True):
        assert abs(first) < 1e-3
        assert second / first == pytest.approx(0.01, rel=0.05) or abs(first) < 1e-9
