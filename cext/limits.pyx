"""Session limits; the contract is ``mmbot/_core/limits.pxd``."""

from libc.stdint cimport int64_t

cdef int64_t DAY_NS = 86_400_000_000_000
cdef int64_t OFF = 0x7FFFFFFFFFFFFFFF


cdef class SessionLimits:
    """Rules that pull quotes, wind down or halt, each with its own way back.

    Every rule is off until `configure` sets it, except OPERATOR. The account's PnL is told by `observe_pnl`, everything
    else by `observe`; time only comes in with the calls.
    """

    def __cinit__(self):
        cdef int cause
        self.day = -1
        for cause in range(CAUSES):
            self.rules[cause] = Rule(OFF, OFF, 0, NORMAL, 0)
            self.breaches[cause] = Breach(0, 0, 0, -1, 0)
        self.rules[<int>OPERATOR] = Rule(1, 0, 0, HALT, 1)

    cdef int settle(self, int cause, bint entered, int64_t ts_ns) noexcept nogil:
        """After a rule changed: find the worst level, queue the transition, tell whether the level moved."""
        cdef int old = self.level, worst = NORMAL, i
        cdef Transition* slot = &self.ring[self.head % TRANSITIONS]
        for i in range(CAUSES):
            if self.breaches[i].active and self.rules[i].level > worst:
                worst = self.rules[i].level
        self.level = worst
        if self.head - self.tail == TRANSITIONS:
            self.tail += 1
            self.lost += 1
        slot.ts_ns, slot.cause, slot.entered, slot.old, slot.new = ts_ns, cause, entered, old, worst
        slot.value = self.breaches[cause].value
        slot.limit = self.rules[cause].enter if entered else self.rules[cause].leave
        self.head += 1
        return old != worst

    cpdef int observe(self, int cause, int64_t value, int64_t ts_ns) noexcept nogil:
        """Tell the present value of a cause, in its unit; 1 when the session's level changed."""
        cdef Rule* rule
        cdef Breach* breach
        if not 0 <= cause < CAUSES:
            return 0
        rule, breach = &self.rules[cause], &self.breaches[cause]
        breach.value = value
        if rule.level == NORMAL:
            return 0
        if not breach.active:
            if value < rule.enter:
                return 0
            breach.active, breach.worst, breach.since_ns, breach.clear_ns = 1, value, ts_ns, -1
            return self.settle(cause, True, ts_ns)
        if value > breach.worst:
            breach.worst = value
        if value > rule.leave:
            breach.clear_ns = -1
        elif breach.clear_ns < 0:
            breach.clear_ns = ts_ns
        return self.relax(cause, ts_ns)

    cdef int relax(self, int cause, int64_t ts_ns) noexcept nogil:
        """Leave a breach whose cool-down has run out."""
        cdef Breach* breach = &self.breaches[cause]
        if not breach.active or self.rules[cause].manual or breach.clear_ns < 0:
            return 0
        if ts_ns - breach.clear_ns < self.rules[cause].cooldown_ns:
            return 0
        breach.active = 0
        return self.settle(cause, False, ts_ns)

    cpdef int observe_pnl(self, int64_t total_e8, int64_t ts_ns) noexcept nogil:
        """Tell the account's total PnL; a new UTC day starts at the last PnL seen in the old one."""
        cdef int64_t day = ts_ns // DAY_NS
        cdef int changed = 0
        if self.day < 0:
            self.peak_e8 = self.day_start_e8 = total_e8
            self.day = day
        elif day > self.day:
            self.day_start_e8 = self.pnl_e8
            self.day = day
        self.pnl_e8 = total_e8
        if total_e8 > self.peak_e8:
            self.peak_e8 = total_e8
        changed |= self.observe(DAILY_LOSS, self.day_start_e8 - total_e8, ts_ns)
        changed |= self.observe(DRAWDOWN, self.peak_e8 - total_e8, ts_ns)
        return changed

    cpdef int on_time(self, int64_t ts_ns) noexcept nogil:
        """Let cool-downs run out; 1 when the session's level changed."""
        cdef int cause, changed = 0
        for cause in range(CAUSES):
            changed |= self.relax(cause, ts_ns)
        return changed

    cpdef int force(self, int level, int64_t ts_ns) noexcept nogil:
        """The operator's own level, which only `resume` ends; a lower one than before replaces it too."""
        if not NORMAL < level <= HALT:
            return 0
        self.rules[<int>OPERATOR].level = level
        self.breaches[<int>OPERATOR].active = 0
        return self.observe(OPERATOR, 1, ts_ns)

    cpdef int resume(self, int64_t ts_ns) noexcept nogil:
        """The operator says go on: clears every breach, and counts losses from here."""
        cdef int cause, changed = 0
        self.peak_e8 = self.day_start_e8 = self.pnl_e8
        for cause in range(CAUSES):
            if self.breaches[cause].active:
                self.breaches[cause].active = 0
                changed |= self.settle(cause, False, ts_ns)
        return changed

    cdef int pop(self, Transition* out) noexcept nogil:
        if self.tail == self.head:
            return 0
        out[0] = self.ring[self.tail % TRANSITIONS]
        self.tail += 1
        return 1

    def configure(self, int cause, *, int level, int64_t enter, leave=None, int64_t cooldown_ns=0,
                  bint manual=False, int64_t ts_ns=0) -> None:
        """Set one rule; a breach that is on stays on, at the new level, until it is left by the new rule.

        Args:
            cause: `Cause`; OPERATOR has no rule to set.
            level: `RiskLevel` to go to; NORMAL switches the rule off.
            enter: breached at this value and above, in the cause's unit.
            leave: may be left at this value and below; default: just under `enter`.
            cooldown_ns: for how long without a break.
            manual: left by `resume` only.
            ts_ns: time of the change, for the transition it may cause.

        Raises:
            ValueError: an unknown cause or level, or `leave` not below `enter`.
        """
        cdef int64_t below = enter - 1 if leave is None else leave
        if not OPERATOR < cause < CAUSES or not NORMAL <= level <= HALT:
            raise ValueError(f"session limit: unknown cause {cause} or level {level}")
        if below >= enter or cooldown_ns < 0:
            raise ValueError(f"session limit {Cause(cause).name}: expected leave < enter and cool-down >= 0, "
                             f"found {below}, {enter}, {cooldown_ns}")
        self.rules[cause] = Rule(enter, below, cooldown_ns, level, manual)
        if self.breaches[cause].active:
            self.breaches[cause].active = level != NORMAL
            self.settle(cause, self.breaches[cause].active, ts_ns)

    def pop_transition(self) -> dict[str, int] | None:
        """The oldest transition not yet taken, by field name; None when there is none."""
        cdef Transition transition
        return transition if self.pop(&transition) else None

    def breached(self) -> dict[str, dict[str, int]]:
        """Every breach that is on, by the name of its cause."""
        return {Cause(i).name: self.breaches[i] for i in range(CAUSES) if self.breaches[i].active}

    def way_out(self, int cause) -> str:
        """How a breach of this cause is left again, in words.

        Raises:
            ValueError: an unknown cause.
        """
        cdef Rule rule
        if not 0 <= cause < CAUSES:
            raise ValueError(f"session limit: unknown cause {cause}")
        rule, name = self.rules[cause], Cause(cause).name.lower()
        if rule.manual:
            return f"{name}: only by resume"
        cooldown = f" for {rule.cooldown_ns / 1e9:g} s" if rule.cooldown_ns else ""
        return f"{name}: by itself once the value is at most {rule.leave}{cooldown}, or by resume"

    def state(self) -> dict[str, object]:
        """What a restart must not forget, as plain integers: the day, its base, the peak, and the breaches."""
        return {
            "day": self.day, "day_start_e8": self.day_start_e8, "peak_e8": self.peak_e8, "pnl_e8": self.pnl_e8,
            "operator_level": self.rules[<int>OPERATOR].level,
            "breaches": [self.breaches[i] for i in range(CAUSES)],
        }

    def restore(self, state: dict) -> None:
        """Become what `state` described; the rules themselves stay as configured.

        Raises:
            KeyError: a field is missing.
            ValueError: another number of causes.
        """
        cdef int i
        if len(state["breaches"]) != CAUSES:
            raise ValueError(f"session limits state: expected {CAUSES} breaches, found {len(state['breaches'])}")
        self.day, self.day_start_e8, self.peak_e8 = state["day"], state["day_start_e8"], state["peak_e8"]
        self.pnl_e8 = state["pnl_e8"]
        self.rules[<int>OPERATOR].level = state["operator_level"]
        self.level = NORMAL
        for i in range(CAUSES):
            self.breaches[i] = state["breaches"][i]
            if self.breaches[i].active and self.rules[i].level > self.level:
                self.level = self.rules[i].level
