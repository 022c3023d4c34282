"""``mmbot stop``."""

from __future__ import annotations

from typing import Annotated

import typer

from mmbot.cli.options import AsJson, BotName, Timeout, write_answer


def command(
    bot: BotName = None,
    flatten: Annotated[bool, typer.Option("--flatten", help="Close the positions too.")] = False,
    timeout_s: Timeout = 30.0,
    as_json: AsJson = False,
) -> None:
    """Stop a bot: nothing new is placed, everything is cancelled and confirmed, the journal is closed.

    Example: `mmbot stop demo --flatten`
    """
    from mmbot.cli.running import ask

    write_answer(ask(bot, "stop", {"flatten": flatten}, timeout_s=timeout_s), as_json=as_json)
