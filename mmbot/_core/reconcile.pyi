from typing import Any, Final

from typing_extensions import disjoint_base

from mmbot._core.execution import Execution
from mmbot._core.market import Market

CONFIRMATIONS: Final[int]

@disjoint_base
class Reconciler:
    markets: tuple[Market, ...]
    mismatch: int
    rounds: int
    inconclusive: int
    suspected: int
    orphans: int
    strays: int
    def __init__(self, execution: Execution, markets: tuple[Market, ...], baselines: dict[int, int]) -> None: ...
    def holding_of(self, market: int) -> tuple[int, int, int]: ...
    def baselines(self) -> dict[int, int]: ...
    def compare(self, picture: dict[str, Any], ts_ns: int) -> tuple[bool, list[str]]: ...
