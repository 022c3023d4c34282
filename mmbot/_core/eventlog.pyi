from enum import IntEnum
from typing import final

from typing_extensions import Buffer

CRC_BY_INSTRUCTION: bool

class EventKind(IntEnum):
    START = 1
    FRAME = 2
    FEED = 3
    SNAPSHOT = 4
    ORDER = 5
    ACCOUNT = 6
    RECONCILE = 7
    TIME = 8
    COMMAND = 9
    SWAP = 10
    STATE_SNAPSHOT = 11
    OUT_COMMAND = 12
    NOTE = 13
    STOP = 14

START = EventKind.START
FRAME = EventKind.FRAME
FEED = EventKind.FEED
SNAPSHOT = EventKind.SNAPSHOT
ORDER = EventKind.ORDER
ACCOUNT = EventKind.ACCOUNT
RECONCILE = EventKind.RECONCILE
TIME = EventKind.TIME
COMMAND = EventKind.COMMAND
SWAP = EventKind.SWAP
STATE_SNAPSHOT = EventKind.STATE_SNAPSHOT
OUT_COMMAND = EventKind.OUT_COMMAND
NOTE = EventKind.NOTE
STOP = EventKind.STOP

def checksum(data: Buffer, crc: int = 0) -> int: ...
def checksum_ways(data: Buffer) -> tuple[int, int]: ...
def frame(kind: int, flags: int, source: int, ts_ns: int, seq: int, body: Buffer) -> bytes: ...

@final
class EventRing:
    def __init__(self, capacity: int = 8388608) -> None: ...
    @property
    def capacity(self) -> int: ...
    @property
    def error(self) -> int: ...
    @property
    def stalls(self) -> int: ...
    @property
    def records(self) -> int: ...
    @property
    def written(self) -> int: ...
    @property
    def pending_bytes(self) -> int: ...
    def attach(self, fd: int) -> None: ...
    def detach(self) -> None: ...
    def fail(self, error: int) -> None: ...
    def flush(self) -> int: ...
    def append(self, kind: int, flags: int, source: int, ts_ns: int, seq: int, body: Buffer) -> None: ...
