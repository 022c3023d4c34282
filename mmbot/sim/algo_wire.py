"""Shapes of conditional orders: the answers to requests for them, and the event ``ALGO_UPDATE``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mmbot.sim.algo_orders import AlgoOrder

Answer = dict[str, Any]


def placed(order: AlgoOrder) -> Answer:
    """POST /fapi/v1/algoOrder."""
    shown = _shown(order)
    trailing = bool(order.trail_e8)
    shown |= {
        "activatePrice": shown["triggerPrice"] if trailing else "",
        "callbackRate": f"{order.trail_e8 / 10**6:.1f}" if trailing else "",
    }
    return shown


def queried(order: AlgoOrder) -> Answer:
    """GET /fapi/v1/algoOrder, and the entries of lists."""
    order_id, price, qty, kind = order.actual
    return _shown(order) | {
        "actualOrderId": order_id,
        "actualPrice": price,
        "actualQty": qty,
        "actualType": kind,
        "tpTriggerPrice": "0.000",
        "tpPrice": "0.000",
        "slTriggerPrice": "0.000",
        "slPrice": "0.000",
        "tpOrderType": "",
    }


def update(order: AlgoOrder) -> Answer:
    """``ALGO_UPDATE``."""
    shown, (order_id, price, qty, kind) = _shown(order), order.actual
    body: Answer = {
        "caid": order.client_id,
        "aid": order.algo_id,
        "at": "CONDITIONAL",
        "o": order.kind,
        "s": order.instrument.symbol,
        "S": order.side,
        "ps": "BOTH",
        "f": shown["timeInForce"],
        "q": shown["quantity"],
        "X": order.status,
        "ai": order_id,
    }
    if order_id:
        body |= {"ap": price, "aq": qty, "act": kind}
    body |= {
        "tp": shown["triggerPrice"],
        "p": shown["price"],
        "V": shown["selfTradePreventionMode"],
        "wt": order.working,
        "pm": shown["priceMatch"],
        "cp": order.close_position,
        "pP": False,
        "R": shown["reduceOnly"],
        "tt": order.trigger_ms,
        "gtd": 0,
    }
    return {"e": "ALGO_UPDATE", "T": order.update_ms, "E": order.update_ms, "o": body}


def refused(order: AlgoOrder, reason: str, time_ms: int) -> Answer:
    """``CONDITIONAL_ORDER_TRIGGER_REJECT``: the order that it would have become was refused."""
    return {
        "e": "CONDITIONAL_ORDER_TRIGGER_REJECT",
        "E": time_ms,
        "T": time_ms,
        "or": {"s": order.instrument.symbol, "i": order.algo_id, "r": reason},
    }


def _shown(order: AlgoOrder) -> Answer:
    instrument, becomes = order.instrument, order.order
    return {
        "algoId": order.algo_id,
        "clientAlgoId": order.client_id,
        "algoType": "CONDITIONAL",
        "orderType": order.kind,
        "symbol": instrument.symbol,
        "side": order.side,
        "positionSide": "BOTH",
        "timeInForce": becomes.get("timeInForce", "GTC"),
        "quantity": instrument.qty_text(instrument.lots(becomes["quantity"])) if "quantity" in becomes else "0",
        "algoStatus": order.status,
        "triggerPrice": instrument.price_text(order.trigger_ticks),
        "price": instrument.price_text(instrument.ticks(becomes["price"])) if "price" in becomes else "0.00",
        "icebergQuantity": None,
        "selfTradePreventionMode": becomes["selfTradePreventionMode"],
        "workingType": order.working,
        "priceMatch": becomes.get("priceMatch", "NONE"),
        "closePosition": order.close_position,
        "priceProtect": False,
        "reduceOnly": becomes["reduceOnly"] == "true",
        "createTime": order.time_ms,
        "updateTime": order.update_ms,
        "triggerTime": order.trigger_ms,
        "goodTillDate": 0,
    }
