from collections.abc import Callable
from enum import IntEnum
from typing import Final

from typing_extensions import disjoint_base

from mmbot._core.market import Market
from mmbot._core.strategy import Strategy

MAX_FAILURES: Final[int]

class HostState(IntEnum):
    IDLE = 0
    RUNNING = 1
    FAILED = 2
    STOPPED = 3

@disjoint_base
class PluginHost:
    active: Strategy | None
    previous: Strategy | None
    shadow: Strategy | None
    state: int
    rollback: bool
    name: str
    previous_name: str
    shadow_name: str
    failures: list[str]
    swaps: int
    rollbacks: int
    raised: int
    shadow_events: int
    shadow_differences: int
    def __init__(self, markets: tuple[Market, ...], n_markets: int, *, rollback: bool = True) -> None: ...
    def swap(
        self,
        candidate: Strategy,
        params: object,
        name: str,
        *,
        now_ns: int,
        shadow_ns: int = 0,
        check: Callable[[Strategy, Market], str] | None = None,
    ) -> str: ...
