"""What the accounts hold; see ``wallets.pxd``."""

from libc.math cimport fabs, isnan, llround
from libc.stdint cimport int64_t

from mmbot._core.gate cimport MarketRisk, RiskGate
from mmbot._core.margin cimport maintenance_margin, shocked_ratio
from mmbot._core.market cimport Market
from mmbot._core.position cimport MAX_ASSETS
from mmbot._core.venue_states cimport VenueStates

cdef double WORST = 1e3           # as good as none left


cdef class Wallets:
    """Wallets of all venues by asset; with unrealised PnL they back what is settled in that asset (cross margin).

    Args:
        markets: all markets, by index.
        venues: whose they are.
        gate: what is told how much backs a market, and knows what positions need.
        settle_assets: fee-table index of each market's settle asset.
    """

    def __init__(self, tuple markets, VenueStates venues, RiskGate gate, settle_assets):
        self.markets, self.venues, self.gate = markets, venues, gate
        for i, asset in enumerate(settle_assets):
            self.settle_asset[<int>i] = asset

    cdef void hold(self, int venue, int asset, int64_t amount_e8) noexcept:
        if 0 <= venue < self.venues.n_venues and 0 <= asset < MAX_ASSETS:
            self.held_e8[venue][asset], self.known[venue][asset] = amount_e8, 1

    cdef double maintenance(self, Market market) noexcept:
        cdef double notional = fabs(<double>market.position.lots) * market.instrument.lot_value
        if market.instrument.inverse:
            notional /= market.mid_ticks * market.instrument.tick_value
        else:
            notional *= market.mid_ticks * market.instrument.tick_value
        return maintenance_margin(&self.gate.markets[market.index].margin, notional)

    cdef void tell_gate(self) noexcept:
        """Tell the gate what backs each perpetual, and what the others behind the same balance need of it."""
        cdef Market market, other
        cdef int venue, asset
        cdef int64_t equity_e8
        cdef double needed
        for item in self.markets:
            market = item
            venue, asset = self.venues.of[market.index], self.settle_asset[market.index]
            if not self.gate.markets[market.index].has_margin or not self.known[venue][asset]:
                continue
            equity_e8, needed = self.held_e8[venue][asset], 0
            for each in self.markets:
                other = each
                if (self.venues.of[other.index] != venue or self.settle_asset[other.index] != asset
                        or other.position.lots == 0 or not other.instrument.perpetual or isnan(other.mid_ticks)):
                    continue
                equity_e8 += other.position.unrealized_e8(llround(other.mid_ticks))
                if other is not market:
                    needed += self.maintenance(other)
            self.gate.set_margin(market.index, equity_e8, <int64_t>(needed * 1e8))

    cdef int64_t shocked_ppm(self, double move) noexcept:
        cdef Market market
        cdef MarketRisk* risk
        cdef double worst = 0
        for item in self.markets:
            market = item
            risk = &self.gate.markets[market.index]
            if (not risk.has_margin or isnan(risk.equity) or market.position.lots == 0 or isnan(market.mid_ticks)):
                continue
            worst = max(worst, shocked_ratio(
                &risk.margin, risk.equity, risk.other_maintenance, <double>market.position.lots * risk.lot_base,
                market.mid_ticks * risk.tick_price, move, risk.inverse))
        return <int64_t>(min(worst, WORST) * 1e6)
