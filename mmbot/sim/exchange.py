"""The simulated exchange without any I/O: users, orders, matching, money and market data of two venues.

It reads no clock and opens no socket. Every method takes the time it happens at (`now_ns`, UTC nanoseconds; a time
before the last one seen counts as the last one), and all that leaves is in `take_events()` or is the return value.
The same seed and the same calls give the same events, byte for byte.

A protocol server does this, on one thread::

    exchange = SimExchange(ExchangeConfig(seed=7), start_ns=now)
    exchange.add_user("bot", key="k", secret="s", futures={"USDT": "100000"}, spot={"USDT": "100000", "BTC": "1"})
    exchange.futures.subscribe("btcusdt@depth@100ms")        # only what is subscribed is produced
    ...
    due_ns = exchange.advance(now)                           # bounded work; call again at due_ns (<= now: at once)
    answer = exchange.futures.new_order(user, params, now)   # wire-shaped answer, or raises Refused
    for event in exchange.take_events(): ...                 # in the order in which they happened

Signatures, ``timestamp``/``recvWindow``, rate limits, listen keys and injected transport faults are the server's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from mmbot.sim.events import Event

Params = Mapping[str, Any]
"""Request parameters by wire name; values are text as in a query string, or JSON numbers and booleans of the WS API."""
Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ExchangeConfig:
    """What the exchange is made of.

    Attributes:
        source: ``"traders"`` (simulated crowd) or ``"recording"`` (recorded frames drive the market).
        seed: of the crowd and of everything else that is random.
        symbols: listed on both venues; each of ``BTCUSDT``, ``ETHUSDT``.
        funding_interval_s: between funding settlements (28,800 on the real venue; tests and demos use e.g. 60).
        recordings: for ``"recording"``: (venue, symbol) -> hft-format file, e.g. ``("binance_usdm", "BTCUSDT")``.
        speed: recorded seconds per second; 0 plays as fast as `SimExchange.advance` is called.
        loop: start the recording again at its end (update and trade ids go on increasing by an offset; the frames'
            ids are then rewritten from the second round on).
        shift_timestamps: rewrite the ``E`` and ``T`` of replayed frames to the exchange's clock. False passes the
            recorded bytes through untouched, with the time of their recording in them. In both cases the exchange's
            clock (``/time``, private messages, trades of users) is the `now_ns` passed in.
        activity: scales the crowd's event rate; 1.0 is about 300 book changes a second and symbol.
    """

    source: Literal["traders", "recording"] = "traders"
    seed: int = 1
    symbols: tuple[str, ...] = ("BTCUSDT", "ETHUSDT")
    funding_interval_s: float = 28_800.0
    recordings: Mapping[tuple[str, str], Path] = field(default_factory=dict)
    speed: float = 1.0
    loop: bool = False
    shift_timestamps: bool = False
    activity: float = 1.0


class User(Protocol):
    """One account, valid on both venues with the same key and secret."""

    name: str
    key: str
    secret: str


class Faults(Protocol):
    """Faults that need the exchange's knowledge; one per venue (`Venue.faults`). All off at the start."""

    def reject_next(self, code: int, msg: str, *, count: int = 1, status: int = 400) -> None:
        """Refuse the next `count` new or amended orders (any user) with this code, before anything happened."""
    def duplicate_fills(self, count: int = 1) -> None:
        """Send each of the next `count` private fill messages twice (same trade id)."""
    def slow_matching(self, delay_ns: int) -> None:
        """Accept orders at once, but let them reach the book only `delay_ns` later; 0 ends it. Needs `advance`."""


class Venue(Protocol):
    """What both venues offer. Method names below are the same on both unless said otherwise.

    Methods with a `user` are the signed ones. All return the wire-shaped answer (dict or list), or raise `Refused`.
    """

    name: str
    faults: Faults

    # -- streams ------------------------------------------------------------------------------------------------
    def subscribe(self, stream: str) -> bool:
        """Count one more listener of `stream`; False if there is no such stream (the real venue stays silent too).

        Futures: ``<s>@depth[@0ms|@100ms|@250ms|@500ms]``, ``<s>@depth5|10|20[@100ms|@250ms|@500ms]``,
        ``<s>@bookTicker``, ``<s>@trade``, ``<s>@aggTrade``, ``<s>@markPrice[@1s]``, ``!markPrice@arr[@1s]``,
        ``!bookTicker``, ``<s>@forceOrder``, ``!forceOrder@arr``.
        Spot: ``<s>@depth[@100ms|@1000ms]``, ``<s>@depth5|10|20[@100ms|@1000ms]``, bookTicker, trade, aggTrade.
        """
    def unsubscribe(self, stream: str) -> None:
        """Count one listener less; an unknown stream is ignored."""

    # -- public -------------------------------------------------------------------------------------------------
    def ping(self, params: Params, now_ns: int) -> Answer: ...
    def time(self, params: Params, now_ns: int) -> Answer: ...
    def exchange_info(self, params: Params, now_ns: int) -> Answer: ...
    def depth(self, params: Params, now_ns: int) -> Answer: ...
    def trades(self, params: Params, now_ns: int) -> list[Answer]: ...
    def agg_trades(self, params: Params, now_ns: int) -> list[Answer]: ...
    def book_ticker(self, params: Params, now_ns: int) -> Answer | list[Answer]: ...
    def ticker_price(self, params: Params, now_ns: int) -> Answer | list[Answer]: ...
    def ticker_24h(self, params: Params, now_ns: int) -> Answer | list[Answer]: ...

    # -- signed -------------------------------------------------------------------------------------------------
    def new_order(self, user: User, params: Params, now_ns: int) -> Answer: ...
    def test_order(self, user: User, params: Params, now_ns: int) -> Answer: ...
    def cancel_order(self, user: User, params: Params, now_ns: int) -> Answer: ...
    def cancel_all(self, user: User, params: Params, now_ns: int) -> Answer | list[Answer]: ...
    def query_order(self, user: User, params: Params, now_ns: int) -> Answer: ...
    def open_orders(self, user: User, params: Params, now_ns: int) -> list[Answer]: ...
    def all_orders(self, user: User, params: Params, now_ns: int) -> list[Answer]: ...
    def user_trades(self, user: User, params: Params, now_ns: int) -> list[Answer]:
        """GET /fapi/v1/userTrades, GET /api/v3/myTrades."""
    def account(self, user: User, params: Params, now_ns: int) -> Answer:
        """GET /fapi/v2/account and /fapi/v3/account (one superset answer), GET /api/v3/account."""


class FuturesVenue(Venue, Protocol):
    """``binance_usdm``: USD-M perpetuals, one-way mode, cross margin."""

    def premium_index(self, params: Params, now_ns: int) -> Answer | list[Answer]: ...
    def funding_rate(self, params: Params, now_ns: int) -> list[Answer]: ...
    def funding_info(self, params: Params, now_ns: int) -> list[Answer]: ...

    def amend_order(self, user: User, params: Params, now_ns: int) -> Answer:
        """PUT /fapi/v1/order, order.modify: always to the back of the queue."""
    def batch_new(self, user: User, orders: list[Params], now_ns: int) -> list[Answer]:
        """POST /fapi/v1/batchOrders with `batchOrders` already parsed; refused ones are ``{code, msg}`` entries."""
    def batch_amend(self, user: User, orders: list[Params], now_ns: int) -> list[Answer]: ...
    def batch_cancel(self, user: User, params: Params, now_ns: int) -> list[Answer]:
        """DELETE /fapi/v1/batchOrders; `orderIdList` / `origClientOrderIdList` as JSON text or as lists."""
    def query_open_order(self, user: User, params: Params, now_ns: int) -> Answer:
        """GET /fapi/v1/openOrder."""
    def force_orders(self, user: User, params: Params, now_ns: int) -> list[Answer]: ...
    def countdown_cancel_all(self, user: User, params: Params, now_ns: int) -> Answer: ...
    def balance(self, user: User, params: Params, now_ns: int) -> list[Answer]:
        """GET /fapi/v2|v3/balance, v2/account.balance."""
    def position_risk(self, user: User, params: Params, now_ns: int) -> list[Answer]:
        """GET /fapi/v2|v3/positionRisk, account.position (one superset answer)."""
    def income(self, user: User, params: Params, now_ns: int) -> list[Answer]: ...
    def commission_rate(self, user: User, params: Params, now_ns: int) -> Answer: ...
    def leverage_brackets(self, user: User, params: Params, now_ns: int) -> list[Answer]: ...
    def set_leverage(self, user: User, params: Params, now_ns: int) -> Answer: ...
    def set_margin_type(self, user: User, params: Params, now_ns: int) -> Answer: ...
    def position_mode(self, user: User, params: Params, now_ns: int) -> Answer: ...
    def set_position_mode(self, user: User, params: Params, now_ns: int) -> Answer: ...
    def multi_assets_mode(self, user: User, params: Params, now_ns: int) -> Answer: ...
    def set_multi_assets_mode(self, user: User, params: Params, now_ns: int) -> Answer: ...


class SpotVenue(Venue, Protocol):
    """``binance_spot``."""

    def amend_keep_priority(self, user: User, params: Params, now_ns: int) -> Answer:
        """PUT /api/v3/order/amend/keepPriority, order.amend.keepPriority: a smaller quantity only."""
    def cancel_replace(self, user: User, params: Params, now_ns: int) -> Answer:
        """POST /api/v3/order/cancelReplace, order.cancelReplace.

        A failure raises `Refused` -2021 or -2022 whose `data` attribute is the wire's ``data`` object (status 400/409).
        """
    def commission(self, user: User, params: Params, now_ns: int) -> Answer:
        """GET /api/v3/account/commission."""


class Exchange(Protocol):
    """`SimExchange`'s face."""

    config: ExchangeConfig
    futures: FuturesVenue
    spot: SpotVenue

    def add_user(
        self, name: str, *, key: str, secret: str,
        futures: Mapping[str, str] | None = None, spot: Mapping[str, str] | None = None,
    ) -> User:
        """Open an account with these balances (asset -> decimal text)."""
    def user_by_key(self, key: str) -> User | None:
        """Whose API key this is."""
    def users(self) -> list[User]: ...
    def advance(self, now_ns: int, *, budget: int = 512) -> int:
        """Let the market move on to `now_ns`, in at most `budget` steps (a step is a few microseconds).

        Returns:
            The time at which something is due next; `now_ns` or less when the budget ran out before the work did.
        """
    def take_events(self) -> list[Event]:
        """All events since the last call, in order."""
    @property
    def finished(self) -> bool:
        """A recording has been played to its end (never, with traders or `loop`)."""
    def ledger(self, user: User) -> Answer:
        """The exchange's own exact books of a user, for comparison with the bot's.

        ``{"binance_usdm": {"balances": {asset: text}, "positions": {symbol: text}, "realized": text, "fees": {asset:
        text}, "funding": text, "fills": [{symbol, tradeId, orderId, clientOrderId, side, price, qty, commission,
        commissionAsset, maker, realizedPnl, time}]}, "binance_spot": {...}}``, all numbers as exact decimal text.
        """
