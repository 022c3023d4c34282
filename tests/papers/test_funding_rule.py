"""The funding rate of the simulated exchange against the rule that venues publish.

F = clamp(average + clamp(I - average, +-0.05 %), floor, cap), I = 0.01 % per 8 h; the average of the premiums weighs
the n-th one n times; P = [max(0, impact bid - index) - max(0, index - impact ask)] / index.
"""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any

import pytest

from mmbot.sim.instruments import E8, USDM, SimInstrument
from mmbot.sim.marks import Mark

SECOND_NS = 10**9
HOUR_NS = 3600 * SECOND_NS
INDEX_TICKS = 600_000  # 60,000 USDT
# A cap of 2 %, so that it does not hide what is tested.
WIDE: SimInstrument = dataclasses.replace(USDM["BTCUSDT"], funding_cap="0.02")


class Book:
    """A market with one deep level a side, moved by hand."""

    def __init__(self, instrument: SimInstrument = WIDE) -> None:
        self.instrument = instrument
        self.sides = [[(INDEX_TICKS - 1, 10**6)], [(INDEX_TICKS + 1, 10**6)]]
        self.matcher = SimpleNamespace(levels=lambda side, _limit=0: self.sides[side])

    @property
    def mid_e8(self) -> int:
        """Halfway between the sides."""
        return (self.sides[0][0][0] + self.sides[1][0][0]) * self.instrument.tick_e8 // 2

    def premium(self, share: float) -> None:
        """Set the whole book at this premium over the index."""
        ticks = round(INDEX_TICKS * (1 + share))
        bid, ask = (ticks, ticks + 1) if share > 0 else (ticks - 1, ticks)
        self.sides = [[(bid, 10**6)], [(ask, 10**6)]]


def marked(book: Book, hours: float = 8) -> Mark:
    """A mark whose first sample has no premium; the index never moves."""
    index: Any = SimpleNamespace(mid_e8=INDEX_TICKS * book.instrument.tick_e8)
    perpetual: Any = book
    return Mark(perpetual, index, interval_ns=round(hours * HOUR_NS), start_ns=0)


def rate_at(share: float, hours: float = 8, instrument: SimInstrument = WIDE) -> float:
    """Rate with a premium that has always been this."""
    book = Book(instrument)
    book.premium(share)
    return marked(book, hours).rate_e8 / E8


@pytest.mark.parametrize(
    ("premium", "rate"),
    [
        (0.01, 0.0095),  # the documented example: 1 % -> 0.95 %
        (-0.01, -0.0095),
        (0.0006, 0.0001),  # just where the clamp ends
        (0.0007, 0.0002),
        (0.0003, 0.0001),  # within 0.05 % of the interest: the interest
        (-0.0004, 0.0001),
        (-0.0006, -0.0001),
    ],
)
def test_rate_by_premium(premium: float, rate: float) -> None:
    assert rate_at(premium) == pytest.approx(rate, abs=1e-8)


@pytest.mark.parametrize(("hours", "share"), [(8, 1.0), (4, 0.5), (1, 0.125)])
def test_shorter_intervals_pay_their_share(hours: float, share: float) -> None:
    assert rate_at(0.01, hours) == pytest.approx(0.0095 * share, abs=1e-8)
    assert rate_at(0.0002, hours) == pytest.approx(0.0001 * share, abs=1e-8)


@pytest.mark.parametrize("premium", [0.019, -0.019])
def test_cap_and_floor_are_the_symbols_own(premium: float) -> None:
    assert abs(rate_at(premium, instrument=USDM["BTCUSDT"])) == float(USDM["BTCUSDT"].funding_cap)
    assert abs(rate_at(premium)) == pytest.approx(0.0185, abs=1e-8)


def test_later_premiums_weigh_more() -> None:
    """The n-th sample counts n times: n(n+1)/2 in all, 5760 of them in 8 h where one is taken every 5 s."""
    book, premiums = Book(), [0.0, 0.002, 0.004, -0.001, 0.008]
    mark = marked(book)
    for n, premium in enumerate(premiums[1:], start=1):
        book.premium(premium)
        mark.update(n * 5 * SECOND_NS)
    average = sum(n * premium for n, premium in enumerate(premiums, start=1)) / 15
    assert mark.rate_e8 / E8 == pytest.approx(average - 0.0005, abs=2e-8)


def test_a_new_period_forgets_the_last_one() -> None:
    book = Book()
    book.premium(0.01)
    mark = marked(book)
    assert mark.settle(8 * HOUR_NS).rate_e8 == pytest.approx(950_000, abs=1)
    book.premium(0.002)
    mark.update(8 * HOUR_NS + SECOND_NS)
    assert mark.rate_e8 == pytest.approx(150_000, abs=1)


@pytest.mark.parametrize(("leverage", "notional"), [(20, 4_000), (125, 25_000)])
def test_impact_notional_is_200_over_the_initial_margin_rate(leverage: int, notional: int) -> None:
    """The average price of trading just that much sets the premium; what lies deeper does not."""
    tier = dataclasses.replace(WIDE.tiers[0], leverage=leverage)
    instrument = dataclasses.replace(WIDE, tiers=(tier,))
    rich, poor = round(INDEX_TICKS * 1.02), round(INDEX_TICKS * 1.01)
    # Half of the notional at 2 % over the index, all the rest at 1 %.
    lots = notional / 2 / (rich * float(instrument.tick) * float(instrument.lot))
    book = Book(instrument)
    book.sides = [[(rich, round(lots)), (poor, 10**6)], [(rich + 1, 10**6)]]
    # The average price of equal values is their harmonic mean.
    premium = 2 / (1 / rich + 1 / poor) / INDEX_TICKS - 1
    assert marked(book).rate_e8 / E8 == pytest.approx(premium - 0.0005, abs=0.01 / round(lots))


def test_a_book_too_thin_for_the_notional_says_nothing() -> None:
    book = Book()
    book.premium(0.01)
    book.sides[0] = [(book.sides[0][0][0], 1)]
    assert marked(book).rate_e8 == 10_000
