"""Faults at random over TLS: every request ends in an outcome, and nothing of ours is left behind."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

from desk import at_desk, exchange, until

from mmbot.sim.faults import FaultKind, FaultPlan

RATES = {
    FaultKind.ABORT: 60,
    FaultKind.DISCONNECT: 30,
    FaultKind.LOST_ACK: 120,
    FaultKind.SLOW_ACK: 60,
    FaultKind.REJECT: 60,
    FaultKind.CLOCK_SKEW: 10,
}
GRACE_S = 7.0  # receive window, clock lead, and a little


async def test_every_request_has_an_outcome_whatever_happens(kind: str) -> None:
    rng = random.Random(1)
    sent: Counter[int] = Counter()
    async with exchange(faults=FaultPlan(seed=3, per_minute=RATES), tls=True) as server:
        async with at_desk(server, kind) as desk:
            bid, _ = await desk.touch()
            for number in range(1, 150):
                desk.place(number, bid * 98 // 100 - rng.randrange(1000))
                sent[number] += 1
                await asyncio.sleep(rng.random() * 0.02)
                other = rng.randint(max(1, number - 20), number)
                desk.cancel(other)
                sent[other] += 1
                await asyncio.sleep(rng.random() * 0.02)

            def outcomes() -> Counter[int]:
                return Counter(event["order_num"] for event in desk.sink.orders if event["request"])

            await until(lambda: all(outcomes()[number] >= count for number, count in sent.items()), GRACE_S)
            assert server.injector.injected.total() > 5
            assert await desk.venue.stop()
        async with at_desk(server, kind, bot="auditor") as auditor:
            assert await auditor.venue.open_orders() == []
