"""Session limits: what pulls quotes, winds down or halts, and how each is left. See ``limits.pxd``."""

from enum import IntEnum
from typing import Any, Self, final

class RiskLevel(IntEnum):
    """How far the session is wound down; the worst of all breached rules counts."""

    NORMAL = 0
    PULL_QUOTES = 1
    REDUCE_ONLY = 2
    FLATTEN = 3
    HALT = 4

class Cause(IntEnum):
    """What a rule watches; units are in ``limits.pxd``."""

    OPERATOR = 0
    DAILY_LOSS = 1
    DRAWDOWN = 2
    STALE_DATA = 3
    CLOCK_SKEW = 4
    REJECT_STREAK = 5
    HEDGE_BACKLOG = 6
    LATENCY_BUDGET = 7
    POSITION_MISMATCH = 8
    PLUGIN_FAILURE = 9
    HEDGE_DOWN = 10
    LIQUIDATION_NEAR = 11
    LIQUIDATION_CLOSE = 12

@final
class SessionLimits:
    """Rules that pull quotes, wind down or halt, each with its own way back."""

    level: int
    peak_e8: int
    day_start_e8: int
    pnl_e8: int
    day: int
    lost: int
    def __new__(cls) -> Self: ...
    def configure(
        self,
        cause: int,
        *,
        level: int,
        enter: int,
        leave: int | None = ...,
        cooldown_ns: int = ...,
        manual: bool = ...,
        ts_ns: int = ...,
    ) -> None: ...
    def observe(self, cause: int, value: int, ts_ns: int) -> int: ...
    def observe_pnl(self, total_e8: int, ts_ns: int) -> int: ...
    def on_time(self, ts_ns: int) -> int: ...
    def force(self, level: int, ts_ns: int) -> int: ...
    def resume(self, ts_ns: int) -> int: ...
    def pop_transition(self) -> dict[str, int] | None: ...
    def breached(self) -> dict[str, dict[str, int]]: ...
    def way_out(self, cause: int) -> str: ...
    def state(self) -> dict[str, Any]: ...
    def restore(self, state: dict[str, Any]) -> None: ...
