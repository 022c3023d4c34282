"""The requests of Binance spot: REST ``/api/v3`` and websocket API ``/ws-api/v3``, with their documented weights."""

from __future__ import annotations

from typing import NoReturn

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
    empty_list,
    extend_listen_key,
    listing,
    order_counts,
    server_time,
    start_listen_key,
)
from mmbot.sim.endpoints_wallet import WALLET
from mmbot.sim.events import Refused
from mmbot.sim.requests import listed

ONE = fixed(1)
LIST_KINDS = ("oco", "oto", "otoco", "opo", "opoco")
LISTS = (("POST", "/api/v3/order/oco"), *(("POST", f"/api/v3/orderList/{kind}") for kind in LIST_KINDS))
DEPTH = steps((100, 5), (500, 25), (1000, 50), (5000, 250), default=100)


def _trades_weight(params: Params) -> int:
    return 5 if params.get("orderId") else 20


def _no_lists(call: Call) -> NoReturn:
    """As exchangeInfo says: ``ocoAllowed``, ``otoAllowed`` and ``opoAllowed`` are false."""
    call.gateway.venue.market_of(call.params)
    raise Refused(-2010, "OCO orders are not supported for this symbol.")


def _window_weight(params: Params) -> int:
    """4 a symbol, 200 at most."""
    return min(200, 4 * max(1, len(listed(params, "symbols"))))


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
_AVERAGE = public("average_price", 2)
_START = special(start_listen_key, 2, security=Security.KEY)
_EXTEND = special(extend_listen_key, 2, security=Security.KEY)
_CLOSE = special(close_listen_key, 2, security=Security.KEY)

_DEPTH = public("depth", DEPTH)
_RECENT = public("trades", 25)
_AGGREGATE = public("agg_trades", 4)
_DAY = public("ticker_24h", per_symbol(2, 80))
_PRICE = public("ticker_price", per_symbol(2, 4))
_BOOK = public("book_ticker", per_symbol(2, 4))
_CANDLES = public("klines", 2)
_WINDOW = public("ticker_window", _window_weight)
_AMENDMENTS = private("order_amendments", 4)
_NO_LISTS = special(_no_lists, security=Security.TRADE)
_NONE = special(empty_list, 6, security=Security.SIGNED)

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
    ("GET", "/api/v3/klines"): _CANDLES,
    ("GET", "/api/v3/uiKlines"): _CANDLES,
    ("GET", "/api/v3/ticker"): _WINDOW,
    ("GET", "/api/v3/ticker/tradingDay"): _WINDOW,
    ("POST", "/api/v3/order"): _NEW,
    ("POST", "/api/v3/order/test"): _TEST,
    ("GET", "/api/v3/order"): _QUERY,
    ("DELETE", "/api/v3/order"): _CANCEL,
    ("POST", "/api/v3/order/cancelReplace"): _REPLACE,
    ("PUT", "/api/v3/order/amend/keepPriority"): _AMEND,
    ("GET", "/api/v3/order/amendments"): _AMENDMENTS,
    ("GET", "/api/v3/openOrders"): _OPEN,
    ("DELETE", "/api/v3/openOrders"): _CANCEL_ALL,
    ("GET", "/api/v3/allOrders"): _ALL,
    ("GET", "/api/v3/myTrades"): _TRADES,
    ("GET", "/api/v3/allOrderList"): _NONE,
    ("GET", "/api/v3/openOrderList"): _NONE,
    ("GET", "/api/v3/myPreventedMatches"): _NONE,
    ("GET", "/api/v3/myAllocations"): _NONE,
    **dict.fromkeys(LISTS, _NO_LISTS),
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
    "klines": _CANDLES,
    "uiKlines": _CANDLES,
    "ticker": _WINDOW,
    "ticker.tradingDay": _WINDOW,
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
    "order.amendments": _AMENDMENTS,
    "allOrders": _ALL,
    "allOrderLists": _NONE,
    "openOrderLists.status": _NONE,
    "myPreventedMatches": _NONE,
    "myAllocations": _NONE,
    **dict.fromkeys(("orderList.place", *(f"orderList.place.{kind}" for kind in LIST_KINDS)), _NO_LISTS),
    "myTrades": _TRADES,
    "account.status": _ACCOUNT,
    "account.commission": _COMMISSION,
    "account.rateLimits.orders": _COUNTS,
    "userDataStream.start": _START,
    "userDataStream.ping": _EXTEND,
    "userDataStream.stop": _CLOSE,
}
