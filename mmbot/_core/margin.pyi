"""Maintenance margin by tiers and liquidation prices. See ``margin.pxd`` for units, ``margin.pyx`` for formulas."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Self, final

@final
class MarginTiers:
    """Maintenance margin tiers of one market."""

    def __new__(
        cls,
        floors: Sequence[Decimal | str | int],
        rates: Sequence[Decimal | str | int],
        cums: Sequence[Decimal | str | int] | None = ...,
        max_leverage: Sequence[float] | None = ...,
    ) -> Self: ...
    @property
    def cum(self) -> tuple[float, ...]: ...
    def tier(self, notional: float) -> int: ...
    def maintenance(self, notional: float) -> float: ...
    def liquidation_price(
        self,
        qty: float,
        entry: float,
        *,
        wallet: float,
        other_maintenance: float = ...,
        other_unrealized: float = ...,
        inverse: bool = ...,
    ) -> float | None: ...
    def margin_ratio(
        self,
        qty: float,
        entry: float,
        mark: float,
        *,
        wallet: float,
        other_maintenance: float = ...,
        other_unrealized: float = ...,
        inverse: bool = ...,
    ) -> float: ...
    def shocked_ratio(
        self,
        qty: float,
        price: float,
        shock: float,
        *,
        equity: float,
        other_maintenance: float = ...,
        inverse: bool = ...,
    ) -> float: ...
