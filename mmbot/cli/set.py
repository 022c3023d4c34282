"""``mmbot set``."""

from __future__ import annotations

from typing import Annotated

import typer

from mmbot.cli.options import AsJson, Timeout, write_answer


def command(
    bot: Annotated[str, typer.Argument(metavar="BOT", help="Name of the bot, or its config file.")],
    assignments: Annotated[list[str], typer.Argument(metavar="NAME=VALUE...", help="Strategy parameters.")],
    timeout_s: Timeout = 10.0,
    as_json: AsJson = False,
) -> None:
    """Change parameters of the running strategy, checked like a swap and journalled; state and orders stay.

    Example: `mmbot set demo levels=5 half_spread_bps=4.5`
    """
    from mmbot.cli.running import ask, parse_assignments

    answer = ask(bot, "set", {"params": parse_assignments(assignments)}, timeout_s=timeout_s)
    write_answer(answer, as_json=as_json)
