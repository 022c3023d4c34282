"""What a person sees of the bot he started: a live picture on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING, Protocol

import msgspec

from mmbot.ops.aside import Aside, write_all
from mmbot.ops.status import Frame

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mmbot.ops.status import StatusSnapshot

PICTURES_PER_S = 4.0
SECONDS_PER_LINE = 5.0
LINES_WAITING = 100


class View(Protocol):
    """Shows snapshots until cancelled."""

    async def run(self) -> None:
        """Show the present state again and again."""


class TerminalView:
    """Feeds the drawing process (`mmbot.ops.tui`); a frame that its pipe has no room for is dropped, never queued.

    Args:
        snapshot: Returns the present state.
        log: Returns the last log lines.
    """

    def __init__(self, snapshot: Callable[[], StatusSnapshot], log: Callable[[], Sequence[str]] = tuple) -> None:
        self._snapshot = snapshot
        self._log = log

    async def run(self) -> None:
        """Send frames until cancelled or until the drawing process has gone, then end it and give the screen back."""
        drawing = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "mmbot.ops.tui", stdin=asyncio.subprocess.PIPE
        )
        pipe = drawing.stdin
        if pipe is None:
            raise RuntimeError("the drawing process has no stdin")
        try:
            while not pipe.is_closing():
                if pipe.transport.get_write_buffer_size() == 0:
                    pipe.write(msgspec.json.encode(Frame(self._snapshot(), tuple(self._log()))) + b"\n")
                await asyncio.sleep(1 / PICTURES_PER_S)
        except ConnectionError:
            return
        finally:
            pipe.close()
            await _end(drawing)


class PlainView:
    """Prints one line every few seconds: for pipes, containers and log files.

    Args:
        snapshot: Returns the present state.
        write: Gets each line, without its newline, on a thread of its own.
        interval_s: Time between two lines.
    """

    def __init__(
        self,
        snapshot: Callable[[], StatusSnapshot],
        write: Callable[[str], object],
        interval_s: float = SECONDS_PER_LINE,
    ) -> None:
        self._snapshot = snapshot
        self._write = write
        self._interval_s = interval_s

    async def run(self) -> None:
        """Print until cancelled."""
        aside = Aside("plain view", self._write, limit=LINES_WAITING)
        try:
            while True:
                await asyncio.sleep(self._interval_s)
                aside.put(summary_line(self._snapshot()))
        finally:
            aside.close()


def choose_view(snapshot: Callable[[], StatusSnapshot], log: Callable[[], Sequence[str]] = tuple) -> View:
    """The live picture when standard output is a terminal, else lines."""
    if sys.stdout.isatty() and os.environ.get("TERM") != "dumb":
        return TerminalView(snapshot, log)
    output = sys.stdout.fileno()
    return PlainView(snapshot, lambda line: write_all(output, f"{line}\n".encode()))


def summary_line(now: StatusSnapshot) -> str:
    """The state in one line."""
    parts = [f"{now.uptime_s:8.1f}s", now.state, now.level]
    for market in now.markets:
        if market.bids and market.asks:
            parts.append(f"{market.id} {market.bids[0].price}/{market.asks[0].price}")
        parts.append(f"pos {market.position} quotes {len(market.quotes)}")
    parts.append(f"pnl {now.pnl.total:+.4f}")
    parts += [f"{name} {now.counters[name]}" for name in ("orders_placed", "fills") if name in now.counters]
    if now.reason:
        parts.append(f"({now.reason})")
    return "  ".join(parts)


async def _end(drawing: asyncio.subprocess.Process) -> None:
    try:
        async with asyncio.timeout(2.0):
            await drawing.wait()
    except TimeoutError:
        drawing.kill()
        await drawing.wait()
