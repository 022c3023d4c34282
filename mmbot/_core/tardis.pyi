from typing import Any, Self

from numpy.typing import NDArray
from typing_extensions import disjoint_base

KINDS: dict[str, tuple[str, ...]]

@disjoint_base
class TardisRows:
    kind: str
    exchange: bytes
    symbol: bytes
    others: int
    wrong: int
    lines: int
    skipped: int
    sideless: int
    dust: int
    snapshots: int
    local_back: int
    exch_back: int
    price_decimals: int
    qty_decimals: int
    fault: tuple[int, str, str] | None
    def __new__(
        cls, kind: str, header: list[str], tick_size: str, lot_size: str, symbol: str = "", *, strict: bool = True
    ) -> Self: ...
    def feed(self, text: bytes) -> bool: ...
    def survey(self, text: bytes) -> bool: ...
    def take(self, *, final: bool = False) -> dict[str, NDArray[Any]]: ...
    @property
    def batches(self) -> int: ...
