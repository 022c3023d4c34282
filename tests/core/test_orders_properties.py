"""The order table against a model venue behind a hostile network: no race may make it wrong about money at risk."""

from __future__ import annotations

from random import Random

import pytest
from hostile_session import HostileSession
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from mmbot._core.types import Side

pick = st.integers(0, 7)
fate = st.integers(0, 9)
prices = st.integers(90, 110)
lots = st.integers(1, 8)
steps_ms = [1, 1, 1, 30, 400, 1100, 2500, 6000, 20_000]


class OrdersAgainstVenue(RuleBasedStateMachine):
    """Hypothesis looks for a short story that ends badly."""

    def __init__(self) -> None:
        super().__init__()
        self.session = HostileSession()

    @rule(side=st.sampled_from(list(Side)), price=prices, qty=lots)
    def place(self, side: int, price: int, qty: int) -> None:
        self.session.place(side, price, qty)

    @rule(index=pick, price=prices, qty=lots)
    def amend(self, index: int, price: int, qty: int) -> None:
        self.session.amend(index, price, qty)

    @rule(index=pick)
    def cancel(self, index: int) -> None:
        self.session.cancel(index)

    @rule(index=pick, fate=fate)
    def reach_venue(self, index: int, fate: int) -> None:
        self.session.reach_venue(index, fate)

    @rule(index=pick, qty=lots)
    def trade(self, index: int, qty: int) -> None:
        self.session.trade(index, qty)

    @rule(index=pick)
    def venue_ends_order(self, index: int) -> None:
        self.session.venue_ends_order(index)

    @rule(index=pick, fate=fate)
    def hear_answer(self, index: int, fate: int) -> None:
        self.session.hear_answer(index, fate)

    @rule(index=pick, fate=fate)
    def hear_stream(self, index: int, fate: int) -> None:
        self.session.hear_stream(index, fate)

    @rule()
    def fetch_fills(self) -> None:
        self.session.fetch_fills()

    @rule(step_ms=st.sampled_from(steps_ms))
    def pass_time(self, step_ms: int) -> None:
        self.session.pass_time(step_ms)

    @invariant()
    def holds(self) -> None:
        self.session.check()

    def teardown(self) -> None:
        self.session.settle()


OrdersAgainstVenue.TestCase.settings = settings(
    max_examples=120, stateful_step_count=50, deadline=None, suppress_health_check=list(HealthCheck)
)
TestOrdersAgainstVenue = OrdersAgainstVenue.TestCase


@pytest.mark.parametrize("busy", [1, 2, 5])
def test_many_random_sessions(busy: int) -> None:  # noqa: C901 - one branch a move
    """Longer than hypothesis searches, and weighted so that orders live long enough for the rare races."""
    for seed in range(400):
        random, session = Random(seed), HostileSession()
        for _ in range(80):
            roll = random.random()
            index, dice, qty, price = (random.randrange(n) for n in (8, 10, 8, 20))
            if roll < 0.10 and len(session.table.open_slots(0)) < busy:
                session.place(random.randrange(2), 90 + price, qty + 1)
            elif roll < 0.20:
                session.amend(index, 90 + price, qty + 1)
            elif roll < 0.25:
                session.cancel(index)
            elif roll < 0.45:
                session.reach_venue(index, dice)
            elif roll < 0.55:
                session.trade(index, 1 + qty // 2)
            elif roll < 0.56:
                session.venue_ends_order(index)
            elif roll < 0.68:
                session.hear_answer(index, dice)
            elif roll < 0.88:
                session.hear_stream(index, dice)
            elif roll < 0.89:
                session.fetch_fills()
            else:
                session.pass_time(random.choice(steps_ms))
            session.check()
        session.settle()
