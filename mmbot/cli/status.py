"""``mmbot status``."""

from __future__ import annotations

from typing import Annotated

import typer

from mmbot.cli.options import AsJson, BotName, Timeout, write_json


def command(
    bot: BotName = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Keep showing it, until Ctrl-C.")] = False,
    timeout_s: Timeout = 5.0,
    as_json: AsJson = False,
) -> None:
    """Show a running bot: book, quotes, positions, PnL, latency. Exit 1 when it does not run.

    Example: `mmbot status demo --json`
    """
    import msgspec
    from rich.console import Console

    from mmbot.cli.running import ask, watch_bot
    from mmbot.ops.status import StatusSnapshot
    from mmbot.ops.tui import render

    if watch:
        watch_bot(bot, timeout_s)
        return
    answer = ask(bot, "status", timeout_s=timeout_s)
    if as_json:
        write_json(answer)
        return
    Console().print(render(msgspec.convert(answer, StatusSnapshot)))
