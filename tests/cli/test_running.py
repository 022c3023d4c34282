"""Commands against a bot that answers on its control socket."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mmbot.cli import app
from mmbot.errors import PluginError
from mmbot.ops.control import ControlServer
from mmbot.ops.runtime import control_socket
from mmbot.ops.status import MarketView, StatusSnapshot

ROOT = Path(__file__).resolve().parents[2]


class FakeBot:
    """Answers like a bot, in a thread of its own, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []

    async def status(self, args: dict[str, Any]) -> Any:
        self.asked.append(("status", args))
        market = MarketView(id="perp_btc", venue="perp", symbol="BTC/USDT:USDT", role="maker", position="0.01")
        return StatusSnapshot(bot="demo", state="running", markets=(market,)).as_dict()

    async def stop(self, args: dict[str, Any]) -> Any:
        self.asked.append(("stop", args))
        return {"state": "stopping"}

    async def set(self, args: dict[str, Any]) -> Any:
        self.asked.append(("set", args))
        if "nope" in args["params"]:
            raise PluginError("strategy pmm: unknown parameter nope")
        return {"swapped": True}

    async def swap(self, args: dict[str, Any]) -> Any:
        self.asked.append(("swap", args))
        return {"swapped": True}

    async def pause(self, args: dict[str, Any]) -> Any:
        self.asked.append(("pause", args))
        await asyncio.sleep(30)


@pytest.fixture
def bot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeBot]:
    monkeypatch.setenv("MMBOT_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.setenv("COLUMNS", "160")
    fake = FakeBot()
    started = threading.Event()
    loop = asyncio.new_event_loop()
    stopping = asyncio.Event()

    async def serve() -> None:
        handlers = {"status": fake.status, "stop": fake.stop, "set": fake.set, "swap": fake.swap, "pause": fake.pause}
        server = ControlServer(control_socket("demo"), handlers)
        await server.start()
        started.set()
        await stopping.wait()
        await server.stop()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert started.wait(10)
    yield fake
    loop.call_soon_threadsafe(stopping.set)
    thread.join(10)
    loop.close()


def run(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as ended:
        app.run([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


def test_status_as_json_and_as_a_picture(bot: FakeBot, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("status", "demo", "--json") == 0
    assert json.loads(capsys.readouterr().out)["markets"][0]["position"] == "0.01"
    assert run("status", "demo") == 0
    assert "position 0.01" in capsys.readouterr().out


def test_the_only_bot_need_not_be_named(bot: FakeBot) -> None:
    assert run("status") == 0


def test_a_config_file_names_its_bot(bot: FakeBot) -> None:
    assert run("status", ROOT / "configs" / "demo.yaml") == 0


def test_stop_carries_its_flag(bot: FakeBot, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("stop", "demo", "--flatten") == 0
    assert bot.asked == [("stop", {"flatten": True})]
    assert capsys.readouterr().out == "state: stopping\n"


def test_set_sends_typed_values(bot: FakeBot) -> None:
    assert run("set", "demo", "levels=5", "half_spread_bps=2.5", "side=both", "widen=true") == 0
    assert bot.asked == [("set", {"params": {"levels": 5, "half_spread_bps": 2.5, "side": "both", "widen": True}})]


def test_swap_sends_strategy_params_and_shadow_time(bot: FakeBot, tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.touch()
    assert run("swap", "demo", "glft", "gamma=0.1", "--shadow", "10") == 0
    assert run("swap", "demo", "gamma=0.1") == 0
    assert run("swap", "demo", file) == 0
    assert [args for _, args in bot.asked] == [
        {"name": "glft", "params": {"gamma": 0.1}, "shadow_s": 10.0},
        {"name": None, "params": {"gamma": 0.1}, "shadow_s": None},
        {"name": str(file), "params": {}, "shadow_s": None},
    ]


def test_what_the_bot_refuses_keeps_its_exit_code(bot: FakeBot, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("set", "demo", "nope=1") == 2
    assert capsys.readouterr().err == "mmbot: strategy pmm: unknown parameter nope\n"


def test_no_answer_in_time_is_5(bot: FakeBot) -> None:
    assert run("pause", "demo", "--timeout", "0.3") == 5
