"""Wire messages of spot that only it has.

Docs: ``user-data-stream.md`` (executionReport, outboundAccountPosition), ``rest-api.md`` (exchangeInfo, account).
"""

from __future__ import annotations

import msgspec

from mmbot.venues.binance.messages import OrderReport, RateCount, SymbolInfo


class ExecutionReport(OrderReport, frozen=True):
    """``executionReport``: `c` of a cancel is the cancel request's own id."""

    C: str = ""  # original client order id
    E: int = 0
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


class SpotSymbol(SymbolInfo, frozen=True, rename="camel"):
    """One of exchangeInfo's ``symbols``."""

    amend_allowed: bool = False


class ExchangeInfo(msgspec.Struct, frozen=True, rename="camel"):
    """``GET /api/v3/exchangeInfo``."""

    symbols: list[SpotSymbol]
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
