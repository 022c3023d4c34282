"""One market as the engine keeps it and as a plugin sees it."""
from libc.stdint cimport int8_t, int32_t, int64_t

from mmbot._core.book cimport Book
from mmbot._core.message cimport Decoded
from mmbot._core.pnl cimport PnlAttribution
from mmbot._core.position cimport Position
from mmbot._core.signals cimport Signals
from mmbot._core.sync cimport BookSync
from mmbot._core.types cimport Instrument


cdef class Market:
    cdef readonly int index
    cdef readonly str id                    # the config's key
    cdef readonly Instrument instrument
    cdef readonly Book book                 # full depth; quoted on only while `trusted`
    cdef readonly BookSync sync
    cdef readonly Signals signals
    cdef readonly Position position
    cdef readonly PnlAttribution pnl
    cdef readonly int feed
    cdef readonly bint maker                # a strategy may quote it
    # best prices: the depth book's or the book ticker's, whichever the venue numbered later; 0 lots: none
    cdef readonly int64_t bid_ticks, bid_lots, ask_ticks, ask_lots
    cdef readonly double mid_ticks          # NaN: a side is empty
    cdef readonly bint trusted              # in sync, fresh, not crossed
    cdef bint may_cross                     # a crossed or one-sided book is no doubt: by a backtest's rules
    cdef readonly bint trading              # its venue takes orders, and ours there are reconciled
    cdef readonly double hedge_buy_bps, hedge_sell_bps  # cost of hedging now by buying or selling; NaN: no hedge market
    # mark price stream; NaN: not seen yet
    cdef readonly double mark_price, index_price, funding_rate
    cdef readonly int64_t next_funding_ns
    cdef readonly int64_t last_trade_ticks, last_trade_lots
    cdef readonly int64_t touch_ns          # receive time of the last change of the best prices' source
    cdef readonly int64_t base_fees_e8      # fees paid in the base asset: they are missing from a spot holding
    cdef int64_t ticker_id                  # update id of the last book ticker used
    cdef int64_t[4] ticker                  # its bid_ticks, bid_lots, ask_ticks, ask_lots
    cdef int64_t lot_e8                     # 1e-8 base units a lot stands for; 0 for inverse contracts

    # Each returns whether the best prices, or trust, changed.
    cdef bint on_depth(self, const Decoded* message, int64_t recv_ns) noexcept nogil
    cdef bint on_ticker(self, const Decoded* message, int64_t recv_ns) noexcept nogil
    cdef bint refresh(self, int64_t recv_ns) noexcept nogil
    cdef void on_mark(self, const Decoded* message) noexcept nogil
    cdef double delta(self) noexcept nogil                  # signed base units held, fees in base taken off
    cdef double qty_of(self, int64_t lots) noexcept nogil   # base units of so many lots
    cdef int64_t lots_of(self, double qty) noexcept nogil   # whole lots in so many base units, towards zero
    cdef double smallest_qty(self) noexcept nogil           # base units of the venue's smallest order at the mid
    cdef double reference_ticks(self) noexcept nogil        # mid, or NaN while untrusted
