"""``mmbot replay``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mmbot.cli.options import AsJson, write_json


def command(
    journal: Annotated[
        Path, typer.Argument(metavar="JOURNAL", help="A run's folder, its journal folder, or a segment.", exists=True)
    ],
    verify: Annotated[bool, typer.Option("--verify", help="Exit 1 unless every command is identical.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run a session's journal through a fresh engine and compare its commands with the recorded ones, byte for byte.

    Example: `mmbot replay runs/demo/20260102T030405.000000Z --verify`
    """
    from mmbot.engine.replay import replay
    from mmbot.engine.summary import pnl_parts

    folder = journal / "journal" if (journal / "journal").is_dir() else journal
    result = replay(folder)
    difference = result.difference
    if as_json:
        write_json(
            {
                "events": result.events,
                "commands": result.commands,
                "identical": difference is None,
                "stopped_in_order": result.stopped_in_order,
                "torn_bytes": result.torn_bytes,
                "pnl": {part: str(amount) for part, amount in pnl_parts(result.assembly.engine).items()},
                "difference": None if difference is None else {
                    "event": difference.event, "event_kind": difference.event_kind,
                    "recorded": difference.recorded, "replayed": difference.replayed,
                },
            }
        )  # fmt: skip
    elif difference is None:
        end = "" if result.stopped_in_order else "; the session did not stop in good order"
        typer.echo(f"{result.events} events, {result.commands} commands, all identical{end}")
    else:
        typer.echo(
            f"first difference after event {difference.event} ({difference.event_kind}):\n"
            f"  recorded: {difference.recorded}\n  replayed: {difference.replayed}"
        )
    if verify and difference is not None:
        raise typer.Exit(1)
