"""The equations behind the closed form of Gueant, Lehalle and Fernandez-Tapia, solved numerically in two ways.

The market maker of "Optimal market making" (Gueant, 2017) holds n orders of size Delta, q = n*Delta, |n| <= Q; fills
come at A*exp(-k*offset) a second. With theta(t, q) the value of inventory q, and theta(T, q) = 0,

    d theta/dt = gamma*sigma^2*q^2/2 - mu*q - H(b) - H(a),      b, a = (theta(q) - theta(q +- Delta)) / Delta
    H(p)       = max over the offset d of A*exp(-k*d) * (1 - exp(-xi*Delta*(d - p))) / xi

and the offset that is best is the quote. xi = gamma, Delta = 1 is the problem of "Dealing with the inventory risk".

`by_integration` does just that: Runge-Kutta back from T, each maximum searched for. `exact` uses what the papers found:
v = exp(k*theta/Delta) solves a linear equation v' = M v with a tridiagonal M, so v is a matrix exponential.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mmbot._core.quoting import glft, glft_coefficients

FloatArray = npt.NDArray[np.float64]
LONG_RUN_S = math.inf
GOLDEN = (math.sqrt(5) - 1) / 2


@dataclass(frozen=True, slots=True)
class Problem:
    """One market maker's problem; names as in the papers.

    Attributes:
        sigma: volatility, ticks per sqrt(second).
        intensity: A, per second.
        k: per tick.
        gamma: aversion to inventory risk, per tick and unit of inventory.
        xi: aversion to the risk of not being filled; None: gamma.
        delta: order size.
        drift: mu, ticks per second.
        adverse: jump of the price against us at each fill, ticks (`exact` only, delta = 1).
        orders: Q, the most orders that may be held.
    """

    sigma: float
    intensity: float
    k: float
    gamma: float
    xi: float | None = None
    delta: float = 1.0
    drift: float = 0.0
    adverse: float = 0.0
    orders: int = 30

    @property
    def averse(self) -> float:
        """xi * Delta."""
        return (self.gamma if self.xi is None else self.xi) * self.delta

    @property
    def held(self) -> FloatArray:
        """Every inventory there is, in orders."""
        return np.arange(-self.orders, self.orders + 1, dtype=np.float64)

    @property
    def mark_up(self) -> float:
        """(1/(xi*Delta)) * ln(1 + xi*Delta/k): what a fill must earn."""
        return math.log1p(self.averse / self.k) / self.averse if self.averse else 1 / self.k

    @property
    def eta(self) -> float:
        """Off-diagonal of M."""
        u = self.averse / self.k
        cost = (1 + u) ** -(1 + 1 / u) if u else math.exp(-1)
        return self.intensity * cost * math.exp(-0.5 * self.k * self.adverse)

    @property
    def alpha(self) -> float:
        """What the square of the orders held costs, on the diagonal of M."""
        return 0.5 * self.k * self.gamma * self.sigma**2 * self.delta

    @property
    def roughness(self) -> float:
        """e = sqrt(alpha/eta): how fast v falls from one inventory to the next; e/k is the closed form's skew."""
        return math.sqrt(self.alpha / self.eta)

    def matrix(self) -> FloatArray:
        """M of v' = M v."""
        off = np.full(2 * self.orders, -self.eta)
        diagonal = self.alpha * self.held**2 - self.k * self.drift * self.held
        return np.diag(diagonal) + np.diag(off, 1) + np.diag(off, -1)


@dataclass(frozen=True, slots=True)
class Quotes:
    """Offsets by orders held, -Q .. Q; infinite where nothing is quoted."""

    orders: int
    bids: FloatArray
    asks: FloatArray

    def bid(self, n: int) -> float:
        """Offset of the bid at `n` orders."""
        return float(self.bids[n + self.orders])

    def ask(self, n: int) -> float:
        """Offset of the ask at `n` orders."""
        return float(self.asks[n + self.orders])


def closed_form(problem: Problem, n: float) -> tuple[float, float]:
    """Offsets of bid and ask at `n` orders, by the bot's kernel."""
    coefficients = glft_coefficients(
        problem.gamma, problem.sigma, problem.intensity, problem.k, -1.0 if problem.xi is None else problem.xi,
        problem.delta, problem.drift, problem.adverse,
    )  # fmt: skip
    offsets = glft(coefficients, n * problem.delta)
    return offsets["bid_ticks"], offsets["ask_ticks"]


def exact(problem: Problem, horizon_s: float = LONG_RUN_S) -> Quotes:
    """Optimal quotes with `horizon_s` left, from v = exp(-M*horizon) * 1.

    exp(-M*t) is, but for a factor, the exponential of a matrix without a negative entry: sums and products of positive
    numbers, so that every element has its full relative precision however small it is. For an endless horizon it is
    squared until the quotes stand still: its columns then are the eigenvector of the smallest eigenvalue of M.
    """
    m = problem.matrix()
    positive = np.eye(len(m)) * m.diagonal().max() - m
    size = float(positive.sum(axis=1).max())
    squarings = max(0, math.ceil(math.log2(2 * size * horizon_s))) if math.isfinite(horizon_s) else 0
    step = 1 / size if math.isinf(horizon_s) else horizon_s / 2**squarings
    power = _exponential(positive * step)
    for _ in range(squarings):
        power = _squared(power)
    quotes = _quotes(problem, power)
    if math.isfinite(horizon_s):
        return quotes
    for _ in range(100):
        before, power = quotes, _squared(power)
        quotes = _quotes(problem, power)
        if np.allclose(quotes.bids[:-1], before.bids[:-1], rtol=0, atol=1e-13 / problem.k):
            return quotes
    raise ArithmeticError("the quotes do not settle")


def _exponential(small: FloatArray) -> FloatArray:
    """Taylor's series of exp, for a matrix of norm 1 or less."""
    total = term = np.eye(len(small))
    for n in range(1, 25):
        term = term @ small / n
        total = total + term
    return total


def _squared(power: FloatArray) -> FloatArray:
    """The square, scaled: a common factor is no matter to the quotes."""
    square: FloatArray = power @ power
    return square / float(square.max())


def _quotes(problem: Problem, power: FloatArray) -> Quotes:
    value = power.sum(axis=1)
    gain = np.diff(np.log(value)) / problem.k
    base = problem.mark_up + 0.5 * problem.adverse
    return Quotes(problem.orders, np.append(base - gain, math.inf), np.insert(base + gain, 0, math.inf))


def by_integration(problem: Problem, horizon_s: float, steps: int) -> Quotes:
    """Optimal quotes with `horizon_s` left, from the equation of theta itself."""
    theta, step = np.zeros(len(problem.held)), horizon_s / steps
    for _ in range(steps):
        first = _slope(problem, theta)
        second = _slope(problem, theta + 0.5 * step * first)
        third = _slope(problem, theta + 0.5 * step * second)
        fourth = _slope(problem, theta + step * third)
        theta = theta + step / 6 * (first + 2 * second + 2 * third + fourth)
    fall = -np.diff(theta) / problem.delta  # from each inventory to the next one up
    bids, asks = best_offset(problem, fall)[0], best_offset(problem, -fall)[0]
    return Quotes(problem.orders, np.append(bids, math.inf), np.insert(asks, 0, math.inf))


def _slope(problem: Problem, theta: FloatArray) -> FloatArray:
    """How fast theta grows as time is left."""
    held = problem.held * problem.delta
    fall = -np.diff(theta) / problem.delta
    cost = 0.5 * problem.gamma * problem.sigma**2 * held**2 - problem.drift * held
    bids = np.append(best_offset(problem, fall)[1], 0.0)
    asks = np.insert(best_offset(problem, -fall)[1], 0, 0.0)
    return bids + asks - cost


def best_offset(problem: Problem, p: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The offset that is worth most, and what it is worth, by golden-section search: nothing is differentiated."""
    low, high = p, p + 4 / problem.k
    for _ in range(70):
        width = GOLDEN * (high - low)
        left, right = high - width, low + width
        better_left = _worth(problem, left, p) > _worth(problem, right, p)
        low, high = np.where(better_left, low, left), np.where(better_left, right, high)
    best = 0.5 * (low + high)
    return best, _worth(problem, best, p)


def _worth(problem: Problem, offset: FloatArray, p: FloatArray) -> FloatArray:
    gain = offset - p
    utility = -np.expm1(-problem.averse * gain) / problem.averse if problem.averse else gain
    return problem.intensity * np.exp(-problem.k * offset) * utility * problem.delta


def next_terms(roughness: float, n: float) -> float:
    """What the closed form leaves out of k * (bid offset at `n` orders), to the next order.

    ln(v_n / v_(n+1)) = (e + 3 e^2/16) x - e^3 x^3/24 + ..., x = n + 1/2, e = `roughness`; the closed form is e*x. Put
    v_(n+-1) = v_n * exp(-+g(n +- 1/2)) with g(x) = a*x + b*x^3 into (e*n)^2 v_n - v_(n+1) - v_(n-1) = const * v_n,
    and the powers n^4 and n^2 give b = -a^3/24 and a^2 - 3 a^3/8 = e^2.
    """
    x = n + 0.5
    return 3 / 16 * roughness**2 * x - roughness**3 * x**3 / 24
