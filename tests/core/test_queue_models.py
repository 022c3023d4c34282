"""Where an order stands in its queue, by each model's rule."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mmbot._core.queue_models import QueueModel, QueuePosition

M = QueueModel
PROBABILISTIC = [M.POWER, M.POWER2, M.POWER3, M.LOG, M.LOG2]


def position(model: QueueModel, level: float = 10, *, n: float = 2.0, unit: float = 1.0) -> QueuePosition:
    place = QueuePosition(model, n, unit)
    place.enter(level)
    return place


def behind(model: QueueModel, n: float, unit: float, front: float, back: float) -> float:
    """The probability that a cancelled lot stood behind, as the formulas say."""

    def power(x: float) -> float:
        if x < 0 and n != int(n):
            return math.nan
        return float(x**n)

    def log(x: float) -> float:
        return math.log1p(x * unit) if x * unit > -1 else math.nan

    parts = {
        M.POWER: lambda: (power(back), power(back) + power(front)),
        M.POWER2: lambda: (power(back), power(back + front)),
        M.LOG: lambda: (log(back), log(back) + log(front)),
        M.LOG2: lambda: (log(back), log(back + front)),
    }
    if model == M.POWER3:
        return 1 - power(front / (front + back)) if front + back else math.nan
    above, below = parts[model]()
    if below == 0:
        return math.nan if above == 0 or math.isnan(above) else 1.0
    return above / below


class PlainQueue:
    """The same models, written as the formulas read."""

    def __init__(self, model: QueueModel, n: float, unit: float, level: float) -> None:
        self.model, self.n, self.unit, self.front, self.traded = model, n, unit, level, 0.0

    def trade(self, qty: float) -> None:
        self.front -= qty
        self.traded += qty

    def change(self, prev: float, new: float) -> None:
        cancelled = prev - new - self.traded
        self.traded = 0.0
        if self.model == M.RISK_ADVERSE or cancelled < 0:
            self.front = min(self.front, new)
            return
        back = prev - self.front
        p = behind(self.model, self.n, self.unit, self.front, back)
        if math.isnan(p):
            self.front = new
        else:
            self.front = min(self.front - (1 - p) * cancelled + min(back - p * cancelled, 0.0), new)


@pytest.mark.parametrize("model", [M.RISK_ADVERSE, *PROBABILISTIC])
def test_an_order_enters_at_the_back_and_trades_bring_it_forward(model: QueueModel) -> None:
    place = position(model)
    assert place.front_lots == 10
    place.trade(4)
    assert (place.front_lots, place.cum_lots, place.executed()) == (6, 4, 0)
    place.trade(6)
    assert place.executed() == 0  # all that was ahead has traded, nothing of ours
    place.trade(3)
    assert place.executed() == 3
    assert (place.front_lots, place.executed()) == (0, 0)  # taken once


def test_half_a_lot_past_us_is_a_lot() -> None:
    place = position(M.POWER, 0)
    place.trade(0.49)
    assert place.executed() == 0
    place.trade(0.01)
    assert place.executed() == 1


@pytest.mark.parametrize("model", [M.RISK_ADVERSE, *PROBABILISTIC])
def test_quantity_that_comes_stands_behind(model: QueueModel) -> None:
    place = position(model)
    place.change(10, 50)
    assert place.front_lots == 10


def test_risk_adverse_moves_only_when_the_level_is_smaller_than_what_was_ahead() -> None:
    place = position(M.RISK_ADVERSE)
    place.change(10, 50)
    place.change(50, 12)
    assert place.front_lots == 10
    place.change(12, 7)
    assert place.front_lots == 7


@pytest.mark.parametrize("model", PROBABILISTIC)
def test_a_decrease_that_trades_explain_moves_nothing(model: QueueModel) -> None:
    """The trade has moved us already; the level's change that follows shows the same lots again."""
    place = position(model)
    place.change(10, 30)
    place.trade(4)
    place.change(30, 26)
    assert (place.front_lots, place.cum_lots) == (6, 0)


@pytest.mark.parametrize(
    ("model", "n", "probability"),
    [
        (M.POWER, 1, 30 / 40),
        (M.POWER, 2, 900 / 1000),
        (M.POWER, 3, 27000 / 28000),
        (M.POWER2, 2, (30 / 40) ** 2),
        (M.POWER3, 2, 1 - (10 / 40) ** 2),
        (M.LOG, 1, math.log(31) / (math.log(31) + math.log(11))),
        (M.LOG2, 1, math.log(31) / math.log(41)),
    ],
)
def test_a_cancel_is_shared_by_the_models_probability(model: QueueModel, n: float, probability: float) -> None:
    """10 ahead, 30 behind, 8 cancelled."""
    place = position(model, n=n)
    place.change(10, 40)
    place.change(40, 32)
    assert place.front_lots == pytest.approx(10 - (1 - probability) * 8, abs=1e-12)


def test_what_is_not_behind_us_was_ahead() -> None:
    """1 behind, 9 ahead, 8 cancelled: POWER (1) puts 0.8 behind, which is there; POWER3 (9) 4.9, which is not."""
    place = position(M.POWER, 9, n=1)
    place.change(10, 2)
    assert place.front_lots == pytest.approx(9 - 0.9 * 8)
    place = position(M.POWER3, 9, n=9)
    place.change(10, 2)
    p = 1 - 0.9**9
    assert place.front_lots == pytest.approx(9 - (1 - p) * 8 + (1 - p * 8))


def test_logarithms_know_the_unit_of_quantity() -> None:
    """0.010 and 0.030 of quantity: ln(1 + x) is nearly x there."""
    place = position(M.LOG, unit=0.001)
    place.change(10, 40)
    place.change(40, 32)
    p = math.log(1.03) / (math.log(1.03) + math.log(1.01))
    assert place.front_lots == pytest.approx(10 - (1 - p) * 8, abs=1e-12)


@pytest.mark.parametrize("model", PROBABILISTIC)
def test_on_an_empty_level_we_stand_first(model: QueueModel) -> None:
    place = position(model, 0)
    place.change(0, 0)
    assert place.front_lots == 0


def test_with_order_ids_nothing_is_guessed() -> None:
    place = position(M.L3_FIFO)
    place.trade(5)
    place.change(10, 2)
    assert (place.front_lots, place.cum_lots) == (10, 0)


@pytest.mark.parametrize("arguments", [(-1,), (7,), (M.POWER, 0.0), (M.POWER, math.nan), (M.LOG, 1.0, 0.0)])
def test_impossible_rules_are_refused(arguments: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="QueuePosition: expected"):
        QueuePosition(*arguments)  # type: ignore[arg-type]


STEPS = st.lists(
    st.one_of(st.tuples(st.just("trade"), st.integers(1, 30)), st.tuples(st.just("level"), st.integers(0, 60)))
)


@given(
    model=st.sampled_from([M.RISK_ADVERSE, *PROBABILISTIC]),
    n=st.sampled_from([0.5, 1.0, 1.5, 2.0, 3.0]),
    unit=st.sampled_from([1e-5, 0.001, 1.0, 10.0]),
    level=st.integers(0, 40),
    steps=STEPS,
)
@example(model=M.LOG, n=1.0, unit=10.0, level=0, steps=[("level", 0), ("level", 5), ("level", 0)])
def test_any_history_against_plain_formulas(
    model: QueueModel, n: float, unit: float, level: int, steps: list[tuple[str, int]]
) -> None:
    place, plain = position(model, level, n=n, unit=unit), PlainQueue(model, n, unit, level)
    for kind, lots in steps:
        if kind == "trade":
            place.trade(lots)
            plain.trade(lots)
            if place.executed():
                assert plain.front <= -0.5 + 1e-9
                plain.front = 0.0
        else:
            place.change(level, lots)
            plain.change(level, lots)
            level = lots
        assert place.front_lots == pytest.approx(plain.front, rel=1e-9, abs=1e-9)
        assert place.cum_lots == plain.traded
