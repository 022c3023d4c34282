"""The requests of Binance USD-M futures, REST ``/fapi`` and websocket API ``/ws-fapi/v1``, with documented weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from mmbot.sim import wire_errors
from mmbot.sim.endpoint import (
    Call,
    Endpoint,
    MethodTable,
    Params,
    RestTable,
    Security,
    Weight,
    entry,
    fixed,
    per_symbol,
    private,
    public,
    special,
    steps,
)
from mmbot.sim.endpoints_shared import (
    close_listen_key,
    empty_list,
    extend_listen_key,
    listing,
    order_counts,
    server_time,
    start_listen_key,
)
from mmbot.sim.endpoints_wallet import WALLET
from mmbot.sim.shapes_futures import (
    account_config,
    account_v2,
    account_v3,
    balances,
    position_risk_v2,
    position_risk_v3,
    symbol_config,
)

if TYPE_CHECKING:
    from mmbot.sim.futures import FuturesVenue

ONE = fixed(1)
CANDLES = steps((99, 1), (499, 2), (1000, 5), (1500, 10), default=500)
DEPTH = steps((50, 2), (100, 5), (500, 10), (1000, 20), default=500)


def _venue(call: Call) -> FuturesVenue:
    return call.gateway.venue  # type: ignore[return-value]  # this table serves the futures venue only


def _batch(params: Params) -> list[dict[str, Any]]:
    """The orders of a batch request, at most five."""
    text = params.get("batchOrders")
    if not text:
        raise wire_errors.mandatory("batchOrders")
    try:
        orders = msgspec.json.decode(text, type=list[dict[str, Any]]) if isinstance(text, str) else text
    except msgspec.MsgspecError:
        raise wire_errors.ApiError(-1130, "Data sent for parameter 'batchOrders' is not valid.") from None
    if not 1 <= len(orders) <= 5:
        raise wire_errors.ApiError(-4082, "Invalid number of batch place orders")
    return [dict(order) for order in orders]


def _batch_size(params: Params) -> int:
    text = params.get("batchOrders")
    return max(1, text.count('"symbol"')) if isinstance(text, str) else 1


def _batch_new(call: Call) -> Any:
    return _venue(call).batch_new(call.user, _batch(call.params), call.now_ns)  # type: ignore[arg-type]  # SIGNED


def _batch_amend(call: Call) -> Any:
    return _venue(call).batch_amend(call.user, _batch(call.params), call.now_ns)  # type: ignore[arg-type]  # SIGNED


def _batch_cancel(call: Call) -> Any:
    params = dict(call.params)
    for sent, documented in (("orderidlist", "orderIdList"), ("origclientorderidlist", "origClientOrderIdList")):
        if sent in params:  # a well-known client writes them so
            params[documented] = params.pop(sent)
    return _venue(call).batch_cancel(call.user, params, call.now_ns)  # type: ignore[arg-type]  # SIGNED


def _algo(method: str, weight: int, *, security: Security = Security.TRADE, orders: Weight | None = None) -> Endpoint:
    """A request about conditional orders."""

    def handle(call: Call) -> Any:
        return getattr(_venue(call).algo, method)(call.user, call.params, call.now_ns)

    return special(handle, weight, security=security, orders=orders)


def _fee_burn(_call: Call) -> dict[str, Any]:
    return {"feeBurn": False}


def _trading_status(call: Call) -> dict[str, Any]:
    return {"indicators": {}, "updateTime": int(call.gateway.clock.public_ms())}


_ACCOUNT_V2 = private("account", 5, shape=account_v2)
_ACCOUNT_V3 = private("account_in_use", 5, shape=account_v3)
_BALANCE = private("balance", 5, shape=balances)
_RISK_V2 = private("position_risk", 5, shape=position_risk_v2)
_RISK_V3 = private("position_risk_in_use", 5, shape=position_risk_v3)
_NEW = entry("new_order", 0, orders=ONE)
_AMEND = entry("amend_order", 1, orders=ONE)
_CANCEL = entry("cancel_order")
_QUERY = private("query_order")
_NEW_ALGO = _algo("place", 0, orders=ONE)
_CANCEL_ALGO = _algo("cancel", 1)
_TIME = special(server_time)
_INFO = special(listing)
_START = special(start_listen_key, security=Security.KEY)
_EXTEND = special(extend_listen_key, security=Security.KEY)
_CLOSE = special(close_listen_key, security=Security.KEY)
_SETTING = Security.TRADE

REST: RestTable = {
    ("GET", "/fapi/v1/ping"): public("ping"),
    ("GET", "/fapi/v1/time"): _TIME,
    ("GET", "/fapi/v1/exchangeInfo"): _INFO,
    ("GET", "/fapi/v1/depth"): public("depth", DEPTH),
    ("GET", "/fapi/v1/trades"): public("trades", 5),
    ("GET", "/fapi/v1/historicalTrades"): public("trades", 20),
    ("GET", "/fapi/v1/aggTrades"): public("agg_trades", 20),
    ("GET", "/fapi/v1/rpiDepth"): public("depth", 20),
    ("GET", "/fapi/v1/klines"): public("klines", CANDLES),
    ("GET", "/fapi/v1/continuousKlines"): public("continuous_klines", CANDLES),
    ("GET", "/fapi/v1/indexPriceKlines"): public("index_klines", CANDLES),
    ("GET", "/fapi/v1/markPriceKlines"): public("mark_klines", CANDLES),
    ("GET", "/fapi/v1/premiumIndexKlines"): public("premium_klines", CANDLES),
    ("GET", "/fapi/v1/openInterest"): public("open_interest"),
    ("GET", "/fapi/v1/symbolAdlRisk"): public("adl_risk"),
    ("GET", "/fapi/v1/indexInfo"): special(empty_list),
    ("GET", "/fapi/v1/ticker/bookTicker"): public("book_ticker", per_symbol(2, 5)),
    ("GET", "/fapi/v1/ticker/price"): public("ticker_price", per_symbol(1, 2)),
    ("GET", "/fapi/v2/ticker/price"): public("ticker_price", per_symbol(1, 2)),
    ("GET", "/fapi/v1/ticker/24hr"): public("ticker_24h", per_symbol(1, 40)),
    ("GET", "/fapi/v1/premiumIndex"): public("premium_index", per_symbol(1, 10)),
    ("GET", "/fapi/v1/fundingRate"): public("funding_rate"),
    ("GET", "/fapi/v1/fundingInfo"): public("funding_info", 0),
    ("POST", "/fapi/v1/order"): _NEW,
    ("POST", "/fapi/v1/order/test"): private("test_order", security=Security.TRADE),
    ("PUT", "/fapi/v1/order"): _AMEND,
    ("GET", "/fapi/v1/order"): _QUERY,
    ("DELETE", "/fapi/v1/order"): _CANCEL,
    ("POST", "/fapi/v1/batchOrders"): special(
        _batch_new, 5, security=Security.TRADE, orders=_batch_size, order_entry=True
    ),
    ("PUT", "/fapi/v1/batchOrders"): special(
        _batch_amend, 5, security=Security.TRADE, orders=_batch_size, order_entry=True
    ),
    ("DELETE", "/fapi/v1/batchOrders"): special(_batch_cancel, 1, security=Security.TRADE, order_entry=True),
    ("DELETE", "/fapi/v1/allOpenOrders"): entry("cancel_all"),
    ("POST", "/fapi/v1/countdownCancelAll"): private("countdown_cancel_all", 10, security=Security.TRADE),
    ("GET", "/fapi/v1/openOrder"): private("query_open_order"),
    ("GET", "/fapi/v1/openOrders"): private("open_orders", per_symbol(1, 40)),
    ("GET", "/fapi/v1/allOrders"): private("all_orders", 5),
    ("GET", "/fapi/v1/userTrades"): private("user_trades", 5),
    ("GET", "/fapi/v1/orderAmendment"): private("order_amendments"),
    ("GET", "/fapi/v1/adlQuantile"): private("adl_quantiles", 5),
    ("GET", "/fapi/v1/income"): private("income", 30),
    ("GET", "/fapi/v1/forceOrders"): private("force_orders", per_symbol(20, 50)),
    ("GET", "/fapi/v1/account"): _ACCOUNT_V2,
    ("GET", "/fapi/v2/account"): _ACCOUNT_V2,
    ("GET", "/fapi/v3/account"): _ACCOUNT_V3,
    ("GET", "/fapi/v1/balance"): _BALANCE,
    ("GET", "/fapi/v2/balance"): _BALANCE,
    ("GET", "/fapi/v3/balance"): _BALANCE,
    ("GET", "/fapi/v1/positionRisk"): _RISK_V2,
    ("GET", "/fapi/v2/positionRisk"): _RISK_V2,
    ("GET", "/fapi/v3/positionRisk"): _RISK_V3,
    ("GET", "/fapi/v1/accountConfig"): private("account_in_use", 5, shape=account_config),
    ("GET", "/fapi/v1/symbolConfig"): private("position_risk", 5, shape=symbol_config),
    ("GET", "/fapi/v1/commissionRate"): private("commission_rate", 20),
    ("GET", "/fapi/v1/leverageBracket"): private("leverage_brackets"),
    ("POST", "/fapi/v1/leverage"): private("set_leverage", security=_SETTING),
    ("POST", "/fapi/v1/marginType"): private("set_margin_type", security=_SETTING),
    ("POST", "/fapi/v1/positionMargin"): private("change_position_margin", security=_SETTING),
    ("GET", "/fapi/v1/positionMargin/history"): special(empty_list, security=Security.SIGNED),
    ("GET", "/fapi/v1/positionSide/dual"): private("position_mode", 30),
    ("POST", "/fapi/v1/positionSide/dual"): private("set_position_mode", security=_SETTING),
    ("GET", "/fapi/v1/multiAssetsMargin"): private("multi_assets_mode", 30),
    ("POST", "/fapi/v1/multiAssetsMargin"): private("set_multi_assets_mode", security=_SETTING),
    ("GET", "/fapi/v1/feeBurn"): special(_fee_burn, 30, security=Security.SIGNED),
    ("GET", "/fapi/v1/apiTradingStatus"): special(_trading_status, security=Security.SIGNED),
    ("GET", "/fapi/v1/rateLimit/order"): special(order_counts, security=Security.SIGNED),
    ("POST", "/fapi/v1/algoOrder"): _NEW_ALGO,
    ("GET", "/fapi/v1/algoOrder"): _algo("query", 1, security=Security.SIGNED),
    ("DELETE", "/fapi/v1/algoOrder"): _CANCEL_ALGO,
    ("DELETE", "/fapi/v1/algoOpenOrders"): _algo("cancel_all", 1),
    ("GET", "/fapi/v1/openAlgoOrders"): _algo("open_orders", 1, security=Security.SIGNED),
    ("GET", "/fapi/v1/allAlgoOrders"): _algo("all_orders", 5, security=Security.SIGNED),
    ("POST", "/fapi/v1/listenKey"): _START,
    ("PUT", "/fapi/v1/listenKey"): _EXTEND,
    ("DELETE", "/fapi/v1/listenKey"): _CLOSE,
    **WALLET,
}

WS_API: MethodTable = {
    "ping": public("ping"),
    "time": _TIME,
    "exchangeInfo": _INFO,
    "depth": public("depth", DEPTH),
    "ticker.price": public("ticker_price", per_symbol(1, 2)),
    "ticker.book": public("book_ticker", per_symbol(2, 5)),
    "order.place": _NEW,
    "order.modify": _AMEND,
    "order.cancel": _CANCEL,
    "order.status": _QUERY,
    "algoOrder.place": _NEW_ALGO,
    "algoOrder.cancel": _CANCEL_ALGO,
    "account.status": _ACCOUNT_V2,
    "v2/account.status": _ACCOUNT_V3,
    "account.balance": _BALANCE,
    "v2/account.balance": _BALANCE,
    "account.position": _RISK_V2,
    "v2/account.position": _RISK_V3,
    "userDataStream.start": special(start_listen_key, 5, security=Security.KEY),
    "userDataStream.ping": _EXTEND,
    "userDataStream.stop": _CLOSE,
}
