"""Properties every quote set has, whatever the input."""

from __future__ import annotations

import math

from hypothesis import assume, example, given
from hypothesis import strategies as st

from mmbot._core.quoting import (
    Quotes,
    avellaneda_stoikov,
    avellaneda_stoikov_infinite,
    glft,
    glft_coefficients,
)

any_float = st.floats(allow_nan=True, allow_infinity=True)
any_tick = st.integers(-5, 10**9)
gammas = st.floats(1e-4, 2.0)
ks = st.floats(1e-3, 5.0)
sigmas = st.floats(0.0, 50.0)
inventories = st.floats(-50, 50)
layouts = st.fixed_dictionaries(
    {
        "levels": st.integers(1, 32),
        "step_ticks": st.floats(0, 100),
        "qty_lots": st.floats(1, 1e9),
        "qty_growth": st.floats(0.1, 3.0),
        "size_skew": st.floats(0, 1),
        "min_qty_lots": st.integers(0, 100),
    }
)


PLAIN = {"levels": 1, "step_ticks": 0.0, "qty_lots": 1.0, "qty_growth": 1.0, "size_skew": 0.0, "min_qty_lots": 0}


@given(layouts, any_float, st.tuples(any_float, any_float), any_float, st.tuples(any_tick, any_tick))
@example(PLAIN, 2.0**52 + 2, (0.0, 0.0), 0.0, (0, 0))
@example(PLAIN, 2.0**52 - 1, (0.0, 0.0), 0.0, (0, 0))
def test_quote_sets_are_sound_whatever_goes_in(
    layout: dict[str, float], fair: float, offsets: tuple[float, float], fill: float, touch: tuple[int, int]
) -> None:
    (bid_offset, ask_offset), (bid, ask) = offsets, touch
    quotes = Quotes(**layout)
    quoted = quotes.place(fair, bid_offset, ask_offset, fill, bid, ask)
    bids, asks = quotes.bids, quotes.asks
    assert quoted == (quotes.reason == 0)
    if not quoted:
        assert (bids, asks) == ([], [])
        return
    assert len(bids) <= layout["levels"]
    assert len(asks) <= layout["levels"]
    bid_prices, ask_prices = [p for p, _ in bids], [p for p, _ in asks]
    assert bid_prices == sorted(set(bid_prices), reverse=True)
    assert ask_prices == sorted(set(ask_prices))
    assert all(p >= 1 for p in bid_prices)
    assert all(lots >= max(1, layout["min_qty_lots"]) for _, lots in bids + asks)
    if bids and asks:
        assert bid_prices[0] < ask_prices[0]
    if bids and ask > 0:
        assert bid_prices[0] < ask
    if asks and bid > 0:
        assert ask_prices[0] > bid
    if bids:
        assert bid_prices[0] <= fair - bid_offset + 1e-6
    if asks:
        assert ask_prices[0] >= fair + ask_offset - 1e-6


@given(st.integers(10_000, 10**7), st.floats(0, 500), layouts)
def test_flat_quotes_mirror_around_the_fair_price(double_fair: int, offset: float, layout: dict[str, float]) -> None:
    fair = double_fair / 2
    assume(fair > offset + 33 * (layout["step_ticks"] + 1) + 2)  # or bids would end at zero
    assume(abs(fair - offset - round(fair - offset)) > 1e-6)  # on a tick to within rounding error, sides may differ
    quotes = Quotes(**layout)
    assert quotes.place(fair, offset, offset, 0.0, 0, 0)
    mirrored = [(double_fair - price, lots) for price, lots in quotes.bids]
    if layout["step_ticks"] == int(layout["step_ticks"]):
        assert mirrored == quotes.asks
    else:
        assert [lots for _, lots in mirrored] == [lots for _, lots in quotes.asks]
        assert mirrored[:1] == quotes.asks[:1]


@given(inventories, inventories, st.tuples(gammas, sigmas, ks, st.floats(0, 1000)))
def test_as_quotes_fall_as_inventory_grows(q1: float, q2: float, model: tuple[float, float, float, float]) -> None:
    low, high = (avellaneda_stoikov(q, *model) for q in sorted((q1, q2)))
    assert low["bid_ticks"] <= high["bid_ticks"]
    assert low["ask_ticks"] >= high["ask_ticks"]


@given(inventories, gammas, sigmas, ks, st.floats(0, 1000))
def test_as_treats_both_sides_alike(q: float, gamma: float, sigma: float, k: float, horizon_s: float) -> None:
    here, mirrored = (avellaneda_stoikov(x, gamma, sigma, k, horizon_s) for x in (q, -q))
    assert here["bid_ticks"] == mirrored["ask_ticks"]
    assert here["bid_ticks"] + here["ask_ticks"] >= 0


@given(inventories, inventories, st.floats(1e-3, 2.0), ks, st.floats(1, 40))
def test_as_infinite_is_monotone_and_symmetric(q1: float, q2: float, gamma: float, k: float, q_max: float) -> None:
    low, high = (avellaneda_stoikov_infinite(q, gamma, k, q_max) for q in sorted((q1, q2)))
    assert low["bid_ticks"] <= high["bid_ticks"] + 1e-9
    assert low["ask_ticks"] >= high["ask_ticks"] - 1e-9
    mirrored = avellaneda_stoikov_infinite(-q1, gamma, k, q_max)
    assert mirrored["ask_ticks"] == avellaneda_stoikov_infinite(q1, gamma, k, q_max)["bid_ticks"]


@given(inventories, inventories, st.tuples(gammas, st.floats(1e-3, 50), st.floats(1e-3, 1000), ks))
def test_glft_is_monotone_and_symmetric(q1: float, q2: float, model: tuple[float, float, float, float]) -> None:
    coefficients = glft_coefficients(*model)
    low, high = (glft(coefficients, q) for q in sorted((q1, q2)))
    assert low["bid_ticks"] <= high["bid_ticks"]
    assert low["ask_ticks"] >= high["ask_ticks"]
    assert glft(coefficients, -q1)["ask_ticks"] == glft(coefficients, q1)["bid_ticks"]


@given(any_float, any_float, any_float, any_float, any_float)
def test_models_never_give_minus_infinity_unnoticed(q: float, gamma: float, sigma: float, k: float, t: float) -> None:
    for offsets in (
        avellaneda_stoikov(q, gamma, sigma, k, t),
        avellaneda_stoikov_infinite(q, gamma, k, t),
        glft(glft_coefficients(gamma, sigma, t, k), q),
    ):
        quotes = Quotes()
        if quotes.place(1e6, offsets["bid_ticks"], offsets["ask_ticks"], 0.0, 0, 0):
            assert not math.isnan(offsets["bid_ticks"])
            assert offsets["bid_ticks"] + offsets["ask_ticks"] >= 0
