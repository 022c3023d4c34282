"""Avellaneda-Stoikov: quotes around a reservation price that leans against the inventory, q in orders.

    r      = fair - q * gamma * sigma^2 * (T - t)
    spread = gamma * sigma^2 * (T - t) + (2/gamma) * ln(1 + gamma/k), centred on r

"High-frequency trading in a limit order book", Quantitative Finance 8(3), 2008. A market that never closes has no T:
`horizon` says what stands for it.
"""

from __future__ import annotations

from math import inf
from typing import Any, Literal

from mmbot.strategy import (
    Calibration,
    Fill,
    Market,
    Params,
    Quotes,
    Strategy,
    avellaneda_stoikov,
    avellaneda_stoikov_infinite,
    field,
    ladders,
)


class AvellanedaStoikovParams(Params):
    """Inventory counts in orders of size `qty`; the `fallback_*` values serve until the market's own are known."""

    qty: float = field(0.005, gt=0, description="order size, base units: one unit of inventory")
    max_position: float = field(0.05, gt=0, description="position at which the adding side stops, base units")
    gamma: float = field(1e-4, gt=0, le=10, description="risk aversion, per tick and order")
    horizon: Literal["rolling", "session", "infinite"] = field(
        "rolling",
        description="rolling: T - t is always horizon_s; session: it counts down and starts again; infinite: no T",
    )
    horizon_s: float = field(30.0, gt=0, le=86400, description="T in seconds, unless infinite")
    min_half_spread_bps: float = field(0.5, ge=0, le=1000, description="the half spread is never smaller")
    levels: int = field(1, ge=1, le=32, description="quotes a side")
    step_bps: float = field(1.0, ge=0, le=1000, description="distance between levels")
    fallback_volatility_bps: float = field(1.0, gt=0, description="sigma until known, bps per square root of a second")
    fallback_depth_bps: float = field(1.0, gt=0, description="1/k until known")
    refresh_tolerance_bps: float = field(0.1, ge=0, le=100, description="quotes stay while they are this close")
    refresh_s: float = field(1.0, ge=0.05, le=60, description="how often the model is computed anew")


class AvellanedaStoikov(Strategy):
    """Quotes every maker market it is given, each by itself."""

    params: AvellanedaStoikovParams
    quotes: dict[int, Quotes]
    known: Calibration
    session_start_ns: int

    def __init__(self) -> None:
        """Know nothing yet."""
        self.known = Calibration()
        self.session_start_ns = 0

    def on_start(self) -> None:
        """Lay out the ladders; a session goes on where a predecessor's was."""
        p = self.params
        self.quotes = ladders(self.markets, p.qty, p.max_position, levels=p.levels)
        if self.session_start_ns == 0:
            self.session_start_ns = self.now_ns
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
        """Take in what was measured since, and the time that is left."""
        for market in self.markets:
            self.refresh(market)

    def refresh(self, market: Market) -> None:
        """Compute the model anew and quote."""
        if market.mid_ticks > 0 and market.index in self.quotes:  # not while the mid is NaN: no book yet
            self.aim(market)
        if market.trusted:
            self.on_book(market)

    def aim(self, market: Market) -> None:
        """Set how far from the mid each side quotes at the present inventory and time."""
        p = self.params
        bps = market.mid_ticks / 1e4
        sigma, _, k = self.known.of(
            market, sigma=p.fallback_volatility_bps * bps, intensity=0.0, k=1 / (p.fallback_depth_bps * bps)
        )
        q = market.position_lots / market.lots(p.qty)
        q_max = market.lots(p.max_position) / market.lots(p.qty)
        if p.horizon == "infinite":
            model = avellaneda_stoikov_infinite(q, p.gamma, k, q_max)
        else:
            model = avellaneda_stoikov(q, p.gamma, sigma, k, self.time_left_s())
        bid, ask = model["bid_ticks"], model["ask_ticks"]
        widen = max(0.0, p.min_half_spread_bps * bps - (bid + ask) / 2)
        self.quotes[market.index].aim(
            bid + widen if q < q_max else inf,
            ask + widen if q > -q_max else inf,
            q / q_max,
            p.step_bps * bps,
            p.refresh_tolerance_bps * bps,
        )
        for name, value in (("sigma", sigma), ("k", k), ("half_ticks", (bid + ask) / 2 + widen)):
            self.metric(name, value)

    def time_left_s(self) -> float:
        """T - t."""
        p = self.params
        if p.horizon == "rolling":
            return p.horizon_s
        return p.horizon_s - (self.now_ns - self.session_start_ns) / 1e9 % p.horizon_s

    def export_state(self) -> dict[str, Any]:
        """Hand over what was measured, and when the session began."""
        return {"calibration": self.known.state, "session_start_ns": self.session_start_ns}

    def import_state(self, state: dict[str, Any]) -> None:
        """Start from a predecessor's measurements, inside its session."""
        self.session_start_ns = state.get("session_start_ns", 0)
        self.known = Calibration(state.get("calibration"))
