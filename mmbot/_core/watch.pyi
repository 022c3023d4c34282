from typing import final

from mmbot._core.execution import Execution
from mmbot._core.hedges import Hedges
from mmbot._core.limits import SessionLimits
from mmbot._core.market import Market
from mmbot._core.market_data import MarketData
from mmbot._core.notes import Notes
from mmbot._core.quoter import Quoter
from mmbot._core.venue_states import VenueStates
from mmbot._core.wallets import Wallets

@final
class Watch:
    markets: tuple[Market, ...]
    limits: SessionLimits
    flatten_slippage: float
    near_distance: float
    close_distance: float
    def __init__(
        self,
        markets: tuple[Market, ...],
        limits: SessionLimits,
        execution: Execution,
        hedges: Hedges,
        market_data: MarketData,
        quoter: Quoter,
        venues: VenueStates,
        wallets: Wallets,
        notes: Notes,
        *,
        flatten_slippage: float,
        near_distance: float = 0.0,
        close_distance: float = 0.0,
    ) -> None: ...
