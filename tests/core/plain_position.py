"""What a position is, in plain fractions: the oracle of the compiled one."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from risk_markets import value

if TYPE_CHECKING:
    from mmbot._core.types import Instrument


class PlainPosition:
    """Average-cost accounting without rounding; beside it the cash of all trades, which needs no average."""

    def __init__(self, market: Instrument) -> None:
        self.market, self.lots, self.cost, self.realized, self.cash = market, 0, Fraction(), Fraction(), Fraction()

    def fill(self, side: int, price_ticks: int, qty_lots: int) -> None:
        """Close first, then open what is left."""
        signed = qty_lots if side == 0 else -qty_lots
        self.cash -= value(self.market, price_ticks, signed)
        if self.lots * signed < 0:
            held = max(min(self.lots, qty_lots), -qty_lots)
            removed = self.cost * held / self.lots
            self.realized += value(self.market, price_ticks, held) - removed
            self.cost -= removed
            self.lots -= held
            signed += held
        if signed:
            self.cost += value(self.market, price_ticks, signed)
            self.lots += signed

    def total(self, mark_ticks: int) -> Fraction:
        """Cash and what is held at the mark."""
        return self.cash + value(self.market, mark_ticks, self.lots)
