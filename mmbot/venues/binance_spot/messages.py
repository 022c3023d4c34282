"""Wire messages of spot that only it has.

Docs: ``user-data-stream.md`` (executionReport, outboundAccountPosition), ``rest-api.md`` (exchangeInfo, account).
"""

from __future__ import annotations

import msgspec

from mmbot.venues.binance.messages import RateCount  # noqa: TC001 - msgspec reads it at run time


class ExecutionReport(msgspec.Struct, frozen=True):
    """``executionReport``; the venue's one-letter names."""

    s: str  # symbol
    c: str  # client order id; of a cancel: the cancel request's own
    S: str  # side
    x: str  # execution type
    X: str  # order status
    i: int  # order id
    q: str  # quantity
    p: str  # price
    C: str = ""  # original client order id
    l: str = "0"  # noqa: E741 - last executed quantity; the venue's name
    z: str = "0"  # cumulative executed quantity
    L: str = "0"  # last executed price
    n: str | None = None  # commission
    N: str | None = None  # commission asset
    t: int = -1  # trade id
    T: int = 0  # transaction time, ms
    E: int = 0
    m: bool = False  # maker
    r: str = "NONE"  # reject reason


class AssetPosition(msgspec.Struct, frozen=True):
    """One of ``B``: asset, free, locked."""

    a: str
    f: str
    l: str  # noqa: E741 - the venue's name


class AccountPosition(msgspec.Struct, frozen=True):
    """``outboundAccountPosition``: the balances that may have changed."""

    B: list[AssetPosition]
    u: int = 0  # time of the last account update, ms
    E: int = 0


class SymbolFilter(msgspec.Struct, frozen=True, rename="camel"):
    """One of a symbol's ``filters``; which fields it has depends on its type."""

    filter_type: str
    min_price: str = "0"
    max_price: str = "0"
    tick_size: str = "0"
    min_qty: str = "0"
    max_qty: str = "0"
    step_size: str = "0"
    min_notional: str = "0"
    max_num_orders: int = 0


class SymbolInfo(msgspec.Struct, frozen=True, rename="camel"):
    """One of exchangeInfo's ``symbols``."""

    symbol: str
    status: str
    base_asset: str
    quote_asset: str
    filters: list[SymbolFilter]
    amend_allowed: bool = False


class ExchangeInfo(msgspec.Struct, frozen=True, rename="camel"):
    """``GET /api/v3/exchangeInfo``."""

    symbols: list[SymbolInfo]
    rate_limits: list[RateCount] = []


class CommissionRates(msgspec.Struct, frozen=True):
    """Fractions of notional."""

    maker: str
    taker: str


class Commission(msgspec.Struct, frozen=True, rename="camel"):
    """``GET /api/v3/account/commission``."""

    standard_commission: CommissionRates


class AssetBalance(msgspec.Struct, frozen=True):
    """One of the account's ``balances``."""

    asset: str
    free: str
    locked: str


class Account(msgspec.Struct, frozen=True, rename="camel"):
    """``GET /api/v3/account``."""

    balances: list[AssetBalance]
    can_trade: bool = True
    update_time: int = 0
