"""One table from Binance's error codes to what they mean for an order, and from that to mmbot's errors.

Codes: developers.binance.com "Error Codes" (USD-M), binance-spot-api-docs ``errors.md``. Codes of a single venue are
added in its own ``errors.py``. A code in no table counts as `Outcome.REFUSED` and keeps its number.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from mmbot._core.types import CommandKind, OrderEventKind
from mmbot.errors import AuthError, RateLimited, Rejected, UnknownOrderState, VenueError

if TYPE_CHECKING:
    from collections.abc import Mapping


class Outcome(Enum):
    """What an error answer says about the request."""

    REFUSED = "it did not happen, and would not if repeated"
    UNKNOWN = "it may have happened"
    GONE = "there is no such order any more"
    UNCHANGED = "it is already as requested"
    RATE = "it did not happen: too many requests"
    CLOCK = "it did not happen: our clock is off"
    AUTH = "it did not happen: key, signature or permission"


COMMON_CODES: Mapping[int, Outcome] = {
    -1000: Outcome.UNKNOWN,  # UNKNOWN: an unknown error occurred while processing the request
    -1001: Outcome.UNKNOWN,  # DISCONNECTED: internal error
    -1002: Outcome.AUTH,  # UNAUTHORIZED
    -1003: Outcome.RATE,  # TOO_MANY_REQUESTS
    -1006: Outcome.UNKNOWN,  # UNEXPECTED_RESP: execution status unknown
    -1007: Outcome.UNKNOWN,  # TIMEOUT: execution status unknown
    -1008: Outcome.RATE,  # SERVER_BUSY: throttled by load, not executed
    -1015: Outcome.RATE,  # TOO_MANY_ORDERS
    -1021: Outcome.CLOCK,  # INVALID_TIMESTAMP
    -1022: Outcome.AUTH,  # INVALID_SIGNATURE
    -1034: Outcome.RATE,  # TOO_MANY_CONNECTIONS
    -2011: Outcome.GONE,  # CANCEL_REJECTED: unknown order sent
    -2013: Outcome.GONE,  # NO_SUCH_ORDER
    -2014: Outcome.AUTH,  # BAD_API_KEY_FMT
    -2015: Outcome.AUTH,  # REJECTED_MBX_KEY
}

_SERVICE_UNAVAILABLE = "service unavailable"
_NEW_ORDER_REJECTED, _DUPLICATE = -2010, "Duplicate order sent"  # spot


def outcome_of(codes: Mapping[int, Outcome], code: int, message: str, status: int) -> Outcome:
    """Say what an error answer means; `status` is the HTTP status, or the one inside a websocket API answer."""
    if status in {418, 429}:
        return Outcome.RATE
    if code == _NEW_ORDER_REJECTED and message.startswith(_DUPLICATE):
        return Outcome.UNKNOWN  # an order of that id is there: query which
    if code in codes:
        return codes[code]
    if code == 0 and status >= 500:
        # "Service Unavailable." is documented as a failure; every other 5xx leaves the outcome open.
        return Outcome.REFUSED if message.lower().startswith(_SERVICE_UNAVAILABLE) else Outcome.UNKNOWN
    if code == 0 and status in {401, 403}:
        return Outcome.AUTH if status == 401 else Outcome.RATE
    return Outcome.REFUSED


def error_of(outcome: Outcome, where: str, code: int, message: str, *, retry_after_s: float = 1.0) -> VenueError:
    """Make the error of mmbot's tree that stands for a venue's answer."""
    text = f"{where}: {message} (code {code})"
    match outcome:
        case Outcome.UNKNOWN:
            return UnknownOrderState(text, code=code)
        case Outcome.RATE:
            return RateLimited(text, code=code, retry_after_s=retry_after_s)
        case Outcome.AUTH:
            return AuthError(text, code=code)
        case _:
            return Rejected(text, code=code)


_REFUSED_KIND = {
    CommandKind.PLACE: OrderEventKind.REJECT,
    CommandKind.AMEND_ORDER: OrderEventKind.AMEND_REJECT,
    CommandKind.CANCEL_ORDER: OrderEventKind.CANCEL_REJECT,
    CommandKind.QUERY_ORDER: OrderEventKind.LOST,
}


def event_kind(command_kind: int, outcome: Outcome) -> OrderEventKind:
    """Say what an error answer to an order request means for the order."""
    if outcome is Outcome.UNKNOWN or (outcome is Outcome.UNCHANGED and command_kind == CommandKind.AMEND_ORDER):
        # "No need to modify": the order is not what we thought it was, so it has to be looked up.
        return OrderEventKind.LOST
    if outcome is Outcome.GONE and command_kind != CommandKind.PLACE:
        return OrderEventKind.NOT_FOUND
    return _REFUSED_KIND[CommandKind(command_kind)]
