"""Surrounds a session with what people use: control socket, metrics endpoint, terminal view, run folder."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from mmbot.config.fields import split_listen
from mmbot.engine.session import Session
from mmbot.errors import ConfigError
from mmbot.ops.commands import handlers
from mmbot.ops.control import ControlServer
from mmbot.ops.logging import LogSetup
from mmbot.ops.metrics import MetricsServer
from mmbot.ops.runtime import control_socket
from mmbot.ops.snapshot import take_snapshot
from mmbot.ops.view import choose_view

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path

    from mmbot.config import Config

_log = structlog.get_logger("mmbot.run")


def new_run_dir(config: Config) -> Path:
    """Make the folder of a new run, ``<dir>/<bot>/<utc start>``.

    Raises:
        ConfigError: it cannot be made.
    """
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    folder = config.journal.dir / config.bot.name / stamp
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise ConfigError(f"{folder}: cannot make the run's folder: {error.strerror}") from None
    return folder


async def serve(
    config: Config, *, duration_s: float | None = None, watch: bool = False, show: bool = True
) -> dict[str, Any]:
    """Run a bot until it ends and return its summary, which is also in ``summary.json`` of the run's folder.

    The first SIGINT or SIGTERM stops in good order; a second one ends the process at once.

    Raises:
        Stopped: it was asked to end before it had begun; there is no summary.
        RiskHalt: a limit stopped it; the summary is written all the same.
        MmbotError: it could not start, or a venue failed.
    """
    run_dir = new_run_dir(config)
    drawn = show and sys.stdout.isatty()
    log = LogSetup(config.bot.log_level, run_dir / "log.jsonl", console=show and not drawn)
    try:
        async with contextlib.AsyncExitStack() as stack:
            session = Session(config, run_dir)
            stack.callback(_stop_on_signals(session))
            await _listen(session, stack)
            if show:
                view = choose_view(lambda: take_snapshot(session), lambda: tuple(log.recent.lines))
                _beside(view.run(), "view", stack)
            async with session, contextlib.AsyncExitStack() as trading:
                if watch:
                    _beside(session.swapper.watch(), "watch", trading)
                _log.info("running", bot=config.bot.name, paper=not config.live, run_dir=str(run_dir))
                try:
                    await session.run(duration_s)
                finally:
                    _write_summary(session)
        return session.summary()
    finally:
        log.close()


async def _listen(session: Session, stack: contextlib.AsyncExitStack) -> None:
    """Open control socket and metrics, before anything else: they tell of a start that takes its time."""
    config = session.config
    control = ControlServer(control_socket(config.bot.name), handlers(session))
    await control.start()
    stack.push_async_callback(control.stop)
    if config.metrics.enabled:
        host, port = split_listen(config.metrics.listen)
        metrics = MetricsServer(host, port, lambda: take_snapshot(session))
        await metrics.start()
        stack.push_async_callback(metrics.stop)
        _log.info("serving metrics", url=f"http://{host}:{metrics.port}/metrics")


def _write_summary(session: Session) -> None:
    path = session.run_dir / "summary.json"
    try:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(session.summary()), indent=2) + b"\n")
    except OSError as error:
        _log.error("the summary cannot be written", path=str(path), error=str(error))


def _stop_on_signals(session: Session) -> Callable[[], None]:
    """Stop on the first signal, die of the second; the answer puts things back as they were.

    The handlers are Python's own and not the loop's, so that the second one ends a bot whose loop is stuck, such as in
    a strategy that never returns.
    """
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM)

    def begin_to_stop(name: str) -> None:
        _log.info("stopping on signal; once more forces", signal=name)
        session.stop(f"signal {name}")

    def first(number: int, _frame: object) -> None:
        for each in numbers:
            signal.signal(each, signal.SIG_DFL)
        loop.call_soon_threadsafe(begin_to_stop, signal.Signals(number).name)

    before = [signal.signal(number, first) for number in numbers]

    def put_back() -> None:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)

    return put_back


def _beside(work: Coroutine[Any, Any, None], name: str, stack: contextlib.AsyncExitStack) -> None:
    """Have a task look on until the end; it may fail without harm to the bot, but not unseen."""
    task = asyncio.create_task(work, name=name)

    def report(_task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("a side task failed", task=name, error=repr(error))

    async def end() -> None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    task.add_done_callback(report)
    stack.push_async_callback(end)
