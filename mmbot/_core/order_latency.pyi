from typing import Self, final

import numpy as np
from numpy.typing import NDArray
from typing_extensions import disjoint_base

@disjoint_base
class OrderLatency:
    def entry_at(self, ts_ns: int, feed_latency_ns: int = 0) -> int: ...
    def response_at(self, exch_ns: int, feed_latency_ns: int = 0) -> int: ...
    def fill_at(self, exch_ns: int, feed_latency_ns: int = 0) -> int: ...

@final
class ConstantLatency(OrderLatency):
    def __new__(cls, entry_ns: int, response_ns: int) -> Self: ...
    @property
    def entry(self) -> int: ...
    @property
    def response(self) -> int: ...

@final
class FeedLatency(OrderLatency):
    def __new__(
        cls,
        entry_factor: float = 1.0,
        response_factor: float = 1.0,
        entry_offset_ns: int = 0,
        response_offset_ns: int = 0,
    ) -> Self: ...
    @property
    def entry_factor(self) -> float: ...
    @property
    def response_factor(self) -> float: ...
    @property
    def entry_offset_ns(self) -> int: ...
    @property
    def response_offset_ns(self) -> int: ...

@final
class RecordedLatency(OrderLatency):
    def __new__(
        cls,
        req_ns: NDArray[np.int64],
        exch_ns: NDArray[np.int64],
        resp_ns: NDArray[np.int64],
        offset_ns: int = 0,
        *,
        fill_exch_ns: NDArray[np.int64] | None = None,
        fill_resp_ns: NDArray[np.int64] | None = None,
        in_turn: bool = False,
        as_hftbacktest: bool = False,
    ) -> Self: ...
    def __len__(self) -> int: ...
