"""Wire messages of USD-M futures that only it has.

Docs: "User Data Streams" (ORDER_TRADE_UPDATE, ACCOUNT_UPDATE), "Exchange Information", "Position Information V3",
"Futures Account Balance V3", "Get Income History".
"""

from __future__ import annotations

from decimal import Decimal  # noqa: TC003 - msgspec reads it at run time

import msgspec

from mmbot.venues.binance.messages import OrderReport, RateCount, SymbolInfo


class OrderUpdate(msgspec.Struct, frozen=True):
    """ORDER_TRADE_UPDATE."""

    o: OrderReport
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


class Contract(SymbolInfo, frozen=True, rename="camel"):
    """One of exchangeInfo's ``symbols``."""

    margin_asset: str
    contract_type: str = ""


class ExchangeInfo(msgspec.Struct, frozen=True, rename="camel"):
    """``GET /fapi/v1/exchangeInfo``."""

    symbols: list[Contract]
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
