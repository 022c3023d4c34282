"""``mmbot swap``."""

from __future__ import annotations

from typing import Annotated

import typer

from mmbot.cli.options import AsJson, Timeout, write_answer


def command(
    bot: Annotated[str, typer.Argument(metavar="BOT", help="Name of the bot, or its config file.")],
    strategy: Annotated[
        str | None,
        typer.Argument(
            metavar="[STRATEGY]", help="An id, a file, or package.module:Class; default: its own, read again."
        ),
    ] = None,
    assignments: Annotated[list[str] | None, typer.Argument(metavar="[NAME=VALUE...]", help="Parameters.")] = None,
    *,
    shadow_s: Annotated[
        float | None, typer.Option("--shadow", metavar="SECONDS", min=0, help="Run beside the old one first.")
    ] = None,
    timeout_s: Timeout = 30.0,
    as_json: AsJson = False,
) -> None:
    """Swap the strategy of a running bot for other or newer code: checked, tried dry, switched between two events.

    Example: `mmbot swap demo ./my_strategy.py levels=5 --shadow 10`
    """
    from pathlib import Path

    from mmbot.cli.running import ask, parse_assignments

    words = list(assignments or ())
    if strategy is not None and "=" in strategy:
        words.insert(0, strategy)
        strategy = None
    if strategy is not None and Path(strategy).is_file():
        strategy = str(Path(strategy).resolve())
    args = {"name": strategy, "params": parse_assignments(words), "shadow_s": shadow_s}
    write_answer(ask(bot, "swap", args, timeout_s=timeout_s), as_json=as_json)
