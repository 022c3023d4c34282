"""Starting the venues of a session."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from mmbot.engine import connect
from mmbot.errors import AuthError, Disconnected, RateLimited


def venue(name: str, *problems: Exception | None) -> Any:
    """A venue whose `start` raises one problem after the other; None: it hangs."""
    left = list(problems)

    async def start(_tasks: asyncio.TaskGroup) -> None:
        found.starts += 1
        if left:
            problem = left.pop(0)
            if problem is None:
                await asyncio.sleep(60)
            else:
                raise problem

    found = SimpleNamespace(name=name, start=start, starts=0)
    return found


async def start(*venues: Any) -> None:
    async with asyncio.TaskGroup() as tasks:
        await connect.start_all(venues, tasks)


async def test_a_venue_that_takes_no_requests_is_waited_for_and_the_others_start() -> None:
    slow, quick = venue("spot", *[RateLimited("out of request weight", retry_after_s=0.02)] * 3), venue("perp")
    await start(slow, quick)
    assert (slow.starts, quick.starts) == (4, 1)


async def test_the_wait_is_longer_than_a_start_may_take(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect, "CONNECT_TIMEOUT_S", 0.05)
    slow = venue("spot", RateLimited("out of request weight", retry_after_s=0.2))
    await start(slow)
    assert slow.starts == 2


async def test_a_start_that_hangs_is_told_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect, "CONNECT_TIMEOUT_S", 0.05)
    with pytest.raises(ExceptionGroup) as caught:
        await start(venue("perp"), venue("spot", None))
    (error,) = caught.value.exceptions
    assert isinstance(error, Disconnected)
    assert "spot: expected it ready within 0.05 s" in str(error)


async def test_a_refusal_is_told_by_its_venue() -> None:
    with pytest.raises(ExceptionGroup) as caught:
        await start(venue("perp", AuthError("may not trade")))
    assert "venue perp: may not trade" in str(caught.value.exceptions[0])
