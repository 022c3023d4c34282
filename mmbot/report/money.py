"""What ticks and lots of a market are worth, in exact integers, as the core counts them (``mmbot/_core/pnl.pxd``)."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Self

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmbot._core.types import Instrument

_INVERSE_SCALE = 10**18
_SAFE = 1 << 62


def div_half_even(numerator: int, denominator: int) -> int:
    """The quotient rounded to the nearest integer, ties to even; `denominator` > 0."""
    quotient, rest = divmod(numerator, denominator)
    if 2 * rest > denominator or (2 * rest == denominator and quotient & 1):
        return quotient + 1
    return quotient


@dataclass(frozen=True, slots=True)
class ValueUnit:
    """What half a value unit of a market is worth; see ``mmbot/_core/position.pxd``.

    Attributes:
        num, den: 1e-8 settle asset per whole value unit, as a ratio.
        inverse: the market pays in its base asset.
    """

    num: int
    den: int
    inverse: bool

    @classmethod
    def of(cls, instrument: Instrument) -> Self:
        """The unit of an instrument."""
        tick, lot = Fraction(instrument.tick_size), Fraction(instrument.lot_size) * Fraction(instrument.contract_size)
        worth = lot / tick / _INVERSE_SCALE if instrument.inverse else lot * tick
        e8 = worth * 10**8
        return cls(e8.numerator, e8.denominator, instrument.inverse)

    def half_value(self, price_x2: int, lots: int) -> int:
        """Worth of signed `lots` in half value units at a price in half ticks."""
        if self.inverse:
            return -div_half_even(lots * 4 * _INVERSE_SCALE, price_x2)
        return price_x2 * lots

    def e8(self, halves: int) -> int:
        """Half value units in 1e-8 settle asset, rounded half to even once."""
        return div_half_even(halves * self.num, 2 * self.den)

    def move_e8(self, lots: NDArray[Any], from_x2: NDArray[Any], to_x2: NDArray[Any]) -> int:
        """What signed `lots` gain, each while the price goes from one place to another: summed, then rounded once."""
        if not len(lots):
            return 0
        if self.inverse:
            return self.e8(
                sum(
                    self.half_value(b, n) - self.half_value(a, n)
                    for n, a, b in zip(lots.tolist(), from_x2.tolist(), to_x2.tolist(), strict=True)
                )
            )
        move = to_x2 - from_x2
        if float(np.abs(lots).max()) * float(np.abs(move).max()) * len(lots) < _SAFE:
            return self.e8(int(np.dot(lots, move)))
        return self.e8(sum(n * m for n, m in zip(lots.tolist(), move.tolist(), strict=True)))


def notional(instrument: Instrument, price_ticks: NDArray[Any], lots: NDArray[Any]) -> NDArray[np.float64]:
    """Value of trades in the quote asset (inverse: contracts at their face value)."""
    face = lots.astype(np.float64) * instrument.lot_value
    return face if instrument.inverse else face * price_ticks * instrument.tick_value


def amount(e8: int) -> str:
    """1e-8 of an asset as an exact decimal."""
    return format(Decimal(e8).scaleb(-8), "f")
