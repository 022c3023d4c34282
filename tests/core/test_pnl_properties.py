"""The parts of PnL add up, for any course of fills and mids."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st
from risk_markets import instrument, inverse, spot, value

from mmbot._core.pnl import PnlAttribution
from mmbot._core.position import Position

MARKETS = st.sampled_from([instrument(), spot(), instrument(tick_size="0.25", lot_size="3"), inverse()])
MID = st.integers(0, 10**8)
STEP = (
    st.tuples(st.just("fill"), st.integers(0, 1), st.integers(1, 10**8), st.integers(1, 10**6), MID, st.integers(0, 2))
    | st.tuples(st.just("mid"), MID)
    | st.tuples(st.just("fee"), st.integers(0, 3), st.integers(-(10**12), 10**12))
    | st.tuples(st.just("rate"), st.integers(1, 3), st.integers(0, 10**14))
    | st.tuples(st.just("funding"), st.integers(-(10**12), 10**12))
)
COURSE = st.lists(STEP, max_size=40)


class PlainAttribution:
    """The definition in fractions, each part for itself; nothing telescopes here."""

    def __init__(self, market) -> None:
        self.market, self.lots, self.mid = market, 0, Fraction()
        self.parts = dict.fromkeys(("spread", "hedge", "inventory", "fees", "funding"), Fraction())
        self.rates: dict[int, int] = {}

    def move(self, mid_x2) -> None:
        if mid_x2:
            mid = Fraction(mid_x2, 2)
            if self.lots:
                self.parts["inventory"] += value(self.market, mid, self.lots) - value(self.market, self.mid, self.lots)
            self.mid = mid

    def apply(self, kind, *args) -> None:
        if kind == "fill":
            side, price, qty, mid_x2, purpose = args
            self.move(mid_x2 or (0 if self.mid else 2 * price))
            signed = qty if side == 0 else -qty
            edge = value(self.market, self.mid, signed) - value(self.market, price, signed)
            self.parts["spread" if purpose == 0 else "hedge"] += edge
            self.lots += signed
        elif kind == "mid":
            self.move(*args)
        elif kind == "funding":
            self.parts["funding"] += Fraction(args[0], 10**8)
        elif kind == "rate":
            self.rates[args[0]] = args[1]
        elif args[0] == 0:
            self.parts["fees"] -= Fraction(args[1], 10**8)
        else:
            converted = round(Fraction(args[1] * self.rates.get(args[0], 0), 10**8))
            self.parts["fees"] -= Fraction(converted, 10**8)


def play(market, course):
    pnl = PnlAttribution(market)
    for kind, *args in course:
        if kind == "fill":
            side, price, qty, mid_x2, purpose = args
            pnl.fill(side, price, qty, mid_x2=mid_x2, purpose=purpose)
        else:
            getattr(pnl, kind)(*args)
    return pnl


@given(MARKETS, COURSE)
def test_the_parts_add_up_to_the_total_exactly(market, course) -> None:
    parts = {name: Fraction(part) for name, part in play(market, course).parts().items()}
    assert parts.pop("total") == sum(parts.values())


@given(MARKETS, COURSE)
def test_every_part_is_what_its_definition_says(market, course) -> None:
    plain = PlainAttribution(market)
    for step in course:
        plain.apply(*step)
    parts = play(market, course).parts()
    slack = Fraction(0)
    if market.inverse:  # each trade and each valuation rounds by at most half a half unit
        slack = Fraction(market.contract_size) / Fraction(market.tick_size) / 10**18 * (len(course) + 1)
    for name, exact in plain.parts.items():
        assert abs(Fraction(parts[name]) - exact) <= slack, name


@given(MARKETS, COURSE, st.integers(1, 10**8))
def test_price_parts_equal_the_positions_own_total(market, course, mark_ticks) -> None:
    position = Position(market)
    for kind, *args in course:
        if kind == "fill":
            position.fill(*args[:3])
    pnl = play(market, course)
    pnl.mid(2 * mark_ticks)
    parts = pnl.parts()
    total = sum(Fraction(parts[name]) for name in ("spread", "hedge", "inventory"))
    slack = Fraction(0)
    if market.inverse:
        slack = Fraction(market.contract_size) / Fraction(market.tick_size) / 10**18 * (2 * len(course) + 2)
    assert abs(total - Fraction(position.total_pnl(mark_ticks))) <= slack


@given(MARKETS, COURSE, COURSE)
def test_restored_state_goes_on_identically(market, before, after) -> None:
    twin = PnlAttribution(market)
    twin.restore(play(market, before).state())
    whole = play(market, before + after)
    for kind, *args in after:
        if kind == "fill":
            side, price, qty, mid_x2, purpose = args
            twin.fill(side, price, qty, mid_x2=mid_x2, purpose=purpose)
        else:
            getattr(twin, kind)(*args)
    assert twin.state() == whole.state()
