"""Maintenance margin against equity; see ``solvency.pxd``."""

from libc.math cimport fabs
from libc.stdint cimport int64_t

from mmbot._core.engine cimport Engine
from mmbot._core.gate cimport MarketRisk
from mmbot._core.margin cimport maintenance_margin
from mmbot._core.market cimport Market
from mmbot._core.paper cimport PaperMarket


cdef class Solvency:
    """Looks at every account of an engine.

    Args:
        engine: whose wallets and prices count.
        papers: the venue's side of each market, whose positions count.
    """

    def __init__(self, Engine engine not None, tuple papers not None):
        self.engine, self.papers = engine, papers
        self.venue = self.asset = -1

    cdef bint look(self) except -1:
        cdef Market market, other
        for item in self.engine.markets:
            market = item
            self.venue = self.engine.venue_states.of[market.index]
            self.asset = self.engine.wallets.settle_asset[market.index]
            if not self.engine.wallets.known[self.venue][self.asset]:
                continue
            if (<PaperMarket>self.papers[market.index]).position_lots == 0:
                continue
            self.equity, self.needed = 1e-8 * <double>self.engine.wallets.held_e8[self.venue][self.asset], 0.0
            for each in self.engine.markets:
                other = each
                if not self.concerns(other.index):
                    continue
                if other.bid_lots > 0 and other.ask_lots > 0:
                    other.pnl.on_mid(other.bid_ticks + other.ask_ticks)
                self.equity += 1e-8 * <double>other.pnl.total_e8()
                self.needed += self._needs(other.index)
            if self.needed > 0 and self.equity <= self.needed:
                return True
        return False

    cdef bint concerns(self, int market):
        return (self.engine.venue_states.of[market] == self.venue
                and self.engine.wallets.settle_asset[market] == self.asset)

    cdef double _needs(self, int index) except? -1.0:
        cdef Market market = <Market>self.engine.markets[index]
        cdef MarketRisk* risk = &self.engine.execution.gate.markets[index]
        cdef double price = market.mark_price, notional
        cdef int64_t held_lots = (<PaperMarket>self.papers[index]).position_lots
        if held_lots == 0 or not risk.has_margin:
            return 0.0
        if not price > 0:
            price = market.mid_ticks * market.instrument.tick_value
        notional = fabs(<double>held_lots) * market.instrument.lot_value
        return maintenance_margin(&risk.margin, notional / price if market.instrument.inverse else notional * price)
