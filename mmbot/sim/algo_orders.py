"""Conditional orders of USD-M futures: they wait outside of the book for a price, then become ordinary orders.

Documents: "New Algo Order", "Cancel Algo Order", "Query Algo Order", the event ``ALGO_UPDATE``. Prices are looked at
ten times a second. What is not here: the price protection, and the end of the algo order after a limit order of it has
come to rest (it stays TRIGGERED, and the order has its own life).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from mmbot.sim import algo_wire as wire
from mmbot.sim.events import Refused
from mmbot.sim.futures_rules import BAD_CLIENT_ID, read_price, read_quantity
from mmbot.sim.market import NS_PER_MS
from mmbot.sim.requests import CLIENT_ID, SELF_TRADE, SIDES, count, flag, in_window, need, text, whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mmbot.sim.futures import FuturesVenue
    from mmbot.sim.instruments import SimInstrument
    from mmbot.sim.users import User

Params = "Mapping[str, Any]"
KINDS: Final = {"STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET"}
MOST_OPEN: Final = 10
LOOK_MS: Final = 100


@dataclass(slots=True, eq=False)
class AlgoOrder:
    """One conditional order.

    Attributes:
        upwards: it fires when the price rises to its trigger, else when it falls there.
        order: parameters of the order that it becomes.
        trail_e8: of a trailing stop, how far the price has to turn, as a fraction; 0 for all others.
        best_ticks: of a trailing stop that is active, the best price since.
        actual: what it has become: order id, average price, quantity, type.
    """

    algo_id: int
    client_id: str
    user: User
    instrument: SimInstrument
    kind: str
    side: str
    trigger_ticks: int
    upwards: bool
    order: dict[str, str]
    time_ms: int
    working: str = "CONTRACT_PRICE"
    close_position: bool = False
    trail_e8: int = 0
    best_ticks: int = 0
    status: str = "NEW"
    update_ms: int = 0
    trigger_ms: int = 0
    actual: tuple[str, str, str, str] = ("", "0", "0", "")

    @property
    def open(self) -> bool:
        """Whether it still waits."""
        return self.status == "NEW"


class AlgoOrders:
    """All conditional orders of a venue.

    Args:
        venue: takes the orders that come of them.
    """

    def __init__(self, venue: FuturesVenue) -> None:
        self._venue = venue
        self._all: dict[int, AlgoOrder] = {}
        self._waiting: dict[int, AlgoOrder] = {}
        self._next_id = 1_000_000_033_000_000
        self._looking = False

    # -- requests ---------------------------------------------------------------------------------------------------

    def place(self, user: User, params: Mapping[str, Any], now_ns: int) -> dict[str, Any]:
        """POST /fapi/v1/algoOrder, algoOrder.place."""
        now_ns = self._venue.note_time(now_ns)
        order = self._read(user, params, now_ns // NS_PER_MS)
        if order.trail_e8 == 0 and self._reached(order, self._price(order)):
            raise Refused(-2021, "Order would immediately trigger.")
        same = [each for each in self._waiting.values() if each.user is user and each.instrument is order.instrument]
        if len(same) >= MOST_OPEN:
            raise Refused(-4045, "Reach max stop order limit.")
        if any(each.client_id == order.client_id for each in self._waiting.values() if each.user is user):
            raise Refused(-4116, "ClientOrderId is duplicated.")
        self._all[order.algo_id] = self._waiting[order.algo_id] = order
        self._tell(order)
        if not self._looking:
            self._looking = True
            self._venue.call_every(LOOK_MS, self._look)
        return wire.placed(order)

    def cancel(self, user: User, params: Mapping[str, Any], now_ns: int) -> dict[str, Any]:
        """DELETE /fapi/v1/algoOrder, algoOrder.cancel."""
        self._venue.note_time(now_ns)
        order = self._find(user, params)
        if order is None or not order.open:
            raise Refused(-2011, "Unknown order sent.")
        self._end(order, "CANCELED", now_ns)
        return {"algoId": order.algo_id, "clientAlgoId": order.client_id, "code": "200", "msg": "success"}

    def cancel_all(self, user: User, params: Mapping[str, Any], now_ns: int) -> dict[str, Any]:
        """DELETE /fapi/v1/algoOpenOrders."""
        self._venue.note_time(now_ns)
        instrument = self._venue.market_of(params).instrument
        for order in [each for each in self._waiting.values() if each.user is user and each.instrument is instrument]:
            self._end(order, "CANCELED", now_ns)
        return {"code": 200, "msg": "The operation of cancel all open order is done."}

    def query(self, user: User, params: Mapping[str, Any], now_ns: int) -> dict[str, Any]:
        """GET /fapi/v1/algoOrder."""
        self._venue.note_time(now_ns)
        order = self._find(user, params)
        if order is None:
            raise Refused(-2013, "Order does not exist.")
        return wire.queried(order)

    def open_orders(self, user: User, params: Mapping[str, Any], now_ns: int) -> list[dict[str, Any]]:
        """GET /fapi/v1/openAlgoOrders: those that wait."""
        self._venue.note_time(now_ns)
        symbol = self._venue.market_of(params).instrument.symbol if text(params, "symbol") else None
        return [
            wire.queried(each)
            for each in self._waiting.values()
            if each.user is user and symbol in {None, each.instrument.symbol}
        ]

    def all_orders(self, user: User, params: Mapping[str, Any], now_ns: int) -> list[dict[str, Any]]:
        """GET /fapi/v1/allAlgoOrders, oldest first."""
        self._venue.note_time(now_ns)
        instrument, first = self._venue.market_of(params).instrument, whole(params, "algoId") or 0
        found = [
            wire.queried(each)
            for each in self._all.values()
            if each.user is user
            and each.instrument is instrument
            and each.algo_id >= first
            and in_window(params, each.time_ms)
        ]
        return found[-count(params, "limit", 500, 1000) :]

    def _find(self, user: User, params: Mapping[str, Any]) -> AlgoOrder | None:
        number, name = whole(params, "algoId"), text(params, "clientAlgoId")
        if number is None and name is None:
            raise Refused(-1102, "Param 'algoId' or 'clientAlgoId' must be sent, but both were empty/null!")
        if number is not None:
            order = self._all.get(number)
            return order if order is not None and order.user is user else None
        found = (each for each in reversed(self._all.values()) if each.user is user and each.client_id == name)
        return next(found, None)

    # -- reading ----------------------------------------------------------------------------------------------------

    def _read(self, user: User, params: Mapping[str, Any], now_ms: int) -> AlgoOrder:
        if need(params, "algoType") != "CONDITIONAL":
            raise Refused(-1130, "Data sent for parameter 'algoType' is not valid.")
        instrument = self._venue.market_of(params).instrument
        side, kind = need(params, "side"), need(params, "type")
        if side not in SIDES:
            raise Refused(-1117, "Invalid side.")
        if kind not in KINDS:
            raise Refused(-1116, "Invalid orderType.")
        if (text(params, "positionSide") or "BOTH") != "BOTH":
            raise Refused(-4061, "Order's position side does not match user's setting.")
        working = text(params, "workingType") or "CONTRACT_PRICE"
        if working not in {"CONTRACT_PRICE", "MARK_PRICE"}:
            raise Refused(-1130, "Data sent for parameter 'workingType' is not valid.")
        trail_e8, trigger = 0, text(params, "triggerPrice") or text(params, "activatePrice")
        if kind == "TRAILING_STOP_MARKET":
            trail_e8 = _callback(need(params, "callbackRate"))
        elif trigger is None:
            need(params, "triggerPrice")
        self._next_id += 1
        client_id = text(params, "clientAlgoId") or f"algo_{self._next_id}"
        if CLIENT_ID.fullmatch(client_id) is None:
            raise Refused(-4015, BAD_CLIENT_ID)
        buys = side == "BUY"
        return AlgoOrder(
            algo_id=self._next_id,
            client_id=client_id,
            user=user,
            instrument=instrument,
            kind=kind,
            side=side,
            trigger_ticks=read_price(instrument, trigger) if trigger is not None else 0,
            # A stop follows the market, a profit is taken against it; a trailing stop first waits for the profit.
            upwards=buys == kind.startswith("STOP"),
            order=self._becomes(params, instrument, kind) | {"newClientOrderId": client_id},
            time_ms=now_ms,
            update_ms=now_ms,
            working=working,
            close_position=flag(params, "closePosition"),
            trail_e8=trail_e8,
        )

    @staticmethod
    def _becomes(params: Mapping[str, Any], instrument: SimInstrument, kind: str) -> dict[str, str]:
        """The parameters of the order that will be sent, checked as far as they can be now."""
        market = kind.endswith("_MARKET")
        order = {
            "symbol": instrument.symbol,
            "side": need(params, "side"),
            "type": "MARKET" if market else "LIMIT",
            "selfTradePreventionMode": text(params, "selfTradePreventionMode") or "EXPIRE_MAKER",
            "reduceOnly": "true" if flag(params, "reduceOnly") or flag(params, "closePosition") else "false",
        }
        if order["selfTradePreventionMode"] not in SELF_TRADE:
            raise Refused(-5039, "Invalid self trade prevention mode")
        if flag(params, "closePosition"):
            if not market or kind == "TRAILING_STOP_MARKET":
                raise Refused(-4136, f"Target strategy invalid for orderType {kind},closePosition true")
            if text(params, "quantity") is not None:
                raise Refused(-4137, "Quantity must be zero with closePosition equals true")
            return order
        order["quantity"] = need(params, "quantity")
        read_quantity(instrument, order["quantity"], market=market)
        if market:
            return order
        order["timeInForce"] = text(params, "timeInForce") or "GTC"
        match = text(params, "priceMatch") or "NONE"
        if match != "NONE":
            return order | {"priceMatch": match}
        order["price"] = need(params, "price")
        read_price(instrument, order["price"])
        return order

    # -- firing -----------------------------------------------------------------------------------------------------

    def _price(self, order: AlgoOrder) -> int:
        """The price that is watched, in ticks."""
        symbol = order.instrument.symbol
        if order.working == "MARK_PRICE":
            return self._venue.clearing.marks[symbol].mark_e8 // order.instrument.tick_e8
        return self._venue.markets[symbol].last_ticks

    @staticmethod
    def _reached(order: AlgoOrder, ticks: int) -> bool:
        return ticks >= order.trigger_ticks if order.upwards else ticks <= order.trigger_ticks

    def _due(self, order: AlgoOrder) -> bool:
        ticks = self._price(order)
        if not order.trail_e8:
            return self._reached(order, ticks)
        falling = order.side == "BUY"  # it buys when the price has fallen and turns
        if not order.best_ticks:
            if order.trigger_ticks and not (ticks <= order.trigger_ticks if falling else ticks >= order.trigger_ticks):
                return False
            order.best_ticks = ticks
        order.best_ticks = min(order.best_ticks, ticks) if falling else max(order.best_ticks, ticks)
        turned = ticks - order.best_ticks if falling else order.best_ticks - ticks
        return turned * 10**8 >= order.best_ticks * order.trail_e8

    def _look(self, now_ns: int) -> bool:
        """Fire what is due; False when nothing waits any more."""
        for order in list(self._waiting.values()):
            if order.open and self._due(order):
                self._fire(order, now_ns)
        self._looking = bool(self._waiting)
        return self._looking

    def _fire(self, order: AlgoOrder, now_ns: int) -> None:
        del self._waiting[order.algo_id]
        order.trigger_ms = now_ns // NS_PER_MS
        self._set(order, "TRIGGERING", now_ns)
        params = dict(order.order)
        if order.close_position:
            position = self._venue.accounts[order.user.index].positions[order.instrument.symbol]
            if not position.lots or (position.lots > 0) == (order.side == "BUY"):
                self._set(order, "EXPIRED", now_ns)
                return
            params["quantity"] = order.instrument.qty_text(abs(position.lots))
        try:
            answer = self._venue.new_order(order.user, params | {"newOrderRespType": "RESULT"}, now_ns)
        except Refused as refusal:
            self._venue.tell(order.user, wire.refused(order, refusal.msg, now_ns // NS_PER_MS))
            self._set(order, "REJECTED", now_ns)
            return
        order.actual = (str(answer["orderId"]), answer["avgPrice"], answer["executedQty"], params["type"])
        self._set(order, "TRIGGERED" if answer["status"] in {"NEW", "PARTIALLY_FILLED"} else "FINISHED", now_ns)

    def _end(self, order: AlgoOrder, status: str, now_ns: int) -> None:
        self._waiting.pop(order.algo_id, None)
        self._set(order, status, now_ns)

    def _set(self, order: AlgoOrder, status: str, now_ns: int) -> None:
        order.status = status
        order.update_ms = now_ns // NS_PER_MS
        self._tell(order)

    def _tell(self, order: AlgoOrder) -> None:
        self._venue.tell(order.user, wire.update(order))


def _callback(rate: str) -> int:
    """A trailing stop's ``callbackRate``, in percent with one decimal, as a fraction in 1e-8."""
    try:
        percent = round(float(rate) * 10)
    except ValueError:
        percent = 0
    if not 1 <= percent <= 100:
        raise Refused(-2007, "Invalid callBack rate.")
    return percent * 10**5
