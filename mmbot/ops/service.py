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
from mmbot.ops.control import ControlServer
from mmbot.ops.logging import LogSetup
from mmbot.ops.metrics import MetricsServer
from mmbot.ops.runtime import control_socket
from mmbot.ops.snapshot import take_snapshot
from mmbot.ops.view import choose_view

if TYPE_CHECKING:
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
        RiskHalt: a limit stopped it; the summary is written all the same.
        MmbotError: it could not start, or a venue failed.
    """
    run_dir = new_run_dir(config)
    drawn = show and sys.stdout.isatty()
    log = LogSetup(config.bot.log_level, run_dir / "log.jsonl", console=show and not drawn)
    try:
        async with Session(config, run_dir) as session, contextlib.AsyncExitStack() as stack:
            stack.callback(_write_summary, session)
            _stop_on_signals(session)
            control = ControlServer(control_socket(config.bot.name), handlers(session))
            await control.start()
            stack.push_async_callback(control.stop)
            if config.metrics.enabled:
                metrics = MetricsServer(*split_listen(config.metrics.listen), lambda: take_snapshot(session))
                await metrics.start()
                stack.push_async_callback(metrics.stop)
                host = split_listen(config.metrics.listen)[0]
                _log.info("serving metrics", url=f"http://{host}:{metrics.port}/metrics")
            side = []
            if show:
                view = choose_view(lambda: take_snapshot(session), lambda: tuple(log.recent.lines))
                side.append(asyncio.create_task(view.run(), name="view"))
            if watch:
                side.append(asyncio.create_task(session.swapper.watch(), name="watch"))
            for task in side:
                task.add_done_callback(_report)
            stack.push_async_callback(_end, side)
            _log.info("running", bot=config.bot.name, paper=not config.live, run_dir=str(run_dir))
            await session.run(duration_s)
        return session.summary()
    finally:
        log.close()


def handlers(session: Session) -> dict[str, Any]:
    """The control commands of a session."""

    async def status(_args: dict[str, Any]) -> Any:
        return take_snapshot(session).as_dict()

    async def pause(args: dict[str, Any]) -> Any:
        session.pause(args.get("market"))
        return {"paused": args.get("market") or "all"}

    async def resume(args: dict[str, Any]) -> Any:
        session.resume(args.get("market"))
        return {"resumed": args.get("market") or "all"}

    async def stop(args: dict[str, Any]) -> Any:
        session.stop("operator", flatten=bool(args.get("flatten")))
        return {"stopping": True}

    async def swap(args: dict[str, Any]) -> Any:
        return await session.swapper.swap(args.get("name"), args.get("params"), args.get("shadow_s"))

    async def change(args: dict[str, Any]) -> Any:
        return await session.swapper.set(args["params"])

    return {"status": status, "pause": pause, "resume": resume, "stop": stop, "swap": swap, "set": change}


def _write_summary(session: Session) -> None:
    path = session.run_dir / "summary.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(session.summary()), indent=2) + b"\n")


def _stop_on_signals(session: Session) -> None:
    loop = asyncio.get_running_loop()

    def first(number: signal.Signals) -> None:
        for each in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(each)
            signal.signal(each, signal.SIG_DFL)  # the second one forces
        _log.info("stopping on signal; once more forces", signal=number.name)
        session.stop(f"signal {number.name}")

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, first, number)


def _report(task: asyncio.Task[Any]) -> None:
    """Whoever looks on may fail without harm to the bot, but not unseen."""
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("a side task failed", task=task.get_name(), error=repr(error))


async def _end(tasks: list[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
