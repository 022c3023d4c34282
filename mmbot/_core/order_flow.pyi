from collections.abc import Sequence
from typing import final

from mmbot._core.execution import Execution
from mmbot._core.hedges import Hedges
from mmbot._core.host import PluginHost
from mmbot._core.latency import LatencyBoard
from mmbot._core.market import Market
from mmbot._core.notes import Notes
from mmbot._core.reconcile import Reconciler
from mmbot._core.strategy import Fill
from mmbot._core.venue_states import VenueStates
from mmbot._core.watch import Watch

@final
class OrderFlow:
    markets: tuple[Market, ...]
    fills: int
    hedge_fills: int
    acked: int
    rejected: int
    canceled: int
    unknown: int
    foreign: int
    executions: list[Fill]
    ended: list[dict[str, int]]
    keep_ended: bool
    def __init__(
        self,
        markets: tuple[Market, ...],
        execution: Execution,
        hedges: Hedges,
        host: PluginHost,
        latency: LatencyBoard,
        reconciler: Reconciler,
        venues: VenueStates,
        watch: Watch,
        notes: Notes,
        *,
        settle_assets: Sequence[int],
        base_assets: Sequence[int],
    ) -> None: ...
    def take_ended(self) -> list[dict[str, int]]: ...
    def take_executions(self) -> list[Fill]: ...
