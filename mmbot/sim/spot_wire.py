"""Binance spot's shapes of orders, trades, balances and private messages.

Samples: binance-spot-api-docs, "User Data Streams" (``executionReport``, ``outboundAccountPosition``) and "Trading
endpoints"; key order as there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mmbot.sim.instruments import fixed, money
from mmbot.sim.requests import SIDE_NAMES

if TYPE_CHECKING:
    from mmbot.sim.instruments import SimInstrument
    from mmbot.sim.orders import Amendment, Fill, SimOrder
    from mmbot.sim.spot_account import SpotAccount

Answer = dict[str, Any]
ZERO = "0.00000000"


def _common(order: SimOrder) -> Answer:
    instrument = order.instrument
    return {
        "price": instrument.price_text(order.price_ticks),
        "origQty": instrument.qty_text(order.qty_lots),
        "executedQty": instrument.qty_text(order.filled_lots),
        "origQuoteOrderQty": ZERO,
        "cummulativeQuoteQty": money(order.quote_e8),
        "status": order.status,
        "timeInForce": force(order),
        "type": order.kind,
        "side": SIDE_NAMES[order.side],
    }


def force(order: SimOrder) -> str:
    """Time in force as the venue shows it: market and post-only orders say GTC."""
    return "GTC" if order.kind in {"MARKET", "LIMIT_MAKER"} else order.time_in_force


def order_answer(order: SimOrder) -> Answer:
    """GET /api/v3/order."""
    return {
        "symbol": order.instrument.symbol,
        "orderId": order.order_id,
        "orderListId": -1,
        "clientOrderId": order.client_id,
        **_common(order),
        "stopPrice": ZERO,
        "icebergQty": ZERO,
        "time": order.time_ms,
        "updateTime": order.update_ms,
        "isWorking": True,
        "workingTime": order.time_ms,
        "selfTradePreventionMode": order.self_trade,
    }


def placed_answer(order: SimOrder, kind: str) -> Answer:
    """POST /api/v3/order with ``newOrderRespType`` ACK, RESULT or FULL."""
    answer: Answer = {
        "symbol": order.instrument.symbol,
        "orderId": order.order_id,
        "orderListId": -1,
        "clientOrderId": order.client_id,
        "transactTime": order.time_ms,
    }
    if kind == "ACK":
        return answer
    answer |= _common(order) | {"workingTime": order.time_ms, "selfTradePreventionMode": order.self_trade}
    if kind == "FULL":
        answer["fills"] = [
            {
                "price": order.instrument.price_text(fill.price_ticks),
                "qty": order.instrument.qty_text(fill.qty_lots),
                "commission": money(fill.fee_e8),
                "commissionAsset": fill.fee_asset,
                "tradeId": fill.trade_id,
            }
            for fill in order.fills
        ]
    return answer


def canceled_answer(order: SimOrder, cancel_id: str) -> Answer:
    """DELETE /api/v3/order."""
    return {
        "symbol": order.instrument.symbol,
        "origClientOrderId": order.client_id,
        "orderId": order.order_id,
        "orderListId": -1,
        "clientOrderId": cancel_id,
        "transactTime": order.update_ms,
        **_common(order),
        "selfTradePreventionMode": order.self_trade,
    }


def trade_answer(fill: Fill) -> Answer:
    """GET /api/v3/myTrades."""
    instrument = fill.instrument
    return {
        "symbol": instrument.symbol,
        "id": fill.trade_id,
        "orderId": fill.order_id,
        "orderListId": -1,
        "price": instrument.price_text(fill.price_ticks),
        "qty": instrument.qty_text(fill.qty_lots),
        "quoteQty": money(fill.quote_e8),
        "commission": money(fill.fee_e8),
        "commissionAsset": fill.fee_asset,
        "time": fill.time_ms,
        "isBuyer": fill.side == 0,
        "isMaker": fill.maker,
        "isBestMatch": True,
    }


def change_answer(order: SimOrder, change: Amendment) -> Answer:
    """One entry of GET /api/v3/order/amendments."""
    before, after = (order.instrument.qty_text(lots) for lots in change.qty_lots)
    return {
        "symbol": order.instrument.symbol,
        "orderId": order.order_id,
        "executionId": change.number,
        "origClientOrderId": order.client_id,
        "newClientOrderId": order.client_id,
        "origQty": before,
        "newQty": after,
        "time": change.time_ms,
    }


def rates_answer(instrument: SimInstrument) -> Answer:
    """POST /api/v3/order/test with ``computeCommissionRates``."""
    maker, taker = rates_text(instrument)
    none = {"maker": ZERO, "taker": ZERO}
    return {
        "standardCommissionForOrder": {"maker": maker, "taker": taker},
        "specialCommissionForOrder": none,
        "taxCommissionForOrder": none,
        "discount": {
            "enabledForAccount": False,
            "enabledForSymbol": False,
            "discountAsset": "BNB",
            "discount": ZERO,
        },
    }


def execution_report(
    order: SimOrder,
    execution: str,
    fill: Fill | None,
    *,
    time_ms: int,
    execution_id: int,
    cancel_id: str = "",
) -> Answer:
    """``executionReport``; a cancel carries its own id in ``c`` and the order's in ``C``."""
    instrument = order.instrument
    report: Answer = {
        "e": "executionReport",
        "E": time_ms,
        "s": instrument.symbol,
        "c": cancel_id or order.client_id,
        "S": SIDE_NAMES[order.side],
        "o": order.kind,
        "f": force(order),
        "q": instrument.qty_text(order.qty_lots),
        "p": instrument.price_text(order.price_ticks),
        "P": ZERO,
        "F": ZERO,
        "g": -1,
        "C": order.client_id if cancel_id else "",
        "x": execution,
        "X": order.status,
        "r": "NONE",
        "i": order.order_id,
        "l": instrument.qty_text(fill.qty_lots if fill else 0),
        "z": instrument.qty_text(order.filled_lots),
        "L": instrument.price_text(fill.price_ticks if fill else 0),
        "n": money(fill.fee_e8) if fill else "0",
        "N": fill.fee_asset if fill else None,
        "T": time_ms,
        "t": fill.trade_id if fill else -1,
        "I": execution_id,
        "w": order.open and not (fill and not fill.maker),
        "m": fill.maker if fill else False,
        "M": bool(fill),
        "O": order.time_ms,
        "Z": money(order.quote_e8),
        "Y": money(fill.quote_e8 if fill else 0),
        "Q": ZERO,
        "W": order.time_ms,
        "V": order.self_trade,
    }
    if order.status == "EXPIRED" and execution == "EXPIRED":
        report["eR"] = "INSUFFICIENT_LIQUIDITY"
    return report


def account_position(account: SpotAccount, assets: tuple[str, ...], time_ms: int) -> Answer:
    """``outboundAccountPosition``."""
    return {
        "e": "outboundAccountPosition",
        "E": time_ms,
        "u": time_ms,
        "B": [
            {"a": asset, "f": money(account.free.get(asset, 0)), "l": money(account.locked.get(asset, 0))}
            for asset in assets
        ],
    }


def account_answer(account: SpotAccount, rates: tuple[str, str], time_ms: int) -> Answer:
    """GET /api/v3/account."""
    maker, taker = rates
    zero = ZERO
    return {
        "makerCommission": 10,
        "takerCommission": 10,
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": {"maker": maker, "taker": taker, "buyer": zero, "seller": zero},
        "canTrade": True,
        "canWithdraw": True,
        "canDeposit": True,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": time_ms,
        "accountType": "SPOT",
        "balances": [
            {"asset": asset, "free": money(account.free[asset]), "locked": money(account.locked.get(asset, 0))}
            for asset in sorted(account.free)
        ],
        "permissions": ["SPOT"],
        "uid": account.user.index,
    }


def symbol_answer(instrument: SimInstrument) -> Answer:
    """One symbol of GET /api/v3/exchangeInfo."""
    return {
        "symbol": instrument.symbol,
        "status": "TRADING",
        "baseAsset": instrument.base,
        "baseAssetPrecision": 8,
        "quoteAsset": instrument.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"],
        "icebergAllowed": False,
        "ocoAllowed": False,
        "otoAllowed": False,
        "opoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": False,
        "cancelReplaceAllowed": True,
        "amendAllowed": True,
        "pegInstructionsAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": _eight(instrument.min_price),
                "maxPrice": _eight(instrument.max_price),
                "tickSize": _eight(instrument.tick),
            },
            {
                "filterType": "LOT_SIZE",
                "minQty": _eight(instrument.min_qty),
                "maxQty": _eight(instrument.max_qty),
                "stepSize": _eight(instrument.lot),
            },
            {
                "filterType": "MARKET_LOT_SIZE",
                "minQty": ZERO,
                "maxQty": _eight(instrument.market_max_qty),
                "stepSize": ZERO,
            },
            {
                "filterType": "PERCENT_PRICE_BY_SIDE",
                "bidMultiplierUp": instrument.multiplier_up,
                "bidMultiplierDown": instrument.multiplier_down,
                "askMultiplierUp": instrument.multiplier_up,
                "askMultiplierDown": instrument.multiplier_down,
                "avgPriceMins": 5,
            },
            {
                "filterType": "NOTIONAL",
                "minNotional": _eight(instrument.min_notional),
                "applyMinToMarket": True,
                "maxNotional": "9000000.00000000",
                "applyMaxToMarket": False,
                "avgPriceMins": 5,
            },
            {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": instrument.max_open_orders},
            {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 5},
        ],
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": ["NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"],
    }


def _eight(text: str) -> str:
    whole, _, fraction = text.partition(".")
    return f"{whole}.{fraction:0<8}"


def rates_text(instrument: SimInstrument) -> tuple[str, str]:
    """Maker and taker rate with 8 decimals."""
    return fixed(instrument.maker_e8, 8), fixed(instrument.taker_e8, 8)
