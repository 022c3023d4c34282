"""The control commands of a session: what each takes, and what it does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from mmbot.errors import ConfigError, MmbotError
from mmbot.ops.snapshot import take_snapshot

if TYPE_CHECKING:
    from mmbot.engine.session import Session
    from mmbot.ops.control import Handler

MAX_SHADOW_S = 3600.0


class _Arguments(msgspec.Struct, forbid_unknown_fields=True):
    """What comes with a command; another name, or a value of another kind, is refused."""


class _Nothing(_Arguments):
    pass


class _Market(_Arguments):
    market: str | None = None


class _Stop(_Arguments):
    flatten: bool = False


class _Swap(_Arguments):
    name: str | None = None
    params: dict[str, Any] | None = None
    shadow_s: float | None = None


class _Set(_Arguments):
    params: dict[str, Any]


A = TypeVar("A", bound=_Arguments)


def _read(kind: type[A], arguments: dict[str, Any]) -> A:
    try:
        return msgspec.convert(arguments, kind)
    except msgspec.ValidationError as error:
        raise ConfigError(f"args: {error}") from None


def _begun(session: Session) -> Session:
    if not session.begun:
        raise MmbotError("the bot is still starting")
    return session


def handlers(session: Session) -> dict[str, Handler]:
    """By name, for the control socket."""

    async def status(arguments: dict[str, Any]) -> Any:
        _read(_Nothing, arguments)
        return take_snapshot(session).as_dict()

    async def pause(arguments: dict[str, Any]) -> Any:
        market = _read(_Market, arguments).market
        _begun(session).pause(market)
        return {"paused": market or "all"}

    async def resume(arguments: dict[str, Any]) -> Any:
        market = _read(_Market, arguments).market
        _begun(session).resume(market)
        return {"resumed": market or "all"}

    async def stop(arguments: dict[str, Any]) -> Any:
        session.stop("operator", flatten=_read(_Stop, arguments).flatten)
        return {"stopping": True}

    async def swap(arguments: dict[str, Any]) -> Any:
        asked = _read(_Swap, arguments)
        if asked.shadow_s is not None and not 0 <= asked.shadow_s <= MAX_SHADOW_S:
            raise ConfigError(f"args: shadow_s: expected 0 to {MAX_SHADOW_S:g} seconds, found {asked.shadow_s}")
        return await _begun(session).swapper.swap(asked.name, asked.params, asked.shadow_s)

    async def change(arguments: dict[str, Any]) -> Any:
        return await _begun(session).swapper.set(_read(_Set, arguments).params)

    return {"status": status, "pause": pause, "resume": resume, "stop": stop, "swap": swap, "set": change}
