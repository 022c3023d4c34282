from typing_extensions import disjoint_base

from mmbot._core.engine import Engine
from mmbot._core.paper import PaperMarket

@disjoint_base
class Solvency:
    equity: float
    needed: float
    def __init__(self, engine: Engine, papers: tuple[PaperMarket, ...]) -> None: ...
