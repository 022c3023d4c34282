"""``mmbot compile``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mmbot.cli.options import AsJson, write_json


def command(
    plugin: Annotated[str, typer.Argument(metavar="PLUGIN", help="A plugin file (.py, .pyx), or a strategy's id.")],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FOLDER", help="Where the extension goes; default: beside the file.")
    ] = None,
    annotate: Annotated[
        bool, typer.Option("--annotate", help="Also write Cython's HTML report: yellow lines call into Python.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Compile a strategy plugin to an extension module; it runs the same, faster, and swaps live.

    A plain Python plugin needs no change: its callbacks become C methods and `name: float` in the class body a C field.
    Files in Cython's pure-Python mode and `.pyx` files are compiled as they stand.

    Example: `mmbot compile my_maker.py && mmbot swap demo ./my_maker.cpython-311-x86_64-linux-gnu.so`
    """
    from mmbot.plugins import find, load_file
    from mmbot.plugins.compile import compile_plugin

    path = Path(plugin)
    made = compile_plugin(
        path if path.suffix in (".py", ".pyx") else find(plugin, suffixes=(".py",)), out, annotate=annotate
    )
    loaded = load_file(made)
    if as_json:
        write_json({"strategy": loaded.id, "path": str(made), "code_hash": loaded.code_hash})
    else:
        typer.echo(f"{made}")
