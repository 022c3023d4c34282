"""``mmbot new-strategy``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mmbot.cli.options import AsJson, write_json


def command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its id: lower-case words joined by _, as my_maker.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the files go.")] = Path(),
    as_json: AsJson = False,
) -> None:
    """Begin a strategy of your own: a plugin that works, its test, and a config that runs it on paper.

    Example: `mmbot new-strategy my_maker --out bots && mmbot run bots/my_maker.yaml --watch`
    """
    from mmbot.plugins.scaffold import write_scaffold

    paths = write_scaffold(name, out)
    if as_json:
        write_json({"strategy": name, "files": [str(path) for path in paths]})
        return
    plugin, test, config = paths
    typer.echo(f"{plugin}  the strategy\n{test}  its test:  python -m pytest {test}")
    typer.echo(f"{config}  a bot:  mmbot run {config} --watch")
