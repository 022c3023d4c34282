from typing_extensions import disjoint_base

from mmbot._core.book import Book
from mmbot._core.l3 import L3Book
from mmbot._core.order_latency import OrderLatency
from mmbot._core.types import Instrument

@disjoint_base
class RestingOrders:
    instrument: Instrument
    index: int
    book: Book
    latency: OrderLatency
    partial: bool
    as_hftbacktest: bool
    self_trade: int
    fee_in_received: bool
    position_lots: int
    feed_latency_ns: int
    expired: int
    fills: int
    n_open: int
    l3: L3Book | None
    failed: bool
    def __init__(
        self,
        index: int,
        instrument: Instrument,
        latency: OrderLatency,
        *,
        queue_model: int,
        queue_n: float = 1.0,
        partial: bool = False,
        as_hftbacktest: bool = False,
        maker_fee_e9: int = 0,
        taker_fee_e9: int = 0,
        self_trade: int = 0,
        settle_asset: int = 0,
        base_asset: int = 0,
        fee_in_received: bool = False,
    ) -> None: ...
    def set_fees(self, maker_e9: int, taker_e9: int) -> None: ...
