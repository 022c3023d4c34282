from typing import Any

from typing_extensions import disjoint_base

from mmbot._core.book import Book
from mmbot._core.pnl import PnlAttribution
from mmbot._core.position import Position
from mmbot._core.signals import Signals
from mmbot._core.sync import BookSync
from mmbot._core.types import Instrument

@disjoint_base
class Market:
    index: int
    id: str
    instrument: Instrument
    book: Book
    sync: BookSync
    signals: Signals
    position: Position
    pnl: PnlAttribution
    feed: int
    maker: bool
    bid_ticks: int
    bid_lots: int
    ask_ticks: int
    ask_lots: int
    mid_ticks: float
    trusted: bool
    trading: bool
    hedge_buy_bps: float
    hedge_sell_bps: float
    mark_price: float
    index_price: float
    funding_rate: float
    next_funding_ns: int
    last_trade_ticks: int
    last_trade_lots: int
    touch_ns: int
    base_fees_e8: int
    def __init__(
        self,
        index: int,
        id: str,
        instrument: Instrument,
        *,
        feed: int = 0,
        maker: bool = True,
        settle_asset: int = 0,
        signal_settings: dict[str, Any] | None = None,
    ) -> None: ...
    @property
    def symbol(self) -> str: ...
    @property
    def mid(self) -> float: ...
    @property
    def microprice_ticks(self) -> float: ...
    @property
    def spread_ticks(self) -> int: ...
    @property
    def position_lots(self) -> int: ...
    @property
    def net_delta(self) -> float: ...
    def price(self, ticks: float) -> float: ...
    def ticks(self, price: float) -> float: ...
    def qty(self, lots: int) -> float: ...
    def lots(self, qty: float) -> int: ...
    def levels(self, side: int, n: int) -> list[tuple[int, int]]: ...
