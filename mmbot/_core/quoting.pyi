from enum import IntEnum
from typing import Self, TypedDict, final

class QuoteReason(IntEnum):
    QUOTED = 0
    BAD_FAIR = 1
    BAD_MODEL = 2
    BAD_LAYOUT = 3
    BAD_TOUCH = 4

class _Offsets(TypedDict):
    bid_ticks: float
    ask_ticks: float

class _GlftCoefficients(TypedDict):
    half_ticks: float
    skew_ticks: float
    drift_ticks: float

def floor_ticks(price_ticks: float) -> int: ...
def ceil_ticks(price_ticks: float) -> int: ...
def ladder(half_spread_ticks: float, skew_ticks: float, inventory: float) -> _Offsets: ...
def avellaneda_stoikov(q: float, gamma: float, sigma: float, k: float, horizon_s: float) -> _Offsets: ...
def avellaneda_stoikov_infinite(q: float, gamma: float, k: float, q_max: float) -> _Offsets: ...
def glft_coefficients(
    gamma: float,
    sigma: float,
    intensity: float,
    k: float,
    xi: float = ...,
    delta: float = ...,
    drift: float = ...,
    adverse_ticks: float = ...,
) -> _GlftCoefficients: ...
def glft(coefficients: _GlftCoefficients, q: float) -> _Offsets: ...

@final
class Quotes:
    def __new__(
        cls,
        *,
        levels: int = 1,
        step_ticks: float = 1.0,
        qty_lots: float = 1.0,
        qty_growth: float = 1.0,
        size_skew: float = 0.0,
        min_qty_lots: int = 1,
        tolerance_ticks: float = 0.0,
    ) -> Self: ...
    @property
    def bids(self) -> list[tuple[int, int]]: ...
    @property
    def asks(self) -> list[tuple[int, int]]: ...
    @property
    def reason(self) -> int: ...
    def place(
        self,
        fair_ticks: float,
        bid_offset_ticks: float,
        ask_offset_ticks: float,
        fill: float,
        best_bid_ticks: int,
        best_ask_ticks: int,
    ) -> bool: ...
    @property
    def aimed(self) -> bool: ...
    @property
    def bid_offset_ticks(self) -> float: ...
    @property
    def ask_offset_ticks(self) -> float: ...
    @property
    def fill(self) -> float: ...
    @property
    def fair_ticks(self) -> float: ...
    @property
    def tolerance_ticks(self) -> float: ...
    def aim(
        self,
        bid_offset_ticks: float,
        ask_offset_ticks: float,
        fill: float,
        step_ticks: float = ...,
        tolerance_ticks: float = ...,
    ) -> None: ...
    def follow(self, fair_ticks: float, best_bid_ticks: int, best_ask_ticks: int) -> bool: ...
    def clear(self) -> None: ...
