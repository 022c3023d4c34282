"""Session limits against a plain restatement, for any course of values."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mmbot._core.limits import Cause, RiskLevel, SessionLimits

CAUSES = [cause for cause in Cause if cause not in (Cause.OPERATOR, Cause.DAILY_LOSS, Cause.DRAWDOWN)]
RULES = st.dictionaries(
    st.sampled_from(CAUSES),
    st.tuples(st.integers(1, 4), st.integers(1, 20), st.integers(1, 10), st.integers(0, 5), st.booleans()),
)
COURSE = st.lists(st.tuples(st.sampled_from(CAUSES) | st.none(), st.integers(0, 25), st.integers(0, 3)), max_size=60)


class PlainRule:
    """One rule in words: entered at `enter`, left after `cooldown` at or below `leave`."""

    def __init__(self, level, enter, gap, cooldown, manual) -> None:
        self.level, self.enter, self.leave, self.cooldown, self.manual = level, enter, enter - gap, cooldown, manual
        self.on, self.clear_since = False, None

    def observe(self, value, now) -> None:
        if not self.on and value >= self.enter:
            self.on, self.clear_since = True, None
            return
        if self.on:
            if value > self.leave:
                self.clear_since = None
            elif self.clear_since is None:
                self.clear_since = now
            self.tick(now)

    def tick(self, now) -> None:
        if self.on and not self.manual and self.clear_since is not None and now - self.clear_since >= self.cooldown:
            self.on = False


@given(RULES, COURSE)
def test_level_is_the_worst_of_the_breached_rules(rules, course) -> None:
    session, plain, now = SessionLimits(), {}, 0
    for cause, (level, enter, gap, cooldown, manual) in rules.items():
        session.configure(cause, level=level, enter=enter, leave=enter - gap, cooldown_ns=cooldown, manual=manual)
        plain[cause] = PlainRule(level, enter, gap, cooldown, manual)
    reported = RiskLevel.NORMAL
    for cause, value, step in course:
        now += step
        before = session.level
        if cause is None:
            changed = session.on_time(now)
            for rule in plain.values():
                rule.tick(now)
        else:
            changed = session.observe(cause, value, now)
            if cause in plain:
                plain[cause].observe(value, now)
        assert session.level == max((rule.level for rule in plain.values() if rule.on), default=RiskLevel.NORMAL)
        assert changed == (session.level != before)
        while (transition := session.pop_transition()) is not None:
            assert transition["old"] == reported  # transitions join without a gap
            reported = transition["new"]
        assert reported == session.level


@given(st.lists(st.tuples(st.integers(-10_000, 10_000), st.integers(0, 40_000_000_000_000)), min_size=1, max_size=40))
def test_daily_loss_and_drawdown_follow_their_definition(course) -> None:
    session = SessionLimits()
    session.configure(Cause.DAILY_LOSS, level=RiskLevel.REDUCE_ONLY, enter=3_000)
    session.configure(Cause.DRAWDOWN, level=RiskLevel.HALT, enter=5_000, manual=True)
    now, peak, base, last, day, halted = 0, None, None, 0, 0, False
    for pnl, step in course:
        now += step
        if base is None:
            peak = base = pnl
            day = now // 86_400_000_000_000
        elif now // 86_400_000_000_000 > day:
            base, day = last, now // 86_400_000_000_000
        last, peak = pnl, max(peak, pnl)
        halted = halted or peak - pnl >= 5_000
        session.observe_pnl(pnl, now)
        loss = RiskLevel.REDUCE_ONLY if base - pnl >= 3_000 else RiskLevel.NORMAL
        assert session.level == (RiskLevel.HALT if halted else loss)
