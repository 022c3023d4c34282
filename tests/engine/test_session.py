"""A session's ends that no signal asks for: before it has begun, cancelled, while venues are still connecting."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from mmbot.config import Config, load
from mmbot.engine import connect
from mmbot.engine.session import Session
from mmbot.errors import Disconnected, Stopped

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def config() -> Config:
    return load(ROOT / "configs" / "demo.yaml", ["metrics.enabled=false", "bot.shutdown_timeout_s=4"])


async def until(condition: Any) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - nothing signals it
            await asyncio.sleep(0.02)


def open_orders(session: Session) -> int:
    assert session.server is not None
    return sum(int(venue["openOrders"]) for venue in session.server.ledger().values())


async def test_one_that_is_stopped_before_it_has_begun_leaves_nothing_open(config: Config, tmp_path: Path) -> None:
    session = Session(config, tmp_path)
    session.stop("operator")
    with pytest.raises(Stopped, match="stopped before anything was sent: operator") as caught:
        await session.__aenter__()
    assert caught.value.exit_code == 0
    assert (session.state, session.begun) == ("stopped", False)


async def test_one_that_is_cancelled_takes_its_orders_back(config: Config, tmp_path: Path) -> None:
    """Whoever runs a session in a program of his own cancels its task; its orders stayed at the venue."""
    async with Session(config, tmp_path) as session:
        running = asyncio.create_task(session.run())
        await until(lambda: open_orders(session) > 0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert open_orders(session) == 0
        assert session.state == "stopped"


async def test_a_stop_is_heeded_while_a_venue_is_not_up_yet(config: Config, tmp_path: Path) -> None:
    """One venue trades already: its orders are taken back, and nobody waits for the other."""
    async with Session(config, tmp_path) as session:
        spot = session.venues[1]
        spot.start = lambda _tasks: asyncio.sleep(60)  # type: ignore[method-assign]
        running = asyncio.create_task(session.run())
        await until(lambda: session.inbox.trading_up[0])
        began = asyncio.get_running_loop().time()
        session.stop("operator")
        assert await running == "operator"
        assert asyncio.get_running_loop().time() - began < 4
        assert open_orders(session) == 0


async def test_venues_that_do_not_get_ready_are_named(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was a bare TimeoutError without a word."""
    monkeypatch.setattr(connect, "CONNECT_TIMEOUT_S", 0.2)
    async with Session(config, tmp_path) as session:
        session.venues[1].start = lambda _tasks: asyncio.sleep(60)  # type: ignore[method-assign]
        with pytest.raises(Disconnected, match=r"(perp|spot): expected it ready within 0\.2 s"):
            await session.run()
        assert open_orders(session) == 0
