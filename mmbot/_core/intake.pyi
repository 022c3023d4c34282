from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from typing_extensions import disjoint_base

from mmbot._core.book import Book
from mmbot._core.decode import Decoder
from mmbot._core.latency import Histogram

AGG_TRADE_KIND: int
UNTIMED: int
REPLAY: int

@disjoint_base
class Intake:
    book: Book
    lines: int
    offset: int
    undecodable: int
    empty: int
    no_messages: int
    gaps: int
    older: int
    snapshots: int
    refused: int
    redundant: int
    crossed: int
    crossings: int
    trades_dropped: int
    left_out: int
    split: int
    exch_back: int
    local_back: int
    exch_back_max_ns: int
    local_back_max_ns: int
    untimed: int
    first_exch_ns: int
    last_exch_ns: int
    last_local_ns: int
    latest_event_ns: int
    fault: tuple[int, int, str, bytes] | None
    gap_places: list[tuple[int, int, int, int]]
    def __new__(
        cls,
        decoder: Decoder,
        *,
        followed: bool,
        tickers: bool,
        marks: bool,
        strict: bool,
        odd_line: Callable[[bytes], tuple[int, bytes, bool] | None],
        tick: float = 0.0,
        lot: float = 0.0,
        unit: float = 1.0,
    ) -> Self: ...
    def feed(self, text: bytes) -> bool: ...
    def begin_file(self) -> None: ...
    @property
    def batches(self) -> int: ...
    def take(self) -> dict[str, NDArray[Any]]: ...

def record_latencies(
    exch_ns: NDArray[np.int64],
    local_ns: NDArray[np.int64],
    flags: NDArray[np.uint8],
    shift_ns: int,
    histogram: Histogram,
) -> None: ...
