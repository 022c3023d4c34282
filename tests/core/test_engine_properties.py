"""Whatever happens in whatever order: no exception, no order beyond its limits, nothing lost, and calm ends hedged."""

from __future__ import annotations

import random

import pytest
from engine_desk import PERP, Desk
from engine_storm import STEPS, Storm
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmbot._core.types import CommandKind

STEP = st.sampled_from([name for name, weight in STEPS.items() for _ in range(weight)])
SETUPS = {
    "spot": {},
    "second perpetual first": {"hedge": {"markets": "[perp2_btc, spot_btc]"}, "second": "hedge"},
    "hedging where we quote": {
        "hedge": {"markets": "[perp2_btc]"}, "second": "maker", "makers": "perp_btc, perp2_btc",
    },
    "passive": {"hedge": {"urgency": "passive_first", "passive_deadline_ms": "500"}},
    "pulling": {"strategy": "on_error: pull_quotes", "risk": {"max_reject_streak": "3", "max_open_orders": "5"}},
}  # fmt: skip
slow = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@pytest.mark.parametrize("setup", SETUPS)
@slow
@given(seed=st.integers(0, 2**32 - 1), steps=st.lists(STEP, min_size=20, max_size=250))
def test_invariants_hold_in_every_storm_and_calm_brings_agreement(setup: str, seed: int, steps: list[str]) -> None:
    storm = Storm(Desk(**SETUPS[setup]).open())
    storm.go(random.Random(seed), steps)
    storm.calm()
    storm.check()
    storm.check_at_rest()


@slow
@given(seed=st.integers(0, 2**32 - 1), steps=st.lists(STEP, min_size=20, max_size=250))
def test_every_storm_repeats_itself(seed: int, steps: list[str]) -> None:
    storm = Storm(Desk().open())
    storm.go(random.Random(seed), steps)
    assert storm.desk.again() == [command.raw() for command in storm.desk.commands]


@slow
@given(seed=st.integers(0, 2**32 - 1), steps=st.lists(STEP, min_size=5, max_size=120))
def test_after_a_stop_nothing_is_quoted_whatever_still_happens(seed: int, steps: list[str]) -> None:
    chance = random.Random(seed)
    storm = Storm(Desk().open())
    storm.go(chance, steps)
    storm.desk.command("stop")
    sent = len(storm.desk.commands)
    storm.go(chance, steps)
    storm.calm()
    quotes = [c for c in storm.desk.commands[sent:] if c.kind == CommandKind.PLACE and c.purpose == 0]
    assert not quotes
    assert storm.desk.quotes(PERP) == []
