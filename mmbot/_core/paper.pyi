from enum import IntEnum

from typing_extensions import disjoint_base

from mmbot._core.resting import RestingOrders
from mmbot._core.types import CommandView

class SelfTrade(IntEnum):
    IGNORED = 0
    EXPIRE_MAKER = 1
    EXPIRE_TAKER = 2

@disjoint_base
class PaperMarket(RestingOrders):
    def on_depth(self, side: int, levels: list[tuple[int, int]], exch_ns: int) -> None: ...
    def on_trade(self, taker_side: int, price_ticks: int, qty_lots: int, exch_ns: int) -> None: ...
    def on_request(self, command: CommandView, id: int, exch_ns: int) -> None: ...
    def on_refusal(self, command: CommandView, id: int, due_ns: int) -> None: ...
    def take_answers(self) -> list[tuple[int, dict[str, int]]]: ...
