"""Session limits: how each is entered, and how it is left."""

from __future__ import annotations

import pytest

from mmbot._core.limits import Cause, RiskLevel, SessionLimits

S = 1_000_000_000
DAY = 86_400 * S


def limits() -> SessionLimits:
    session = SessionLimits()
    session.configure(Cause.STALE_DATA, level=RiskLevel.PULL_QUOTES, enter=2 * S, leave=S, cooldown_ns=5 * S)
    session.configure(Cause.DAILY_LOSS, level=RiskLevel.FLATTEN, enter=1_000)
    session.configure(Cause.DRAWDOWN, level=RiskLevel.HALT, enter=2_500, manual=True)
    return session


def test_nothing_is_breached_before_a_rule_is_set() -> None:
    session = SessionLimits()
    for cause in Cause:
        if cause is not Cause.OPERATOR:
            assert session.observe(cause, 2**62, 0) == 0
    assert session.level == RiskLevel.NORMAL
    assert session.pop_transition() is None


def test_a_breach_is_entered_at_its_limit_and_reported() -> None:
    session = limits()
    assert session.observe(Cause.STALE_DATA, 2 * S - 1, 10) == 0
    assert session.observe(Cause.STALE_DATA, 2 * S, 11) == 1
    assert session.level == RiskLevel.PULL_QUOTES
    assert session.pop_transition() == {
        "ts_ns": 11,
        "value": 2 * S,
        "limit": 2 * S,
        "cause": Cause.STALE_DATA,
        "entered": 1,
        "old": RiskLevel.NORMAL,
        "new": RiskLevel.PULL_QUOTES,
    }
    assert session.pop_transition() is None
    assert set(session.breached()) == {"STALE_DATA"}


def test_it_is_left_after_the_cool_down_without_a_break() -> None:
    session = limits()
    session.observe(Cause.STALE_DATA, 3 * S, 0)
    session.observe(Cause.STALE_DATA, 0, 10 * S)
    assert session.on_time(14 * S) == 0
    session.observe(Cause.STALE_DATA, S + 1, 14 * S)  # above `leave`: the wait begins again
    session.observe(Cause.STALE_DATA, S, 20 * S)
    assert session.on_time(24 * S) == 0
    assert session.on_time(25 * S) == 1
    assert session.level == RiskLevel.NORMAL
    session.pop_transition()
    assert session.pop_transition() == {
        "ts_ns": 25 * S,
        "value": S,
        "limit": S,
        "cause": Cause.STALE_DATA,
        "entered": 0,
        "old": RiskLevel.PULL_QUOTES,
        "new": RiskLevel.NORMAL,
    }


def test_a_value_between_leave_and_enter_keeps_the_breach() -> None:
    session = limits()
    session.observe(Cause.STALE_DATA, 2 * S, 0)
    for second in range(1, 100):
        session.observe(Cause.STALE_DATA, S + S // 2, second * S)
    assert session.level == RiskLevel.PULL_QUOTES


def test_the_worst_level_wins_and_the_lesser_remains() -> None:
    session = limits()
    session.observe(Cause.STALE_DATA, 2 * S, 0)
    session.observe_pnl(0, 0)
    assert session.observe_pnl(-1_000, 1) == 1
    assert session.level == RiskLevel.FLATTEN
    assert session.observe_pnl(-500, 2) == 1
    assert session.level == RiskLevel.PULL_QUOTES


def test_a_lesser_breach_under_a_worse_one_is_reported_without_a_change() -> None:
    session = limits()
    session.observe_pnl(0, 0)
    session.observe_pnl(-1_000, 1)
    assert session.observe(Cause.STALE_DATA, 2 * S, 2) == 0
    session.pop_transition()
    transition = session.pop_transition()
    assert transition is not None
    assert (transition["old"], transition["new"]) == (RiskLevel.FLATTEN, RiskLevel.FLATTEN)


def test_drawdown_counts_from_the_peak_and_waits_for_the_operator() -> None:
    session = limits()
    session.configure(Cause.DAILY_LOSS, level=RiskLevel.NORMAL, enter=1_000)
    session.observe_pnl(0, 0)
    session.observe_pnl(5_000, 1)
    assert session.peak_e8 == 5_000
    assert session.observe_pnl(2_501, 2) == 0
    assert session.observe_pnl(2_500, 3) == 1
    assert session.level == RiskLevel.HALT
    session.observe_pnl(9_000, 4)
    session.on_time(10 * DAY)
    assert session.level == RiskLevel.HALT
    assert session.resume(10 * DAY) == 1
    assert session.level == RiskLevel.NORMAL
    assert session.peak_e8 == 9_000


def test_resume_counts_losses_from_here() -> None:
    session = limits()
    session.observe_pnl(0, 0)
    session.observe_pnl(-3_000, 1)
    assert session.resume(2) == 1
    assert session.observe_pnl(-3_999, 3) == 0
    assert session.observe_pnl(-4_000, 4) == 1
    assert session.level == RiskLevel.FLATTEN


def test_resume_does_not_heal_what_still_holds() -> None:
    session = limits()
    session.observe(Cause.STALE_DATA, 9 * S, 0)
    session.resume(1)
    assert session.level == RiskLevel.NORMAL
    assert session.observe(Cause.STALE_DATA, 9 * S, 2) == 1


def test_the_day_is_the_events_utc_day() -> None:
    session = limits()
    session.observe_pnl(0, 3 * DAY + DAY // 2)
    session.observe_pnl(-999, 4 * DAY - 1)
    assert session.level == RiskLevel.NORMAL
    session.observe_pnl(-1_998, 4 * DAY)
    assert (session.day, session.day_start_e8) == (4, -999)
    assert session.level == RiskLevel.NORMAL
    session.observe_pnl(-1_999, 4 * DAY + 1)
    assert session.level == RiskLevel.FLATTEN


def test_a_daily_loss_is_over_with_the_day() -> None:
    session = limits()
    session.observe_pnl(0, 0)
    session.observe_pnl(-1_000, 1)
    assert session.observe_pnl(-1_000, DAY) == 1
    assert session.level == RiskLevel.NORMAL


def test_an_event_of_the_day_before_does_not_turn_the_day_back() -> None:
    session = limits()
    session.observe_pnl(0, DAY)
    session.observe_pnl(-400, DAY - 1)
    assert (session.day, session.day_start_e8) == (1, 0)


def test_the_operators_level_is_left_by_resume_only() -> None:
    session = SessionLimits()
    assert session.force(RiskLevel.REDUCE_ONLY, 0) == 1
    assert session.on_time(100 * DAY) == 0
    assert session.force(RiskLevel.HALT, 1) == 1
    assert session.force(RiskLevel.PULL_QUOTES, 2) == 1
    assert session.level == RiskLevel.PULL_QUOTES
    assert session.force(RiskLevel.NORMAL, 3) == 0
    assert session.force(9, 3) == 0
    assert session.resume(4) == 1
    assert session.level == RiskLevel.NORMAL


def test_forgotten_transitions_are_counted() -> None:
    session = limits()
    for at in range(70):
        session.force(RiskLevel.HALT, at)
    assert session.lost == 6
    oldest = session.pop_transition()
    assert oldest is not None
    assert oldest["ts_ns"] == 6


def test_switching_a_rule_off_ends_its_breach() -> None:
    session = limits()
    session.observe(Cause.STALE_DATA, 2 * S, 0)
    session.configure(Cause.STALE_DATA, level=RiskLevel.NORMAL, enter=2 * S)
    assert session.level == RiskLevel.NORMAL
    assert session.breached() == {}


def test_a_breach_takes_the_level_of_its_new_rule() -> None:
    session = limits()
    session.observe(Cause.STALE_DATA, 2 * S, 0)
    session.configure(Cause.STALE_DATA, level=RiskLevel.HALT, enter=2 * S, manual=True)
    assert session.level == RiskLevel.HALT


def test_every_cause_says_how_it_is_left() -> None:
    session = limits()
    assert session.way_out(Cause.STALE_DATA) == (
        "stale_data: by itself once the value is at most 1000000000 for 5 s, or by resume"
    )
    assert session.way_out(Cause.DRAWDOWN) == "drawdown: only by resume"
    assert session.way_out(Cause.OPERATOR) == "operator: only by resume"
    with pytest.raises(ValueError, match="99"):
        session.way_out(99)


@pytest.mark.parametrize(
    "rule",
    [
        {"cause": Cause.OPERATOR, "level": RiskLevel.HALT, "enter": 1},
        {"cause": 99, "level": RiskLevel.HALT, "enter": 1},
        {"cause": Cause.DRAWDOWN, "level": 5, "enter": 1},
        {"cause": Cause.DRAWDOWN, "level": RiskLevel.HALT, "enter": 1, "leave": 1},
        {"cause": Cause.DRAWDOWN, "level": RiskLevel.HALT, "enter": 1, "cooldown_ns": -1},
    ],
)
def test_rules_that_make_no_sense_are_refused(rule: dict) -> None:
    with pytest.raises(ValueError, match="session limit"):
        SessionLimits().configure(rule.pop("cause"), **rule)


def test_an_unknown_cause_is_ignored_by_the_hot_path() -> None:
    assert SessionLimits().observe(-1, 5, 0) == SessionLimits().observe(11, 5, 0) == 0


def test_a_restart_remembers_the_breach_and_the_day() -> None:
    session = limits()
    session.observe_pnl(0, 5 * DAY)
    session.observe_pnl(-2_600, 5 * DAY + 1)
    session.force(RiskLevel.PULL_QUOTES, 5 * DAY + 2)
    after = limits()
    after.restore(session.state())
    assert after.level == RiskLevel.HALT
    assert after.breached() == session.breached()
    assert after.observe_pnl(-2_600, 6 * DAY) == 0
    assert after.level == RiskLevel.HALT  # the day's loss is over, the drawdown is not
    assert after.state() != session.state()
    with pytest.raises(ValueError, match="13 breaches"):
        after.restore(session.state() | {"breaches": []})
