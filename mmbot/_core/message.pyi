from enum import IntEnum
from typing import Any

from typing_extensions import disjoint_base

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
