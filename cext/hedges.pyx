"""All hedge groups of an engine; see ``hedges.pxd``. What one group does is in ``hedge.pyx``."""

from libc.stdint cimport int64_t

from mmbot._core.hedge cimport HedgeGroup
from mmbot._core.market cimport Market


cdef class Hedges:
    """The groups, each kept at its target.

    Args:
        groups: one for each base asset that is hedged.
        held: they act when told by `step_held` alone.
    """

    def __init__(self, tuple groups, *, bint held=False):
        cdef int i
        self.groups = groups
        for i in range(MAX_MARKETS):
            self.group_of[i] = -1
        for i, group in enumerate(groups):
            (<HedgeGroup>group).held = held
            for market in (*(<HedgeGroup>group).makers, *(<HedgeGroup>group).hedges):
                self.group_of[(<Market>market).index] = i
            for market in (<HedgeGroup>group).hedges:
                self.is_hedge[(<Market>market).index] = True

    cdef int clearing_side(self, int market) noexcept:
        cdef HedgeGroup group = self.of(market)
        return group.clearing_side if group is not None and group.clearing == market else -1

    cdef void price(self, int market) noexcept:
        if self.is_hedge[market]:
            self.of(market).price()

    cdef void step(self, int market, int64_t now_ns) noexcept:
        cdef HedgeGroup group = self.of(market)
        if group is not None:
            group.step(now_ns)

    cdef void wake(self, int64_t now_ns) noexcept:
        for group in self.groups:
            (<HedgeGroup>group).wake(now_ns)

    cdef void on_time(self, int64_t now_ns) noexcept:
        for group in self.groups:
            (<HedgeGroup>group).on_time(now_ns)

    cdef int64_t worst_backlog_ns(self, int64_t now_ns) noexcept:
        cdef HedgeGroup group
        cdef int64_t worst_ns = 0, age_ns
        for item in self.groups:
            group = item
            if group.backlog_since_ns == 0:
                continue
            age_ns = now_ns - group.backlog_since_ns
            if group.max_backlog > 0 and group.backlog > group.max_backlog:
                age_ns = max(age_ns, group.max_backlog_ns)
            worst_ns = max(worst_ns, age_ns)
        return worst_ns

    cdef int64_t worst_down_ns(self, int64_t now_ns) noexcept:
        cdef HedgeGroup group
        cdef int64_t worst_ns = 0
        for item in self.groups:
            group = item
            if group.down_since_ns != 0:
                worst_ns = max(worst_ns, now_ns - group.down_since_ns)
        return worst_ns

    cdef void step_held(self, int64_t now_ns) noexcept:
        cdef HedgeGroup group
        for item in self.groups:
            group = item
            group.held = False
            group.step(now_ns)
            group.held = True

    cdef list aim(self, dict targets, int64_t now_ns):
        cdef HedgeGroup group
        unknown = dict(targets)
        for item in self.groups:
            group = item
            delta = unknown.pop(group.asset, None)
            if delta is not None and group.target != <double>delta:
                group.target = delta
                group.step(now_ns)
        return list(unknown)
