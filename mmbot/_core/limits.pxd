"""Session limits: what pulls quotes, winds down or halts the bot, and how each is left again.

Each cause has one rule. It is *breached* when its value reaches `enter`; what it asks for is its level, and the
session's level is the worst of all breached rules. It is left

* automatically (`manual` = 0): the value has been at or below `leave` for `cooldown_ns` without a break;
* or only by the operator's `resume` (`manual` = 1).

No clock is read: time comes with every call, and the UTC day is the event's.
"""
cimport cython
from libc.stdint cimport int8_t, int32_t, int64_t, uint64_t

cdef enum:
    CAUSES = 13
    TRANSITIONS = 64


cpdef enum RiskLevel:
    NORMAL = 0
    PULL_QUOTES = 1         # no quotes; hedges go on
    REDUCE_ONLY = 2         # quotes may only reduce; hedges go on
    FLATTEN = 3             # no quotes; every position is closed
    HALT = 4                # nothing is sent but cancels


cpdef enum Cause:           # unit of value, enter and leave
    OPERATOR = 0            # 1e0: `force` was called
    DAILY_LOSS = 1          # 1e-8 account asset lost since 00:00 UTC of the event's day
    DRAWDOWN = 2            # 1e-8 account asset below the session's peak
    STALE_DATA = 3          # ns since the last trusted book, worst market
    CLOCK_SKEW = 4          # ns, absolute
    REJECT_STREAK = 5       # rejects in a row
    HEDGE_BACKLOG = 6       # ns, age of the unhedged delta beyond the band; one above its size limit is overdue
    LATENCY_BUDGET = 7      # ns, the hop's observed percentile or last value
    POSITION_MISMATCH = 8   # 1e-8 base units (inverse: contracts) between our position and the venue's, absolute
    PLUGIN_FAILURE = 9      # exceptions not healed by a rollback
    HEDGE_DOWN = 10         # ns for which a hedge group has had no market to hedge on
    LIQUIDATION_NEAR = 11   # ppm: maintenance margin over equity, worst account, after a move by the least distance
    LIQUIDATION_CLOSE = 12  # ... after a move by the distance at which positions are given up


cdef struct Rule:
    int64_t enter, leave
    int64_t cooldown_ns
    int8_t level            # RiskLevel asked for while breached; NORMAL: the rule is off
    int8_t manual


cdef struct Breach:         # live state of one rule
    int64_t value           # last observed
    int64_t worst           # worst since the breach began
    int64_t since_ns        # when the breach began
    int64_t clear_ns        # since when the value has been at or below `leave`; -1: it is not
    int8_t active


cdef struct Transition:     # one rule began or ceased to be breached
    int64_t ts_ns
    int64_t value, limit    # in the cause's unit; limit is `enter` on the way in, `leave` on the way out
    int32_t cause           # Cause
    int8_t entered          # 1 breached, 0 left
    int8_t old, new         # the session's RiskLevel before and after (may be equal)


@cython.final
cdef class SessionLimits:
    cdef Rule[CAUSES] rules
    cdef Breach[CAUSES] breaches
    cdef readonly int32_t level                 # worst level of all breached rules
    cdef readonly int64_t peak_e8, day_start_e8, pnl_e8
    cdef readonly int64_t day                   # days since 1970-01-01 UTC; -1 before the first `observe_pnl`
    cdef Transition[TRANSITIONS] ring
    cdef uint64_t head, tail
    cdef readonly uint64_t lost                 # transitions overwritten because nobody popped them

    # Each returns 1 when the session's level changed, else 0; every transition is queued for `pop`.
    cpdef int observe(self, int cause, int64_t value, int64_t ts_ns) noexcept nogil
    cpdef int observe_pnl(self, int64_t total_e8, int64_t ts_ns) noexcept nogil      # DAILY_LOSS and DRAWDOWN
    cpdef int on_time(self, int64_t ts_ns) noexcept nogil                            # cool-downs that have run out
    cpdef int force(self, int level, int64_t ts_ns) noexcept nogil                   # OPERATOR: left only by resume
    # Clears every breach and re-bases daily loss and drawdown at the present PnL; what still holds
    # trips again at its next observation.
    cpdef int resume(self, int64_t ts_ns) noexcept nogil
    cdef int pop(self, Transition* out) noexcept nogil                              # 1 and `out` filled, or 0
    cdef int settle(self, int cause, bint entered, int64_t ts_ns) noexcept nogil
    cdef int relax(self, int cause, int64_t ts_ns) noexcept nogil
