"""How USD-M futures reads and checks an order request: parameters, filters, price bands, with its error codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from mmbot.sim.events import Refused
from mmbot.sim.instruments import E8, NotAMultiple, TooPrecise
from mmbot.sim.requests import SELF_TRADE, SIDES, client_id, flag, need, text, whole

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mmbot.sim.instruments import SimInstrument
    from mmbot.sim.orders import SimOrder

CONDITIONAL: Final = {"STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET"}
POST_ONLY: Final = (
    "Due to the order could not be executed as maker, the Post Only order will be rejected. "
    "The order will not be recorded in the order history"
)
PRECISION: Final = "Precision is over the maximum defined for this asset."
BAD_CLIENT_ID: Final = "Client order id is not valid."
PRICE_MATCH: Final = {f"{kind}{level}" for kind in ("OPPONENT", "QUEUE") for level in ("", "_5", "_10", "_20")}
GOOD_TILL_LEAD_MS: Final = 600_000
GOOD_TILL_LAST_MS: Final = 253_402_300_799_000


@dataclass(frozen=True, slots=True)
class Scene:
    """What an order's checks look at.

    Attributes:
        mark_e8: mark price.
        levels: (side, count) -> that many (ticks, lots) from the best on.
        now_ms: the time.
    """

    mark_e8: int
    levels: Callable[[int, int], list[tuple[int, int]]]
    now_ms: int

    def level(self, side: int, number: int) -> int:
        """Price of the `number`-th level of a side; 0 when there are fewer."""
        found = self.levels(side, number)
        return found[-1][0] if len(found) == number else 0


def read_price(instrument: SimInstrument, value: str) -> int:
    """A limit price in ticks: -1111 too precise, -4014 not a tick, -4001/-4002/-4013 out of range."""
    try:
        ticks = instrument.ticks(value)
    except TooPrecise:
        raise Refused(-1111, PRECISION) from None
    except NotAMultiple:
        raise Refused(-4014, "Price not increased by tick size.") from None
    except ValueError:
        raise Refused(-1102, "Mandatory parameter 'price' was not sent, was empty/null, or malformed.") from None
    if ticks <= 0:
        raise Refused(-4001, "Price less than or equal to zero.")
    if ticks > instrument.max_ticks:
        raise Refused(-4002, "Price greater than max price.")
    if ticks < instrument.min_ticks:
        raise Refused(-4013, "Price less than min price.")
    return ticks


def read_quantity(instrument: SimInstrument, value: str, *, market: bool) -> int:
    """A quantity in lots: -1111 too precise, -4023 not a step, -4003 zero, -4004 too small, -4005 too large."""
    try:
        lots = instrument.lots(value)
    except TooPrecise:
        raise Refused(-1111, PRECISION) from None
    except NotAMultiple:
        raise Refused(-4023, "Quantity not increased by step size.") from None
    except ValueError:
        raise Refused(-1102, "Mandatory parameter 'quantity' was not sent, was empty/null, or malformed.") from None
    if lots <= 0:
        raise Refused(-4003, "Quantity less than or equal to zero.")
    if lots < instrument.min_lots:
        raise Refused(-4004, "Quantity less than min quantity.")
    if lots > (instrument.market_max_lots if market else instrument.max_lots):
        raise Refused(-4005, "Quantity greater than max quantity.")
    return lots


def check_band(instrument: SimInstrument, side: int, ticks: int, mark_e8: int) -> None:
    """Limit prices must not stray from the mark: buys not too high (-4016), sells not too low (-4024)."""
    price_e8 = ticks * instrument.tick_e8
    high, low = mark_e8 * instrument.band_up_e8 // E8, mark_e8 * instrument.band_down_e8 // E8
    if side == 0 and price_e8 > high:
        raise Refused(-4016, f"Limit price can't be higher than {instrument.price_text(high // instrument.tick_e8)}.")
    if side == 1 and price_e8 < low:
        raise Refused(-4024, f"Limit price can't be lower than {instrument.price_text(low // instrument.tick_e8 + 1)}.")


def check_notional(instrument: SimInstrument, ticks: int, lots: int) -> None:
    """-4164 below the minimum order value."""
    if instrument.notional_e8(ticks, lots) < instrument.min_notional_e8:
        raise Refused(
            -4164,
            f"Order's notional must be no smaller than {instrument.min_notional} (unless you choose reduce only).",
        )


def read_order(
    params: Mapping[str, Any],
    instrument: SimInstrument,
    scene: Scene,
) -> dict[str, Any]:
    """A new order's fields, checked against everything that does not depend on the account.

    Returns:
        Keyword arguments of `SimOrder` (side, kind, time_in_force, price_ticks, qty_lots, reduce_only, self_trade,
        price_match, good_till_ms, client_id, which may be empty).
    """
    side, kind = _side_and_kind(params)
    name = client_id(params, -4015, BAD_CLIENT_ID)
    prevention = text(params, "selfTradePreventionMode") or "EXPIRE_MAKER"
    if prevention not in SELF_TRADE:
        raise Refused(-5039, "Invalid self trade prevention mode")
    reduce_only = flag(params, "reduceOnly")
    lots = read_quantity(instrument, need(params, "quantity"), market=kind == "MARKET")
    if kind == "MARKET":
        for unneeded in ("price", "timeInForce"):
            if text(params, unneeded) is not None:
                raise Refused(-1106, f"Parameter '{unneeded}' sent when not required.")
        if text(params, "priceMatch") not in {None, "NONE"}:
            raise Refused(-5038, "Price match only supports order type: LIMIT, STOP AND TAKE_PROFIT")
        ticks, force, until_ms = 0, "IOC", 0
        reference = scene.level(1 - side, 1)
    else:
        force = need(params, "timeInForce")
        if force not in {"GTC", "IOC", "FOK", "GTX", "GTD"}:
            raise Refused(-1115, "Invalid timeInForce.")
        until_ms = _good_till(params, force, scene.now_ms)
        ticks = _limit(params, instrument, side, scene)
        check_band(instrument, side, ticks, scene.mark_e8)
        reference = ticks
    if not reduce_only and reference:
        check_notional(instrument, reference, lots)
    return {
        "side": side,
        "kind": kind,
        "time_in_force": force,
        "price_ticks": ticks,
        "qty_lots": lots,
        "reduce_only": reduce_only,
        "self_trade": prevention,
        "price_match": text(params, "priceMatch") or "NONE",
        "good_till_ms": until_ms,
        "client_id": name or "",
    }


def _side_and_kind(params: Mapping[str, Any]) -> tuple[int, str]:
    """Side and order type; refuses what the exchange does not have (conditional orders, hedge mode)."""
    side = SIDES.get(need(params, "side"))
    if side is None:
        raise Refused(-1117, "Invalid side.")
    kind = need(params, "type")
    if kind in CONDITIONAL:
        raise Refused(
            -4120,
            "Order type not supported for this endpoint. Please use the Algo Order API endpoints instead.",
        )
    if kind not in {"LIMIT", "MARKET"}:
        raise Refused(-1116, "Invalid orderType.")
    if (text(params, "positionSide") or "BOTH") != "BOTH":
        raise Refused(-4061, "Order's position side does not match user's setting.")
    if flag(params, "closePosition"):
        raise Refused(-4136, f"Target strategy invalid for orderType {kind},closePosition true")
    return side, kind


def _good_till(params: Mapping[str, Any], force: str, now_ms: int) -> int:
    """When a GTD order expires, whole seconds; 0 of all others. -5040 when that is too soon or too late."""
    if force != "GTD":
        return 0
    need(params, "goodTillDate")
    until_ms = whole(params, "goodTillDate") or 0
    if not now_ms + GOOD_TILL_LEAD_MS < until_ms < GOOD_TILL_LAST_MS:
        raise Refused(
            -5040,
            "The goodTillDate timestamp must be greater than the current time plus 600 seconds and smaller than "
            f"{GOOD_TILL_LAST_MS}",
        )
    return until_ms - until_ms % 1000


def _limit(params: Mapping[str, Any], instrument: SimInstrument, side: int, scene: Scene) -> int:
    """The limit price, stated or taken from the book by ``priceMatch``."""
    match = text(params, "priceMatch") or "NONE"
    if match == "NONE":
        return read_price(instrument, need(params, "price"))
    if text(params, "price") is not None:
        raise Refused(-1106, "Parameter 'price' sent when not required.")
    if match not in PRICE_MATCH:
        raise Refused(-5037, "Invalid price match")
    kind, _, number = match.partition("_")
    ticks = scene.level(1 - side if kind == "OPPONENT" else side, int(number or 1))
    if not ticks:
        raise Refused(-5041, "No depth matches this BBO order")
    return ticks


def read_amendment(
    params: Mapping[str, Any],
    order: SimOrder,
    scene: Scene,
) -> tuple[int, int]:
    """New price in ticks and whole quantity in lots of an amend: both are required, as is the side."""
    if SIDES.get(need(params, "side")) != order.side:
        raise Refused(-1117, "Invalid side.")
    instrument = order.instrument
    lots = read_quantity(instrument, need(params, "quantity"), market=False)
    ticks = _limit(params, instrument, order.side, scene)
    check_band(instrument, order.side, ticks, scene.mark_e8)
    if not order.reduce_only:
        check_notional(instrument, ticks, lots)
    if ticks == order.price_ticks and lots == order.qty_lots:
        raise Refused(-5027, "No need to modify the order.")
    return ticks, lots
