from enum import IntEnum
from typing import final

from mmbot._core.order_store import OrderStore
from mmbot._core.types import OrderEvent

class Anomaly(IntEnum):
    EXPECTED = 0
    DUPLICATE = 1
    STALE = 2
    NOT_IN_TABLE = 3
    FOREIGN = 4
    AFTER_TERMINAL = 5
    OVERFILL = 6
    FILLS_MISSING = 7
    CONTRADICTION = 8
    MALFORMED = 9

@final
class OrderTable(OrderStore):
    def place(
        self,
        market: int,
        side: int,
        price_ticks: int,
        qty_lots: int,
        time_in_force: int,
        reduce_only: bool,
        purpose: int,
        ts_ns: int,
    ) -> int: ...
    def amend(self, slot: int, price_ticks: int, qty_lots: int, ts_ns: int) -> bool: ...
    def cancel(self, slot: int, ts_ns: int) -> bool: ...
    def queried(self, slot: int, ts_ns: int) -> bool: ...
    def unsent(self, slot: int, kind: int, ts_ns: int) -> bool: ...
    def suspect(self, slot: int, ts_ns: int) -> None: ...
    def find(self, num: int) -> int: ...
    def find_venue(self, market: int, venue_order_id: int) -> int: ...
    def apply_event(self, event: OrderEvent, ts_ns: int) -> dict[str, int]: ...
    def adopt_event(self, event: OrderEvent, ts_ns: int) -> int: ...
    def due(self, ts_ns: int) -> list[int]: ...
