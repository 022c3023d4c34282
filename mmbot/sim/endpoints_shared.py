"""Requests that both venues have and the protocol layer answers: the time, the listing's limits, listen keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mmbot.sim import wire_errors

if TYPE_CHECKING:
    from mmbot.sim.endpoint import Call

NANOS = 1_000_000_000


def server_time(call: Call) -> dict[str, Any]:
    """The venue's clock as it claims it to be, in milliseconds."""
    return {"serverTime": int(call.gateway.clock.public_ms())}


def listing(call: Call) -> dict[str, Any]:
    """exchangeInfo, with the rate limits that are really enforced."""
    answer = call.gateway.venue.exchange_info(call.params, call.now_ns)
    limits = [limit.body() for limit in call.gateway.limiter.limits]
    return {**answer, "serverTime": int(call.gateway.clock.public_ms()), "rateLimits": limits}


def order_counts(call: Call) -> list[dict[str, object]]:
    """How many orders the account has used of its allowance."""
    limiter = call.gateway.limiter
    return limiter.report("ORDERS", _account(call), call.now_ns / NANOS)


def start_listen_key(call: Call) -> dict[str, Any]:
    """A listen key for the account."""
    return {"listenKey": call.gateway.listen_keys.start(_account(call), call.now_ns / NANOS)}


def extend_listen_key(call: Call) -> dict[str, Any]:
    """Keep a listen key alive: the one named, else the account's; raises ApiError -1125."""
    return {"listenKey": call.gateway.listen_keys.keep_alive(_listen_key(call), call.now_ns / NANOS)}


def close_listen_key(call: Call) -> dict[str, Any]:
    """Invalidate a listen key; raises ApiError -1125."""
    call.gateway.listen_keys.close(_listen_key(call))
    return {}


def empty_list(_call: Call) -> list[Any]:
    """There are none."""
    return []


def _account(call: Call) -> str:
    if call.user is None:
        raise wire_errors.bad_key_format()
    return call.user.name


def _listen_key(call: Call) -> str:
    keys = call.gateway.listen_keys
    key = str(call.params.get("listenKey") or keys.of_account(_account(call)) or "")
    if key and keys.account(key) not in (None, _account(call)):
        raise wire_errors.ApiError(-1125, "This listenKey does not exist.")
    return key
