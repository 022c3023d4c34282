"""``mmbot resume``."""

from __future__ import annotations

from mmbot.cli.options import AsJson, BotName, Timeout, write_answer


def command(bot: BotName = None, timeout_s: Timeout = 10.0, as_json: AsJson = False) -> None:
    """Quote again after a pause, or after a limit that a person has to lift.

    Example: `mmbot resume demo`
    """
    from mmbot.cli.running import ask

    write_answer(ask(bot, "resume", timeout_s=timeout_s), as_json=as_json)
