"""What both simulated venues share: markets, streams, and the life of an order."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from mmbot._core.matching import Outcome
from mmbot.sim.events import Event, MarketEvent, Refused, UserEvent
from mmbot.sim.market import NS_PER_MS, Market
from mmbot.sim.market_data import MarketData
from mmbot.sim.orders import Amendment, Fill, OrderBook, SimOrder
from mmbot.sim.requests import SELF_TRADE, count, in_window, need, text, whole
from mmbot.sim.statistics_streams import StatisticsStreams
from mmbot.sim.users import FaultPlan, User

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mmbot.sim.instruments import SimInstrument
    from mmbot.sim.matcher import FillRow, Matcher
    from mmbot.sim.schedule import Schedule

Answer = dict[str, Any]
FILL_HISTORY = 200_000
"""Fills kept per user; half of them are forgotten when there are more."""
TIME_IN_FORCE = {"GTC": 0, "IOC": 1, "FOK": 2, "GTX": 3, "GTD": 0}


class Venue(ABC):
    """One venue: several markets, many users, one sequence of order ids.

    Args:
        name: ``"binance_usdm"`` or ``"binance_spot"``.
        outbox: takes the events.
        schedule: the exchange's clock.
        first_order_id: where order ids begin.
    """

    futures: bool
    id_limits: tuple[int, int]
    """Default and largest page of order and trade lists."""

    def __init__(self, name: str, outbox: list[Event], schedule: Schedule, *, first_order_id: int) -> None:
        self.name = name
        self.faults = FaultPlan()
        self.markets: dict[str, Market] = {}
        self.orders = OrderBook()
        self.fills: dict[int, list[Fill]] = {}
        self.users: dict[int, User] = {}
        self._outbox = outbox
        self._schedule = schedule
        self._order_id = first_order_id
        self._amendment_id = 5_000
        self._by_stream: dict[str, Market] = {}
        self._touched: dict[tuple[int, str], None] = {}
        self._statistics = StatisticsStreams(self)
        self.data = MarketData(self)

    # -- building -------------------------------------------------------------------------------------------------

    def list_market(
        self,
        instrument: SimInstrument,
        matcher: Matcher,
        *,
        update_id: int,
        trade_id: int,
        make: Callable[..., Market] = Market,
    ) -> Market:
        """Open a symbol for trading."""
        market = make(
            instrument,
            matcher,
            futures=self.futures,
            emit=self._emit,
            schedule=self._schedule.call_at,
            first_update_id=update_id,
            first_trade_id=trade_id,
        )
        market.on_fill = self._on_fill
        market.on_expiry = self._on_expiry
        self.markets[instrument.symbol] = market
        self._by_stream[instrument.symbol.lower()] = market
        return market

    def add_user(self, user: User) -> None:
        """Let a user trade here."""
        self.users[user.index] = user
        self.fills[user.index] = []

    def emit(self, stream: str, payload: str) -> None:
        """Announce on a market stream."""
        self._emit(stream, payload)

    def note_time(self, now_ns: int) -> int:
        """Note the time of a request; never goes back."""
        return self._schedule.at(now_ns)

    def call_every(self, interval_ms: int, callback: Callable[[int], bool]) -> None:
        """Have `callback` called at every whole multiple of the interval until it returns False."""
        interval_ns = interval_ms * NS_PER_MS

        def due(now_ns: int) -> None:
            if callback(now_ns):
                self._schedule.call_at(now_ns - now_ns % interval_ns + interval_ns, due)

        now_ns = self._schedule.now_ns
        self._schedule.call_at(now_ns - now_ns % interval_ns + interval_ns, due)

    def market_of_stream(self, symbol: str) -> Market | None:
        """The market whose streams begin with `symbol` (lower case)."""
        return self._by_stream.get(symbol)

    def _emit(self, stream: str, payload: str | bytes) -> None:
        data = payload if isinstance(payload, bytes) else payload.encode()
        self._outbox.append(MarketEvent(self.name, stream, data))

    def tell(self, user: User, payload: Answer) -> None:
        """Send a private message."""
        self._outbox.append(UserEvent(self.name, user.name, payload))

    # -- streams --------------------------------------------------------------------------------------------------

    def subscribe(self, stream: str) -> bool:
        """Count one more listener of `stream`; False if there is no such stream (the real venue stays silent too)."""
        symbol, _, suffix = stream.partition("@")
        market = self._by_stream.get(symbol)
        return (market is not None and market.subscribe(suffix)) or self._statistics.subscribe(stream)

    def unsubscribe(self, stream: str) -> None:
        """Count one listener less; an unknown stream is ignored."""
        if self._statistics.unsubscribe(stream):
            return
        symbol, _, suffix = stream.partition("@")
        market = self._by_stream.get(symbol)
        if market is not None:
            market.unsubscribe(suffix)

    # -- what the venues do differently ---------------------------------------------------------------------------

    @abstractmethod
    def _announce(self, order: SimOrder, execution: str, fill: Fill | None = None) -> None:
        """Send the order's private message; `execution` is its ``x``."""

    @abstractmethod
    def _reserve(self, order: SimOrder, lots: int) -> None:
        """Hold (`lots` > 0) or release (< 0) the margin or balance for that much of a working order."""

    @abstractmethod
    def _settle(self, order: SimOrder, fill: Fill, counter_owner: int) -> Fill:
        """Move money and position for a fill; returns it with fee and realised PnL filled in."""

    @abstractmethod
    def _settled(self, user: User, market: Market) -> None:
        """Whatever follows once an operation's fills are all booked."""

    @abstractmethod
    def _would_cross(self) -> Refused:
        """The refusal of a post-only order that would take."""

    @abstractmethod
    def order_answer(self, order: SimOrder) -> Answer:
        """An order as queries show it."""

    @abstractmethod
    def trade_answer(self, fill: Fill) -> Answer:
        """A user's trade as queries show it."""

    @abstractmethod
    def change_answer(self, order: SimOrder, change: Amendment) -> Answer:
        """One amendment of an order as queries show it."""

    # -- the life of an order -------------------------------------------------------------------------------------

    def next_order_id(self) -> int:
        """The next order id."""
        self._order_id += 1
        return self._order_id

    def _check_faults(self) -> None:
        faults = self.faults
        if faults.rejections > 0:
            faults.rejections -= 1
            raise Refused(faults.reject_code, faults.reject_msg, status=faults.reject_status)

    def _submit(self, order: SimOrder, now_ns: int) -> None:
        """Bring a checked order to the book: announces it, its fills, and its end if it ends at once."""
        market = self.markets[order.instrument.symbol]
        if self.faults.delay_ns:
            order.release_ns = now_ns + self.faults.delay_ns
            self._accept(order)
            self._schedule.call_at(order.release_ns, lambda due: self._release(order, due))
            return
        outcome = self._place(order, market)
        if outcome == Outcome.WOULD_CROSS:
            raise self._would_cross()
        if outcome == Outcome.KILLED and self.futures:
            raise Refused(
                -5021,
                "Due to the order could not be filled immediately, the FOK order has been rejected. "
                "The order will not be recorded in the order history",
            )
        self._accept(order)
        self._matched(order, market, outcome, now_ns)

    def _place(self, order: SimOrder, market: Market) -> int:
        return market.matcher.place(
            order.order_id,
            order.user.index,
            order.side,
            order.price_ticks,
            order.left_lots,
            time_in_force=TIME_IN_FORCE[order.time_in_force],
            self_trade=SELF_TRADE[order.self_trade],
        )

    def _accept(self, order: SimOrder) -> None:
        self.orders.add(order)
        self._reserve(order, order.qty_lots)
        self._announce(order, "NEW")

    def _release(self, order: SimOrder, now_ns: int) -> None:
        """The end of an injected matching delay."""
        order.release_ns = 0
        if not order.open:
            return
        market = self.markets[order.instrument.symbol]
        outcome = self._place(order, market)
        if outcome == Outcome.WOULD_CROSS:
            self._finish(order, "EXPIRED")
        else:
            self._matched(order, market, outcome, now_ns)

    def _matched(self, order: SimOrder, market: Market, outcome: int, now_ns: int) -> None:
        """Book what matching an incoming order has done."""
        prevented = market.matcher.prevented
        market.expire()
        market.publish(now_ns)
        if outcome in {Outcome.EXPIRED, Outcome.KILLED} and order.open:
            self._finish(order, "EXPIRED_IN_MATCH" if prevented else "EXPIRED")
        self.settle_touched(market)

    def force(self, order: SimOrder, fallback_ticks: int, now_ns: int) -> None:
        """Trade an order of the exchange itself (a liquidation); the crowd takes the rest at `fallback_ticks`."""
        market = self.markets[order.instrument.symbol]
        outcome = market.matcher.place(order.order_id, order.user.index, order.side, 0, order.qty_lots, time_in_force=1)
        self.orders.add(order)
        market.publish(now_ns)
        if outcome != Outcome.FILLED and order.open:
            market.trade_id += 1
            self._fill(
                order,
                market,
                trade_id=market.trade_id,
                price=fallback_ticks,
                lots=order.left_lots,
                counter_owner=0,
                now_ns=now_ns,
                maker=False,
            )
        self.settle_touched(market)

    def _pull(self, order: SimOrder, status: str, now_ns: int) -> None:
        """Take a working order out of the book."""
        market = self.markets[order.instrument.symbol]
        market.matcher.cancel(order.order_id)
        self._finish(order, status)
        market.publish(now_ns)

    def _changed(self, order: SimOrder, old: tuple[int, int], now_ns: int) -> None:
        """Note that price and quantity were others before."""
        self._amendment_id += 1
        order.amended += 1
        order.update_ms = now_ns // NS_PER_MS
        (old_ticks, old_lots), new_ticks, new_lots = old, order.price_ticks, order.qty_lots
        order.changes.note(
            Amendment(self._amendment_id, order.amended, order.update_ms, (old_ticks, new_ticks), (old_lots, new_lots))
        )

    def _finish(self, order: SimOrder, status: str) -> None:
        self._reserve(order, -order.left_lots)
        order.status = status
        order.update_ms = self._schedule.now_ns // NS_PER_MS
        self.orders.closed(order)
        self._announce(order, "CANCELED" if status == "CANCELED" else "EXPIRED")

    def _on_expiry(self, order_id: int, _owner: int) -> None:
        order = self.orders.by_id(order_id)
        if order is not None:
            self._finish(order, "EXPIRED_IN_MATCH")

    def _on_fill(self, market: Market, trade_id: int, row: FillRow, now_ns: int) -> None:
        maker_id, maker_owner, taker_id, taker_owner, _taker_side, price, lots = row
        for owner, order_id, counter_owner in (
            (taker_owner, taker_id, maker_owner),
            (maker_owner, maker_id, taker_owner),
        ):
            if owner:
                order = self.orders.by_id(order_id)
                if order is None:
                    raise RuntimeError(f"{self.name}: trade {trade_id} names order {order_id}, which is not known")
                self._fill(
                    order,
                    market,
                    trade_id=trade_id,
                    price=price,
                    lots=lots,
                    counter_owner=counter_owner,
                    now_ns=now_ns,
                    maker=order_id == maker_id,
                )

    def _fill(
        self,
        order: SimOrder,
        market: Market,
        *,
        trade_id: int,
        price: int,
        lots: int,
        counter_owner: int,
        now_ns: int,
        maker: bool,
    ) -> None:
        time_ms = now_ns // NS_PER_MS
        self._reserve(order, -lots)
        order.filled_lots += lots
        quote_e8 = order.instrument.notional_e8(price, lots)
        order.quote_e8 += quote_e8
        order.status = "FILLED" if order.left_lots == 0 else "PARTIALLY_FILLED"
        order.update_ms = time_ms
        fill = Fill(
            trade_id, order.order_id, order.client_id, order.instrument, order.side, price, lots, quote_e8,
            fee_e8=0, fee_asset="", realized_e8=0, maker=maker, time_ms=time_ms,
        )  # fmt: skip
        fill = self._settle(order, fill, counter_owner)
        order.fills.append(fill)
        history = self.fills[order.user.index]
        history.append(fill)
        if len(history) > FILL_HISTORY:
            del history[: FILL_HISTORY // 2]
        if order.status == "FILLED":
            self.orders.closed(order)
        self._touched[order.user.index, market.instrument.symbol] = None
        execution = "CALCULATED" if order.liquidation else "TRADE"
        self._announce(order, execution, fill)
        if self.faults.duplicates > 0:
            self.faults.duplicates -= 1
            self._announce(order, execution, fill)

    def settle_touched(self, market: Market) -> None:
        """Follow up on the users whose orders traded in the operation just published."""
        while self._touched:
            index, symbol = self._touched.popitem()[0]
            if symbol == market.instrument.symbol:
                self._settled(self.users[index], market)

    # -- finding things -------------------------------------------------------------------------------------------

    def market_of(self, params: Mapping[str, Any]) -> Market:
        """The market of ``symbol``; -1121 if there is none."""
        market = self.markets.get(need(params, "symbol"))
        if market is None:
            raise Refused(-1121, "Invalid symbol.")
        return market

    def _order_of(self, user: User, params: Mapping[str, Any], code: int, msg: str) -> SimOrder:
        market = self.market_of(params)
        order_id, name = whole(params, "orderId"), text(params, "origClientOrderId")
        if order_id is None and name is None:
            raise Refused(-1102, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!")
        order = self.orders.find(user, market.instrument.symbol, order_id, name)
        if order is None:
            raise Refused(code, msg)
        return order

    def _working(self, user: User, params: Mapping[str, Any]) -> SimOrder:
        order = self._order_of(user, params, -2011, "Unknown order sent.")
        if not order.open:
            raise Refused(-2011, "Unknown order sent.")
        return order

    # -- answers to signed requests -------------------------------------------------------------------------------

    def query_order(self, user: User, params: Mapping[str, Any], now_ns: int) -> Answer:
        """One order, working or not."""
        self._schedule.at(now_ns)
        return self.order_answer(self._order_of(user, params, -2013, "Order does not exist."))

    def open_orders(self, user: User, params: Mapping[str, Any], now_ns: int) -> list[Answer]:
        """All working orders, of one symbol or of all."""
        self._schedule.at(now_ns)
        symbol = self.market_of(params).instrument.symbol if text(params, "symbol") else None
        return [self.order_answer(order) for order in self.orders.open_of(user, symbol)]

    def all_orders(self, user: User, params: Mapping[str, Any], now_ns: int) -> list[Answer]:
        """Orders of a symbol, oldest first: from ``orderId`` on, or the latest ones, within the times asked for."""
        self._schedule.at(now_ns)
        symbol = self.market_of(params).instrument.symbol
        first, limit = whole(params, "orderId"), count(params, "limit", *self.id_limits)
        found = [
            order
            for order in self.orders.history_of(user, symbol)
            if (first is None or order.order_id >= first) and in_window(params, order.time_ms)
        ]
        forward = first is not None or text(params, "startTime") is not None
        return [self.order_answer(order) for order in (found[:limit] if forward else found[-limit:])]

    def order_amendments(self, user: User, params: Mapping[str, Any], now_ns: int) -> list[Answer]:
        """What was changed of an order, oldest first."""
        self._schedule.at(now_ns)
        order = self._order_of(user, params, -2013, "Order does not exist.")
        found = [change for change in order.changes if in_window(params, change.time_ms)]
        return [self.change_answer(order, change) for change in found[-count(params, "limit", *self.id_limits) :]]

    def user_trades(self, user: User, params: Mapping[str, Any], now_ns: int) -> list[Answer]:
        """Trades of a symbol, oldest first: from ``fromId`` on, or the latest ones; of one order with ``orderId``."""
        self._schedule.at(now_ns)
        symbol = self.market_of(params).instrument.symbol
        first, order_id = whole(params, "fromId"), whole(params, "orderId")
        limit = count(params, "limit", *self.id_limits)
        found = [
            fill
            for fill in self.fills[user.index]
            if fill.instrument.symbol == symbol
            and (first is None or fill.trade_id >= first)
            and (order_id is None or fill.order_id == order_id)
            and in_window(params, fill.time_ms)
        ]
        forward = first is not None or text(params, "startTime") is not None
        return [self.trade_answer(fill) for fill in (found[:limit] if forward else found[-limit:])]
