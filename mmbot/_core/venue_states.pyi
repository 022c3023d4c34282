from collections.abc import Sequence
from typing import final

from mmbot._core.market import Market

@final
class VenueStates:
    markets: tuple[Market, ...]
    n_venues: int
    pictures_wanted: bool
    def __init__(self, markets: tuple[Market, ...], venue_of: Sequence[int]) -> None: ...
    def take_pictures_wanted(self) -> list[int]: ...
    def was_conclusive(self, venue: int) -> bool: ...
