"""The vocabulary of the core, as Python sees it; see ``types.pxd`` for the meaning of each field."""

from enum import IntEnum

from typing_extensions import disjoint_base

class Side(IntEnum):
    BUY = 0
    SELL = 1

class TimeInForce(IntEnum):
    GTC = 0
    IOC = 1
    FOK = 2
    GTX = 3

class Purpose(IntEnum):
    QUOTE = 0
    HEDGE = 1
    FLATTEN = 2

class OrderState(IntEnum):
    NONE = 0
    PENDING_NEW = 1
    LIVE = 2
    PARTIALLY_FILLED = 3
    PENDING_AMEND = 4
    PENDING_CANCEL = 5
    UNKNOWN = 6
    FILLED = 7
    CANCELED = 8
    REJECTED = 9
    EXPIRED = 10

class OrderEventKind(IntEnum):
    ACK = 1
    FILL = 2
    CANCEL = 3
    EXPIRE = 4
    REJECT = 5
    AMEND = 6
    AMEND_REJECT = 7
    CANCEL_REJECT = 8
    NOT_FOUND = 9
    LOST = 10
    STATUS = 11

class Owner(IntEnum):
    OTHER = 0
    OURS = 1
    OURS_BEFORE = 2

class CommandKind(IntEnum):
    PLACE = 1
    AMEND_ORDER = 2
    CANCEL_ORDER = 3
    CANCEL_ALL = 4
    QUERY_ORDER = 5
    RESYNC = 6
    RECONCILE = 7

@disjoint_base
class Instrument:
    venue: str
    symbol: str
    venue_symbol: str
    base_asset: str
    quote_asset: str
    settle_asset: str
    tick_size: str
    lot_size: str
    contract_size: str
    perpetual: bool
    inverse: bool
    amend_keeps_priority: bool
    amend_any: bool
    tick_value: float
    lot_value: float
    min_qty_lots: int
    max_qty_lots: int
    min_price_ticks: int
    max_price_ticks: int
    min_notional_e8: int
    max_open_orders: int
    maker_fee: float
    taker_fee: float
    def __init__(
        self,
        *,
        venue: str,
        symbol: str,
        venue_symbol: str,
        base_asset: str,
        quote_asset: str,
        settle_asset: str,
        tick_size: str,
        lot_size: str,
        contract_size: str = "1",
        perpetual: bool = True,
        inverse: bool = False,
        amend_keeps_priority: bool = False,
        amend_any: bool = True,
        min_qty_lots: int = 1,
        max_qty_lots: int = 0,
        min_price_ticks: int = 1,
        max_price_ticks: int = 0,
        min_notional_e8: int = 0,
        max_open_orders: int = 200,
        maker_fee: float = 0.0,
        taker_fee: float = 0.0,
    ) -> None: ...

@disjoint_base
class OrderEvent:
    def __init__(
        self,
        *,
        kind: int,
        market: int,
        exch_ts_ns: int = 0,
        order_num: int = 0,
        owner: int = 1,
        venue_order_id: int = 0,
        side: int = 0,
        state: int = 0,
        price_ticks: int = 0,
        qty_lots: int = 0,
        cum_filled_lots: int = -1,
        last_price_ticks: int = 0,
        last_qty_lots: int = 0,
        trade_id: int = 0,
        fee_e8: int = 0,
        fee_asset: int = 0,
        maker: int = -1,
        reason: int = 0,
        request: int = 0,
    ) -> None: ...
    def as_dict(self) -> dict[str, int]: ...
    @staticmethod
    def from_raw(body: bytes) -> OrderEvent: ...

@disjoint_base
class CommandView:
    def __init__(
        self,
        *,
        kind: int = 0,
        market: int = 0,
        ts_ns: int = 0,
        event_seq: int = 0,
        order_num: int = 0,
        venue_order_id: int = 0,
        side: int = 0,
        price_ticks: int = 0,
        qty_lots: int = 0,
        time_in_force: int = 0,
        reduce_only: bool = False,
        purpose: int = 0,
        reason: int = 0,
        attempt: int = 0,
    ) -> None: ...
    def as_dict(self) -> dict[str, int]: ...
    def raw(self) -> bytes: ...
    @staticmethod
    def from_raw(body: bytes) -> CommandView: ...
    @property
    def kind(self) -> int: ...
    @property
    def market(self) -> int: ...
    @property
    def order_num(self) -> int: ...
    @property
    def venue_order_id(self) -> int: ...
    @property
    def ts_ns(self) -> int: ...
    @property
    def side(self) -> int: ...
    @property
    def price_ticks(self) -> int: ...
    @property
    def qty_lots(self) -> int: ...
    @property
    def time_in_force(self) -> int: ...
    @property
    def reduce_only(self) -> bool: ...
    @property
    def purpose(self) -> int: ...
    @property
    def reason(self) -> int: ...
