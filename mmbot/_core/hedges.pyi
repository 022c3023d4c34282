from typing import final

from mmbot._core.hedge import HedgeGroup

@final
class Hedges:
    groups: tuple[HedgeGroup, ...]
    def __init__(self, groups: tuple[HedgeGroup, ...], *, held: bool = False) -> None: ...
