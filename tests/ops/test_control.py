"""The control socket: requests, refusals, permissions, leftovers."""

from __future__ import annotations

import asyncio
import json
import os
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from mmbot.errors import ConfigError, MmbotError, RiskHalt, TimedOut
from mmbot.ops import control
from mmbot.ops.control import ControlServer, RemoteFailure
from mmbot.ops.runtime import control_socket, known_bots, runtime_folder


@pytest.fixture(autouse=True)
def own_runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MMBOT_RUNTIME_DIR", str(tmp_path / "run"))


async def status(args: dict[str, Any]) -> Any:
    return {"state": "running", **args}


async def halt(_args: dict[str, Any]) -> Any:
    raise RiskHalt("max_position: reached")


async def broken(_args: dict[str, Any]) -> Any:
    raise ZeroDivisionError("boom")


async def slow(_args: dict[str, Any]) -> Any:
    await asyncio.sleep(30)


HANDLERS = {"status": status, "halt": halt, "broken": broken, "slow": slow}


@asynccontextmanager
async def serving(name: str = "demo") -> AsyncIterator[Path]:
    path = control_socket(name)
    server = ControlServer(path, HANDLERS)
    await server.start()
    try:
        yield path
    finally:
        await server.stop()


async def ask(path: Path, command: str, args: dict[str, Any] | None = None, timeout_s: float = 5.0) -> Any:
    return await asyncio.to_thread(control.call, path, command, args, timeout_s=timeout_s)


async def raw(path: Path, *lines: bytes) -> list[dict[str, Any]]:
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(b"".join(line + b"\n" for line in lines))
    answers = [json.loads(await reader.readline()) for _ in lines]
    writer.close()
    await writer.wait_closed()
    return answers


async def test_a_request_gets_its_answer() -> None:
    async with serving() as path:
        assert await ask(path, "status", {"verbose": True}) == {"state": "running", "verbose": True}


async def test_answers_carry_the_request_ids_in_order() -> None:
    async with serving() as path:
        answers = await raw(
            path, b'{"id": 7, "command": "status"}', b'{"id": "x", "command": "status", "args": {"a": 1}}'
        )
    assert [answer["id"] for answer in answers] == [7, "x"]
    assert answers[1]["result"]["a"] == 1


async def test_an_expected_failure_keeps_its_message_and_exit_code() -> None:
    async with serving() as path:
        with pytest.raises(RemoteFailure, match="max_position: reached") as caught:
            await ask(path, "halt")
    assert caught.value.exit_code == RiskHalt.exit_code


async def test_an_unexpected_failure_does_not_end_the_server() -> None:
    async with serving() as path:
        with pytest.raises(RemoteFailure, match="ZeroDivisionError"):
            await ask(path, "broken")
        assert (await ask(path, "status"))["state"] == "running"


async def test_a_slow_command_times_out_and_another_client_is_not_held_up() -> None:
    async with serving() as path:
        waiting = asyncio.create_task(ask(path, "slow", timeout_s=0.5))
        assert (await ask(path, "status"))["state"] == "running"
        with pytest.raises(RemoteFailure, match=r"no answer within 0\.5 s") as caught:
            await waiting
    assert caught.value.exit_code == TimedOut.exit_code


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"not json", "not a request"),
        (b"\xff\xfe", "not a request"),
        (b"[1]", "expected a JSON object"),
        (b'{"command": "nope"}', "found command 'nope'; allowed: broken, halt, slow, status"),
        (b'{"command": "status", "args": []}', "args: expected an object, found list"),
        (b'{"command": "status", "timeout_s": 0}', "timeout_s: expected a number above 0"),
        (b'{"command": "status", "timeout_s": 1e9}', "timeout_s: expected a number above 0 and up to 3600"),
        (b'{"command": ["status"]}', "found command"),
    ],
)
async def test_a_bad_request_is_told_what_is_wrong(line: bytes, message: str) -> None:
    async with serving() as path:
        (answer,) = await raw(path, line)
    assert answer["ok"] is False
    assert answer["exit_code"] == ConfigError.exit_code
    assert message in answer["error"]


async def test_a_line_beyond_the_limit_ends_that_connection_only() -> None:
    async with serving() as path:
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b"x" * (control.MAX_LINE + 10))
        assert await reader.read() == b""
        writer.close()
        assert (await ask(path, "status"))["state"] == "running"


async def test_socket_and_folder_are_for_their_user_only() -> None:
    async with serving() as path:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert not path.exists()


async def test_a_second_bot_of_the_same_name_is_refused() -> None:
    async with serving() as path:
        with pytest.raises(ConfigError, match="already running"):
            await ControlServer(path, HANDLERS).start()
        assert (await ask(path, "status"))["state"] == "running"


async def test_the_socket_of_a_killed_bot_is_replaced() -> None:
    async with serving() as path:
        path.rename(path.with_suffix(".old"))
    path.with_suffix(".old").rename(path)  # nobody listens on it any more
    async with serving() as again:
        assert (await ask(again, "status"))["state"] == "running"


async def test_stop_drops_waiting_clients() -> None:
    server = ControlServer(control_socket("demo"), HANDLERS)
    await server.start()
    waiting = asyncio.create_task(ask(control_socket("demo"), "slow"))
    await asyncio.sleep(0.1)
    await server.stop()
    with pytest.raises(MmbotError, match="closed the connection"):
        await waiting


def test_no_bot_is_an_error_that_says_where_it_looked() -> None:
    with pytest.raises(MmbotError, match=r"bot 'demo' is not running .*demo\.sock"):
        control.call(control_socket("demo"), "status")


async def test_a_path_too_long_for_a_socket_is_a_config_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="too long"):
        await ControlServer(tmp_path / ("x" * 120), HANDLERS).start()


async def test_known_bots_are_those_with_a_socket() -> None:
    async with serving("one"), serving("two"):
        assert known_bots() == ["one", "two"]
    assert known_bots() == []


def test_a_folder_of_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert runtime_folder() == tmp_path / "run"
    owner = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: owner + 1)
    with pytest.raises(ConfigError, match="a folder of this user"):
        runtime_folder()


def test_a_folder_that_others_may_enter_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_to_all = tmp_path / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o755)
    monkeypatch.setenv("MMBOT_RUNTIME_DIR", str(open_to_all))
    with pytest.raises(ConfigError, match="mode 0700"):
        runtime_folder()
    link = tmp_path / "link"
    link.symlink_to(tmp_path)
    monkeypatch.setenv("MMBOT_RUNTIME_DIR", str(link))
    with pytest.raises(ConfigError, match="mode 0700"):
        runtime_folder()


async def big(_args: dict[str, Any]) -> Any:
    return "x" * 500_000


async def test_half_a_line_is_no_request(tmp_path: Path) -> None:
    async with serving() as path:
        for rest in (b"", b'{"command": "status"'):
            reader, writer = await asyncio.open_unix_connection(path)
            writer.write(rest)
            writer.write_eof()
            answer = await reader.read()
            assert answer == b"" or json.loads(answer)["ok"] is False
            writer.close()
        assert (await ask(path, "status"))["state"] == "running"


async def test_a_client_that_closes_its_side_still_gets_its_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(HANDLERS, "big", big)
    async with serving() as path:
        reader, writer = await asyncio.open_unix_connection(path, limit=1 << 20)
        writer.write(b'{"command": "big"}\n')
        writer.write_eof()
        assert len(json.loads(await reader.read())["result"]) == 500_000
        writer.close()


async def test_more_clients_than_places_are_turned_away_and_the_others_served() -> None:
    async with serving() as path:
        clients = [await asyncio.open_unix_connection(path) for _ in range(control.MAX_CONNECTIONS)]
        for reader, writer in clients:  # all have their place
            writer.write(b'{"command": "status"}\n')
            assert json.loads(await reader.readline())["ok"] is True
        with pytest.raises(MmbotError, match=r"closed the connection|not running"):
            await ask(path, "status")
        clients[0][1].close()
        await asyncio.sleep(0.1)
        assert (await ask(path, "status"))["state"] == "running"
        for _, writer in clients:
            writer.close()


@pytest.mark.parametrize("reads", [True, False])
async def test_a_sleeping_client_gives_its_place_up(reads: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixteen that hung kept everybody out, and `mmbot stop` with them."""
    monkeypatch.setattr(control, "IDLE_S", 0.2)
    monkeypatch.setitem(HANDLERS, "big", big)
    async with serving() as path:
        sleepers = []
        for _ in range(control.MAX_CONNECTIONS):
            sleepers.append(await asyncio.open_unix_connection(path, limit=1024))
            if not reads:
                sleepers[-1][1].write(b'{"command": "big"}\n' * 4)  # more than socket and buffers hold
        async with asyncio.timeout(10):
            while True:
                try:
                    assert (await ask(path, "status"))["state"] == "running"
                    break
                except MmbotError:
                    await asyncio.sleep(0.05)
        for _, writer in sleepers:
            writer.transport.abort()


@pytest.mark.parametrize(
    "line", [b"[" * 100_000, b'{"command": "status", "args": {"a": 1e999}}', b"\0" * 1000, b"9" * 5000]
)
async def test_garbage_is_answered_or_dropped_and_harms_nobody(line: bytes) -> None:
    async with serving() as path:
        (answer,) = await raw(path, line)
        assert isinstance(answer["ok"], bool)
        assert (await ask(path, "status"))["state"] == "running"
