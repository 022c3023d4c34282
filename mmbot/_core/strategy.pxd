"""The plugin base class, as the engine and compiled plugins see it.

A plugin declares desired quotes; it owns no order and does no I/O. Each strategy keeps the quote sets it last declared
(`desired`, one per market of the engine), so that a candidate can be dry-run or shadowed beside the active one.
"""
from libc.stdint cimport int64_t, uint8_t, uint64_t

from mmbot._core.market cimport Market
from mmbot._core.quoting cimport QuoteSet, Quotes


cdef class Fill:
    """One execution of ours."""
    cdef readonly int64_t ts_ns             # the venue's time, or ours when it gave none
    cdef readonly int64_t price_ticks, qty_lots, fee_e8, trade_id
    cdef readonly int64_t venue_order_id
    cdef readonly uint64_t order_num
    cdef readonly int market, side, purpose, fee_asset
    cdef readonly bint maker


cdef class OrderView:
    """One order of ours at one moment."""
    cdef readonly uint64_t order_num
    cdef readonly int64_t price_ticks, qty_lots, filled_lots
    cdef readonly int side, state, purpose


cdef class Strategy:
    cdef readonly object params             # the plugin's own Params, validated
    cdef readonly tuple markets             # the markets it quotes, in config order
    cdef readonly int64_t now_ns            # time of the event being handled
    # --- what the engine reads after each callback ---
    cdef QuoteSet* desired                  # by market index
    cdef uint8_t* declared                  # by market index: it has said what it wants at least once
    cdef uint64_t changed                   # a bit for each market index: set by quote(), cleared by the engine
    cdef uint8_t* spoken                    # by market index: quote(), place() or pull() was called by the plugin
    cdef int n_markets                      # of the engine
    cdef int64_t next_timer_ns              # earliest of timers; INT64_MAX: none
    cdef dict timers                        # name -> (due_ns, every_ns)
    cdef readonly dict hedge_targets        # base asset -> target net delta, in base units
    cdef readonly dict metrics              # name -> last value
    cdef list notes                         # texts for the log, taken by the engine

    cdef int bind(self, object params, tuple markets, int n_markets) except -1
    cdef int fire_timers(self) except -1
    cdef int _check(self, Market market) except -1
    cdef void _declare(self, int index) noexcept
    cdef int _next_timer(self) except -1

    cpdef void on_start(self) except *
    cpdef void on_book(self, Market market) except *
    cpdef void on_trade(self, Market market, int side, int64_t price_ticks, int64_t qty_lots) except *
    cpdef void on_order(self, Market market, OrderView order) except *
    cpdef void on_fill(self, Market market, Fill fill) except *
    cpdef void on_funding(self, Market market, int64_t amount_e8) except *
    cpdef void on_timer(self, str name) except *
    cpdef void on_stop(self) except *
    cpdef dict export_state(self)
    cpdef void import_state(self, dict state) except *

    cpdef void place(self, Market market, Quotes quotes) except *
    cpdef void quote_pair(
        self, Market market, int64_t bid_ticks, int64_t bid_lots, int64_t ask_ticks, int64_t ask_lots) except *
    cpdef void pull(self, Market market) except *
