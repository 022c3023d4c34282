"""Keeps the net delta of a base asset at its target: the hedge for a fill leaves in the fill's own engine step."""
from libc.stdint cimport int8_t, int32_t, int64_t, uint64_t

from mmbot._core.execution cimport Execution
from mmbot._core.market cimport Market

cdef enum:
    MAX_GROUP = 16


cdef class HedgeGroup:
    cdef readonly str asset
    cdef readonly double target, band, ratio        # base units, base units, share of the makers' delta
    cdef readonly double max_slippage               # fraction of the touch
    cdef readonly double max_backlog                # base units
    cdef readonly bint passive_first
    cdef readonly int64_t passive_deadline_ns, retry_ns, max_backlog_ns
    cdef readonly int32_t max_attempts
    cdef readonly bint one_at_a_time                # nothing is sent while a hedge is in flight
    cdef readonly tuple makers, hedges              # Market objects; hedges in order of preference
    cdef Execution execution
    # state
    cdef readonly int32_t current, attempts         # which hedge market, and failures on it
    cdef readonly int64_t retry_at_ns
    cdef readonly int64_t backlog_since_ns          # 0: none
    cdef readonly double backlog                    # base units beyond the band that no fill has hedged yet
    cdef readonly int64_t down_since_ns             # 0: there is a market to hedge on, at the last look
    cdef readonly uint64_t sent, failed, too_small
    cdef int32_t clearing                           # market whose quotes on `clearing_side` make way; -1: none
    cdef int8_t clearing_side
    cdef bint held                                  # the engine lets it act only when the strategy has spoken
    cdef bint take_now                              # the passive attempt of this gap is over
    cdef readonly double buy_cost_bps, sell_cost_bps    # of hedging now on the preferred usable market; NaN: none

    cdef double net_delta(self) noexcept
    cdef double in_flight(self) noexcept
    cdef double gap(self) noexcept
    cdef void step(self, int64_t now_ns) noexcept
    cdef void wake(self, int64_t now_ns) noexcept
    cdef void on_time(self, int64_t now_ns) noexcept
    cdef void on_end(self, Market market, int64_t unfilled_lots, int64_t filled_lots, int64_t now_ns) noexcept
    cdef double cost_bps(self, Market market, int side, double qty) noexcept
    cdef double _cost_bps(self, Market market, int side, int64_t lots) noexcept
    cdef void price(self) noexcept
    cdef bint _clear_way(self, Market market, int8_t side) noexcept
    cdef bint _send(self, Market market, double gap, int64_t now_ns) noexcept
    cdef void _note_backlog(self, double gap, int64_t now_ns) noexcept
    cdef void _note_down(self, int64_t now_ns) noexcept


cdef int32_t take_out(
    Execution execution, Market market, int8_t side, int64_t qty_lots, double max_slippage, bint reduce_only,
    int8_t purpose) noexcept
cdef int64_t largest_order(Execution execution, Market market, int64_t price_ticks) noexcept
cdef bint tradable(Market market) noexcept
