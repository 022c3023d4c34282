"""Talking to a running bot from a command."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from mmbot.errors import ConfigError
from mmbot.ops import control
from mmbot.ops.runtime import control_socket, known_bots


def ask(bot: str | None, command: str, args: dict[str, Any] | None = None, *, timeout_s: float) -> Any:
    """Send one control command to the bot that `bot` means and return its answer.

    Raises:
        ConfigError: no bot is named and there is not exactly one to choose.
        MmbotError: it does not run, said no, or did not answer in time.
    """
    return control.call(control_socket(bot_name(bot)), command, args, timeout_s=timeout_s)


def bot_name(bot: str | None) -> str:
    """The name that `bot` means: itself, the one in a config file, or the only bot there is.

    Raises:
        ConfigError: there is no bot, or more than one to choose from; or the config file is wrong.
    """
    if bot is None:
        bots = known_bots()
        if len(bots) != 1:
            found = ", ".join(bots) or "none"
            raise ConfigError(f"which bot? name one, as `mmbot status demo`; found here: {found}")
        return bots[0]
    if bot.endswith((".yaml", ".yml")):
        from mmbot.config import load

        return load(Path(bot)).bot.name
    return bot


def parse_assignments(assignments: list[str]) -> dict[str, Any]:
    """Parameters from ``name=value`` words; values are YAML, numbers with a point become floats.

    Raises:
        ConfigError: a word is not an assignment.
    """
    from decimal import Decimal

    from mmbot.config.document import read

    params: dict[str, Any] = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        document = read(text, assignment)
        if not equals or not name or document.problems:
            raise ConfigError(f"{assignment!r}: expected NAME=VALUE, as levels=5")
        params[name] = float(document.data) if isinstance(document.data, Decimal) else document.data
    return params


def watch_bot(bot: str | None, timeout_s: float) -> None:
    """Show the bot's picture until Ctrl-C."""
    import msgspec
    from rich.live import Live

    from mmbot.ops.status import StatusSnapshot
    from mmbot.ops.tui import render

    name = bot_name(bot)
    with Live(screen=True, auto_refresh=False) as live:
        while True:
            answer = ask(name, "status", timeout_s=timeout_s)
            live.update(render(msgspec.convert(answer, StatusSnapshot)), refresh=True)
            time.sleep(0.5)
