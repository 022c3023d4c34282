"""The terminal picture and the plain lines."""

from __future__ import annotations

import asyncio
import dataclasses
import io
import os
import pty
import select
import subprocess
import sys

import msgspec
import pytest
from rich.console import Console

from mmbot.ops.status import Frame, PnlView, StatusSnapshot
from mmbot.ops.tui import draw, render
from mmbot.ops.view import PlainView, TerminalView, choose_view, summary_line


def text_of(snapshot: StatusSnapshot, log: tuple[str, ...] = (), width: int = 140) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    console.print(render(snapshot, log))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_picture_has_book_quotes_position_pnl_and_latency(snapshot: StatusSnapshot) -> None:
    text = text_of(snapshot)
    for piece in (
        "demo",
        "paper",
        "strategy pmm 01234567",
        "up 1:02:05",
        "60000.1",
        "59999.9",
        "position -0.015 @ 60001.2",
        "buffering",
        "spread",
        "+2.0000",
        "funding",
        "backlog",
        "33.0",
        "orders placed",
    ):
        assert piece in text, piece


def test_our_quotes_stand_at_their_price_also_beyond_the_shown_levels(snapshot: StatusSnapshot) -> None:
    rows = text_of(snapshot).splitlines()
    assert "0.010" in next(row for row in rows if "59999.8" in row)
    assert "0.020" in next(row for row in rows if "59990.0" in row)
    prices = [row.split()[1:] for row in rows if "5999" in row or "6000" in row]
    assert len(prices) >= 5


def test_prices_run_downwards(snapshot: StatusSnapshot) -> None:
    text = text_of(snapshot)
    places = [text.index(price) for price in ("60005.5", "60000.1", "59999.9", "59999.8", "59990.0")]
    assert places == sorted(places)


def test_live_is_shouted_and_a_reason_is_shown(snapshot: StatusSnapshot) -> None:
    text = text_of(dataclasses.replace(snapshot, paper=False, level="halt", reason="max_drawdown: 501 of 500"))
    assert "LIVE" in text
    assert "halt" in text
    assert "max_drawdown: 501 of 500" in text


def test_only_the_last_log_lines_are_shown_one_line_each(snapshot: StatusSnapshot) -> None:
    text = text_of(snapshot, tuple(f"line {i}\ntraceback" for i in range(50)))
    assert "line 49" in text
    assert "line 41" not in text
    assert "traceback" not in text


def test_markup_in_what_others_wrote_is_not_markup(snapshot: StatusSnapshot) -> None:
    text = text_of(dataclasses.replace(snapshot, reason="found [bold]x[/bold]"), ("[red]boo[/nope]",))
    assert "[bold]x[/bold]" in text
    assert "[red]boo[/nope]" in text


def test_an_empty_bot_can_be_drawn_on_a_narrow_terminal() -> None:
    assert "starting" in text_of(StatusSnapshot(bot="x"), width=40)


def test_frames_are_drawn_until_the_stream_ends(snapshot: StatusSnapshot) -> None:
    frames = [Frame(dataclasses.replace(snapshot, pnl=PnlView(total=float(i))), ("hello",)) for i in range(3)]
    stream = io.BytesIO(b"".join(msgspec.json.encode(frame) + b"\n" for frame in frames))
    console = Console(file=io.StringIO(), width=140, force_terminal=True, legacy_windows=False)
    draw(stream, console)
    assert isinstance(console.file, io.StringIO)
    assert "hello" in console.file.getvalue()
    assert "+2.0000" in console.file.getvalue()


def test_the_drawing_process_shows_the_bot_on_a_real_terminal(snapshot: StatusSnapshot) -> None:
    master, slave = pty.openpty()
    drawing = subprocess.Popen(
        [sys.executable, "-m", "mmbot.ops.tui"],
        stdin=subprocess.PIPE,
        stdout=slave,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "140", "LINES": "50"},
    )
    os.close(slave)
    assert drawing.stdin is not None
    drawing.stdin.write(msgspec.json.encode(Frame(snapshot)) + b"\n")
    drawing.stdin.close()
    shown = b""
    while select.select([master], [], [], 10)[0]:
        try:
            shown += os.read(master, 65536)
        except OSError:  # the other end has gone
            break
    os.close(master)
    assert drawing.wait(10) == 0
    assert b"perp_btc" in shown
    assert b"\x1b[?1049l" in shown, "the screen is given back"


async def test_the_terminal_view_draws_and_ends_its_process_when_cancelled(
    snapshot: StatusSnapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[asyncio.subprocess.Process] = []
    spawn = asyncio.create_subprocess_exec
    master, slave = pty.openpty()
    monkeypatch.setenv("TERM", "xterm")

    async def spy(*args: str, **kwargs: object) -> asyncio.subprocess.Process:
        process = await spawn(*args, **kwargs, stdout=slave)  # type: ignore[arg-type]
        started.append(process)
        return process

    monkeypatch.setattr(asyncio, "create_subprocess_exec", spy)
    view = asyncio.create_task(TerminalView(lambda: snapshot).run())
    shown = b""
    async with asyncio.timeout(20):
        while b"perp_btc" not in shown:
            shown += await asyncio.to_thread(os.read, master, 65536)
    view.cancel()
    await asyncio.gather(view, return_exceptions=True)
    os.close(master)
    os.close(slave)
    assert started[0].returncode == 0


async def test_plain_lines_come_at_their_interval(snapshot: StatusSnapshot) -> None:
    lines: list[str] = []
    view = asyncio.create_task(PlainView(lambda: snapshot, lines.append, interval_s=0.01).run())
    await asyncio.sleep(0.2)
    view.cancel()
    assert len(lines) >= 3
    assert "perp_btc 59999.9/60000.1  pos -0.015 quotes 3" in lines[0]
    assert lines[0].endswith("pnl +1.2500  orders_placed 42  fills 7")


def test_not_a_terminal_gets_lines(snapshot: StatusSnapshot) -> None:
    assert isinstance(choose_view(lambda: snapshot), PlainView)


def test_a_line_says_why_the_bot_does_not_quote(snapshot: StatusSnapshot) -> None:
    assert summary_line(dataclasses.replace(snapshot, reason="paused by operator")).endswith("(paused by operator)")
