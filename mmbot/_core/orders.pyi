from enum import IntEnum
from typing import final

from typing_extensions import Buffer

from mmbot._core.trade_ids import TradeIds
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

EXPECTED = Anomaly.EXPECTED
DUPLICATE = Anomaly.DUPLICATE
STALE = Anomaly.STALE
NOT_IN_TABLE = Anomaly.NOT_IN_TABLE
FOREIGN = Anomaly.FOREIGN
AFTER_TERMINAL = Anomaly.AFTER_TERMINAL
OVERFILL = Anomaly.OVERFILL
FILLS_MISSING = Anomaly.FILLS_MISSING
CONTRADICTION = Anomaly.CONTRADICTION
MALFORMED = Anomaly.MALFORMED

@final
class OrderTable:
    def __init__(
        self,
        markets: int,
        *,
        capacity: int = 4096,
        ack_timeout_ns: int = 1_000_000_000,
        grace_ns: int = 6_000_000_000,
        retry_ns: int = 500_000_000,
    ) -> None: ...
    @property
    def capacity(self) -> int: ...
    @property
    def markets(self) -> int: ...
    @property
    def ack_timeout_ns(self) -> int: ...
    @property
    def grace_ns(self) -> int: ...
    @property
    def retry_ns(self) -> int: ...
    @property
    def next_deadline_ns(self) -> int: ...
    @property
    def trades(self) -> TradeIds: ...
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
    def order(self, slot: int) -> dict[str, int]: ...
    def exposure_of(self, market: int) -> dict[str, int]: ...
    def open_slots(self, market: int) -> list[int]: ...
    def export_state(self) -> bytes: ...
    def import_state(self, state: Buffer) -> None: ...
