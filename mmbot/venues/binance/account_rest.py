"""The REST calls that the shared connector needs, whatever the venue calls them."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import parse_qsl

import msgspec

from mmbot._core.types import CommandKind
from mmbot.errors import ConfigError, DecodeError
from mmbot.venues.binance.messages import OrderAnswer, TradeAnswer, decimal, decode
from mmbot.venues.binance.rest import BinanceRest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mmbot._core.types import Instrument
    from mmbot.venues.base import VenueSettings
    from mmbot.venues.binance.auth import Params
    from mmbot.venues.binance.errors import Outcome

_PAGE = 1000
_SHALLOW, _SHALLOW_WEIGHT = 100, 5
# What is under way when the venue says 429 counts against us, and leads to a ban if it is much. A bot cannot know what
# others on its address have used before the first answer tells it.
_BOOKS_AT_ONCE = 4
ASKED_ONE_BY_ONE = 20  # symbols whose fees are asked for each; of more, one of each quote asset
_METHODS: Mapping[int, str] = {
    CommandKind.PLACE: "POST",
    CommandKind.AMEND_ORDER: "PUT",
    CommandKind.CANCEL_ORDER: "DELETE",
    CommandKind.QUERY_ORDER: "GET",
}
_OF_THE_REQUEST = frozenset({"timestamp", "recvWindow", "signature"})


class AccountRest(BinanceRest):
    """REST of an account; subclasses give paths and weights, and read instruments."""

    prefix: ClassVar[str]  # of every path below
    trades_path: ClassVar[str]
    trades_weight: ClassVar[int]
    depth_weight: ClassVar[int]
    open_orders_weight: ClassVar[int]
    all_open_orders_weight: ClassVar[int]  # of every symbol
    order_weight: ClassVar[int]  # of a query
    amend_path: ClassVar[str]

    def __init__(
        self, settings: VenueSettings, *, codes: Mapping[int, Outcome], weight_limit: int, time_path: str
    ) -> None:
        super().__init__(settings, codes=codes, weight_limit=weight_limit, time_path=time_path)
        self._books_at_once = asyncio.Semaphore(_BOOKS_AT_ONCE)

    @abstractmethod
    async def instruments(self, symbols: Sequence[str]) -> list[Instrument]:
        """Describe the symbols; raises ConfigError for one that is not listed or does not trade."""

    @abstractmethod
    async def cancel_orders(self, symbol: str, order_ids: Sequence[int]) -> list[OrderAnswer]:
        """Cancel orders by the venue's ids; those that were gone already are left out of the answer."""

    async def depth(self, symbol: str, *, shallow: bool = False) -> bytes:
        """Fetch a book of 1000 levels a side, or of 100 (`shallow`): the raw body."""
        limit, weight = (_SHALLOW, _SHALLOW_WEIGHT) if shallow else (_PAGE, self.depth_weight)
        async with self._books_at_once:
            return await self.public(f"{self.prefix}/depth", {"symbol": symbol, "limit": limit}, weight=weight)

    async def open_orders(self, symbol: str) -> list[OrderAnswer]:
        """List the account's open orders on a symbol."""
        body = await self.signed(
            "GET", f"{self.prefix}/openOrders", {"symbol": symbol}, weight=self.open_orders_weight, urgent=True
        )
        return decode(list[OrderAnswer], body, "openOrders")

    async def all_open_orders(self) -> list[OrderAnswer]:
        """List the account's open orders on every symbol."""
        body = await self.signed(
            "GET", f"{self.prefix}/openOrders", {}, weight=self.all_open_orders_weight, urgent=True
        )
        return decode(list[OrderAnswer], body, "openOrders")

    async def order(self, symbol: str, order_id: int) -> OrderAnswer:
        """Fetch one order by the venue's id."""
        params: Params = {"symbol": symbol, "orderId": order_id}
        body = await self.signed("GET", f"{self.prefix}/order", params, weight=self.order_weight, urgent=True)
        return decode(OrderAnswer, body, "order")

    async def trades_since(self, symbol: str, trade_id: int, ts_ns: int) -> list[TradeAnswer]:
        """List the account's trades after a trade id, or since a time (at most a week, else use the id)."""
        found: list[TradeAnswer] = []
        params: Params = {"symbol": symbol, "limit": _PAGE}
        params |= {"fromId": trade_id + 1} if trade_id else {"startTime": ts_ns // 1_000_000} if ts_ns else {}
        while True:
            body = await self.signed("GET", f"{self.prefix}/{self.trades_path}", params, weight=self.trades_weight)
            page = sorted(decode(list[TradeAnswer], body, self.trades_path), key=lambda trade: trade.id)
            found += page
            if len(page) < _PAGE:
                return found
            params = {"symbol": symbol, "limit": _PAGE, "fromId": page[-1].id + 1}

    async def send_order(self, command_kind: int, query: str) -> bytes:
        """Send an order request that the encoder has signed."""
        path = self.amend_path if command_kind == CommandKind.AMEND_ORDER else "order"
        return await self.presigned(_METHODS[command_kind], f"{self.prefix}/{path}", query)

    async def send_batch(self, queries: Sequence[str]) -> list[bytes]:
        """Send new orders, each as the encoder has signed it, in one request; an answer or an error body for each.

        The request carries the first one's timestamp, so that the time until which the venue takes it stays known.
        """
        orders = [dict(parse_qsl(query)) for query in queries]
        sent_ms = int(orders[0]["timestamp"])
        listed = [{name: value for name, value in order.items() if name not in _OF_THE_REQUEST} for order in orders]
        query = self._signer().query({"batchOrders": msgspec.json.encode(listed).decode()}, sent_ms)
        body = await self.presigned("POST", f"{self.prefix}/batchOrders", query)
        answers = decode(list[msgspec.Raw], body, "batchOrders")
        if len(answers) != len(queries):
            raise DecodeError(f"batchOrders: expected {len(queries)} answers, found {len(answers)}")
        return [bytes(raw) for raw in answers]


def asked_for_fees(symbols: Mapping[str, str]) -> Mapping[str, str]:
    """Whose fees to ask for: symbol -> the symbol whose fees it has, too.

    The venues tell fees of one symbol a request, which is dear: fifty markets would use up a minute's requests.

    Args:
        symbols: symbol -> its quote asset.
    """
    if len(symbols) <= ASKED_ONE_BY_ONE:
        return {symbol: symbol for symbol in symbols}
    first: dict[str, str] = {}
    for symbol, quote in symbols.items():
        first.setdefault(quote, symbol)
    return {symbol: first[quote] for symbol, quote in symbols.items()}


def pick(symbols: Sequence[str], listed: Mapping[str, str], venue: str) -> list[str]:
    """Find the venue's names of symbols, given as the venue's or as the unified name.

    Args:
        symbols: what the user asked for.
        listed: the venue's name -> unified name, of all that trade.
        venue: for the message.

    Raises:
        ConfigError: one of them is not listed.
    """
    by_unified = {unified: name for name, unified in listed.items()}
    found = []
    for symbol in symbols:
        name = symbol if symbol in listed else by_unified.get(symbol)
        if name is None:
            start = symbol[:3]
            near = sorted(unified for unified in by_unified if unified.startswith(start))[:5]
            raise ConfigError(f"{venue}: expected a symbol that trades there, found {symbol!r}; near: {near or 'none'}")
        found.append(name)
    return found


def whole(value: str, unit: str, rounding: str) -> int:
    """Count whole units in a limit, which need not be a multiple of the unit."""
    step = decimal(unit, "unit")
    if step <= 0:
        raise ConfigError(f"exchangeInfo: expected a unit > 0, found {unit}")
    return int((decimal(value, "limit") / step).to_integral_value(rounding=rounding))
