"""Quoting models against their papers' numbers, and the way from offsets to orders."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mmbot._core.quoting import (
    QuoteReason,
    Quotes,
    avellaneda_stoikov,
    avellaneda_stoikov_infinite,
    ceil_ticks,
    floor_ticks,
    glft,
    glft_coefficients,
    ladder,
)


@pytest.mark.parametrize("value", [-2.5, -2.0, -0.5, 0.0, 0.5, 1.0, 1.999999, 2.0**52, 123456.7])
def test_floor_and_ceil_are_those_of_mathematics(value: float) -> None:
    assert floor_ticks(value) == math.floor(value)
    assert ceil_ticks(value) == math.ceil(value)


# --- Avellaneda-Stoikov --------------------------------------------------------------------------------------------

AS_SPREADS = [(0.1, 1.6908, 1.4918), (0.01, 1.3689, 1.3490), (1.0, 5.0217, 3.0317), (0.5, 3.1507, 2.1557)]


@pytest.mark.parametrize(("gamma", "at_start", "average"), AS_SPREADS)
def test_as_spread_at_start_and_on_average(gamma: float, at_start: float, average: float) -> None:
    def spread(horizon_s: float) -> float:
        offsets = avellaneda_stoikov(0.0, gamma, 2.0, 1.5, horizon_s)
        return offsets["bid_ticks"] + offsets["ask_ticks"]

    assert spread(1.0) == pytest.approx(at_start, abs=6e-5)
    assert np.mean([spread(1.0 - step * 0.005) for step in range(200)]) == pytest.approx(average, abs=6e-5)


def test_as_centre_is_the_reservation_price() -> None:
    q, gamma, sigma, horizon_s = 3.0, 0.1, 2.0, 0.7
    offsets = avellaneda_stoikov(q, gamma, sigma, 1.5, horizon_s)
    centre = (offsets["ask_ticks"] - offsets["bid_ticks"]) / 2
    assert centre == pytest.approx(-q * gamma * sigma**2 * horizon_s)


def test_as_without_risk_aversion_is_the_risk_neutral_half_spread() -> None:
    assert avellaneda_stoikov(5.0, 0.0, 2.0, 1.5, 1.0) == {"bid_ticks": 1 / 1.5, "ask_ticks": 1 / 1.5}
    tiny = avellaneda_stoikov(0.0, 1e-12, 2.0, 1.5, 0.0)
    assert tiny["bid_ticks"] == pytest.approx(1 / 1.5, rel=1e-9)


def test_as_infinite_horizon_follows_its_value_function() -> None:
    # Indifference: v(x - r_b, s, q + 1) = v(x, s, q), v = -exp(-gamma (x + q s)) / (omega - gamma^2 sigma^2 q^2 / 2)
    # with omega = gamma^2 sigma^2 (q_max + 1)^2 / 2.
    gamma, k, q_max, q = 0.1, 1.5, 10.0, 4.0

    def room(inventory: float) -> float:
        return (q_max + 1) ** 2 - inventory**2

    mark_up = math.log1p(gamma / k) / gamma
    offsets = avellaneda_stoikov_infinite(q, gamma, k, q_max)
    assert offsets["bid_ticks"] == pytest.approx(mark_up - math.log(room(q + 1) / room(q)) / gamma, rel=1e-12)
    assert offsets["ask_ticks"] == pytest.approx(mark_up - math.log(room(q - 1) / room(q)) / gamma, rel=1e-12)


def test_as_infinite_horizon_stops_the_adding_side_at_its_limit() -> None:
    full = avellaneda_stoikov_infinite(10.0, 0.1, 1.5, 10.0)
    assert full["bid_ticks"] == math.inf
    assert math.isfinite(full["ask_ticks"])
    beyond = avellaneda_stoikov_infinite(-25.0, 0.1, 1.5, 10.0)
    assert beyond["ask_ticks"] == math.inf
    assert beyond["bid_ticks"] == avellaneda_stoikov_infinite(-10.0, 0.1, 1.5, 10.0)["bid_ticks"]


# --- Gueant-Lehalle-Fernandez-Tapia -----------------------------------------------------------------------------------

# sigma, A, k, gamma; bid offset by q: (exact, closed form); total spread of the closed form
GLFT_GOLDEN = [
    (
        (0.3, 0.9, 0.3, 0.01),
        {0: (3.313045, 3.312915), 1: (3.381168, 3.380781), 5: (3.653480, 3.652244), 10: (3.992933, 3.991574)},
        6.625830,
    ),
    (
        (0.4, 0.9, 0.3, 0.01),
        {0: (3.324458, 3.324226), 1: (3.415401, 3.414714), 5: (3.778746, 3.776665), 10: (4.230704, 4.229104)},
        6.648452,
    ),
    (
        (1.0, 0.2, 0.3, 0.01),
        {
            -5: (1.100245, 1.119505),
            0: (3.525651, 3.518924),
            1: (4.017546, 3.998808),
            2: (4.505189, 4.478692),
            5: (5.918517, 5.918344),
            10: (8.022747, 8.317763),
        },
        7.037848,
    ),
]


def exact_bid_offset(q: int, paper: tuple[float, float, float, float], adverse: float = 0.0) -> float:
    """The long-horizon solution: eigenvector of the smallest eigenvalue of the paper's tridiagonal matrix, Q = 30."""
    sigma, intensity, k, gamma = paper
    alpha = k * gamma * sigma**2 / 2
    eta = intensity * (1 + gamma / k) ** -(1 + k / gamma) * math.exp(-k * adverse / 2)
    inventories = np.arange(-30, 31)
    off_diagonal = np.full(60, -eta)
    matrix = np.diag(alpha * inventories**2.0) + np.diag(off_diagonal, 1) + np.diag(off_diagonal, -1)
    f0 = np.abs(np.linalg.eigh(matrix)[1][:, 0])
    return math.log1p(gamma / k) / gamma + math.log(f0[q + 30] / f0[q + 31]) / k + adverse / 2


@pytest.mark.parametrize(("paper", "offsets", "spread"), GLFT_GOLDEN)
def test_glft_golden_numbers(
    paper: tuple[float, float, float, float], offsets: dict[int, tuple[float, float]], spread: float
) -> None:
    sigma, intensity, k, gamma = paper
    coefficients = glft_coefficients(gamma, sigma, intensity, k)
    assert 2 * coefficients["half_ticks"] == pytest.approx(spread, abs=1e-6)
    for q, (exact, closed) in offsets.items():
        assert glft(coefficients, q)["bid_ticks"] == pytest.approx(closed, abs=1e-6)
        assert glft(coefficients, -q)["ask_ticks"] == pytest.approx(closed, abs=1e-6)
        assert exact_bid_offset(q, paper) == pytest.approx(exact, abs=1e-6)


@pytest.mark.parametrize("q", [-3, 0, 1, 5])
def test_glft_adverse_selection_approximates_the_exact_solution(q: int) -> None:
    paper = (0.3, 0.9, 0.3, 0.01)
    coefficients = glft_coefficients(0.01, 0.3, 0.9, 0.3, adverse_ticks=0.8)
    assert glft(coefficients, q)["bid_ticks"] == pytest.approx(exact_bid_offset(q, paper, adverse=0.8), abs=3e-3)


def test_glft_drift_moves_both_quotes_with_it() -> None:
    flat = glft(glft_coefficients(0.01, 0.3, 0.9, 0.3), 2.0)
    rising = glft(glft_coefficients(0.01, 0.3, 0.9, 0.3, drift=0.001), 2.0)
    shift = 0.001 / (0.01 * 0.3**2) * glft_coefficients(0.01, 0.3, 0.9, 0.3)["skew_ticks"]
    assert rising["bid_ticks"] == pytest.approx(flat["bid_ticks"] - shift)
    assert rising["ask_ticks"] == pytest.approx(flat["ask_ticks"] + shift)


def test_glft_general_form_with_order_size_and_separate_aversion() -> None:
    # (4.6), (4.7) of "Optimal market making", written out.
    gamma, sigma, intensity, k, xi, delta, q = 0.02, 0.5, 1.2, 0.4, 0.05, 3.0, 6.0
    u = xi * delta
    root = math.sqrt(gamma * sigma**2 / (2 * intensity * delta * k) * (1 + u / k) ** (k / u + 1))
    got = glft(glft_coefficients(gamma, sigma, intensity, k, xi, delta), q)
    assert got["bid_ticks"] == pytest.approx(math.log(1 + u / k) / u + (2 * q + delta) / 2 * root, rel=1e-12)
    assert got["ask_ticks"] == pytest.approx(math.log(1 + u / k) / u - (2 * q - delta) / 2 * root, rel=1e-12)


def test_glft_without_execution_risk_is_the_limit() -> None:
    limit = glft_coefficients(0.02, 0.5, 1.2, 0.4, 0.0)
    near = glft_coefficients(0.02, 0.5, 1.2, 0.4, 1e-9)
    assert limit["half_ticks"] == pytest.approx(near["half_ticks"], rel=1e-6)
    assert limit["skew_ticks"] == pytest.approx(near["skew_ticks"], rel=1e-6)


# --- inputs that are no numbers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("argument", range(5))
def test_unknown_model_inputs_never_become_quotes(argument: int, bad: float) -> None:
    values = [1.0, 0.1, 2.0, 1.5, 1.0]
    values[argument] = bad
    offsets = avellaneda_stoikov(*values)
    quotes = Quotes(levels=3)
    if not quotes.place(1000.0, offsets["bid_ticks"], offsets["ask_ticks"], 0.0, 999, 1001):
        assert (quotes.bids, quotes.asks) == ([], [])
        assert quotes.reason == QuoteReason.BAD_MODEL
    else:  # an infinite k makes the mark-up zero, which is a model with a meaning
        assert (argument, bad) == (3, math.inf)


@pytest.mark.parametrize("bad", [math.nan, 0.0, -1.0])
@pytest.mark.parametrize("argument", [0, 2, 3])
def test_glft_outside_its_domain_is_unknown(argument: int, bad: float) -> None:
    values = [0.01, 0.3, 0.9, 0.3]
    values[argument] = bad
    assert math.isnan(glft_coefficients(*values)["half_ticks"])
    assert math.isnan(glft(glft_coefficients(*values), 0.0)["bid_ticks"])


def test_ladder_refuses_a_negative_half_spread() -> None:
    assert math.isnan(ladder(-0.1, 0.0, 0.0)["bid_ticks"])
    assert ladder(2.0, 1.5, 0.5) == {"bid_ticks": 2.75, "ask_ticks": 1.25}


# --- laying out -------------------------------------------------------------------------------------------------------


def test_bids_round_down_and_asks_round_up() -> None:
    quotes = Quotes(levels=3, step_ticks=1.5, qty_lots=10, qty_growth=1.5)
    assert quotes.place(100.5, 2.2, 2.2, 0.0, 100, 101)
    assert quotes.bids == [(98, 10), (96, 15), (95, 22)]
    assert quotes.asks == [(103, 10), (105, 15), (106, 22)]


def test_quotes_never_touch_the_other_side() -> None:
    quotes = Quotes(levels=2)
    assert quotes.place(100.0, -5.0, 6.0, 0.0, 98, 103)
    assert quotes.bids == [(102, 1), (101, 1)]
    assert quotes.asks == [(106, 1), (107, 1)]
    assert quotes.place(100.0, 6.0, -5.0, 0.0, 98, 103)
    assert quotes.asks == [(99, 1), (100, 1)]


def test_a_clamped_ladder_keeps_its_levels_apart() -> None:
    quotes = Quotes(levels=4, step_ticks=0.25)
    assert quotes.place(100.0, 1.0, 1.0, 0.0, 0, 95)
    assert [price for price, _ in quotes.bids] == [94, 93, 92, 91]


def test_an_empty_side_of_the_book_sets_no_limit() -> None:
    quotes = Quotes()
    assert quotes.place(100.0, 1.0, 1.0, 0.0, 0, 0)
    assert (quotes.bids, quotes.asks) == ([(99, 1)], [(101, 1)])


def test_no_spread_at_all_still_leaves_one() -> None:
    quotes = Quotes()
    assert quotes.place(100.0, 0.0, 0.0, 0.0, 0, 0)
    assert (quotes.bids, quotes.asks) == ([(99, 1)], [(101, 1)])


def test_a_price_off_by_rounding_error_stays_on_its_tick() -> None:
    quotes = Quotes()
    assert quotes.place(0.1 + 0.2 + 99.7, 1.0, 1.0, 0.0, 0, 0)
    assert (quotes.bids, quotes.asks) == ([(99, 1)], [(101, 1)])


def test_infinite_offset_is_a_side_without_quotes() -> None:
    quotes = Quotes(levels=2)
    assert quotes.place(100.0, math.inf, 1.0, 0.0, 99, 101)
    assert (quotes.bids, quotes.asks) == ([], [(101, 1), (102, 1)])


def test_bids_end_above_zero() -> None:
    quotes = Quotes(levels=5)
    assert quotes.place(3.0, 1.0, 1.0, 0.0, 0, 0)
    assert [price for price, _ in quotes.bids] == [2, 1]


def test_size_skew_takes_from_the_side_that_adds() -> None:
    quotes = Quotes(levels=1, qty_lots=10, size_skew=0.8)
    sizes = {}
    for fill in (-2.0, -0.5, 0.0, 0.5, 1.0):
        assert quotes.place(100.0, 1.0, 1.0, fill, 0, 0)
        sizes[fill] = (quotes.bids[0][1], quotes.asks[0][1])
    assert sizes == {-2.0: (10, 2), -0.5: (10, 6), 0.0: (10, 10), 0.5: (6, 10), 1.0: (2, 10)}


def test_levels_below_the_minimum_are_left_out() -> None:
    quotes = Quotes(levels=3, qty_lots=4, qty_growth=0.5, min_qty_lots=2)
    assert quotes.place(100.0, 1.0, 1.0, 0.0, 0, 0)
    assert quotes.bids == [(99, 4), (98, 2)]
    full = Quotes(levels=2, qty_lots=4, size_skew=1.0)
    assert full.place(100.0, 1.0, 1.0, 1.0, 0, 0)
    assert (full.bids, len(full.asks)) == ([], 2)


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        ((math.nan, 1.0, 1.0, 0.0, 99, 101), QuoteReason.BAD_FAIR),
        ((math.inf, 1.0, 1.0, 0.0, 99, 101), QuoteReason.BAD_FAIR),
        ((0.0, 1.0, 1.0, 0.0, 99, 101), QuoteReason.BAD_FAIR),
        ((-5.0, 1.0, 1.0, 0.0, 99, 101), QuoteReason.BAD_FAIR),
        ((100.0, math.nan, 1.0, 0.0, 99, 101), QuoteReason.BAD_MODEL),
        ((100.0, 1.0, math.nan, 0.0, 99, 101), QuoteReason.BAD_MODEL),
        ((100.0, -math.inf, 1.0, 0.0, 99, 101), QuoteReason.BAD_MODEL),
        ((100.0, 1.0, -math.inf, 0.0, 99, 101), QuoteReason.BAD_MODEL),
        ((100.0, -1e300, 1e300, 0.0, 0, 0), QuoteReason.BAD_MODEL),
        ((100.0, 1.0, -2.0, 0.0, 99, 101), QuoteReason.BAD_MODEL),
        ((100.0, 1.0, 1.0, math.nan, 99, 101), QuoteReason.BAD_MODEL),
        ((100.0, 1.0, 1.0, 0.0, 101, 101), QuoteReason.BAD_TOUCH),
        ((100.0, 1.0, 1.0, 0.0, 102, 101), QuoteReason.BAD_TOUCH),
        ((100.0, 1.0, 1.0, 0.0, -1, 101), QuoteReason.BAD_TOUCH),
    ],
)
def test_bad_input_gives_no_quotes_and_the_reason(
    call: tuple[float, float, float, float, int, int], reason: QuoteReason
) -> None:
    quotes = Quotes(levels=2)
    assert quotes.place(100.0, 1.0, 1.0, 0.0, 99, 101)
    assert not quotes.place(*call)
    assert (quotes.reason, quotes.bids, quotes.asks) == (reason, [], [])


@pytest.mark.parametrize(
    "layout",
    [
        {"levels": 0}, {"levels": 33}, {"step_ticks": -1.0}, {"step_ticks": math.nan}, {"qty_lots": 0.5},
        {"qty_lots": math.inf}, {"qty_growth": 0.0}, {"size_skew": 1.1}, {"size_skew": math.nan}, {"min_qty_lots": -1},
    ],
)  # fmt: skip
def test_a_wrong_layout_is_refused(layout: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="quote layout: expected"):
        Quotes(**layout)


def test_clear_wants_nothing() -> None:
    quotes = Quotes()
    quotes.place(100.0, 1.0, 1.0, 0.0, 99, 101)
    quotes.clear()
    assert (quotes.bids, quotes.asks) == ([], [])


# --- aim and follow ---------------------------------------------------------------------------------------------------


def test_follow_quotes_as_aimed() -> None:
    aimed, placed = Quotes(levels=2, qty_lots=10, size_skew=0.5), Quotes(levels=2, qty_lots=10, size_skew=0.5)
    assert not aimed.aimed
    aimed.aim(1.3, 2.6, 0.4)
    assert aimed.aimed
    for fair, bid, ask in ((100.0, 99, 101), (100.5, 100, 101), (250.0, 249, 252)):
        aimed.follow(fair, bid, ask)
        placed.place(fair, 1.3, 2.6, 0.4, bid, ask)
        assert (aimed.bids, aimed.asks) == (placed.bids, placed.asks)


def test_follow_before_aim_quotes_nothing() -> None:
    quotes = Quotes()
    assert quotes.follow(100.0, 99, 101)  # news: nothing is wanted
    assert (quotes.reason, quotes.bids, quotes.asks) == (QuoteReason.BAD_MODEL, [], [])
    assert not quotes.follow(100.0, 99, 101)


def test_follow_says_whether_the_quotes_changed() -> None:
    quotes = Quotes()
    quotes.aim(1.2, 1.2, 0.0)
    assert quotes.follow(100.0, 99, 101)
    assert not quotes.follow(100.1, 99, 101)  # rounds to the same ticks
    assert quotes.follow(101.0, 100, 102)
    assert quotes.follow(math.nan, 100, 102)  # no fair price: the quotes are gone
    assert (quotes.bids, quotes.reason) == ([], QuoteReason.BAD_FAIR)
    assert not quotes.follow(math.nan, 100, 102)
    assert quotes.follow(101.0, 100, 102)


def test_follow_leaves_quotes_alone_inside_the_tolerance() -> None:
    quotes = Quotes(tolerance_ticks=3.0)
    quotes.aim(5.0, 5.0, 0.0)
    assert quotes.follow(100.0, 99, 101)
    assert not quotes.follow(103.0, 102, 104)
    assert quotes.bids == [(95, 1)]
    assert quotes.follow(103.5, 103, 104)  # measured from where they were laid out, not from the last price
    assert quotes.bids == [(98, 1)]
    quotes.aim(8.0, 5.0, 0.0)
    assert not quotes.follow(103.5, 103, 104)  # nor for an aim this close
    quotes.aim(8.5, 5.0, 0.0)
    assert quotes.follow(103.5, 103, 104)  # aimed anew
    assert quotes.bids == [(95, 1)]
    quotes.aim(8.5, 5.0, 0.1)
    assert quotes.follow(104.5, 104, 105)  # another position is always news
    assert not quotes.follow(105.5, 105, 106)


def test_tolerance_never_leaves_a_quote_that_would_cross() -> None:
    quotes = Quotes(tolerance_ticks=50.0)
    quotes.aim(2.0, 2.0, 0.0)
    assert quotes.follow(100.0, 99, 101)
    assert quotes.follow(97.0, 96, 98)  # our bid at 98 would take
    assert quotes.bids == [(95, 1)]


def test_aim_may_change_the_step() -> None:
    quotes = Quotes(levels=2, step_ticks=1.0)
    quotes.aim(1.0, 1.0, 0.0, 4.0)
    quotes.follow(100.0, 99, 101)
    assert quotes.bids == [(99, 1), (95, 1)]
    quotes.aim(1.0, 1.0, 0.0)
    quotes.follow(100.0, 99, 101)
    assert quotes.bids == [(99, 1), (95, 1)]
    quotes.aim(1.0, 1.0, 0.0, math.nan)
    assert quotes.follow(100.0, 99, 101)
    assert (quotes.reason, quotes.bids) == (QuoteReason.BAD_LAYOUT, [])


@pytest.mark.parametrize("tolerance", [-1.0, math.nan, math.inf])
def test_a_wrong_tolerance_is_refused(tolerance: float) -> None:
    with pytest.raises(ValueError, match="tolerance_ticks"):
        Quotes(tolerance_ticks=tolerance)
