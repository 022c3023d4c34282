"""The spot venue: orders against free balances, fees in the asset received."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mmbot.sim import spot_wire as wire
from mmbot.sim.events import Event, Refused
from mmbot.sim.instruments import E8, NotAMultiple, TooPrecise, e8, share
from mmbot.sim.market import NS_PER_MS, Market
from mmbot.sim.orders import Amendment, Fill, SimOrder
from mmbot.sim.requests import SELF_TRADE, SIDES, client_id, flag, need, text
from mmbot.sim.spot_account import SpotAccount
from mmbot.sim.venue import Answer, Venue

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mmbot.sim.instruments import SimInstrument
    from mmbot.sim.schedule import Schedule
    from mmbot.sim.users import User

BAD_CLIENT_ID = "Illegal characters found in parameter 'newClientOrderId'; legal range is '^[a-zA-Z0-9-_]{1,36}$'."


def _filter(name: str) -> Refused:
    return Refused(-1013, f"Filter failure: {name}")


def read_price(instrument: SimInstrument, value: str) -> int:
    """A limit price in ticks; -1111 or a filter failure."""
    try:
        ticks = instrument.ticks(value)
    except TooPrecise:
        raise Refused(-1111, "Parameter 'price' has too much precision.") from None
    except NotAMultiple:
        raise _filter("PRICE_FILTER") from None
    except ValueError:
        raise Refused(-1100, "Illegal characters found in parameter 'price'.") from None
    if not instrument.min_ticks <= ticks <= instrument.max_ticks:
        raise _filter("PRICE_FILTER")
    return ticks


def read_quantity(instrument: SimInstrument, value: str, *, market: bool) -> int:
    """A quantity in lots; -1111, -1013 or a filter failure."""
    try:
        lots = instrument.lots(value)
    except TooPrecise:
        raise Refused(-1111, "Parameter 'quantity' has too much precision.") from None
    except NotAMultiple:
        raise _filter("LOT_SIZE") from None
    except ValueError:
        raise Refused(-1100, "Illegal characters found in parameter 'quantity'.") from None
    if lots <= 0:
        raise Refused(-1013, "Invalid quantity.")
    if not instrument.min_lots <= lots <= instrument.max_lots:
        raise _filter("LOT_SIZE")
    if market and lots > instrument.market_max_lots:
        raise _filter("MARKET_LOT_SIZE")
    return lots


class SpotVenue(Venue):
    """``binance_spot``."""

    futures = False
    id_limits = (500, 1000)

    def __init__(self, outbox: list[Event], schedule: Schedule) -> None:
        super().__init__("binance_spot", outbox, schedule, first_order_id=28_000_000_000)
        self.accounts: dict[int, SpotAccount] = {}
        self.crowd: dict[str, int] = {}
        self.fees: dict[str, int] = {}
        self._execution_id = 60_000_000_000
        self._cancel_id = ""

    def open_account(self, user: User, balances: Mapping[str, str]) -> None:
        """Give a user balances."""
        self.add_user(user)
        instruments = [market.instrument for market in self.markets.values()]
        assets = {each.base for each in instruments} | {each.quote for each in instruments}
        free = dict.fromkeys(sorted(assets), 0) | {asset: e8(amount) for asset, amount in balances.items()}
        self.accounts[user.index] = SpotAccount(user, free)

    # -- hooks of the order's life --------------------------------------------------------------------------------

    def _would_cross(self) -> Refused:
        return Refused(-2010, "Order would immediately match and take.")

    def order_answer(self, order: SimOrder) -> Answer:
        """GET /api/v3/order."""
        return wire.order_answer(order)

    def trade_answer(self, fill: Fill) -> Answer:
        """GET /api/v3/myTrades."""
        return wire.trade_answer(fill)

    def change_answer(self, order: SimOrder, change: Amendment) -> Answer:
        """GET /api/v3/order/amendments."""
        return wire.change_answer(order, change)

    def _reserve(self, order: SimOrder, lots: int) -> None:
        if order.kind == "MARKET":
            return
        instrument, account = order.instrument, self.accounts[order.user.index]
        if order.side == 0:
            account.lock(instrument.quote, instrument.notional_e8(order.price_ticks, lots))
        else:
            account.lock(instrument.base, lots * instrument.lot_e8)

    def _settle(self, order: SimOrder, fill: Fill, counter_owner: int) -> Fill:
        instrument, account = order.instrument, self.accounts[order.user.index]
        rate = instrument.maker_e8 if fill.maker else instrument.taker_e8
        base_e8 = fill.qty_lots * instrument.lot_e8
        given, given_e8, got, got_e8 = (
            (instrument.quote, fill.quote_e8, instrument.base, base_e8)
            if order.side == 0
            else (instrument.base, base_e8, instrument.quote, fill.quote_e8)
        )
        fee = share(got_e8, rate)
        account.credit(given, -given_e8)
        account.credit(got, got_e8 - fee)
        account.fees[got] = account.fees.get(got, 0) + fee
        self.fees[got] = self.fees.get(got, 0) + fee
        if counter_owner == 0:
            self.crowd[given] = self.crowd.get(given, 0) + given_e8
            self.crowd[got] = self.crowd.get(got, 0) - got_e8
        return replace(fill, fee_e8=fee, fee_asset=got)

    def _announce(self, order: SimOrder, execution: str, fill: Fill | None = None) -> None:
        cancel_id = ""
        if execution == "CANCELED":
            cancel_id, self._cancel_id = self._cancel_id or f"sim_{self._execution_id}", ""
        self._report(order, execution, fill, cancel_id)

    def _report(self, order: SimOrder, execution: str, fill: Fill | None = None, cancel_id: str = "") -> None:
        time_ms = self._schedule.now_ns // NS_PER_MS
        self._execution_id += 1
        self.tell(
            order.user,
            wire.execution_report(
                order,
                execution,
                fill,
                time_ms=time_ms,
                execution_id=self._execution_id,
                cancel_id=cancel_id,
            ),
        )
        assets = (order.instrument.base, order.instrument.quote)
        self.tell(order.user, wire.account_position(self.accounts[order.user.index], assets, time_ms))

    def _settled(self, user: User, market: Market) -> None:
        """Nothing follows a spot fill."""

    # -- orders ---------------------------------------------------------------------------------------------------

    def _checked(self, user: User, params: Mapping[str, Any], now_ns: int) -> SimOrder:
        market = self.market_of(params)
        instrument = market.instrument
        side = SIDES.get(need(params, "side"))
        if side is None:
            raise Refused(-1117, "Invalid side.")
        kind = need(params, "type")
        if kind not in {"LIMIT", "LIMIT_MAKER", "MARKET"}:
            raise Refused(-1116, "Invalid orderType.")
        prevention = text(params, "selfTradePreventionMode") or "EXPIRE_MAKER"
        if prevention not in SELF_TRADE:
            raise Refused(-1130, "Data sent for parameter 'selfTradePreventionMode' is not valid.")
        if text(params, "icebergQty") is not None:
            raise Refused(-2010, "Iceberg orders are not supported for this symbol.")
        name = client_id(params, -1100, BAD_CLIENT_ID)
        ticks, force = self._terms(params, instrument, kind)
        lots = self._quantity(params, market, side, kind)
        self._check_value(market, ticks, lots)
        twin = self.orders.find(user, instrument.symbol, None, name) if name else None
        if twin is not None and twin.open:
            raise Refused(-2010, "Duplicate order sent.")
        if kind != "MARKET" and self.orders.n_open(user, instrument.symbol) >= instrument.max_open_orders:
            raise _filter("MAX_NUM_ORDERS")
        self._check_balance(user, market, side, ticks, lots)
        order_id, time_ms = self.next_order_id(), now_ns // NS_PER_MS
        return SimOrder(
            order_id=order_id,
            client_id=name or f"sim{order_id}",
            user=user,
            instrument=instrument,
            side=side,
            kind=kind,
            time_in_force=force,
            price_ticks=ticks,
            qty_lots=lots,
            time_ms=time_ms,
            update_ms=time_ms,
            self_trade=prevention,
        )

    @staticmethod
    def _terms(params: Mapping[str, Any], instrument: SimInstrument, kind: str) -> tuple[int, str]:
        """Limit price in ticks (0 for a market order) and time in force."""
        if kind == "MARKET":
            for name in ("price", "timeInForce"):
                if text(params, name) is not None:
                    raise Refused(-1106, f"Parameter '{name}' sent when not required.")
            return 0, "IOC"
        if kind == "LIMIT_MAKER":
            if text(params, "timeInForce") is not None:
                raise Refused(-1106, "Parameter 'timeInForce' sent when not required.")
            return read_price(instrument, need(params, "price")), "GTX"
        force = need(params, "timeInForce")
        if force not in {"GTC", "IOC", "FOK"}:
            raise Refused(-1115, "Invalid timeInForce.")
        return read_price(instrument, need(params, "price")), force

    @staticmethod
    def _quantity(params: Mapping[str, Any], market: Market, side: int, kind: str) -> int:
        """Lots: as stated, or of a market order what ``quoteOrderQty`` buys or sells now."""
        budget = text(params, "quoteOrderQty")
        if kind != "MARKET" or budget is None:
            return read_quantity(market.instrument, need(params, "quantity"), market=kind == "MARKET")
        if text(params, "quantity") is not None:
            raise Refused(-1106, "Parameter 'quoteOrderQty' sent when not required.")
        try:
            left = e8(budget)
        except ValueError:
            raise Refused(-1111, "Parameter 'quoteOrderQty' has too much precision.") from None
        lots = 0
        for price, level_lots in market.matcher.levels(1 - side):
            taken = min(level_lots, left // (price * market.instrument.unit_e8))
            lots += taken
            left -= market.instrument.notional_e8(price, taken)
            if taken < level_lots:
                break
        if lots <= 0:
            raise _filter("NOTIONAL")
        return lots

    @staticmethod
    def _check_value(market: Market, ticks: int, lots: int) -> None:
        """Price band and minimum value; market orders are valued at the last price."""
        instrument = market.instrument
        if ticks and not (
            market.last_ticks * instrument.band_down_e8 <= ticks * E8 <= market.last_ticks * instrument.band_up_e8
        ):
            raise _filter("PERCENT_PRICE_BY_SIDE")
        if instrument.notional_e8(ticks or market.last_ticks, lots) < instrument.min_notional_e8:
            raise _filter("NOTIONAL")

    def _check_balance(self, user: User, market: Market, side: int, ticks: int, lots: int) -> None:
        instrument, account = market.instrument, self.accounts[user.index]
        if side == 1:
            asset, needed = instrument.base, lots * instrument.lot_e8
        else:
            asset = instrument.quote
            needed = instrument.notional_e8(ticks, lots) if ticks else self._cost(market, lots)
        if account.free.get(asset, 0) < needed:
            raise Refused(-2010, "Account has insufficient balance for requested action.")

    @staticmethod
    def _cost(market: Market, lots: int) -> int:
        """What buying at market costs now."""
        cost = 0
        for price, level_lots in market.matcher.levels(1):
            taken = min(lots, level_lots)
            cost += market.instrument.notional_e8(price, taken)
            lots -= taken
            if not lots:
                break
        return cost

    def new_order(self, user: User, params: Mapping[str, Any], now_ns: int) -> Answer:
        """POST /api/v3/order, order.place."""
        now_ns = self._schedule.at(now_ns)
        self._check_faults()
        kind = text(params, "newOrderRespType") or ("FULL" if params.get("type") in {"MARKET", "LIMIT"} else "ACK")
        if kind not in {"ACK", "RESULT", "FULL"}:
            raise Refused(-1130, "Data sent for parameter 'newOrderRespType' is not valid.")
        order = self._checked(user, params, now_ns)
        self._submit(order, now_ns)
        return wire.placed_answer(order, kind)

    def test_order(self, user: User, params: Mapping[str, Any], now_ns: int) -> Answer:
        """POST /api/v3/order/test: every check, no order."""
        order = self._checked(user, params, self._schedule.at(now_ns))
        return wire.rates_answer(order.instrument) if flag(params, "computeCommissionRates") else {}

    def amend_keep_priority(self, user: User, params: Mapping[str, Any], now_ns: int) -> Answer:
        """PUT /api/v3/order/amend/keepPriority, order.amend.keepPriority: a smaller quantity only."""
        now_ns = self._schedule.at(now_ns)
        self._check_faults()
        market = self.market_of(params)
        order = self._working_for_amend(user, params)
        try:
            lots = read_quantity(market.instrument, need(params, "newQty"), market=False)
        except Refused as refusal:
            raise Refused(-2038, f"Order amend (quantity reduction) is rejected: {refusal.msg}") from None
        if not order.filled_lots < lots < order.qty_lots:
            raise Refused(
                -2038,
                "Order amend (quantity reduction) is rejected: Quantity must be smaller, "
                "and more than what has been executed.",
            )
        self._check_value(market, order.price_ticks, lots)
        self._reserve(order, lots - order.qty_lots)
        old = order.price_ticks, order.qty_lots
        order.qty_lots = lots
        self._changed(order, old, now_ns)
        if not order.release_ns:
            market.matcher.amend(order.order_id, order.price_ticks, order.left_lots, keep_priority=True)
        self._report(order, "REPLACED")
        market.publish(now_ns)
        amended = wire.order_answer(order)
        kept = (
            "symbol",
            "orderId",
            "orderListId",
            "clientOrderId",
            "price",
            "timeInForce",
            "type",
            "side",
            "workingTime",
            "selfTradePreventionMode",
            "status",
        )
        return {
            "transactTime": order.update_ms,
            "executionId": self._execution_id,
            "amendedOrder": {name: amended[name] for name in kept}
            | {
                "origClientOrderId": order.client_id,
                "preventedQty": wire.ZERO,
                "qty": amended["origQty"],
                "executedQty": amended["executedQty"],
                "cumulativeQuoteQty": amended["cummulativeQuoteQty"],
            },
        }

    def _working_for_amend(self, user: User, params: Mapping[str, Any]) -> SimOrder:
        order = self._order_of(user, params, -2013, "Order does not exist.")
        if not order.open:
            raise Refused(-2013, "Order does not exist.")
        return order

    def _cancel(self, order: SimOrder, params: Mapping[str, Any], now_ns: int) -> Answer:
        restrictions = text(params, "cancelRestrictions")
        if (
            restrictions is not None
            and {"ONLY_NEW": "NEW", "ONLY_PARTIALLY_FILLED": "PARTIALLY_FILLED"}.get(
                restrictions,
            )
            != order.status
        ):
            raise Refused(-2011, "Order was not canceled due to cancel restrictions.")
        cancel_id = text(params, "newClientOrderId") or f"sim_{self._execution_id}"
        self._cancel_id = cancel_id
        self._pull(order, "CANCELED", now_ns)
        return wire.canceled_answer(order, cancel_id)

    def cancel_order(self, user: User, params: Mapping[str, Any], now_ns: int) -> Answer:
        """DELETE /api/v3/order, order.cancel."""
        now_ns = self._schedule.at(now_ns)
        return self._cancel(self._working(user, params), params, now_ns)

    def cancel_all(self, user: User, params: Mapping[str, Any], now_ns: int) -> list[Answer]:
        """DELETE /api/v3/openOrders, openOrders.cancelAll; -2011 when there are none."""
        now_ns = self._schedule.at(now_ns)
        orders = self.orders.open_of(user, self.market_of(params).instrument.symbol)
        if not orders:
            raise Refused(-2011, "Unknown order sent.")
        return [self._cancel(order, {}, now_ns) for order in orders]

    def cancel_replace(self, user: User, params: Mapping[str, Any], now_ns: int) -> Answer:
        """POST /api/v3/order/cancelReplace, order.cancelReplace.

        A failure raises `Refused` -2021 (partly) or -2022 (wholly) whose `data` is the wire's ``data`` object.
        """
        now_ns = self._schedule.at(now_ns)
        mode = need(params, "cancelReplaceMode")
        if mode not in {"STOP_ON_FAILURE", "ALLOW_FAILURE"}:
            raise Refused(-1130, "Data sent for parameter 'cancelReplaceMode' is not valid.")
        market = self.market_of(params)
        target = {
            "symbol": market.instrument.symbol,
            "orderId": params.get("cancelOrderId"),
            "origClientOrderId": params.get("cancelOrigClientOrderId"),
            "newClientOrderId": params.get("cancelNewClientOrderId"),
            "cancelRestrictions": params.get("cancelRestrictions"),
        }
        canceled, cancel_answer = self._attempt(self.cancel_order, user, target, now_ns)
        data: Answer = {
            "cancelResult": "SUCCESS" if canceled else "FAILURE",
            "newOrderResult": "NOT_ATTEMPTED",
            "cancelResponse": cancel_answer,
            "newOrderResponse": None,
        }
        if not canceled and mode == "STOP_ON_FAILURE":
            raise Refused(-2022, "Order cancel-replace failed.", data=data)
        placed, data["newOrderResponse"] = self._attempt(self.new_order, user, params, now_ns)
        data["newOrderResult"] = "SUCCESS" if placed else "FAILURE"
        if canceled and placed:
            return data
        if canceled or placed:
            raise Refused(-2021, "Order cancel-replace partially failed.", status=409, data=data)
        raise Refused(-2022, "Order cancel-replace failed.", data=data)

    @staticmethod
    def _attempt(method: Any, user: User, params: Mapping[str, Any], now_ns: int) -> tuple[bool, Answer]:
        try:
            return True, method(user, params, now_ns)
        except Refused as refusal:
            return False, refusal.payload()

    # -- account --------------------------------------------------------------------------------------------------

    def account(self, user: User, params: Mapping[str, Any], now_ns: int) -> Answer:
        """GET /api/v3/account, account.status."""
        instrument = next(iter(self.markets.values())).instrument
        time_ms = self._schedule.at(now_ns) // NS_PER_MS
        answer = wire.account_answer(self.accounts[user.index], wire.rates_text(instrument), time_ms)
        if flag(params, "omitZeroBalances"):
            answer["balances"] = [each for each in answer["balances"] if {each["free"], each["locked"]} != {wire.ZERO}]
        return answer

    def commission(self, _user: User, params: Mapping[str, Any], now_ns: int) -> Answer:
        """GET /api/v3/account/commission."""
        self._schedule.at(now_ns)
        instrument = self.market_of(params).instrument
        maker, taker = wire.rates_text(instrument)
        none = {"maker": wire.ZERO, "taker": wire.ZERO, "buyer": wire.ZERO, "seller": wire.ZERO}
        return {
            "symbol": instrument.symbol,
            "standardCommission": none | {"maker": maker, "taker": taker},
            "specialCommission": none,
            "taxCommission": none,
            "discount": {
                "enabledForAccount": False,
                "enabledForSymbol": False,
                "discountAsset": "BNB",
                "discount": wire.ZERO,
            },
        }

    def exchange_info(self, params: Mapping[str, Any], now_ns: int) -> Answer:
        """GET /api/v3/exchangeInfo; the server puts its own ``rateLimits`` in."""
        markets = self.data.asked(params)[0]
        return {
            "timezone": "UTC",
            "serverTime": self._schedule.at(now_ns) // NS_PER_MS,
            "rateLimits": [],
            "exchangeFilters": [],
            "symbols": [wire.symbol_answer(market.instrument) for market in markets],
            "sors": [],
        }
