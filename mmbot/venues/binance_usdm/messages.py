"""Wire messages of USD-M futures that only it has.

Docs: "User Data Streams" (ORDER_TRADE_UPDATE, ACCOUNT_UPDATE), "Exchange Information", "Position Information V3",
"Futures Account Balance V3", "Get Income History".
"""

from __future__ import annotations

from decimal import Decimal  # noqa: TC003 - msgspec reads it at run time

import msgspec

from mmbot.venues.binance.messages import RateCount  # noqa: TC001 - msgspec reads it at run time


class OrderUpdateBody(msgspec.Struct, frozen=True):
    """``o`` of ORDER_TRADE_UPDATE; the venue's one-letter names."""

    s: str  # symbol
    c: str  # client order id
    S: str  # side
    x: str  # execution type
    X: str  # order status
    i: int  # order id
    q: str  # quantity
    p: str  # price
    l: str = "0"  # noqa: E741 - last filled quantity; the venue's name
    z: str = "0"  # cumulative filled quantity
    L: str = "0"  # last filled price
    n: str | None = None  # commission
    N: str | None = None  # commission asset
    t: int = 0  # trade id
    T: int = 0  # trade time, ms
    m: bool = False  # maker


class OrderUpdate(msgspec.Struct, frozen=True):
    """ORDER_TRADE_UPDATE."""

    o: OrderUpdateBody
    T: int = 0
    E: int = 0


class BalanceChange(msgspec.Struct, frozen=True):
    """One of ``a.B``: asset, wallet balance, change other than PnL and commission."""

    a: str
    wb: str
    bc: str = "0"


class PositionChange(msgspec.Struct, frozen=True):
    """One of ``a.P``: symbol, amount."""

    s: str
    pa: str


class AccountChange(msgspec.Struct, frozen=True):
    """``a`` of ACCOUNT_UPDATE; `m` is the reason."""

    m: str
    B: list[BalanceChange] = []
    P: list[PositionChange] = []


class AccountUpdate(msgspec.Struct, frozen=True):
    """ACCOUNT_UPDATE."""

    a: AccountChange
    T: int = 0


class SymbolFilter(msgspec.Struct, frozen=True, rename="camel"):
    """One of a symbol's ``filters``; which fields it has depends on its type."""

    filter_type: str
    min_price: str = "0"
    max_price: str = "0"
    tick_size: str = "0"
    min_qty: str = "0"
    max_qty: str = "0"
    step_size: str = "0"
    notional: str = "0"
    limit: int = 0


class SymbolInfo(msgspec.Struct, frozen=True, rename="camel"):
    """One of exchangeInfo's ``symbols``."""

    symbol: str
    status: str
    base_asset: str
    quote_asset: str
    margin_asset: str
    filters: list[SymbolFilter]
    contract_type: str = ""


class ExchangeInfo(msgspec.Struct, frozen=True, rename="camel"):
    """``GET /fapi/v1/exchangeInfo``."""

    symbols: list[SymbolInfo]
    rate_limits: list[RateCount] = []


class CommissionRate(msgspec.Struct, frozen=True, rename="camel"):
    """``GET /fapi/v1/commissionRate``."""

    maker_commission_rate: str
    taker_commission_rate: str


class PositionRisk(msgspec.Struct, frozen=True, rename="camel"):
    """One of ``GET /fapi/v3/positionRisk``."""

    symbol: str
    position_amt: str
    entry_price: str = "0"
    liquidation_price: str = "0"
    unRealizedProfit: str = "0"  # noqa: N815 - the venue's name, which is no camel case
    position_side: str = "BOTH"
    update_time: int = 0


class AssetBalance(msgspec.Struct, frozen=True, rename="camel"):
    """One of ``GET /fapi/v3/balance``."""

    asset: str
    balance: str
    available_balance: str = "0"


class Bracket(msgspec.Struct, frozen=True, rename="camel"):
    """One of ``brackets``: JSON numbers, kept with all their digits."""

    notional_floor: Decimal
    maint_margin_ratio: Decimal


class SymbolBrackets(msgspec.Struct, frozen=True):
    """One of ``GET /fapi/v1/leverageBracket``."""

    symbol: str
    brackets: list[Bracket]


class PositionMode(msgspec.Struct, frozen=True, rename="camel"):
    """``GET /fapi/v1/positionSide/dual``; true is hedge mode."""

    dual_side_position: bool


class ListenKeyAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """``POST /fapi/v1/listenKey``."""

    listen_key: str


class Income(msgspec.Struct, frozen=True, rename="camel"):
    """One of ``GET /fapi/v1/income``."""

    symbol: str
    income_type: str
    income: str
    asset: str
    time: int
    tran_id: int | str = 0
