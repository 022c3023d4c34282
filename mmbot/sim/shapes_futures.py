"""Versions of the futures account answers: each version of a request shows its own selection of one full answer.

Key lists are those of the venue's documents, "Account Information V2/V3", "Position Information V2/V3".
"""

from __future__ import annotations

from typing import Any

Answer = dict[str, Any]

TOTALS = (
    "totalInitialMargin",
    "totalMaintMargin",
    "totalWalletBalance",
    "totalUnrealizedProfit",
    "totalMarginBalance",
    "totalPositionInitialMargin",
    "totalOpenOrderInitialMargin",
    "totalCrossWalletBalance",
    "totalCrossUnPnl",
    "availableBalance",
    "maxWithdrawAmount",
)
CONFIG = (
    "feeTier",
    "canTrade",
    "canDeposit",
    "canWithdraw",
    "dualSidePosition",
    "updateTime",
    "multiAssetsMargin",
    "tradeGroupId",
)
ACCOUNT_V2 = ("feeTier", "feeBurn", *CONFIG[1:4], *CONFIG[5:], *TOTALS)
ASSET_V3 = (
    "asset",
    "walletBalance",
    "unrealizedProfit",
    "marginBalance",
    "maintMargin",
    "initialMargin",
    "positionInitialMargin",
    "openOrderInitialMargin",
    "crossWalletBalance",
    "crossUnPnl",
    "availableBalance",
    "maxWithdrawAmount",
    "updateTime",
)
ASSET_V2 = (*ASSET_V3[:-1], "marginAvailable", "updateTime")
POSITION_V2 = (
    "symbol",
    "initialMargin",
    "maintMargin",
    "unrealizedProfit",
    "positionInitialMargin",
    "openOrderInitialMargin",
    "leverage",
    "isolated",
    "entryPrice",
    "breakEvenPrice",
    "maxNotional",
    "bidNotional",
    "askNotional",
    "positionSide",
    "positionAmt",
    "updateTime",
)
POSITION_V3 = (
    "symbol",
    "positionSide",
    "positionAmt",
    "unrealizedProfit",
    "isolatedMargin",
    "notional",
    "isolatedWallet",
    "initialMargin",
    "maintMargin",
    "updateTime",
)
BALANCE = (
    "accountAlias",
    "asset",
    "balance",
    "crossWalletBalance",
    "crossUnPnl",
    "availableBalance",
    "maxWithdrawAmount",
    "marginAvailable",
    "updateTime",
)
RISK_V2 = (
    "symbol",
    "positionAmt",
    "entryPrice",
    "breakEvenPrice",
    "markPrice",
    "unRealizedProfit",
    "liquidationPrice",
    "leverage",
    "maxNotionalValue",
    "marginType",
    "isolatedMargin",
    "isAutoAddMargin",
    "positionSide",
    "notional",
    "isolatedWallet",
    "updateTime",
)
RISK_V3 = (
    "symbol",
    "positionSide",
    "positionAmt",
    "entryPrice",
    "breakEvenPrice",
    "markPrice",
    "unRealizedProfit",
    "liquidationPrice",
    "isolatedMargin",
    "notional",
    "marginAsset",
    "isolatedWallet",
    "initialMargin",
    "maintMargin",
    "positionInitialMargin",
    "openOrderInitialMargin",
    "adl",
    "bidNotional",
    "askNotional",
    "updateTime",
)
IN_USE = ("positionAmt", "openOrderInitialMargin", "bidNotional", "askNotional")


def _pick(answer: Answer, keys: tuple[str, ...]) -> Answer:
    return {key: answer[key] for key in keys if key in answer}


def account_v2(answer: Answer) -> Answer:
    """``/fapi/v2/account``: every symbol's position, settings included."""
    return {
        **_pick(answer, ACCOUNT_V2),
        "assets": [_pick(asset, ASSET_V2) for asset in answer["assets"]],
        "positions": [_pick(position, POSITION_V2) for position in answer["positions"]],
    }


def account_v3(answer: Answer) -> Answer:
    """``/fapi/v3/account``: only symbols with a position or an order."""
    return {
        **_pick(answer, TOTALS),
        "assets": [_pick(asset, ASSET_V3) for asset in answer["assets"]],
        "positions": [_pick(position, POSITION_V3) for position in answer["positions"] if _in_use(position)],
    }


def account_config(answer: Answer) -> Answer:
    """``/fapi/v1/accountConfig``."""
    return _pick({"dualSidePosition": False, **answer}, CONFIG)


def balances(answer: list[Answer]) -> list[Answer]:
    """``/fapi/v2/balance`` and v3."""
    return [_pick(balance, BALANCE) for balance in answer]


def position_risk_v2(answer: list[Answer]) -> list[Answer]:
    """``/fapi/v2/positionRisk``: every symbol."""
    return [_pick(position, RISK_V2) for position in answer]


def position_risk_v3(answer: list[Answer]) -> list[Answer]:
    """``/fapi/v3/positionRisk``: only symbols with a position or an order."""
    return [_pick(position, RISK_V3) for position in answer if _in_use(position)]


def symbol_config(answer: list[Answer]) -> list[Answer]:
    """``/fapi/v1/symbolConfig``."""
    return [
        {
            "symbol": position["symbol"],
            "marginType": "ISOLATED" if position["marginType"] == "isolated" else "CROSSED",
            "isAutoAddMargin": str(position["isAutoAddMargin"]).lower() == "true",
            "leverage": int(position["leverage"]),
            "maxNotionalValue": position["maxNotionalValue"],
        }
        for position in answer
    ]


def _in_use(position: Answer) -> bool:
    return any(float(position.get(key, 0)) for key in IN_USE)
