from enum import IntEnum
from typing import Any, Self

from typing_extensions import disjoint_base

from mmbot._core.types import Instrument

class MessageKind(IntEnum):
    BAD = 0
    DEPTH = 1
    BOOK_TICKER = 2
    TRADE = 3
    AGG_TRADE = 4
    MARK_PRICE = 5
    SNAPSHOT = 6
    CONTROL = 7
    IGNORED = 8

class BadReason(IntEnum):
    REASON_NONE = 0
    REASON_JSON = 1
    REASON_FIELD = 2
    REASON_PRICE = 3
    REASON_QTY = 4
    REASON_SYMBOL = 5
    REASON_KIND = 6
    REASON_MEMORY = 7

@disjoint_base
class Frame:
    @property
    def kind(self) -> int: ...
    @property
    def market(self) -> int: ...
    @property
    def last_id(self) -> int: ...
    @property
    def event_ts_ns(self) -> int: ...
    def as_dict(self) -> dict[str, Any]: ...

@disjoint_base
class Decoder:
    kind: str
    last_bad: bytes
    dust: int
    fallbacks: int
    def __new__(cls, kind: str, markets: dict[str, tuple[int, Instrument]]) -> Self: ...
    def frame(self, payload: bytes) -> Frame: ...
    def frame_at(self, address: int, n: int) -> Frame: ...
    def snapshot(self, market: int, payload: bytes) -> Frame: ...
    def scan_only(self, payload: bytes, market: int = -1) -> Frame | None: ...
    def parse_only(self, payload: bytes, market: int = -1) -> Frame: ...
    @property
    def kinds(self) -> dict[str, int]: ...
    @property
    def refusals(self) -> dict[str, int]: ...
