"""One market: book, signals, position and PnL kept together, and the best prices that all of them share."""

from libc.math cimport NAN, ceil, fabs, fmax, llround
from libc.stdint cimport int64_t

from mmbot._core.book cimport Book
from mmbot._core.message cimport Decoded
from mmbot._core.pnl cimport PnlAttribution
from mmbot._core.position cimport Position
from mmbot._core.signals cimport Signals
from mmbot._core.sync cimport BookSync, SequenceRule
from mmbot._core.types cimport Instrument


cdef class Market:
    """A market: its instrument, book, signals, position and PnL. Plugins read it; the engine alone writes it.

    Prices are ticks and quantities lots; `price()`, `ticks()`, `qty()` and `lots()` convert. While `trusted` is False
    the prices shown are the last known ones, and nothing is quoted on them.
    """

    def __init__(
        self, int index, str id, Instrument instrument, *, int feed=0, bint maker=True, int settle_asset=0,
        dict signal_settings=None,
    ):
        self.index, self.id, self.instrument, self.feed, self.maker = index, id, instrument, feed, maker
        self.book = Book()
        rule = SequenceRule.BINANCE_USDM if instrument.perpetual else SequenceRule.BINANCE_SPOT
        self.sync = BookSync(self.book, rule)
        self.signals = Signals(**(signal_settings or {}))
        self.position = Position(instrument)
        self.pnl = PnlAttribution(instrument, settle_asset)
        self.mid_ticks = self.mark_price = self.index_price = self.funding_rate = NAN
        self.hedge_buy_bps = self.hedge_sell_bps = NAN
        if not instrument.inverse:
            self.lot_e8 = llround(instrument.lot_value * 1e8)

    # --- the engine's side -------------------------------------------------------------------------------------------

    cdef bint on_depth(self, const Decoded* message, int64_t recv_ns) noexcept nogil:
        self.sync.on_diff(message, recv_ns)
        return self.refresh(recv_ns)

    cdef bint on_ticker(self, const Decoded* message, int64_t recv_ns) noexcept nogil:
        if message.last_id <= self.ticker_id:
            return False        # a repeat, or out of order
        self.ticker_id = message.last_id
        self.ticker[0], self.ticker[1] = message.bid_ticks, message.bid_lots
        self.ticker[2], self.ticker[3] = message.ask_ticks, message.ask_lots
        return self.refresh(recv_ns)

    cdef bint refresh(self, int64_t recv_ns) noexcept nogil:
        """Take the best prices from the newer of ticker and book, and see whether they may be trusted."""
        cdef int64_t bid_ticks, bid_lots, ask_ticks, ask_lots
        cdef bint trusted = self.sync.is_trusted()
        if trusted and self.ticker_id > self.sync.last_id:
            bid_ticks, bid_lots = self.ticker[0], self.ticker[1]
            ask_ticks, ask_lots = self.ticker[2], self.ticker[3]
        else:
            bid_ticks, bid_lots = self.book.best_bid_ticks, self.book.best_bid_lots
            ask_ticks, ask_lots = self.book.best_ask_ticks, self.book.best_ask_lots
        if not self.may_cross and (bid_lots <= 0 or ask_lots <= 0 or bid_ticks >= ask_ticks):
            trusted = False
        cdef bint changed = (
            trusted != self.trusted or bid_ticks != self.bid_ticks or ask_ticks != self.ask_ticks
            or bid_lots != self.bid_lots or ask_lots != self.ask_lots
        )
        self.trusted = trusted
        if not changed:
            return False
        self.bid_ticks, self.bid_lots = bid_ticks, bid_lots
        self.ask_ticks, self.ask_lots = ask_ticks, ask_lots
        self.touch_ns = recv_ns
        self.mid_ticks = 0.5 * <double>(bid_ticks + ask_ticks) if bid_lots > 0 and ask_lots > 0 else NAN
        if trusted and bid_lots > 0 and ask_lots > 0:
            self.signals.on_book(bid_ticks, bid_lots, ask_ticks, ask_lots, recv_ns)
        return True

    cdef void on_mark(self, const Decoded* message) noexcept nogil:
        self.mark_price = message.mark_price
        self.index_price = message.index_price
        self.funding_rate = message.funding_rate
        self.next_funding_ns = message.next_funding_ns

    cdef double delta(self) noexcept nogil:
        if self.lot_e8 > 0:
            return 1e-8 * <double>(self.position.lots * self.lot_e8 - self.base_fees_e8)
        if self.position.lots == 0:
            return 0.0
        return self.qty_of(self.position.lots)

    cdef double qty_of(self, int64_t lots) noexcept nogil:
        if self.lot_e8 > 0:
            return <double>lots * self.instrument.lot_value
        return <double>lots * self.instrument.lot_value / (self.mid_ticks * self.instrument.tick_value)

    cdef int64_t lots_of(self, double qty) noexcept nogil:
        cdef double lots = qty / self.instrument.lot_value, nearest
        if self.lot_e8 == 0:
            lots *= self.mid_ticks * self.instrument.tick_value
        if not fabs(lots) < 1e18:
            return 0
        nearest = <double>llround(lots)
        # 0.3 / 0.1 is just below 3 in binary: what misses a whole lot by rounding alone is one.
        if fabs(lots - nearest) <= 1e-6 + 1e-15 * fabs(lots):
            return <int64_t>nearest
        return <int64_t>lots

    cdef double smallest_qty(self) noexcept nogil:
        cdef double lots = <double>self.instrument.min_qty_lots
        if self.lot_e8 > 0 and self.instrument.min_notional_e8 > 0:
            lots = fmax(lots, ceil(1e-8 * <double>self.instrument.min_notional_e8 / (
                self.instrument.lot_value * self.mid_ticks * self.instrument.tick_value)))
        return self.qty_of(<int64_t>lots)

    cdef double reference_ticks(self) noexcept nogil:
        return self.mid_ticks if self.trusted else NAN

    # --- the plugin's side -------------------------------------------------------------------------------------------

    @property
    def symbol(self) -> str:
        """The unified symbol."""
        return self.instrument.symbol

    @property
    def mid(self) -> float:
        """Mid price in quote units; NaN when a side is empty."""
        return self.mid_ticks * self.instrument.tick_value

    @property
    def microprice_ticks(self) -> float:
        """The weighted mid, in ticks: (bid * ask_qty + ask * bid_qty) / (bid_qty + ask_qty).

        Often called microprice. S. Stoikov's "The micro-price" (2018), which corrects it by fitted transition
        probabilities, is another thing; this is the weighted mid W that it begins with.
        """
        return self.signals.microprice_ticks

    @property
    def spread_ticks(self) -> int:
        """Best ask minus best bid."""
        return self.ask_ticks - self.bid_ticks

    @property
    def position_lots(self) -> int:
        """Signed position: positive is long."""
        return self.position.lots

    @property
    def net_delta(self) -> float:
        """Signed holding in base units; fees taken in the base asset are off."""
        return self.delta()

    def price(self, double ticks) -> float:
        """Ticks to a price in quote units."""
        return ticks * self.instrument.tick_value

    def ticks(self, double price) -> float:
        """A price in quote units to ticks, not rounded."""
        return price / self.instrument.tick_value

    def qty(self, int64_t lots) -> float:
        """Lots to base units (inverse contracts: at the mid)."""
        return self.qty_of(lots)

    def lots(self, double qty) -> int:
        """A quantity in base units to whole lots, towards zero."""
        return self.lots_of(qty)

    def levels(self, int side, int n) -> list[tuple[int, int]]:
        """The best `n` levels of a side of the depth book, as ``(price_ticks, qty_lots)``."""
        return self.book.levels(side, n)

    def __repr__(self) -> str:
        return f"Market({self.id}: {self.instrument.venue} {self.instrument.symbol})"
