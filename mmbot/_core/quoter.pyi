from typing import final

from mmbot._core.execution import Execution
from mmbot._core.hedges import Hedges
from mmbot._core.host import PluginHost
from mmbot._core.limits import SessionLimits
from mmbot._core.market import Market
from mmbot._core.strategy import Strategy
from mmbot._core.venue_states import VenueStates

@final
class Quoter:
    markets: tuple[Market, ...]
    patient: bool
    def __init__(
        self,
        markets: tuple[Market, ...],
        execution: Execution,
        host: PluginHost,
        limits: SessionLimits,
        hedges: Hedges,
        venues: VenueStates,
        *,
        patient: bool = False,
    ) -> None: ...
    def refusal(self, candidate: Strategy, market: Market) -> str: ...
