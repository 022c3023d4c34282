"""Control of a running bot over a unix socket: one JSON object a line, each request answered under its id.

::

    -> {"id": 1, "command": "set", "args": {"params": {"levels": 5}}, "timeout_s": 10}
    <- {"id": 1, "ok": true, "result": {…}}
    <- {"id": 2, "ok": false, "error": "…", "exit_code": 2}

The socket has mode 0600 in a folder of mode 0700: who may run the bot may control it, nobody else. The commands and
their arguments are the shell's; this module only carries them.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import structlog

from mmbot.errors import ConfigError, MmbotError, TimedOut

if TYPE_CHECKING:
    from pathlib import Path

T = TypeVar("T")
Handler = Callable[[dict[str, Any]], Awaitable[Any]]
"""One command: gets the arguments, returns what JSON can hold, raises `MmbotError` for an expected failure."""

MAX_LINE = 1 << 20
MAX_CONNECTIONS = 16
DEFAULT_TIMEOUT_S = 30.0
MAX_TIMEOUT_S = 3600.0
IDLE_S = 60.0
"""A client that neither asks nor takes its answer for so long gives its place up to others."""

_log = structlog.get_logger("mmbot.control")


class ControlServer:
    """Answers control requests of one bot.

    Args:
        path: The socket; a leftover of a dead process is replaced.
        handlers: Command name -> what answers it.
    """

    def __init__(self, path: Path, handlers: Mapping[str, Handler]) -> None:
        self._path = path
        self._handlers = dict(handlers)
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Begin to listen.

        Raises:
            ConfigError: another process answers on the socket, or its path is too long for one.
        """
        self._remove_leftover()
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        before = os.umask(0o177)
        try:
            listener.bind(str(self._path))
        except OSError as error:
            listener.close()
            raise ConfigError(f"control socket {self._path}: {error.strerror or error}") from None
        finally:
            os.umask(before)
        self._server = await asyncio.start_unix_server(self._on_connection, sock=listener, limit=MAX_LINE)

    async def stop(self) -> None:
        """Stop listening, drop the connections, remove the socket."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        self._path.unlink(missing_ok=True)

    def _remove_leftover(self) -> None:
        if not self._path.exists():
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(1.0)
            try:
                probe.connect(str(self._path))
            except OSError:
                self._path.unlink(missing_ok=True)
                return
        raise ConfigError(f"bot {self._path.stem!r} is already running (it answers on {self._path})")

    async def _on_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or len(self._connections) >= MAX_CONNECTIONS:
            writer.close()
            return
        self._connections.add(task)
        try:
            while line := await _soon(reader.readline()):
                writer.write(await self._answer(line))
                await _soon(writer.drain())
        except (ConnectionError, TimeoutError, ValueError):
            writer.transport.abort()  # gone, asleep, or a line beyond the limit: nobody takes what is left
        finally:
            self._connections.discard(task)
            writer.close()

    async def _answer(self, line: bytes) -> bytes:
        """One line back, whatever came."""
        request_id: Any = None
        try:
            request = json.loads(line)
            request_id = request.get("id") if isinstance(request, dict) else None
            handler, arguments, timeout_s = self._parse(request)
            async with asyncio.timeout(timeout_s):
                result = await handler(arguments)
            return _line({"id": request_id, "ok": True, "result": result})
        except MmbotError as error:
            return _failure(request_id, str(error), error.exit_code)
        except TimeoutError:
            return _failure(request_id, f"no answer within {timeout_s:g} s", TimedOut.exit_code)
        except ValueError as error:
            return _failure(request_id, f"not a request: {error}", ConfigError.exit_code)
        except Exception as error:  # noqa: BLE001 - root of a request: one bad answer must not end the bot
            _log.exception("control request failed", request=request_id)
            return _failure(request_id, f"{type(error).__name__}: {error}", MmbotError.exit_code)

    def _parse(self, request: Any) -> tuple[Handler, dict[str, Any], float]:
        if not isinstance(request, dict):
            raise ConfigError("expected a JSON object with id, command and args")
        command = request.get("command")
        if not isinstance(command, str) or command not in self._handlers:
            raise ConfigError(f"found command {command!r}; allowed: {', '.join(sorted(self._handlers))}")
        arguments = request.get("args", {})
        if not isinstance(arguments, dict):
            raise ConfigError(f"args: expected an object, found {type(arguments).__name__}")
        timeout_s = request.get("timeout_s", DEFAULT_TIMEOUT_S)
        if not isinstance(timeout_s, int | float) or not 0 < timeout_s <= MAX_TIMEOUT_S:
            raise ConfigError(f"timeout_s: expected a number above 0 and up to {MAX_TIMEOUT_S:g}, found {timeout_s!r}")
        return self._handlers[command], arguments, float(timeout_s)


async def _soon(work: Awaitable[T]) -> T:
    async with asyncio.timeout(IDLE_S):
        return await work


class RemoteFailure(MmbotError):
    """The bot refused a request or failed at it; `exit_code` is its own."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def call(path: Path, command: str, args: Mapping[str, Any] | None = None, *, timeout_s: float = 10.0) -> Any:
    """Ask the bot behind the socket at `path` and return its answer; for programs without an event loop.

    Raises:
        MmbotError: no bot answers there.
        RemoteFailure: the bot said no.
        TimedOut: no answer within `timeout_s`.
    """
    request = {"id": 1, "command": command, "args": dict(args or {}), "timeout_s": timeout_s}
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout_s + 1.0)
        try:
            connection.connect(str(path))
            connection.sendall(json.dumps(request).encode() + b"\n")
            with connection.makefile("rb") as stream:
                line = stream.readline(MAX_LINE)
        except TimeoutError:
            raise TimedOut(f"bot {path.stem!r} did not answer {command} within {timeout_s:g} s") from None
        except OSError as error:
            raise MmbotError(f"bot {path.stem!r} is not running (no answer on {path}: {error.strerror})") from None
    if not line.endswith(b"\n"):
        raise MmbotError(f"bot {path.stem!r} closed the connection before it answered {command}")
    answer = json.loads(line)
    if not answer["ok"]:
        raise RemoteFailure(answer["error"], answer["exit_code"])
    return answer["result"]


def _failure(request_id: Any, error: str, exit_code: int) -> bytes:
    return _line({"id": request_id, "ok": False, "error": error, "exit_code": exit_code})


def _line(answer: dict[str, Any]) -> bytes:
    return json.dumps(answer, default=str).encode() + b"\n"
