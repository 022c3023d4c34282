"""Queue position: how many lots must trade at an order's price before it is its turn, guessed from what L2 data tells.

An L2 book says how much stands at a price, not whose turn it is. When a level shrinks without a trade, somebody has
cancelled, ahead of us or behind; the models differ in which they suppose. All are inline arithmetic on `QueueState`,
in lots as doubles; a driver calls, for an order resting at price P on side S of the exchange's book::

    queue_enter     once, when the order arrives: what stands at P then is ahead of it
    queue_trade     a taker's trade of `qty_lots` at P, against S
    queue_executed  after each trade: lots that traded beyond what was ahead, which are ours
    queue_change    the level's quantity at P, S went from `prev_lots` to `new_lots`; never fills by itself

Trades through P, and the other side's best price reaching P, fill an order whatever its place; they are the driver's.
"""
cimport cython
from libc.math cimport fmin, isinf, llround, log1p, pow
from libc.stdint cimport int32_t, int64_t


cpdef enum QueueModel:
    RISK_ADVERSE = 0    # every cancel is behind us, as far as it can be
    POWER = 1           # p = b**n / (b**n + f**n)
    POWER2 = 2          # p = b**n / (b + f)**n
    POWER3 = 3          # p = 1 - (f / (f + b))**n
    LOG = 4             # p = ln(1+b) / (ln(1+b) + ln(1+f)), in units of quantity
    LOG2 = 5            # p = ln(1+b) / ln(1+b+f), in units of quantity
    L3_FIFO = 6         # known, not guessed: `mmbot._core.l3` counts; the functions below leave the state alone


cdef struct QueueRule:
    int32_t model       # QueueModel
    double n            # POWER*: the exponent; > 0
    double unit         # LOG*: how much quantity one lot is: ln is not scale-free as powers are


cdef struct QueueState:
    double front_lots   # ahead of us; below 0: traded past us, not taken yet
    double cum_lots     # traded at the price since the level's last change, which will show these trades again


cdef inline void queue_enter(const QueueRule* rule, QueueState* state, double level_lots) noexcept nogil:
    state.front_lots = level_lots
    state.cum_lots = 0.0


cdef inline void queue_trade(const QueueRule* rule, QueueState* state, double qty_lots) noexcept nogil:
    if rule.model != QueueModel.L3_FIFO:
        state.front_lots -= qty_lots
        state.cum_lots += qty_lots


cdef inline double queue_power(double x, double n) noexcept nogil:
    return x * x if n == 2.0 else pow(x, n)


# The probability that a cancelled lot stood behind us, with `front` lots ahead and `back` behind. NaN: none of either.
cdef inline double queue_behind(const QueueRule* rule, double front, double back) noexcept nogil:
    cdef double b, f
    if rule.model == QueueModel.POWER:
        b, f = queue_power(back, rule.n), queue_power(front, rule.n)
        return b / (b + f)
    if rule.model == QueueModel.POWER2:
        return queue_power(back, rule.n) / queue_power(back + front, rule.n)
    if rule.model == QueueModel.POWER3:
        return 1.0 - queue_power(front / (front + back), rule.n)
    b = log1p(back * rule.unit)
    if rule.model == QueueModel.LOG:
        return b / (b + log1p(front * rule.unit))
    return b / log1p((back + front) * rule.unit)


# What of the decrease our own trades do not explain was cancelled: p of it behind us while there is as much, the rest
# ahead. fmin returns its other argument for a NaN: with nothing on the level, `front` is what the level now holds.
cdef inline void queue_change(
    const QueueRule* rule, QueueState* state, double prev_lots, double new_lots
) noexcept nogil:
    cdef double cancelled, back, p
    if rule.model == QueueModel.L3_FIFO:
        return
    cancelled = prev_lots - new_lots - state.cum_lots
    state.cum_lots = 0.0
    if rule.model == QueueModel.RISK_ADVERSE or cancelled < 0.0:
        state.front_lots = fmin(state.front_lots, new_lots)
        return
    back = prev_lots - state.front_lots
    p = queue_behind(rule, state.front_lots, back)
    if isinf(p):
        p = 1.0
    state.front_lots = fmin(state.front_lots - (1.0 - p) * cancelled + fmin(back - p * cancelled, 0.0), new_lots)


# Whole lots that have traded past us since last asked, half a lot counting as one; 0: none yet.
cdef inline int64_t queue_executed(QueueState* state) noexcept nogil:
    cdef int64_t lots = llround(-state.front_lots)
    if lots <= 0:
        return 0
    state.front_lots = 0.0
    return lots


@cython.final
cdef class QueuePosition:
    """One order's place, for Python: tests and notebooks. A driver uses the functions above."""
    cdef QueueRule rule
    cdef QueueState state
