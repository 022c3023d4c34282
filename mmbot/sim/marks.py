"""Index price, mark price and funding rate of a perpetual, by Binance's published method.

Index: the mid of the spot market of the same name (the perpetual's own mid where there is none). Mark: the median of
index * (1 + last rate * time to funding / interval), index + average basis, and the perpetual's mid. Premium:
(max(0, impact bid - index) - max(0, index - impact ask)) / index, its average weighted by 1, 2, 3, …; the rate is
average + clamp(interest - average, +-0.05 %), within the symbol's cap, with interest 0.01 % per 8 h. Both the premium's
share and the interest scale with the interval for intervals of an hour and more; a shorter one plays a whole 8 h
period in that time, so that a minute-long demo has visible funding.

Source: Binance's FAQ on funding rates and on mark price; the numbers are rounded to 1e-8 here, once each.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp
from typing import TYPE_CHECKING

from mmbot.sim.candles import Candles
from mmbot.sim.instruments import E8, e8

if TYPE_CHECKING:
    from mmbot.sim.market import Market

INTEREST = 0.0001
DAMPING = 0.0005
PERIOD_S = 28_800.0
BASIS_HALF_LIFE_S = 30.0
SERIES = ("mark", "index", "premium")
"""What candles are kept of, in 1e-8."""


@dataclass(frozen=True, slots=True)
class FundingRecord:
    """One settlement."""

    time_ms: int
    rate_e8: int
    mark_e8: int


class Mark:
    """The reference prices of one perpetual; updated once a second.

    Args:
        market: the perpetual.
        index_market: the spot market behind it, if any.
        interval_ns: between settlements.
        start_ns: now; settlements are at multiples of the interval.
    """

    def __init__(self, market: Market, index_market: Market | None, *, interval_ns: int, start_ns: int) -> None:
        self.market = market
        self.interval_ns = interval_ns
        self.next_funding_ns = start_ns - start_ns % interval_ns + interval_ns
        self.history: list[FundingRecord] = []
        self._index_market = index_market
        self._basis: float | None = None
        self._weighted = 0.0
        self._samples = 0
        self._last_ns = start_ns
        tiers = market.instrument.tiers
        self._impact_e8 = 200 * E8 * (tiers[0].leverage if tiers else 20)
        self.index_e8 = self.mark_e8 = self.rate_e8 = self.premium_e8 = 0
        self.candles = {name: Candles(seconds=False) for name in SERIES}
        self.update(start_ns)

    def update(self, now_ns: int) -> None:
        """Sample the markets."""
        mid_e8 = self.market.mid_e8
        self.index_e8 = self._index_market.mid_e8 if self._index_market is not None else mid_e8
        basis = float(mid_e8 - self.index_e8)
        elapsed_s = (now_ns - self._last_ns) / 1e9
        self._last_ns = now_ns
        self._basis = (
            basis
            if self._basis is None
            else basis + (self._basis - basis) * exp(-0.6931471805599453 * elapsed_s / BASIS_HALF_LIFE_S)
        )
        premium = self._premium()
        self.premium_e8 = round(premium * E8)
        self._samples += 1
        self._weighted += self._samples * premium
        self.rate_e8 = self._rate()
        left = max(0, self.next_funding_ns - now_ns) / self.interval_ns
        first = self.index_e8 + round(self.index_e8 * (self.rate_e8 / E8) * left)
        second = self.index_e8 + round(self._basis)
        self.mark_e8 = sorted((first, second, mid_e8))[1]
        time_ms = now_ns // 1_000_000
        for name, value in zip(SERIES, (self.mark_e8, self.index_e8, self.premium_e8), strict=True):
            self.candles[name].sample(time_ms, value)

    def settle(self, now_ns: int) -> FundingRecord:
        """Close the funding period: returns what is to be paid, and begins the next one."""
        record = FundingRecord(now_ns // 1_000_000, self.rate_e8, self.mark_e8)
        self.history.append(record)
        del self.history[:-1000]
        self._weighted, self._samples = 0.0, 0
        while self.next_funding_ns <= now_ns:
            self.next_funding_ns += self.interval_ns
        return record

    def _premium(self) -> float:
        index = self.index_e8
        bid, ask = self._impact(0), self._impact(1)
        return ((max(0.0, bid - index) if bid else 0.0) - (max(0.0, index - ask) if ask else 0.0)) / index

    def _impact(self, side: int) -> float:
        """Average price of trading the impact notional against a side; 0 when it is not deep enough."""
        instrument = self.market.instrument
        spent = lots = 0
        for price, level_lots in self.market.matcher.levels(side, 50):
            value = instrument.notional_e8(price, level_lots)
            if spent + value >= self._impact_e8:
                part = (self._impact_e8 - spent) / (price * instrument.unit_e8)
                return self._impact_e8 * E8 / ((lots + part) * instrument.lot_e8)
            spent += value
            lots += level_lots
        return 0.0

    def _rate(self) -> int:
        average = self._weighted / (self._samples * (self._samples + 1) / 2)
        rate = average + min(DAMPING, max(-DAMPING, INTEREST - average))
        interval_s = self.interval_ns / 1e9
        if interval_s >= 3600:
            rate *= interval_s / PERIOD_S
        cap = e8(self.market.instrument.funding_cap)
        return min(cap, max(-cap, round(rate * E8)))
