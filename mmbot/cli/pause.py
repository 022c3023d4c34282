"""``mmbot pause``."""

from __future__ import annotations

from mmbot.cli.options import AsJson, BotName, Timeout, write_answer


def command(bot: BotName = None, timeout_s: Timeout = 10.0, as_json: AsJson = False) -> None:
    """Pull every quote and place nothing new; hedging goes on.

    Example: `mmbot pause demo`
    """
    from mmbot.cli.running import ask

    write_answer(ask(bot, "pause", timeout_s=timeout_s), as_json=as_json)
