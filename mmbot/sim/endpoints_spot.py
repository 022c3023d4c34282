"""The requests of Binance spot: REST ``/api/v3`` and websocket API ``/ws-api/v3``, with their documented weights."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from mmbot.sim.endpoint import (
    Call,
    MethodTable,
    Params,
    RestTable,
    Security,
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
    extend_listen_key,
    listing,
    order_counts,
    server_time,
    start_listen_key,
)
from mmbot.sim.endpoints_wallet import WALLET

ONE = fixed(1)
DEPTH = steps((100, 5), (500, 25), (1000, 50), (5000, 250), default=100)
AVERAGE_MINUTES = 5


def _trades_weight(params: Params) -> int:
    return 5 if params.get("orderId") else 20


def _average_price(call: Call) -> dict[str, Any]:
    """Volume-weighted price of the last five minutes' trades, or the last price when there were none."""
    venue = call.gateway.venue
    now_ms = call.now_ns // 1_000_000
    recent = [
        trade
        for trade in venue.trades({**call.params, "limit": "1000"}, call.now_ns)
        if trade["time"] >= now_ms - AVERAGE_MINUTES * 60_000
    ]
    qty = sum((Decimal(trade["qty"]) for trade in recent), Decimal(0))
    if qty:
        price = f"{sum(Decimal(trade['quoteQty']) for trade in recent) / qty:.8f}"
    else:
        last = venue.ticker_price(call.params, call.now_ns)
        price = last["price"] if isinstance(last, dict) else "0"
    return {"mins": AVERAGE_MINUTES, "price": price, "closeTime": recent[-1]["time"] if recent else now_ms}


_TIME = special(server_time)
_INFO = special(listing, 20)
_NEW = entry("new_order", 1, orders=ONE)
_TEST = private("test_order", security=Security.TRADE)
_CANCEL = entry("cancel_order")
_CANCEL_ALL = entry("cancel_all")
_REPLACE = entry("cancel_replace", 1, orders=ONE)
_AMEND = entry("amend_keep_priority", 4)
_QUERY = private("query_order", 4)
_OPEN = private("open_orders", per_symbol(6, 80))
_ALL = private("all_orders", 20)
_TRADES = private("user_trades", _trades_weight)
_ACCOUNT = private("account", 20)
_COMMISSION = private("commission", 20)
_COUNTS = special(order_counts, 40, security=Security.SIGNED)
_AVERAGE = special(_average_price, 2)
_START = special(start_listen_key, 2, security=Security.KEY)
_EXTEND = special(extend_listen_key, 2, security=Security.KEY)
_CLOSE = special(close_listen_key, 2, security=Security.KEY)

_DEPTH = public("depth", DEPTH)
_RECENT = public("trades", 25)
_AGGREGATE = public("agg_trades", 4)
_DAY = public("ticker_24h", per_symbol(2, 80))
_PRICE = public("ticker_price", per_symbol(2, 4))
_BOOK = public("book_ticker", per_symbol(2, 4))

REST: RestTable = {
    ("GET", "/api/v3/ping"): public("ping"),
    ("GET", "/api/v3/time"): _TIME,
    ("GET", "/api/v3/exchangeInfo"): _INFO,
    ("GET", "/api/v3/depth"): _DEPTH,
    ("GET", "/api/v3/trades"): _RECENT,
    ("GET", "/api/v3/historicalTrades"): _RECENT,
    ("GET", "/api/v3/aggTrades"): _AGGREGATE,
    ("GET", "/api/v3/avgPrice"): _AVERAGE,
    ("GET", "/api/v3/ticker/24hr"): _DAY,
    ("GET", "/api/v3/ticker/price"): _PRICE,
    ("GET", "/api/v3/ticker/bookTicker"): _BOOK,
    ("POST", "/api/v3/order"): _NEW,
    ("POST", "/api/v3/order/test"): _TEST,
    ("GET", "/api/v3/order"): _QUERY,
    ("DELETE", "/api/v3/order"): _CANCEL,
    ("POST", "/api/v3/order/cancelReplace"): _REPLACE,
    ("PUT", "/api/v3/order/amend/keepPriority"): _AMEND,
    ("GET", "/api/v3/openOrders"): _OPEN,
    ("DELETE", "/api/v3/openOrders"): _CANCEL_ALL,
    ("GET", "/api/v3/allOrders"): _ALL,
    ("GET", "/api/v3/myTrades"): _TRADES,
    ("GET", "/api/v3/account"): _ACCOUNT,
    ("GET", "/api/v3/account/commission"): _COMMISSION,
    ("GET", "/api/v3/rateLimit/order"): _COUNTS,
    ("POST", "/api/v3/userDataStream"): _START,
    ("PUT", "/api/v3/userDataStream"): _EXTEND,
    ("DELETE", "/api/v3/userDataStream"): _CLOSE,
    **WALLET,
}

WS_API: MethodTable = {
    "ping": public("ping"),
    "time": _TIME,
    "exchangeInfo": _INFO,
    "depth": _DEPTH,
    "trades.recent": _RECENT,
    "trades.historical": _RECENT,
    "trades.aggregate": _AGGREGATE,
    "avgPrice": _AVERAGE,
    "ticker.24hr": _DAY,
    "ticker.price": _PRICE,
    "ticker.book": _BOOK,
    "order.place": _NEW,
    "order.test": _TEST,
    "order.status": _QUERY,
    "order.cancel": _CANCEL,
    "order.cancelReplace": _REPLACE,
    "order.amend.keepPriority": _AMEND,
    "openOrders.status": _OPEN,
    "openOrders.cancelAll": _CANCEL_ALL,
    "allOrders": _ALL,
    "myTrades": _TRADES,
    "account.status": _ACCOUNT,
    "account.commission": _COMMISSION,
    "account.rateLimits.orders": _COUNTS,
    "userDataStream.start": _START,
    "userDataStream.ping": _EXTEND,
    "userDataStream.stop": _CLOSE,
}
