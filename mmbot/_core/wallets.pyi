from collections.abc import Sequence
from typing import final

from mmbot._core.gate import RiskGate
from mmbot._core.market import Market
from mmbot._core.venue_states import VenueStates

@final
class Wallets:
    markets: tuple[Market, ...]
    def __init__(
        self, markets: tuple[Market, ...], venues: VenueStates, gate: RiskGate, settle_assets: Sequence[int]
    ) -> None: ...
