"""What the simulated venues list: units, filters, fees and margin tiers, in exact integers.

Money is in 1e-8 of its asset (`*_e8`), rates in 1e-8 of one. The numbers are those of the real venues in 2024.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import Any, Final

from mmbot.listings import FEES, LISTINGS

E8: Final = 100_000_000


MAX_EXPONENT: Final = 20
"""Numbers of 1e20 and more, or with more than 20 decimals, are malformed: no market has any use for them."""


def number(text: str) -> Decimal:
    """A finite decimal of a sensible size.

    Raises:
        ValueError: it is not.
    """
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"expected a decimal number, found {text[:40]!r}") from None
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int) or exponent < -MAX_EXPONENT or value.adjusted() > MAX_EXPONENT:
        raise ValueError(f"expected a decimal number of sensible size, found {text[:40]!r}")
    return value


def e8(text: str) -> int:
    """Exact decimal text in units of 1e-8; ValueError when it has more decimals."""
    scaled = number(text) * E8
    whole = int(scaled)
    if scaled != whole:
        raise ValueError(f"amount: expected at most 8 decimals, found {text!r}")
    return whole


def fixed(units: int, decimals: int) -> str:
    """`units` of 10**-decimals as text with exactly that many decimals."""
    if decimals == 0:
        return str(units)
    sign = "-" if units < 0 else ""
    whole, fraction = divmod(abs(units), 10**decimals)
    return f"{sign}{whole}.{fraction:0{decimals}d}"


def money(amount_e8: int) -> str:
    """An amount as the venues print it: 8 decimals."""
    return fixed(amount_e8, 8)


def share(amount_e8: int, rate_e8: int) -> int:
    """Amount * rate, rounded half away from zero to 1e-8."""
    product = abs(amount_e8) * abs(rate_e8)
    rounded = (product + E8 // 2) // E8
    return rounded if (amount_e8 < 0) == (rate_e8 < 0) else -rounded


class TooPrecise(ValueError):
    """A price or quantity has more decimals than the instrument."""


class NotAMultiple(ValueError):
    """A price or quantity is not a whole number of ticks or lots."""


@dataclass(frozen=True, slots=True)
class Tier:
    """One maintenance tier: up to `cap_e8` of notional, at most `leverage`, maintenance rate and its deduction."""

    floor_e8: int
    cap_e8: int
    leverage: int
    maintenance_e8: int
    deduction_e8: int


def tiers(rows: list[tuple[int, int, str]]) -> tuple[Tier, ...]:
    """Build tiers from (cap in quote, max leverage, maintenance rate); the deduction keeps the margin continuous."""
    built: list[Tier] = []
    floor = deduction = before = 0
    for cap, leverage, rate_text in rows:
        rate = e8(rate_text)
        deduction += share(floor * E8, rate - before)
        built.append(Tier(floor * E8, cap * E8, leverage, rate, deduction))
        floor, before = cap, rate
    return tuple(built)


@dataclass(frozen=True)
class SimInstrument:
    """One listed symbol.

    Attributes:
        price_decimals, qty_decimals: of the wire's texts, which may show more than the tick and lot need.
        multiplier_up, multiplier_down: limit prices must lie within these multiples of the reference price.
        impact_notional_e8: for the premium index (futures).
        start_price: where simulated traders begin.
    """

    symbol: str
    base: str
    quote: str
    tick: str
    lot: str
    price_decimals: int
    qty_decimals: int
    min_price: str
    max_price: str
    min_qty: str
    max_qty: str
    market_max_qty: str
    min_notional: str
    multiplier_up: str
    multiplier_down: str
    maker_fee: str
    taker_fee: str
    start_price: str
    max_open_orders: int = 200
    liquidation_fee: str = "0.0125"
    funding_cap: str = "0.003"
    tiers: tuple[Tier, ...] = ()

    @cached_property
    def _tick_scale(self) -> int:
        return int(Decimal(self.tick) * 10**self.price_decimals)

    @cached_property
    def _lot_scale(self) -> int:
        return int(Decimal(self.lot) * 10**self.qty_decimals)

    @cached_property
    def tick_e8(self) -> int:
        """Quote units per tick."""
        return e8(self.tick)

    @cached_property
    def lot_e8(self) -> int:
        """Base units per lot."""
        return e8(self.lot)

    @cached_property
    def unit_e8(self) -> int:
        """Quote units of one lot at a price of one tick."""
        return self.tick_e8 * self.lot_e8 // E8

    @cached_property
    def maker_e8(self) -> int:
        """Maker fee rate."""
        return e8(self.maker_fee)

    @cached_property
    def taker_e8(self) -> int:
        """Taker fee rate."""
        return e8(self.taker_fee)

    @cached_property
    def min_notional_e8(self) -> int:
        """Smallest order value."""
        return e8(self.min_notional)

    @cached_property
    def min_lots(self) -> int:
        """Smallest order quantity."""
        return self.lots(self.min_qty)

    @cached_property
    def max_lots(self) -> int:
        """Largest limit order quantity."""
        return self.lots(self.max_qty)

    @cached_property
    def market_max_lots(self) -> int:
        """Largest market order quantity."""
        return self.lots(self.market_max_qty)

    @cached_property
    def min_ticks(self) -> int:
        """Lowest price."""
        return self.ticks(self.min_price)

    @cached_property
    def max_ticks(self) -> int:
        """Highest price."""
        return self.ticks(self.max_price)

    @cached_property
    def band_down_e8(self) -> int:
        """Lowest limit price, as a share of the reference price."""
        return e8(self.multiplier_down)

    @cached_property
    def band_up_e8(self) -> int:
        """Highest limit price, as a share of the reference price."""
        return e8(self.multiplier_up)

    def notional_e8(self, price_ticks: int, qty_lots: int) -> int:
        """Exact value in the quote asset."""
        return price_ticks * qty_lots * self.unit_e8

    def value_e8(self, price_e8: int, qty_lots: int) -> int:
        """Value at a price that need not be a whole tick (the mark), rounded down to 1e-8."""
        return price_e8 * qty_lots * self.lot_e8 // E8

    def price_text(self, ticks: int) -> str:
        """A price as on the wire."""
        return fixed(ticks * self._tick_scale, self.price_decimals)

    def qty_text(self, lots: int) -> str:
        """A quantity as on the wire."""
        return fixed(lots * self._lot_scale, self.qty_decimals)

    def ticks(self, text: str) -> int:
        """A price text in ticks.

        Raises:
            TooPrecise, NotAMultiple: the venues answer these differently.
            ValueError: not a number.
        """
        return _whole(text, self.tick, self.price_decimals)

    def lots(self, text: str) -> int:
        """A quantity text in lots; raises as `ticks`."""
        return _whole(text, self.lot, self.qty_decimals)

    def tier(self, notional_e8: int) -> Tier:
        """The maintenance tier of a position of this value."""
        for tier in self.tiers:
            if notional_e8 <= tier.cap_e8:
                return tier
        return self.tiers[-1]


def _whole(text: str, unit: str, decimals: int) -> int:
    value = number(text)
    steps = value / Decimal(unit)
    whole = int(steps)
    if steps == whole:
        return whole
    exponent = value.normalize().as_tuple().exponent
    if isinstance(exponent, int) and -exponent > decimals:
        raise TooPrecise(f"expected at most {decimals} decimals, found {text!r}")
    raise NotAMultiple(f"expected a multiple of {unit}, found {text!r}")


BTC_TIERS: Final = tiers(
    [
        (50_000, 125, "0.004"),
        (600_000, 100, "0.005"),
        (3_000_000, 75, "0.0065"),
        (12_000_000, 50, "0.01"),
        (70_000_000, 25, "0.02"),
        (100_000_000, 20, "0.025"),
        (230_000_000, 10, "0.05"),
        (480_000_000, 5, "0.1"),
        (600_000_000, 4, "0.125"),
        (800_000_000, 3, "0.15"),
        (1_200_000_000, 2, "0.25"),
        (1_800_000_000, 1, "0.5"),
    ]
)
ETH_TIERS: Final = tiers(
    [
        (50_000, 125, "0.004"),
        (600_000, 100, "0.005"),
        (3_000_000, 75, "0.0065"),
        (12_000_000, 50, "0.01"),
        (50_000_000, 25, "0.02"),
        (65_000_000, 20, "0.025"),
        (150_000_000, 10, "0.05"),
        (320_000_000, 5, "0.1"),
        (400_000_000, 4, "0.125"),
        (530_000_000, 3, "0.15"),
        (800_000_000, 2, "0.25"),
        (1_200_000_000, 1, "0.5"),
    ]
)


def _listed(venue: str, symbol: str, **rest: Any) -> SimInstrument:
    """A market with the units and fees by which recordings of it are read."""
    found, (maker, taker) = LISTINGS[venue, symbol], FEES[venue]
    units: dict[str, Any] = {
        "symbol": symbol,
        "base": found.base,
        "quote": found.quote,
        "tick": found.tick,
        "lot": found.lot,
    }
    return SimInstrument(**units, maker_fee=maker, taker_fee=taker, **rest)


USDM: Final = {
    "BTCUSDT": _listed(
        "binance_usdm",
        "BTCUSDT",
        price_decimals=2,
        qty_decimals=3,
        min_price="556.8",
        max_price="4529764",
        min_qty="0.001",
        max_qty="1000",
        market_max_qty="120",
        min_notional="100",
        multiplier_up="1.05",
        multiplier_down="0.95",
        start_price="61800",
        tiers=BTC_TIERS,
    ),
    "ETHUSDT": _listed(
        "binance_usdm",
        "ETHUSDT",
        price_decimals=2,
        qty_decimals=3,
        min_price="39.86",
        max_price="306177",
        min_qty="0.001",
        max_qty="10000",
        market_max_qty="2000",
        min_notional="20",
        multiplier_up="1.05",
        multiplier_down="0.95",
        start_price="2685",
        tiers=ETH_TIERS,
    ),
}
SPOT: Final = {
    "BTCUSDT": _listed(
        "binance_spot",
        "BTCUSDT",
        price_decimals=8,
        qty_decimals=8,
        min_price="0.01",
        max_price="1000000",
        min_qty="0.00001",
        max_qty="9000",
        market_max_qty="115",
        min_notional="5",
        multiplier_up="5",
        multiplier_down="0.2",
        start_price="61837",
    ),
    "ETHUSDT": _listed(
        "binance_spot",
        "ETHUSDT",
        price_decimals=8,
        qty_decimals=8,
        min_price="0.01",
        max_price="1000000",
        min_qty="0.0001",
        max_qty="9000",
        market_max_qty="2500",
        min_notional="5",
        multiplier_up="5",
        multiplier_down="0.2",
        start_price="2686.5",
    ),
}
