from collections.abc import Sequence

from typing_extensions import disjoint_base

from mmbot._core.eventlog import EventRing
from mmbot._core.gate import RiskGate
from mmbot._core.orders import OrderTable
from mmbot._core.rate import RateBudget
from mmbot._core.types import CommandView

@disjoint_base
class Execution:
    table: OrderTable
    gate: RiskGate
    budgets: tuple[RateBudget, ...]
    n_markets: int
    placed: int
    amended: int
    canceled: int
    queried: int
    def __init__(
        self,
        table: OrderTable,
        gate: RiskGate,
        budgets: tuple[RateBudget, ...],
        venue_of: Sequence[int],
        ring: EventRing | None = None,
    ) -> None: ...
    def set_rules(
        self,
        market: int,
        *,
        tolerance_ticks: int = 0,
        tolerance_qty_ppm: int = 0,
        unsafe_ticks: int = ...,
        spare_lots: int = 0,
        amend_any: bool = True,
        amend_smaller: bool = False,
        overlap: bool = False,
    ) -> None: ...
    @property
    def first_place_ns(self) -> int: ...
    def take(self) -> CommandView | None: ...
