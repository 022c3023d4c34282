"""Requests beside the two venues that general-purpose clients make before they trade; served on both ports.

The wallet service ``/sapi``, and the listings of venues that are not simulated (coin-margined futures, options, margin
pairs), which are empty.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mmbot.sim.endpoint import RestTable, Security, special
from mmbot.sim.endpoints_shared import empty_list

if TYPE_CHECKING:
    from mmbot.sim.endpoint import Call


def _wallet(call: Call) -> list[dict[str, Any]]:
    """``/sapi/v1/capital/config/getall``: the coins of the account, none of which can be moved in or out."""
    if call.user is None:
        return []
    account = call.gateway.wallet.account(call.user, {}, call.now_ns)
    return [
        {
            "coin": balance["asset"],
            "name": balance["asset"],
            "free": balance["free"],
            "locked": balance["locked"],
            "freeze": "0",
            "withdrawing": "0",
            "ipoing": "0",
            "ipoable": "0",
            "storage": "0",
            "isLegalMoney": False,
            "trading": True,
            "depositAllEnable": False,
            "withdrawAllEnable": False,
            "networkList": [],
        }
        for balance in account["balances"]
    ]


def _trade_fees(call: Call) -> list[dict[str, Any]]:
    """``/sapi/v1/asset/tradeFee``."""
    if call.user is None:
        return []
    venue = call.gateway.wallet
    account = venue.account(call.user, {}, call.now_ns)
    wanted = call.params.get("symbol")
    return [
        {
            "symbol": symbol["symbol"],
            "makerCommission": account["commissionRates"]["maker"],
            "takerCommission": account["commissionRates"]["taker"],
        }
        for symbol in venue.exchange_info({}, call.now_ns)["symbols"]
        if wanted in (None, symbol["symbol"])
    ]


def _restrictions(_call: Call) -> dict[str, Any]:
    """``/sapi/v1/account/apiRestrictions``: a key that trades and never withdraws."""
    return {
        "ipRestrict": False,
        "enableReading": True,
        "enableWithdrawals": False,
        "enableInternalTransfer": False,
        "enableMargin": False,
        "enableFutures": True,
        "permitsUniversalTransfer": False,
        "enableSpotAndMarginTrading": True,
    }


def _no_symbols(call: Call) -> dict[str, Any]:
    """The listing of a venue that is not simulated."""
    time_ms = int(call.gateway.clock.public_ms())
    return {
        "timezone": "UTC",
        "serverTime": time_ms,
        "rateLimits": [],
        "exchangeFilters": [],
        "symbols": [],
        "optionSymbols": [],
    }


def _working(_call: Call) -> dict[str, Any]:
    """``/sapi/v1/system/status``."""
    return {"status": 0, "msg": "normal"}


WALLET: RestTable = {
    ("GET", "/sapi/v1/system/status"): special(_working),
    ("GET", "/sapi/v1/capital/config/getall"): special(_wallet, 10, security=Security.SIGNED),
    ("GET", "/sapi/v1/asset/tradeFee"): special(_trade_fees, security=Security.SIGNED),
    ("GET", "/sapi/v1/account/apiRestrictions"): special(_restrictions, security=Security.SIGNED),
    ("GET", "/sapi/v1/margin/allPairs"): special(empty_list),
    ("GET", "/sapi/v1/margin/allAssets"): special(empty_list),
    ("GET", "/sapi/v1/margin/isolated/allPairs"): special(empty_list, 10),
    ("GET", "/dapi/v1/exchangeInfo"): special(_no_symbols),
    ("GET", "/eapi/v1/exchangeInfo"): special(_no_symbols),
}
