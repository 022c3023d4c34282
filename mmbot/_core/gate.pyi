"""The pre-trade gate: why an order may not leave. See ``gate.pxd`` for the contract of compiled callers."""

from enum import IntEnum
from typing import Any, Self, final

from mmbot._core.margin import MarginTiers
from mmbot._core.types import CommandView, Instrument

class RiskReason(IntEnum):
    """Why the gate refused; OK is an approval."""

    OK = 0
    UNKNOWN_MARKET = 1
    BAD_ORDER = 2
    MARKET_PAUSED = 3
    RISK_LEVEL = 4
    MIN_QTY = 5
    MAX_QTY = 6
    PRICE_RANGE = 7
    MIN_NOTIONAL = 8
    MAX_NOTIONAL = 9
    NO_REFERENCE = 10
    PRICE_BAND = 11
    SELF_CROSS = 12
    NOT_REDUCING = 13
    MAX_POSITION = 14
    MAX_OPEN_ORDERS = 15
    RATE = 16
    LIQUIDATION = 17

@final
class RiskGate:
    """Pre-trade checks of every market of a bot."""

    level: int
    approved: int
    refused: int
    def __new__(cls) -> Self: ...
    def configure(
        self,
        market: int,
        instrument: Instrument,
        *,
        max_position_lots: int,
        max_order_lots: int = ...,
        max_order_notional_e8: int = ...,
        price_band: float = ...,
        max_open_orders: int = ...,
        max_messages_per_s: int = ...,
        margin: MarginTiers | None = ...,
        shock: float = ...,
        max_margin_ratio: float = ...,
        self_trade: bool = ...,
    ) -> None: ...
    def tell(
        self,
        market: int,
        *,
        position_lots: int | None = ...,
        working: tuple[int, int, int, int, int] | None = ...,
        reference_ticks: float | None = ...,
        margin_e8: tuple[int, int] | None = ...,
        paused: bool | None = ...,
        reduce_only: bool | None = ...,
    ) -> None: ...
    def tell_level(self, level: int) -> None: ...
    def check(self, **order: int) -> RiskReason: ...
    def check_many(self, count: int, **order: int) -> int: ...
    def send(self, **order: int) -> CommandView | RiskReason: ...
    def market_state(self, market: int) -> dict[str, Any]: ...
    def refusals_by_reason(self) -> dict[str, int]: ...
