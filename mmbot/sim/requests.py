"""Reading request parameters the way Binance does, with its codes for what is missing or malformed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from mmbot.sim.events import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

Params = "Mapping[str, Any]"
CLIENT_ID: Final = re.compile(r"[.A-Z:/a-z0-9_-]{1,36}")
SELF_TRADE: Final = {"NONE": 0, "EXPIRE_TAKER": 1, "EXPIRE_MAKER": 2, "EXPIRE_BOTH": 3}
SIDES: Final = {"BUY": 0, "SELL": 1}
SIDE_NAMES: Final = ("BUY", "SELL")


def text(params: Mapping[str, Any], name: str) -> str | None:
    """A parameter as text; None when it is absent or empty. JSON booleans become ``true`` and ``false``."""
    value = params.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def need(params: Mapping[str, Any], name: str) -> str:
    """A mandatory parameter; -1102 without it."""
    value = text(params, name)
    if value is None:
        raise Refused(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")
    return value


def whole(params: Mapping[str, Any], name: str) -> int | None:
    """An integer parameter; -1130 when it is none."""
    value = text(params, name)
    if value is None:
        return None
    try:
        return int(value)
    except ValueError:
        raise Refused(-1130, f"Data sent for parameter '{name}' is not valid.") from None


def flag(params: Mapping[str, Any], name: str) -> bool:
    """A boolean parameter, ``"true"`` or ``"false"``; absent means false."""
    value = (text(params, name) or "false").lower()
    if value not in {"true", "false"}:
        raise Refused(-1130, f"Data sent for parameter '{name}' is not valid.")
    return value == "true"


def count(params: Mapping[str, Any], name: str, default: int, maximum: int) -> int:
    """A page size: at least 1, capped at `maximum`."""
    value = whole(params, name)
    if value is None:
        return default
    if value < 1:
        raise Refused(-1130, f"Data sent for parameter '{name}' is not valid.")
    return min(value, maximum)


def listed(params: Mapping[str, Any], name: str) -> list[str]:
    """A list parameter, as JSON text (``[1,2]``, ``["a"]``) or already a list."""
    value = params.get(name)
    if value is None or value == "":
        return []
    if isinstance(value, (list, tuple)):
        return [str(item) for item in value]
    return [item.strip().strip('"') for item in str(value).strip().strip("[]").split(",") if item.strip()]


def client_id(params: Mapping[str, Any], code: int, msg: str) -> str | None:
    """``newClientOrderId``, checked against the venue's pattern; refused with `code` and `msg`."""
    value = text(params, "newClientOrderId")
    if value is not None and CLIENT_ID.fullmatch(value) is None:
        raise Refused(code, msg)
    return value


def in_window(params: Mapping[str, Any], time_ms: int) -> bool:
    """Whether a record of this time lies in ``startTime``..``endTime``."""
    start, end = whole(params, "startTime"), whole(params, "endTime")
    return (start is None or time_ms >= start) and (end is None or time_ms <= end)
