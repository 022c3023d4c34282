from collections.abc import Sequence
from typing import final

from mmbot._core.decode import Decoder
from mmbot._core.execution import Execution
from mmbot._core.latency import LatencyBoard
from mmbot._core.market import Market
from mmbot._core.notes import Notes
from mmbot._core.venue_states import VenueStates

@final
class MarketData:
    markets: tuple[Market, ...]
    decoders: tuple[Decoder, ...]
    frames: int
    bad_frames: int
    stale_ns: int
    latency_budget_ns: int
    def __init__(
        self,
        markets: tuple[Market, ...],
        decoders: tuple[Decoder, ...],
        execution: Execution,
        latency: LatencyBoard,
        venues: VenueStates,
        notes: Notes,
        *,
        feeds: Sequence[int],
        stale_ns: int,
        latency_budget_ns: int,
    ) -> None: ...
