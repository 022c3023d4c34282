from enum import IntEnum
from typing import Self

from typing_extensions import disjoint_base

class SelfTrade(IntEnum):
    ALLOW = 0
    EXPIRE_TAKER = 1
    EXPIRE_MAKER = 2
    EXPIRE_BOTH = 3

class Outcome(IntEnum):
    RESTING = 0
    FILLED = 1
    EXPIRED = 2
    KILLED = 3
    WOULD_CROSS = 4
    UNKNOWN_ID = 5
    DUPLICATE_ID = 6

@disjoint_base
class MatchingEngine:
    n_orders: int
    left_lots: int
    prevented: bool
    n_fills: int
    n_expiries: int
    n_changes: int
    def __new__(cls, capacity: int = 4096) -> Self: ...
    def place(
        self,
        order_id: int,
        owner: int,
        side: int,
        price_ticks: int,
        qty_lots: int,
        *,
        time_in_force: int = ...,
        self_trade: int = ...,
    ) -> int: ...
    def amend(
        self,
        order_id: int,
        price_ticks: int,
        left_lots: int,
        *,
        time_in_force: int = ...,
        self_trade: int = ...,
        keep_priority: bool = False,
    ) -> int: ...
    def cancel(self, order_id: int) -> int: ...
    def find(self, order_id: int) -> tuple[int, int, int, int] | None: ...
    def take_fills(self) -> list[tuple[int, int, int, int, int, int, int]]: ...
    def take_expiries(self) -> list[tuple[int, int, int]]: ...
    def take_changes(self, bids: dict[int, int], asks: dict[int, int]) -> int: ...
    def best(self) -> tuple[int, int, int, int]: ...
    def levels(self, side: int, limit: int = 0) -> list[tuple[int, int]]: ...
    def queue(self, side: int, price_ticks: int) -> list[tuple[int, int, int]]: ...
