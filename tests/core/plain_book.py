"""The oracle: an L2 book as two dicts, every answer by brute force."""

from __future__ import annotations

from fractions import Fraction

Levels = list[tuple[int, int]]


class PlainBook:
    """Quantities by price, a dict a side (0: bids, 1: asks)."""

    def __init__(self) -> None:
        self.sides: tuple[dict[int, int], dict[int, int]] = ({}, {})

    def apply(self, side: int, levels: Levels) -> None:
        for price, qty in levels:
            if qty:
                self.sides[side][price] = qty
            else:
                self.sides[side].pop(price, None)

    def clear(self) -> None:
        for side in self.sides:
            side.clear()

    def best(self, side: int) -> tuple[int, int]:
        prices = self.sides[side]
        if not prices:
            return 0, 0
        price = min(prices) if side else max(prices)
        return price, prices[price]

    def levels(self, side: int, n: int | None = None) -> Levels:
        return sorted(self.sides[side].items(), reverse=not side)[:n]

    def vwap(self, side: int, qty: int) -> Fraction | None:
        left, cost = qty, 0
        for price, lots in self.levels(side):
            taken = min(left, lots)
            cost += taken * price
            left -= taken
            if not left:
                return Fraction(cost, qty)
        return None
