"""The command line, ``mmbot COMMAND``: one file per subcommand, assembled by `mmbot.cli.app`.

A command's file is named as the command (``-`` becomes ``_``) and has one function ``command`` with typer annotations,
whose docstring is its help and holds an example; it is listed in `mmbot.cli.app.COMMANDS`. Shared options are in
`mmbot.cli.options`. What a command needs beyond typer it imports when it runs, so that ``mmbot --help`` is quick.

A command ends by returning, or by raising an `MmbotError`: `main` prints its message and exits with its `exit_code`.
"""

from __future__ import annotations


def main() -> None:
    """Entry point of ``mmbot`` and ``python -m mmbot``; never returns."""
    from mmbot.cli.app import run

    run()
