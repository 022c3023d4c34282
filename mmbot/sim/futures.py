"""The USD-M futures venue: orders in one-way mode on cross margin, and the account requests around them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mmbot._core.matching import Outcome
from mmbot.sim import futures_wire as wire
from mmbot.sim.algo_orders import AlgoOrders
from mmbot.sim.events import Event, Refused
from mmbot.sim.futures_accounts import FuturesAccounts
from mmbot.sim.futures_clearing import Clearing
from mmbot.sim.futures_rules import POST_ONLY, Scene, read_amendment, read_order
from mmbot.sim.instruments import share
from mmbot.sim.market import NS_PER_MS, Market
from mmbot.sim.orders import Amendment, Fill, SimOrder
from mmbot.sim.requests import count, in_window, listed, text, whole
from mmbot.sim.venue import TIME_IN_FORCE, Answer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mmbot.sim.futures_account import FuturesAccount, Position
    from mmbot.sim.schedule import Schedule
    from mmbot.sim.users import User

Params = "Mapping[str, Any]"
MAX_AMENDMENTS = 10_000


class FuturesVenue(FuturesAccounts):
    """``binance_usdm``."""

    def __init__(self, outbox: list[Event], schedule: Schedule) -> None:
        super().__init__("binance_usdm", outbox, schedule, first_order_id=8_000_000_000)
        self.clearing = Clearing(self, schedule)
        self.algo = AlgoOrders(self)
        self._countdowns: dict[tuple[int, str], int] = {}

    # -- hooks of the order's life --------------------------------------------------------------------------------

    def _would_cross(self) -> Refused:
        return Refused(-5022, POST_ONLY)

    def order_answer(self, order: SimOrder) -> Answer:
        """GET /fapi/v1/order."""
        return wire.order_answer(order)

    def trade_answer(self, fill: Fill) -> Answer:
        """GET /fapi/v1/userTrades."""
        return wire.trade_answer(fill)

    def change_answer(self, order: SimOrder, change: Amendment) -> Answer:
        """GET /fapi/v1/orderAmendment."""
        return wire.change_answer(order, change)

    def _position(self, order: SimOrder) -> Position:
        return self.accounts[order.user.index].positions[order.instrument.symbol]

    def _reserve(self, order: SimOrder, lots: int) -> None:
        if order.reduce_only or order.kind == "MARKET" or order.liquidation:
            return
        position = self.accounts[order.user.index].use(order.instrument.symbol)
        value = order.instrument.notional_e8(order.price_ticks, lots)
        if order.side == 0:
            position.buy_lots += lots
            position.buy_e8 += value
        else:
            position.sell_lots += lots
            position.sell_e8 += value

    def _settle(self, order: SimOrder, fill: Fill, counter_owner: int) -> Fill:
        account = self.accounts[order.user.index]
        position = account.use(order.instrument.symbol)
        rate = order.instrument.maker_e8 if fill.maker else order.instrument.taker_e8
        fee = share(fill.quote_e8, rate)
        realized = position.trade(order.side, fill.qty_lots, fill.quote_e8)
        position.update_ms = fill.time_ms
        account.credit(realized - fee)
        account.fees_e8 += fee
        position.fees_e8 += fee
        self.clearing.fees_e8 += fee
        if counter_owner == 0:
            self.clearing.crowd_trade(order.instrument.symbol, 1 - order.side, fill.qty_lots, fill.quote_e8)
        if realized:
            self.record_income(account, "REALIZED_PNL", order.instrument.symbol, realized, str(fill.trade_id))
        self.record_income(account, "COMMISSION", order.instrument.symbol, -fee, str(fill.trade_id))
        return replace(fill, fee_e8=fee, fee_asset=account.asset, realized_e8=realized)

    def _announce(self, order: SimOrder, execution: str, fill: Fill | None = None) -> None:
        time_ms = self._schedule.now_ns // NS_PER_MS
        if fill is not None and execution == "TRADE":
            self.tell(order.user, wire.trade_lite(order, fill, time_ms))
        self.tell(order.user, wire.order_update(order, execution, fill, time_ms))
        if fill is not None:
            account = self.accounts[order.user.index]
            self.tell(order.user, wire.account_update(account, "ORDER", time_ms, [self._position(order)], 0))
            if order.liquidation:
                symbol = order.instrument.symbol
                forced = wire.force_order_text(order, fill)
                self.emit_listened(f"{symbol.lower()}@forceOrder", forced)
                self.emit_listened("!forceOrder@arr", forced)

    def _settled(self, user: User, market: Market) -> None:
        """Reduce-only orders never exceed the position: the newest are cut or expire first."""
        symbol = market.instrument.symbol
        lots = self.accounts[user.index].positions[symbol].lots
        room = {0: max(0, -lots), 1: max(0, lots)}
        for order in self.orders.open_of(user, symbol):
            if not order.reduce_only:
                continue
            if room[order.side] == 0:
                self._pull(order, "EXPIRED", self._schedule.now_ns)
                continue
            if order.left_lots > room[order.side]:
                order.qty_lots = order.filled_lots + room[order.side]
                market.matcher.amend(order.order_id, order.price_ticks, room[order.side], keep_priority=True)
                market.publish(self._schedule.now_ns)
                self._announce(order, "AMENDMENT")
            room[order.side] -= order.left_lots

    # -- orders ---------------------------------------------------------------------------------------------------

    def _checked(self, user: User, params: Mapping[str, Any], now_ns: int) -> SimOrder:
        market = self.market_of(params)
        instrument, symbol = market.instrument, market.instrument.symbol
        best = market.matcher.best()
        scene = Scene(self.clearing.marks[symbol].mark_e8, market.matcher.levels, now_ns // NS_PER_MS)
        fields = read_order(params, instrument, scene)
        if fields["client_id"]:
            twin = self.orders.find(user, symbol, None, fields["client_id"])
            if twin is not None and twin.open:
                raise Refused(-4116, "ClientOrderId is duplicated.")
        if fields["kind"] == "LIMIT" and self.orders.n_open(user, symbol) >= instrument.max_open_orders:
            raise Refused(-2025, "Reach max open order limit.")
        position = self.accounts[user.index].positions[symbol]
        if fields["reduce_only"]:
            fields["qty_lots"] = min(fields["qty_lots"], self._reducible(user, position, fields["side"]))
            if not fields["qty_lots"]:
                raise Refused(-2022, "ReduceOnly Order is rejected.")
        else:
            price = fields["price_ticks"] or (best[2] if fields["side"] == 0 else best[0])
            value = instrument.notional_e8(price, fields["qty_lots"]) if price else 0
            self._check_margin(self.accounts[user.index], position, fields["side"], value)
        order_id = self.next_order_id()
        fields["client_id"] = fields["client_id"] or f"web_{order_id}"
        time_ms = now_ns // NS_PER_MS
        return SimOrder(
            order_id=order_id,
            user=user,
            instrument=instrument,
            time_ms=time_ms,
            update_ms=time_ms,
            **fields,
        )

    def _reducible(self, user: User, position: Position, side: int) -> int:
        """Lots that a new reduce-only order on this side may have."""
        against = max(0, -position.lots) if side == 0 else max(0, position.lots)
        return against - sum(
            order.left_lots
            for order in self.orders.open_of(user, position.instrument.symbol)
            if order.reduce_only and order.side == side
        )

    def _check_margin(self, account: FuturesAccount, position: Position, side: int, value_e8: int) -> None:
        extra = (value_e8, 0) if side == 0 else (0, value_e8)
        before, after = position.initial_e8(), position.initial_e8(*extra)
        if after > before and account.initial_e8 - before + after > account.margin_balance_e8:
            raise Refused(-2019, "Margin is insufficient.")
        cap = max(
            (tier.cap_e8 for tier in position.instrument.tiers if tier.leverage >= position.leverage),
            default=0,
        )
        if after > before and cap and position.exposure_e8(*extra) > cap:
            raise Refused(-2027, "Exceeded the maximum allowable position at current leverage.")

    def new_order(self, user: User, params: Mapping[str, Any], now_ns: int) -> Answer:
        """POST /fapi/v1/order, order.place."""
        now_ns = self._schedule.at(now_ns)
        self._check_faults()
        order = self._checked(user, params, now_ns)
        kind = text(params, "newOrderRespType") or "ACK"
        if kind not in {"ACK", "RESULT"}:
            raise Refused(-1130, "Data sent for parameter 'newOrderRespType' is not valid.")
        self._submit(order, now_ns)
        if order.good_till_ms and order.open:
            self._schedule.call_at(order.good_till_ms * NS_PER_MS, lambda due: self._outlived(order, due))
        return wire.placed_answer(order, acknowledge=kind == "ACK")

    def _outlived(self, order: SimOrder, now_ns: int) -> None:
        if order.open:
            self._pull(order, "EXPIRED", now_ns)

    def test_order(self, user: User, params: Mapping[str, Any], now_ns: int) -> Answer:
        """POST /fapi/v1/order/test: every check, no order."""
        order = self._checked(user, params, self._schedule.at(now_ns))
        return wire.placed_answer(order, acknowledge=True)

    def amend_order(self, user: User, params: Mapping[str, Any], now_ns: int) -> Answer:
        """PUT /fapi/v1/order, order.modify: always to the back of the queue."""
        now_ns = self._schedule.at(now_ns)
        self._check_faults()
        order = self._order_of(user, params, -2013, "Order does not exist.")
        if not order.open or order.kind != "LIMIT":
            raise Refused(-2013, "Order does not exist.")
        if order.amended >= MAX_AMENDMENTS:
            raise Refused(-5026, "Exceed maximum modify order limit.")
        market = self.markets[order.instrument.symbol]
        mark_e8 = self.clearing.marks[order.instrument.symbol].mark_e8
        ticks, lots = read_amendment(params, order, Scene(mark_e8, market.matcher.levels, now_ns // NS_PER_MS))
        if order.reduce_only:
            room = self._reducible(user, self._position(order), order.side) + order.left_lots
            lots = min(lots, order.filled_lots + room)
        if lots <= order.filled_lots:
            self._pull(order, "CANCELED", now_ns)
            return self._amended_answer(order)
        self._amend(order, market, ticks, lots, now_ns)
        return self._amended_answer(order)

    def _amend(self, order: SimOrder, market: Market, ticks: int, lots: int, now_ns: int) -> None:
        old = order.price_ticks, order.qty_lots
        self._reserve(order, -order.left_lots)
        if not order.reduce_only:
            value = order.instrument.notional_e8(ticks, lots - order.filled_lots)
            try:
                self._check_margin(self.accounts[order.user.index], self._position(order), order.side, value)
            except Refused:
                self._reserve(order, order.left_lots)
                raise
        order.price_ticks, order.qty_lots = ticks, lots
        outcome: int = Outcome.RESTING
        if not order.release_ns:
            outcome = market.matcher.amend(
                order.order_id,
                ticks,
                order.left_lots,
                time_in_force=TIME_IN_FORCE[order.time_in_force],
            )
        if outcome == Outcome.WOULD_CROSS:
            order.price_ticks, order.qty_lots = old
            self._reserve(order, order.left_lots)
            self._pull(order, "CANCELED", now_ns)
            return
        self._reserve(order, order.left_lots)
        order.self_trade = "NONE"
        self._changed(order, old, now_ns)
        self._announce(order, "AMENDMENT")
        if not order.release_ns:
            self._matched(order, market, outcome, now_ns)

    def _amended_answer(self, order: SimOrder) -> Answer:
        return wire.placed_answer(order, acknowledge=False)

    def cancel_order(self, user: User, params: Mapping[str, Any], now_ns: int) -> Answer:
        """DELETE /fapi/v1/order, order.cancel."""
        now_ns = self._schedule.at(now_ns)
        order = self._working(user, params)
        self._pull(order, "CANCELED", now_ns)
        return self._amended_answer(order)

    def cancel_all(self, user: User, params: Mapping[str, Any], now_ns: int) -> Answer:
        """DELETE /fapi/v1/allOpenOrders."""
        now_ns = self._schedule.at(now_ns)
        self.cancel_all_of(user, self.market_of(params).instrument.symbol, now_ns)
        return {"code": 200, "msg": "The operation of cancel all open order is done."}

    def cancel_all_of(self, user: User, symbol: str, now_ns: int) -> None:
        """Cancel every working order of a user on a symbol."""
        for order in self.orders.open_of(user, symbol):
            self._pull(order, "CANCELED", now_ns)

    def batch_new(self, user: User, orders: list[Mapping[str, Any]], now_ns: int) -> list[Answer]:
        """POST /fapi/v1/batchOrders; refused ones are ``{code, msg}`` entries."""
        return [self._tried(self.new_order, user, order, now_ns) for order in self._batch(orders, 5)]

    def batch_amend(self, user: User, orders: list[Mapping[str, Any]], now_ns: int) -> list[Answer]:
        """PUT /fapi/v1/batchOrders."""
        return [self._tried(self.amend_order, user, order, now_ns) for order in self._batch(orders, 5)]

    def batch_cancel(self, user: User, params: Mapping[str, Any], now_ns: int) -> list[Answer]:
        """DELETE /fapi/v1/batchOrders; `orderIdList` / `origClientOrderIdList` as JSON text or as lists."""
        symbol = self.market_of(params).instrument.symbol
        ids, names = listed(params, "orderIdList"), listed(params, "origClientOrderIdList")
        if not ids and not names:
            raise Refused(-1102, "Mandatory parameter 'orderIdList' was not sent, was empty/null, or malformed.")
        wanted = [{"symbol": symbol, "orderId": value} for value in ids] or [
            {"symbol": symbol, "origClientOrderId": value} for value in names
        ]
        return [self._tried(self.cancel_order, user, each, now_ns) for each in self._batch(wanted, 10)]

    @staticmethod
    def _batch(items: list[Any], limit: int) -> list[Any]:
        if not 1 <= len(items) <= limit:
            raise Refused(-4082, f"Invalid number of batch place orders: 1 to {limit}.")
        return items

    @staticmethod
    def _tried(method: Any, user: User, params: Mapping[str, Any], now_ns: int) -> Answer:
        try:
            answer: Answer = method(user, params, now_ns)
        except Refused as refusal:
            return refusal.payload()
        return answer

    def query_open_order(self, user: User, params: Mapping[str, Any], now_ns: int) -> Answer:
        """GET /fapi/v1/openOrder."""
        self._schedule.at(now_ns)
        order = self._order_of(user, params, -2013, "Order does not exist.")
        if not order.open:
            raise Refused(-2013, "Order does not exist.")
        return wire.order_answer(order)

    def force_orders(self, user: User, params: Mapping[str, Any], now_ns: int) -> list[Answer]:
        """GET /fapi/v1/forceOrders: liquidations of the user."""
        self._schedule.at(now_ns)
        symbols = [self.market_of(params).instrument.symbol] if text(params, "symbol") else list(self.markets)
        return [
            wire.order_answer(order)
            for symbol in symbols
            for order in self.orders.history_of(user, symbol)
            if order.liquidation and in_window(params, order.time_ms)
        ][-count(params, "limit", 50, 100) :]

    def countdown_cancel_all(self, user: User, params: Mapping[str, Any], now_ns: int) -> Answer:
        """POST /fapi/v1/countdownCancelAll: the dead man's switch of one symbol; 0 disarms it."""
        now_ns = self._schedule.at(now_ns)
        symbol = self.market_of(params).instrument.symbol
        countdown_ms = whole(params, "countdownTime")
        if countdown_ms is None or countdown_ms < 0:
            raise Refused(-1102, "Mandatory parameter 'countdownTime' was not sent, was empty/null, or malformed.")
        key = (user.index, symbol)
        round_number = self._countdowns.get(key, 0) + 1
        self._countdowns[key] = round_number
        if countdown_ms:

            def fire(due_ns: int) -> None:
                if self._countdowns[key] == round_number:
                    self.cancel_all_of(user, symbol, due_ns)

            self._schedule.call_at(now_ns + countdown_ms * NS_PER_MS, fire)
        return {"symbol": symbol, "countdownTime": str(countdown_ms)}
