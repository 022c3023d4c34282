from typing import Self

from typing_extensions import disjoint_base

from mmbot._core.matching import MatchingEngine

@disjoint_base
class Crowd:
    n_assets: int
    n_markets: int
    now_ns: int
    next_ns: int
    def __new__(cls, seed: int, start_ns: int) -> Self: ...
    def add_asset(self, fair: float, *, yearly_volatility: float = 0.4) -> int: ...
    def add_market(
        self,
        engine: MatchingEngine,
        *,
        asset: int,
        tick: float,
        rate: float = 300.0,
        target: int = 1000,
        median_lots: float = 20.0,
        basis: float = 0.0,
        basis_deviation: float = 0.0001,
        stickiness: float = 5e-05,
        impact: float = 2e-07,
    ) -> int: ...
    def step(self, limit_ns: int) -> int: ...
    def fair(self, asset: int) -> float: ...
