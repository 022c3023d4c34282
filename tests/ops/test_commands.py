"""The control commands: what they take, what they refuse, what they do."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from mmbot.errors import ConfigError, MmbotError
from mmbot.ops.commands import handlers


class Swapper:
    def __init__(self, calls: list[tuple[Any, ...]]) -> None:
        self.calls = calls

    async def swap(self, *args: Any) -> dict[str, Any]:
        self.calls.append(("swap", *args))
        return {"swapped": True}

    async def set(self, params: dict[str, Any]) -> dict[str, Any]:
        self.calls.append(("set", params))
        return {"set": True}


class Session:
    """Notes what it is asked."""

    def __init__(self, *, begun: bool = True) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.begun = begun
        self.swapper = Swapper(self.calls)
        self.config = SimpleNamespace(bot=SimpleNamespace(name="demo"), strategy=SimpleNamespace(id="pmm"), live=False)
        self.state, self.exit_reason, self.uptime_s, self.run_dir = "starting", "", 1.5, "runs/demo"

    def pause(self, market: str | None) -> None:
        self.calls.append(("pause", market))

    def resume(self, market: str | None) -> None:
        self.calls.append(("resume", market))

    def stop(self, reason: str, *, flatten: bool) -> None:
        self.calls.append(("stop", reason, flatten))


async def do(session: Session, command: str, **args: Any) -> Any:
    found: Any = session
    return await handlers(found)[command](args)


async def test_each_command_reaches_the_session() -> None:
    session = Session()
    assert await do(session, "pause", market="perp_btc") == {"paused": "perp_btc"}
    assert await do(session, "resume") == {"resumed": "all"}
    assert await do(session, "stop", flatten=True) == {"stopping": True}
    await do(session, "swap", name="glft", params={"levels": 2}, shadow_s=3)
    await do(session, "set", params={"levels": 4})
    assert session.calls == [
        ("pause", "perp_btc"), ("resume", None), ("stop", "operator", True), ("swap", "glft", {"levels": 2}, 3.0),
        ("set", {"levels": 4}),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("command", "args", "message"),
    [
        ("pause", {"market": 5}, "Expected `str | null`, got `int`"),
        ("pause", {"markt": "perp_btc"}, "unknown field `markt`"),
        ("resume", {"market": ["perp_btc"]}, "Expected `str | null`"),
        ("stop", {"flatten": "no"}, "Expected `bool`, got `str`"),
        ("swap", {"name": 1}, "Expected `str | null`"),
        ("swap", {"params": [1]}, "Expected `object | null`"),
        ("swap", {"shadow_s": -1}, "shadow_s: expected 0 to 3600 seconds, found -1"),
        ("swap", {"shadow_s": float("nan")}, "shadow_s: expected 0 to 3600 seconds, found nan"),
        ("set", {}, "missing required field `params`"),
        ("status", {"x": 1}, "unknown field `x`"),
    ],
)
async def test_arguments_of_another_kind_are_refused(command: str, args: dict[str, Any], message: str) -> None:
    """`stop` with "no" flattened, for a text is true."""
    session = Session()
    with pytest.raises(ConfigError) as caught:
        await do(session, command, **args)
    assert message in str(caught.value)
    assert session.calls == []


@pytest.mark.parametrize("command", ["pause", "resume", "swap", "set"])
async def test_a_bot_that_is_still_starting_says_so(command: str) -> None:
    with pytest.raises(MmbotError, match="still starting"):
        await do(Session(begun=False), command, **({"params": {}} if command == "set" else {}))


async def test_a_bot_that_is_still_starting_can_be_looked_at_and_stopped() -> None:
    session = Session(begun=False)
    status = await do(session, "status")
    assert (status["state"], status["ready"], status["strategy"]) == ("starting", False, "pmm")
    assert await do(session, "stop") == {"stopping": True}
    assert session.calls == [("stop", "operator", False)]
