"""Wire messages that both venues share, and the exact reading of their numbers.

Unknown fields are ignored; a field that is needed and missing, or of the wrong type, is a `DecodeError`.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TypeVar

import msgspec

from mmbot._core.decimal import Unit, to_units
from mmbot._core.types import OrderState, Side
from mmbot.errors import ConfigError, DecodeError

T = TypeVar("T")

_ABSENT = msgspec.Raw(b"")  # a part of a message that is not there

E8 = Unit("0.00000001")
NS_PER_MS = 1_000_000

ORDER_STATES = {
    "NEW": OrderState.LIVE,
    "PENDING_NEW": OrderState.PENDING_NEW,
    "PARTIALLY_FILLED": OrderState.PARTIALLY_FILLED,
    "FILLED": OrderState.FILLED,
    "CANCELED": OrderState.CANCELED,
    "PENDING_CANCEL": OrderState.LIVE,
    "REJECTED": OrderState.REJECTED,
    "EXPIRED": OrderState.EXPIRED,
    "EXPIRED_IN_MATCH": OrderState.EXPIRED,
}
_SIDES = {"BUY": Side.BUY, "SELL": Side.SELL}


class ErrorData(msgspec.Struct, frozen=True, rename="camel"):
    """``data`` of a websocket API error that asks for a pause: both in UTC milliseconds."""

    server_time: int = 0
    retry_after: int = 0


class ApiError(msgspec.Struct, frozen=True):
    """Error body: ``{"code": -2011, "msg": "Unknown order sent."}``; a batch's entry may be one too."""

    code: int
    msg: str = ""
    data: ErrorData | None = None

    def wait_s(self) -> float:
        """Seconds that a 429 or 418 asks to wait."""
        if self.data is not None and self.data.retry_after > self.data.server_time > 0:
            return (self.data.retry_after - self.data.server_time) / 1000
        return 10.0


class RateCount(msgspec.Struct, frozen=True, rename="camel"):
    """One entry of a websocket API answer's ``rateLimits``."""

    rate_limit_type: str = ""
    interval: str = ""
    interval_num: int = 0
    limit: int = 0
    count: int = 0


class ApiAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """Answer of the websocket API, or an event pushed over it (``{"subscriptionId", "event"}``, spot)."""

    id: str | int | None = None
    status: int = 0
    result: msgspec.Raw = _ABSENT
    error: ApiError | None = None
    rate_limits: list[RateCount] = []
    event: msgspec.Raw = _ABSENT


class StreamEnvelope(msgspec.Struct, frozen=True):
    """Outermost layer of a stream message: wrapped (``stream``, ``data``) or bare (``e``)."""

    e: str = ""
    data: msgspec.Raw = _ABSENT


class SubscribeAnswer(msgspec.Struct, frozen=True):
    """``{"result": null, "id": 1}``, or with ``error`` (old servers: ``code``, ``msg``) a refusal."""

    id: int | str | None = None
    error: ApiError | None = None
    code: int = 0
    msg: str = ""


class OrderReport(msgspec.Struct, frozen=True):
    """What both venues' order events say in the same one-letter names."""

    s: str  # symbol
    c: str  # client order id
    S: str  # side
    x: str  # execution type
    X: str  # order status
    i: int  # order id
    q: str  # quantity
    p: str  # price
    l: str = "0"  # noqa: E741 - last executed quantity; the venue's name
    z: str = "0"  # cumulative executed quantity
    L: str = "0"  # last executed price
    n: str | None = None  # commission
    N: str | None = None  # commission asset
    t: int = 0  # trade id
    T: int = 0  # time of the transaction or trade, ms
    m: bool = False  # maker


class OrderAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """One order in an answer of REST or the websocket API, of either venue; ACK answers leave most out."""

    symbol: str
    order_id: int
    client_order_id: str = ""
    orig_client_order_id: str = ""
    side: str = ""
    status: str = ""
    price: str = ""
    orig_qty: str = ""
    qty: str = ""  # spot amend: amendedOrder
    executed_qty: str = ""
    reduce_only: bool = False
    time: int = 0
    update_time: int = 0
    transact_time: int = 0


class AmendAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """Spot's answer to order.amend.keepPriority."""

    amended_order: OrderAnswer
    transact_time: int = 0


class SymbolFilter(msgspec.Struct, frozen=True, rename="camel"):
    """One of a symbol's ``filters``; which fields it has depends on its type and on the venue."""

    filter_type: str
    min_price: str = "0"
    max_price: str = "0"
    tick_size: str = "0"
    min_qty: str = "0"
    max_qty: str = "0"
    step_size: str = "0"
    min_notional: str = "0"  # spot
    notional: str = "0"  # futures
    max_num_orders: int = 0  # spot
    limit: int = 0  # futures


class SymbolInfo(msgspec.Struct, frozen=True, rename="camel"):
    """One of exchangeInfo's ``symbols``, as far as both venues have it."""

    symbol: str
    status: str
    base_asset: str
    quote_asset: str
    filters: list[SymbolFilter]

    def filter(self, name: str) -> SymbolFilter:
        """The filter of this type.

        Raises:
            ConfigError: there is none.
        """
        for each in self.filters:
            if each.filter_type == name:
                return each
        names = sorted(each.filter_type for each in self.filters)
        raise ConfigError(f"exchangeInfo {self.symbol}: expected a filter {name}, found {names}")

    def filter_or(self, *names: str) -> SymbolFilter:
        """The first of these types that there is, or one that limits nothing."""
        found = {each.filter_type: each for each in self.filters}
        return next((found[name] for name in names if name in found), SymbolFilter(names[0]))


class ServerTime(msgspec.Struct, frozen=True, rename="camel"):
    """``GET …/time``."""

    server_time: int


class TradeAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """One entry of userTrades (futures: `side`, `maker`) or myTrades (spot: `is_buyer`, `is_maker`)."""

    symbol: str
    id: int
    order_id: int
    price: str
    qty: str
    commission: str
    commission_asset: str
    time: int
    side: str = ""
    maker: bool = False
    is_buyer: bool = False
    is_maker: bool = False


def decode(kind: type[T], raw: bytes | memoryview | msgspec.Raw, where: str) -> T:
    """Read a message of a known shape.

    Raises:
        DecodeError: the bytes do not have it.
    """
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DecodeError(f"{where}: expected {kind!r}, found {error}") from None


def units(text: str, unit: Unit, where: str, *, signed: bool = False) -> int:
    """Read a price, quantity or amount as whole ticks, lots or 1e-8.

    Raises:
        DecodeError: it is not a whole number of them.
    """
    try:
        return to_units(text, unit, signed=signed)
    except ValueError as error:
        raise DecodeError(f"{where}: {error}") from None


def amount_e8(text: str, where: str) -> int:
    """Read an amount of money, which Binance gives with at most eight decimals.

    Raises:
        DecodeError: it has more of them, or is no number.
    """
    return units(text, E8, where, signed=True)


def side_of(text: str) -> Side:
    """Read ``BUY`` or ``SELL``; raises DecodeError for anything else."""
    side = _SIDES.get(text)
    if side is None:
        raise DecodeError(f"side: expected BUY or SELL, found {text!r}")
    return side


def decimal(text: str, where: str) -> Decimal:
    """Read a number of any precision.

    Raises:
        DecodeError: it is none.
    """
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite():
        raise DecodeError(f"{where}: expected a decimal, found {text!r}")
    return value
