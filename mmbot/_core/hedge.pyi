from typing_extensions import disjoint_base

from mmbot._core.execution import Execution
from mmbot._core.market import Market

@disjoint_base
class HedgeGroup:
    asset: str
    target: float
    band: float
    ratio: float
    max_slippage: float
    max_backlog: float
    passive_first: bool
    passive_deadline_ns: int
    retry_ns: int
    max_backlog_ns: int
    max_attempts: int
    one_at_a_time: bool
    makers: tuple[Market, ...]
    hedges: tuple[Market, ...]
    current: int
    attempts: int
    retry_at_ns: int
    backlog_since_ns: int
    down_since_ns: int
    backlog: float
    sent: int
    failed: int
    too_small: int
    buy_cost_bps: float
    sell_cost_bps: float
    def __init__(
        self,
        asset: str,
        makers: tuple[Market, ...],
        hedges: tuple[Market, ...],
        execution: Execution,
        *,
        target: float = 0.0,
        band: float = 0.0,
        ratio: float = 1.0,
        max_slippage: float = 0.002,
        passive_first: bool = False,
        passive_deadline_ns: int = 2_000_000_000,
        retry_ns: int = 200_000_000,
        max_attempts: int = 3,
        max_backlog: float = 0.0,
        max_backlog_ns: int = 5_000_000_000,
        one_at_a_time: bool = False,
    ) -> None: ...
    def set_target(self, target: float) -> None: ...
    def cost(self, market: Market, side: int, qty: float) -> float: ...
