from enum import IntEnum
from typing import Final, TypedDict, final

class Hop(IntEnum):
    EXCHANGE = 0
    RECEIVE = 1
    DECODE = 2
    BOOK = 3
    STRATEGY = 4
    DIFF_RISK = 5
    ENCODE = 6
    SEND = 7
    ACK = 8

class _Summary(TypedDict):
    count: int
    p50: float | None
    p99: float | None
    p999: float | None
    max: float | None

HOP_NAMES: Final[tuple[str, ...]]

def clock_ns() -> int: ...

@final
class Histogram:
    @property
    def count(self) -> int: ...
    @property
    def max_ns(self) -> int: ...
    @property
    def min_ns(self) -> int: ...
    @property
    def mean_ns(self) -> float: ...
    def record(self, value_ns: int) -> None: ...
    def percentile(self, percent: float) -> float: ...
    def merge(self, other: Histogram) -> None: ...
    def reset(self) -> None: ...
    def summary_us(self) -> _Summary: ...

@final
class LatencyBoard:
    def add(self, hop: int, value_ns: int) -> None: ...
    def histogram(self, hop: int) -> Histogram: ...
    def snapshot(self) -> dict[str, _Summary]: ...
    def reset(self) -> None: ...
