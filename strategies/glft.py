"""Gueant-Lehalle-Fernandez-Tapia: the closed form for a long horizon, calibrated on the running market.

With c1 = ln(1 + gamma/k) / gamma and w = sigma * sqrt(gamma / (2*A*k) * (1 + gamma/k)^(k/gamma + 1)), q in orders:

    bid = fair - (c1 + w/2 + w*q),   ask = fair + (c1 + w/2 - w*q)

"Dealing with the inventory risk", Math. Financ. Econ. 7 (2013); sigma, A and k as hftbacktest's tutorial measures them.
"""

from __future__ import annotations

from math import inf
from typing import Any

from mmbot.strategy import Calibration, Fill, Market, Params, Quotes, Strategy, field, glft_coefficients, ladders


class GlftParams(Params):
    """Inventory counts in orders of size `qty`; the `fallback_*` values serve until the market's own are known."""

    qty: float = field(0.005, gt=0, description="order size, base units: one unit of inventory")
    max_position: float = field(0.05, gt=0, description="position at which the adding side stops, base units")
    gamma: float = field(5e-4, gt=0, le=10, description="risk aversion, per tick and order")
    adverse_bps: float = field(0.0, ge=0, le=100, description="jump of the price against us at each fill")
    spread_factor: float = field(1.0, gt=0, le=100, description="multiplies the half spread")
    skew_factor: float = field(1.0, ge=0, le=100, description="multiplies the skew")
    min_half_spread_bps: float = field(0.5, ge=0, le=1000, description="the half spread is never smaller")
    levels: int = field(1, ge=1, le=32, description="quotes a side")
    step_bps: float = field(1.0, ge=0, le=1000, description="distance between levels")
    fallback_volatility_bps: float = field(1.0, gt=0, description="sigma until known, bps per square root of a second")
    fallback_intensity: float = field(1.0, gt=0, description="A until known, trades a second")
    fallback_depth_bps: float = field(1.0, gt=0, description="1/k until known")
    refresh_tolerance_bps: float = field(0.1, ge=0, le=100, description="quotes stay while they are this close")
    refresh_s: float = field(1.0, ge=0.05, le=60, description="how often the coefficients are computed anew")


class Glft(Strategy):
    """Quotes every maker market it is given, each by itself."""

    params: GlftParams
    quotes: dict[int, Quotes]
    known: Calibration

    def __init__(self) -> None:
        """Know nothing yet."""
        self.known = Calibration()

    def on_start(self) -> None:
        """Lay out the ladders."""
        p = self.params
        self.quotes = ladders(self.markets, p.qty, p.max_position, levels=p.levels)
        self.set_timer("refresh", every_s=p.refresh_s)

    def on_book(self, market: Market) -> None:
        """Follow the mid."""
        quotes: Quotes | None = self.quotes.get(market.index)
        if quotes is None:  # a market that is only observed
            return
        if not quotes.aimed:
            self.aim(market)
        if quotes.follow(market.mid_ticks, market.bid_ticks, market.ask_ticks):
            self.place(market, quotes)

    def on_fill(self, market: Market, fill: Fill) -> None:
        """Lean against the new position at once."""
        self.refresh(market)

    def on_timer(self, name: str) -> None:
        """Take in what was measured since."""
        for market in self.markets:
            self.refresh(market)

    def refresh(self, market: Market) -> None:
        """Compute the coefficients anew and quote."""
        if market.mid_ticks > 0 and market.index in self.quotes:  # not while the mid is NaN: no book yet
            self.aim(market)
        if market.trusted:
            self.on_book(market)

    def aim(self, market: Market) -> None:
        """Set how far from the mid each side quotes at the present inventory."""
        p = self.params
        bps = market.mid_ticks / 1e4
        sigma, intensity, k = self.known.of(
            market,
            sigma=p.fallback_volatility_bps * bps,
            intensity=p.fallback_intensity,
            k=1 / (p.fallback_depth_bps * bps),
        )
        model = glft_coefficients(p.gamma, sigma, intensity, k, adverse_ticks=p.adverse_bps * bps)
        half = max(model["half_ticks"] * p.spread_factor, p.min_half_spread_bps * bps)
        skew = model["skew_ticks"] * p.skew_factor
        q = market.position_lots / market.lots(p.qty)
        fill = market.position_lots / market.lots(p.max_position)
        self.quotes[market.index].aim(
            half + skew * q if fill < 1 else inf,
            half - skew * q if fill > -1 else inf,
            fill,
            p.step_bps * bps,
            p.refresh_tolerance_bps * bps,
        )
        for name, value in (("sigma", sigma), ("A", intensity), ("k", k), ("half_ticks", half), ("skew_ticks", skew)):
            self.metric(name, value)

    def export_state(self) -> dict[str, Any]:
        """Hand over what was measured."""
        return {"calibration": self.known.state}

    def import_state(self, state: dict[str, Any]) -> None:
        """Start from what a predecessor measured."""
        self.known = Calibration(state.get("calibration"))
