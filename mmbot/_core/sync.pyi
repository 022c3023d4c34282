from enum import IntEnum
from typing import Self

from typing_extensions import disjoint_base

from mmbot._core.book import Book
from mmbot._core.decode import Decoder
from mmbot._core.message import Frame

class SequenceRule(IntEnum):
    BINANCE_USDM = 0
    BINANCE_SPOT = 1

class Trust(IntEnum):
    EMPTY = 0
    SYNCING = 1
    TRUSTED = 2
    GAP = 3
    CROSSED = 4
    STALE = 5
    DISCONNECTED = 6

class SyncResult(IntEnum):
    UNCHANGED = 0
    APPLIED = 1
    LOST = 2
    REFUSED = 3

@disjoint_base
class BookSync:
    book: Book
    rule: int
    status: int
    need_snapshot: bool
    last_id: int
    event_ts_ns: int
    recv_ts_ns: int
    applied: int
    dropped: int
    gaps: int
    crossed: int
    stales: int
    disconnects: int
    snapshots: int
    resyncs: int
    refused: int
    overflows: int
    buffered: int
    replayed_ts_ns: int
    def __new__(cls, book: Book, rule: int) -> Self: ...
    def apply_frame(self, frame: Frame, recv_ns: int) -> int: ...
    def load_frame(self, frame: Frame, recv_ns: int) -> int: ...
    def replay_step(self) -> int: ...
    def play(self, decoder: Decoder, payloads: list[bytes], recv_ns: int = 0) -> int: ...
    def connected(self) -> None: ...
    def disconnected(self) -> None: ...
    def stale_at(self, now_ns: int, limit_ns: int) -> bool: ...
    def asked(self) -> None: ...
    def restart(self) -> None: ...
    @property
    def trusted(self) -> bool: ...
