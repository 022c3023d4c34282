"""The budget believes the server, keeps a reserve for what is urgent, and obeys pauses."""

from __future__ import annotations

import asyncio
import time

import pytest

from mmbot.errors import RateLimited
from mmbot.net.rate_budget import WeightBudget


class Clock:
    def __init__(self, now: float = 1_000_000_020.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


async def test_the_servers_count_replaces_ours() -> None:
    budget = WeightBudget(100, clock=Clock())
    await budget.acquire(10)
    assert budget.used == 10
    budget.observe(55)
    assert budget.used == 55


async def test_ordinary_requests_leave_the_reserve_to_urgent_ones() -> None:
    budget = WeightBudget(100, reserve=0.2, clock=Clock())
    budget.observe(79)
    with pytest.raises(RateLimited, match="out of request weight") as caught:
        await budget.acquire(5, max_wait_s=1)
    assert 0 < caught.value.retry_after_s <= 60.1
    await budget.acquire(20, urgent=True)
    with pytest.raises(RateLimited):
        await budget.acquire(2, urgent=True, max_wait_s=1)


async def test_a_new_minute_starts_at_nothing() -> None:
    clock = Clock()
    budget = WeightBudget(100, clock=clock)
    budget.observe(100)
    clock.now += 60
    assert budget.used == 0
    await budget.acquire(50, max_wait_s=0)


async def test_a_pause_holds_everything_and_a_ban_says_so() -> None:
    clock = Clock()
    budget = WeightBudget(100, clock=clock)
    budget.pause(30, banned=True)
    with pytest.raises(RateLimited, match="banned"):
        await budget.acquire(1, urgent=True, max_wait_s=1)
    budget.pause(5)
    assert budget.paused_s == pytest.approx(30)
    clock.now += 31
    await budget.acquire(1, max_wait_s=0)
    assert not budget.banned


async def test_waiting_ends_when_the_pause_does() -> None:
    budget = WeightBudget(100)
    budget.pause(0.1)
    started = time.monotonic()
    await asyncio.gather(budget.acquire(1), budget.resumed())
    assert 0.08 < time.monotonic() - started < 1.0


async def test_a_request_heavier_than_the_budget_leaves_on_an_empty_minute() -> None:
    await WeightBudget(10, clock=Clock()).acquire(50, max_wait_s=0)
