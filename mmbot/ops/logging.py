"""Logs: JSON lines to the run's file, readable lines to the terminal, secrets to neither.

Everything that logs uses structlog: ``structlog.get_logger("mmbot.engine").info("order lost", market="perp_btc")``.
What libraries log through the standard library goes the same way.
"""

from __future__ import annotations

import logging
import re
import sys
from collections import deque
from typing import TYPE_CHECKING, Any

import structlog

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from pathlib import Path

RECENT_LINES = 200
_SECRET = re.compile(r"secret|passphrase|password|signature|api_?key|listen_?key|token", re.IGNORECASE)
_SECRET_IN_TEXT = re.compile(
    r"(?i)\b(signature|apikey|api_key|listenkey|secret|passphrase|token)(['\"]?\s*[=:]\s*['\"]?)[^\s&'\",}]+"
)


class RecentLines(logging.Handler):
    """Keeps the last lines for the terminal view; `lines` never grows beyond its limit."""

    def __init__(self, limit: int = RECENT_LINES) -> None:
        super().__init__(logging.INFO)
        self.lines: deque[str] = deque(maxlen=limit)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the formatted record."""
        self.lines.append(self.format(record))


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Structlog processor: the value of a key that names a secret, and secrets inside text, become ``***``."""
    for key, value in event.items():
        event[key] = "***" if _SECRET.search(key) else _redacted(value)
    return event


def _redacted(value: Any) -> Any:
    match value:
        case str():
            return _SECRET_IN_TEXT.sub(r"\1\2***", value)
        case dict():
            return {key: "***" if _SECRET.search(str(key)) else _redacted(item) for key, item in value.items()}
        case list() | tuple():
            return [_redacted(item) for item in value]
    return value


class LogSetup:
    """Logging of one run, in force until `close`.

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
        ]
        self.recent = RecentLines()
        self.recent.setFormatter(_formatter(shared, _console(colors=False)))
        self._handlers: list[logging.Handler] = [self.recent]
        if file is not None:
            file_handler = logging.FileHandler(file, encoding="utf-8")
            file_handler.setFormatter(_formatter(shared, structlog.processors.JSONRenderer(default=str)))
            self._handlers.append(file_handler)
        if console:
            stream_handler = logging.StreamHandler(sys.stderr)
            stream_handler.setFormatter(_formatter(shared, _console(colors=sys.stderr.isatty())))
            self._handlers.append(stream_handler)
        self._root = logging.getLogger()
        self._level_before = self._root.level
        self._root.setLevel(level.upper())
        for handler in self._handlers:
            self._root.addHandler(handler)
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

    def close(self) -> None:
        """Write out and detach the handlers, so that the next run of this process begins clean."""
        for handler in self._handlers:
            self._root.removeHandler(handler)
            handler.close()
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
