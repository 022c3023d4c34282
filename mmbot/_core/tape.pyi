from enum import IntEnum
from os import PathLike
from typing import Any, Self

import numpy as np
from typing_extensions import disjoint_base

from mmbot._core.types import Instrument

VERSION: int
HEAD: bytes
TAIL: bytes
BYTE_ORDER: int
HEAD_BYTES: int
CHUNK_HEAD_BYTES: int
TAIL_BYTES: int
MAX_PER_CHUNK: int

class TapeKind(IntEnum):
    DEPTH = 1
    TRADE = 2
    CLEAR = 3
    SNAPSHOT = 4
    TICKER = 5
    MARK = 6
    GAP = 7
    L3_ADD = 10
    L3_CANCEL = 11
    L3_MODIFY = 12
    L3_FILL = 13

class TapeFlag(IntEnum):
    EXCH = 1
    LOCAL = 2

@disjoint_base
class Tape:
    path: str
    footer: dict[str, Any]
    instrument: Instrument
    n_chunks: int
    batches: int
    levels: int
    def __new__(cls) -> Self: ...
    def check_chunk(self, index: int) -> None: ...
    def check(self) -> None: ...
    def arrays(self, index: int) -> dict[str, np.ndarray[Any, Any]]: ...

def open_tape(path: str | PathLike[str]) -> Tape: ...
