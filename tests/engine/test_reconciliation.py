"""How often the venues are asked what they hold, and what becomes of the answer."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from mmbot.engine import reconciliation
from mmbot.engine.reconciliation import Reconciliation, holding
from mmbot.errors import AuthError, Disconnected, RateLimited
from mmbot.venues.base import Funding, Position

BEGUN_NS = 1_000


class FakeVenue:
    """Answers what it is told to."""

    name = "perp"

    def __init__(self) -> None:
        self.problems: list[Exception] = []
        self.asked = 0
        self.payments: list[Funding] = []
        self.asked_since: list[int] = []

    async def open_orders(self) -> list[Any]:
        self.asked += 1
        if self.problems:
            raise self.problems.pop(0)
        return []

    async def positions(self) -> list[Any]:
        return []

    async def funding_since(self, ts_ns: int) -> list[Funding]:
        self.asked_since.append(ts_ns)
        return [each for each in self.payments if each.ts_ns >= ts_ns]


class FakeCore:
    """Takes pictures; `verdicts` says which of them are conclusive."""

    def __init__(self) -> None:
        self.seq = self.now_ns = 0
        self.markets: list[Any] = []
        self.pictures: list[dict[str, Any]] = []
        self.verdicts: list[bool] = []
        self.venue_states = self

    def on_reconcile(self, body: bytes, _ts_ns: int) -> int:
        self.pictures.append(msgspec.json.decode(body))
        return 0

    def was_conclusive(self, _venue: int) -> bool:
        return self.verdicts.pop(0) if self.verdicts else True


class Bench:
    """A reconciliation between a fake venue and a fake core."""

    def __init__(self, every_s: float) -> None:
        self.venue, self.core = FakeVenue(), FakeCore()
        self.funding: list[int] = []
        self.earlier: list[int] = []
        self.inbox: Any = SimpleNamespace(
            engine=self.core, clock=lambda: BEGUN_NS, trading_up=[True], times_up=[1], after=lambda _waiting: None,
            funding=lambda _market, amount, _asset, _ts: self.funding.append(amount),
            assembly=SimpleNamespace(venue_ids=["perp"]),
        )  # fmt: skip
        self.made = Reconciliation(
            self.inbox, [self.venue], 10, every_s, lambda _m, amount, _a, _t: self.earlier.append(amount)  # type: ignore[list-item]
        )  # fmt: skip

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[asyncio.Task[None]]:
        task = asyncio.create_task(self.made.run(0))
        try:
            yield task
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, AuthError):
                await task


async def pictures(bench: Bench, number: int) -> None:
    async with asyncio.timeout(3):
        while len(bench.core.pictures) < number:  # noqa: ASYNC110 - the fake core has no event to wait for
            await asyncio.sleep(0.005)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconciliation, "RETRY_S", 0.01)


async def test_a_picture_is_taken_when_wanted_and_periodically() -> None:
    bench = Bench(every_s=0.05)
    async with bench.running():
        bench.made.want(0)
        await pictures(bench, 1)
        assert bench.made.done[0].is_set()
        await pictures(bench, 3)


async def test_an_inconclusive_picture_is_taken_again_at_once() -> None:
    bench = Bench(every_s=60)
    bench.core.verdicts = [False, False, True]
    async with bench.running():
        bench.made.want(-1)
        await pictures(bench, 3)
        assert bench.made.done[0].is_set()
        await asyncio.sleep(0.1)
        assert len(bench.core.pictures) == 3


@pytest.mark.parametrize("problem", [Disconnected("gone"), RateLimited("slower", retry_after_s=0.05)])
async def test_trouble_at_the_venue_is_tried_again(problem: Exception) -> None:
    bench = Bench(every_s=60)
    bench.venue.problems = [problem]
    async with bench.running():
        bench.made.want(0)
        await pictures(bench, 1)
        assert bench.venue.asked == 2


async def test_a_key_that_is_refused_ends_it() -> None:
    bench = Bench(every_s=60)
    bench.venue.problems = [AuthError("wrong key")]
    bench.made.want(0)
    with pytest.raises(AuthError):
        await asyncio.wait_for(bench.made.run(0), 3)


async def test_nothing_is_asked_while_the_connection_is_down() -> None:
    bench = Bench(every_s=0.01)
    bench.inbox.trading_up[0] = False
    async with bench.running():
        await asyncio.sleep(0.05)
    assert bench.venue.asked == 0


async def test_funding_is_asked_for_once_after_each_connection() -> None:
    def payment(amount: int, ts_ns: int) -> Funding:
        return Funding(market=0, amount_e8=amount, asset=0, payment_id=str(amount), ts_ns=ts_ns)

    bench = Bench(every_s=60)
    bench.venue.payments = [payment(1, 500), payment(2, 2_000)]
    async with bench.running():
        for number in (1, 2):
            bench.made.want(0)
            await pictures(bench, number)
        assert bench.venue.asked_since == [10]  # since the last run
        assert (bench.earlier, bench.funding) == ([1], [2])  # of the time before this run; of this run
        bench.inbox.times_up[0] = 2
        bench.made.want(0)
        await pictures(bench, 3)
        assert bench.venue.asked_since == [10, BEGUN_NS]


def test_a_holding_is_counted_to_the_last_digit_of_its_dust() -> None:
    position = Position(
        market=0, qty_lots=12, entry_price="0", liquidation_price="0", dust_e8=7, unrealised_pnl_e8=0, ts_ns=0
    )
    linear: Any = SimpleNamespace(inverse=False, lot_size="0.001", contract_size="1")
    assert holding(linear, position) == 1_200_007
    assert holding(SimpleNamespace(inverse=True), position) == 12  # type: ignore[arg-type]


@pytest.mark.parametrize("turns", range(4))
async def test_it_ends_also_when_a_picture_is_wanted_at_that_very_moment(turns: int) -> None:
    """`asyncio.wait_for` of Python 3.11 lost the cancellation then, and the stop of the bot hung."""
    bench = Bench(60.0)
    bench.inbox.trading_up = [False]
    task = asyncio.create_task(bench.made.run(0))
    await asyncio.sleep(0.05)
    bench.made.want(0)
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    done, _ = await asyncio.wait([task], timeout=2)
    task.cancel()
    assert done


async def test_a_picture_that_was_taken_while_the_venue_went_away_is_not_entered() -> None:
    bench = Bench(60.0)
    ask = bench.venue.positions

    async def lost() -> list[Any]:
        bench.inbox.trading_up[0] = False
        return await ask()

    bench.venue.positions = lost  # type: ignore[method-assign]
    async with bench.running():
        bench.made.want(0)
        await asyncio.sleep(0.1)
    assert bench.venue.asked == 1
    assert bench.core.pictures == []
