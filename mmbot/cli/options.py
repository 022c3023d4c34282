"""Options and output that several commands share."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

ConfigPath = Annotated[Path, typer.Argument(metavar="CONFIG", help="The bot's YAML file.", show_default=False)]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a key, as `--set risk.max_position=0.1`; repeatable."),
]
BotName = Annotated[
    str | None,
    typer.Argument(metavar="[BOT]", help="Name of the bot, or its config file; not needed when only one runs."),
]
Timeout = Annotated[float, typer.Option("--timeout", metavar="SECONDS", min=0.1, help="How long to wait.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print data as JSON.")]


def write_json(data: Any) -> None:
    """Print `data` as JSON on stdout: indented for a person, one line for a pipe."""
    indent = 2 if sys.stdout.isatty() else None
    sys.stdout.write(json.dumps(data, indent=indent, default=str, ensure_ascii=False) + "\n")


def write_answer(answer: Any, *, as_json: bool) -> None:
    """Print what a running bot answered: JSON when asked, else one ``name: value`` a line."""
    if as_json:
        write_json(answer)
        return
    if not isinstance(answer, dict):
        answer = {"done": answer if answer is not None else "ok"}
    for name, value in answer.items():
        typer.echo(f"{name}: {value}")
