"""What a request may be: its handler, weight, security and what it counts as. REST and websocket API share these."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mmbot.sim.exchange import User
    from mmbot.sim.gateway import Gateway

Params = Mapping[str, Any]
Weight = Callable[[Params], int]


class Security(IntEnum):
    """What a request has to prove, as the venue's documents name it."""

    NONE = 0  # public
    KEY = 1  # a valid API key, unsigned (user stream management)
    SIGNED = 2  # key, timestamp and signature
    TRADE = 3  # likewise, with a key that may trade


@dataclass(frozen=True, slots=True)
class Call:
    """One request on its way to its handler."""

    gateway: Gateway
    user: User | None
    params: Params
    now_ns: int


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One kind of request.

    Attributes:
        handle: makes the answer, or raises `Refused`.
        weight: what it takes from the IP's allowance, given its parameters.
        security: what the client has to prove.
        orders: how many orders it counts as, given its parameters; None counts none.
        order_entry: it places, amends or cancels, so faults of acknowledgements may hit it.
    """

    handle: Callable[[Call], Any]
    weight: Weight
    security: Security = Security.NONE
    orders: Weight | None = None
    order_entry: bool = False


def fixed(weight: int) -> Weight:
    """A weight that does not depend on the parameters."""
    return lambda _params: weight


def per_symbol(one: int, every: int) -> Weight:
    """`one` when a symbol is named, `every` for all symbols."""
    return lambda params: one if params.get("symbol") else every


def steps(*table: tuple[int, int], default: int) -> Weight:
    """Weight by ``limit``: the first (limit, weight) whose limit is not exceeded; the last one beyond that."""

    def weigh(params: Params) -> int:
        limit = str(params.get("limit") or default)
        wanted = int(limit) if limit.isdecimal() else default
        return next((weight for limit, weight in table if wanted <= limit), table[-1][1])

    return weigh


def public(method: str, weight: int | Weight = 1) -> Endpoint:
    """A public method of the venue."""

    def handle(call: Call) -> Any:
        venue = call.gateway.venue
        now_ns = venue.note_time(call.now_ns)
        owner = venue.data if hasattr(venue.data, method) else venue
        return getattr(owner, method)(call.params, now_ns)

    return Endpoint(handle, _weight(weight))


def private(
    method: str,
    weight: int | Weight = 1,
    *,
    security: Security = Security.SIGNED,
    orders: Weight | None = None,
    order_entry: bool = False,
    shape: Callable[[Any], Any] | None = None,
) -> Endpoint:
    """A method of the venue about one user; `shape` makes the answer fit this version of the request."""

    def handle(call: Call) -> Any:
        answer = getattr(call.gateway.venue, method)(call.user, call.params, call.now_ns)
        return shape(answer) if shape else answer

    return Endpoint(handle, _weight(weight), security, orders, order_entry)


def entry(method: str, weight: int | Weight = 1, *, orders: Weight | None = None) -> Endpoint:
    """Order entry: places (`orders` given), amends or cancels."""
    return private(method, weight, security=Security.TRADE, orders=orders, order_entry=True)


def special(
    handle: Callable[[Call], Any],
    weight: int | Weight = 1,
    *,
    security: Security = Security.NONE,
    orders: Weight | None = None,
    order_entry: bool = False,
) -> Endpoint:
    """A request that the protocol layer answers itself, or prepares."""
    return Endpoint(handle, _weight(weight), security, orders, order_entry)


def _weight(weight: int | Weight) -> Weight:
    return fixed(weight) if isinstance(weight, int) else weight


RestTable = Mapping[tuple[str, str], Endpoint]
MethodTable = Mapping[str, Endpoint]
