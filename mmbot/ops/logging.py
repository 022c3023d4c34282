"""Logs: JSON lines to the run's file, readable lines to the terminal, secrets to neither.

Everything that logs uses structlog: ``structlog.get_logger("mmbot.engine").info("order lost", market="perp_btc")``.
What libraries log through the standard library goes the same way.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from collections import deque
from typing import TYPE_CHECKING, Any

import structlog

from mmbot.ops.aside import Aside, write_all

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from pathlib import Path

RECENT_LINES = 200
_SECRET = re.compile(r"secret|passphrase|password|signature|api_?key|listen_?key|token", re.IGNORECASE)
_SECRET_IN_TEXT = re.compile(
    r"(?i)(\w*(?:signature|api_?key|listen_?key|secret|passphrase|password|token)\w*['\"]?\s*[=:]\s*['\"]?)[^\s&'\",}]+"
)


class RecentLines(logging.Handler):
    """Keeps the last lines for the terminal view; `lines` never grows beyond its limit."""

    def __init__(self, limit: int = RECENT_LINES) -> None:
        super().__init__(logging.INFO)
        self.lines: deque[str] = deque(maxlen=limit)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the formatted record."""
        self.lines.append(self.format(record))


class _Lines(logging.Handler):
    """Writes lines to a file descriptor; that it cannot, as on a full disk, is said once and not with every line."""

    def __init__(self, fd: int, name: str) -> None:
        super().__init__()
        self._fd = fd
        self._what = name
        self._told = False

    def emit(self, record: logging.LogRecord) -> None:
        try:
            write_all(self._fd, f"{self.format(record)}\n".encode(errors="replace"))
        except OSError as error:
            if not self._told:
                self._told = True
                structlog.get_logger("mmbot.log").error("log lines are lost", where=self._what, error=str(error))

    def close(self) -> None:
        self._told = True  # there is no log any more to say it in
        super().close()


class _Outlet(logging.Handler):
    """Has records formatted and written by a thread of its own."""

    def __init__(self, name: str, *targets: logging.Handler) -> None:
        super().__init__()
        self._targets = targets
        self.aside = Aside(f"log {name}", self._write)

    def emit(self, record: logging.LogRecord) -> None:
        self.aside.put(record)

    def _write(self, record: logging.LogRecord) -> None:
        for target in self._targets:
            if record.levelno >= target.level:
                target.emit(record)  # without its lock: at the exit `logging` would wait for a thread that hangs

    def close(self) -> None:
        self.aside.close()
        for target in self._targets:
            target.close()
        super().close()


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Structlog processor: the value of a key that names a secret, and secrets inside text, become ``***``."""
    for key, value in event.items():
        event[key] = "***" if _SECRET.search(key) else _redacted(value)
    return event


def _hold_exception(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The present exception itself, for the thread that writes has another present."""
    if event.get("exc_info") is True:
        event["exc_info"] = sys.exc_info()
    return event


def _redacted(value: Any) -> Any:
    match value:
        case str():
            return _SECRET_IN_TEXT.sub(r"\1***", value)
        case dict():
            return {key: "***" if _SECRET.search(str(key)) else _redacted(item) for key, item in value.items()}
        case list() | tuple():
            return [_redacted(item) for item in value]
    return value


class LogSetup:
    """Logging of one run, in force until `close`; whoever logs does not wait for file or console.

    Args:
        level: Least severe level, as ``info``.
        file: JSON lines are appended here; None: no file.
        console: Whether lines go to stderr; False while a terminal view owns the screen.

    Attributes:
        recent: The last lines, for the terminal view.
    """

    def __init__(self, level: str = "info", file: Path | None = None, *, console: bool = True) -> None:
        shared: list[Any] = [
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.add_log_level,
            structlog.stdlib.ExtraAdder(),
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.StackInfoRenderer(),
            _hold_exception,
        ]
        self.recent = RecentLines()
        self.recent.setFormatter(_formatter(shared, _console(colors=False)))
        self._file = -1
        kept: list[logging.Handler] = [self.recent]
        if file is not None:
            self._file = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
            lines = _Lines(self._file, str(file))
            lines.setFormatter(_formatter(shared, structlog.processors.JSONRenderer(default=str)))
            kept.append(lines)
        self._outlets = [_Outlet("file", *kept)]
        if console:
            stream = _Lines(sys.stderr.fileno(), "console")
            stream.setFormatter(_formatter(shared, _console(colors=sys.stderr.isatty())))
            self._outlets.append(_Outlet("console", stream))
        self._root = logging.getLogger()
        self._level_before = self._root.level
        self._root.setLevel(level.upper())
        for outlet in self._outlets:
            self._root.addHandler(outlet)
        structlog.configure(
            processors=[
                structlog.stdlib.filter_by_level,
                *shared,
                structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
            ],
            logger_factory=structlog.stdlib.LoggerFactory(),
            wrapper_class=structlog.stdlib.BoundLogger,
            cache_logger_on_first_use=False,
        )

    def flush(self) -> None:
        """Wait until what was logged is written, or for a second when nobody takes it."""
        for outlet in self._outlets:
            outlet.aside.flush()

    def close(self) -> None:
        """Write out and detach the handlers, so that the next run of this process begins clean."""
        for outlet in self._outlets:
            self._root.removeHandler(outlet)
            outlet.close()
        if self._file >= 0:
            os.close(self._file)
        self._root.setLevel(self._level_before)
        structlog.reset_defaults()


def _console(*, colors: bool) -> structlog.dev.ConsoleRenderer:
    # Plain tracebacks: the rich ones show local variables, keys among them.
    plain = structlog.dev.plain_traceback
    return structlog.dev.ConsoleRenderer(colors=colors, pad_event_to=0, exception_formatter=plain)


def _formatter(shared: list[Any], renderer: Any) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            redact,
            renderer,
        ],
    )
