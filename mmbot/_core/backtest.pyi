from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from typing_extensions import disjoint_base

from mmbot._core.blotter import Blotter
from mmbot._core.engine import Engine
from mmbot._core.market import Market
from mmbot._core.paper import PaperMarket
from mmbot._core.tape import Tape

@disjoint_base
class Lane:
    market: Market
    paper: PaperMarket
    tapes: list[Tape]
    trust_from_start: bool
    def __init__(
        self, market: Market, paper: PaperMarket, tapes: list[Tape], *, trust_from_start: bool = False
    ) -> None: ...

@disjoint_base
class Backtest:
    engine: Engine
    blotter: Blotter
    lanes: tuple[Lane, ...]
    start_ns: int
    end_ns: int
    now_ns: int
    every_ns: int
    open_ns: int
    placed: int
    liquidated: bool
    steps: int
    notes: list[tuple[int, str]]
    def __init__(
        self,
        engine: Engine,
        blotter: Blotter,
        lanes: tuple[Lane, ...],
        *,
        start_ns: int,
        end_ns: int = 0,
        every_ns: int = 100_000_000,
        open_ns: int = 0,
        looks: NDArray[np.int64] | None = None,
        daily: Callable[[], None] | None = None,
    ) -> None: ...
    def run(self) -> None: ...
