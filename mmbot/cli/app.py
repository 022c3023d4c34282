"""Assembles the subcommands, and turns errors into messages and exit codes."""

from __future__ import annotations

import importlib
import os
import sys
from typing import NoReturn

import typer

from mmbot.errors import MmbotError

COMMANDS: dict[str, dict[str, str]] = {
    "Trade": {
        "run": "mmbot.cli.run",
        "check": "mmbot.cli.check",
        "replay": "mmbot.cli.replay",
        "report": "mmbot.cli.report",
    },
    "Test a strategy": {
        "backtest": "mmbot.cli.backtest",
        "sweep": "mmbot.cli.sweep",
    },
    "A running bot": {
        "status": "mmbot.cli.status",
        "pause": "mmbot.cli.pause",
        "resume": "mmbot.cli.resume",
        "set": "mmbot.cli.set",
        "swap": "mmbot.cli.swap",
        "stop": "mmbot.cli.stop",
    },
    "Look around": {
        "strategies": "mmbot.cli.strategies",
        "new-strategy": "mmbot.cli.new_strategy",
        "compile": "mmbot.cli.compile",
        "venues": "mmbot.cli.venues",
    },
    "Markets": {
        "exchange": "mmbot.cli.exchange",
        "record": "mmbot.cli.record",
        "convert": "mmbot.cli.convert",
        "inspect": "mmbot.cli.inspect",
        "bench": "mmbot.cli.bench",
    },
}
"""Help panel -> command -> module with its `command` function."""


def run(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line `arguments` (default: the process's own) and exit.

    Exit codes: 0 done, 1 error, 2 usage or config error, 3 stopped by a risk limit, 4 venue or authentication failure,
    5 timeout. An expected error is one message on stderr, never a traceback (``MMBOT_TRACEBACK=1`` shows it).
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        code = build(arguments)(arguments, prog_name="mmbot", standalone_mode=True)
    except MmbotError as error:
        code = _report(error, error.exit_code)
    except TimeoutError as error:
        code = _report(error, 5)
    except BrokenPipeError:  # before other trouble with files, of which it is one
        # The reader of our output has gone (`mmbot ... | head`): nobody is left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except OSError as error:
        where = f"{error.filename}: " if error.filename is not None else ""
        code = _report(MmbotError(f"{where}{error.strerror or error}"), 1)
    sys.exit(code)


def build(arguments: list[str]) -> typer.Typer:
    """The app with the one command that `arguments` name, or with all of them for help, completion and mistakes."""
    app = typer.Typer(
        name="mmbot",
        help="A market-making bot for perpetual futures: fast, exact, and easy to change while it runs.",
        no_args_is_help=True,
        add_completion=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(invoke_without_command=False)(_root)
    wanted = arguments[0] if arguments else ""
    everything = not any(wanted in commands for commands in COMMANDS.values())
    for panel, commands in COMMANDS.items():
        for name, module in commands.items():
            if everything or name == wanted:
                function = importlib.import_module(module).command
                app.command(name, rich_help_panel=panel, no_args_is_help=False)(function)
    return app


def _version(value: bool) -> None:
    if value:
        from mmbot import __version__

        typer.echo(f"mmbot {__version__}")
        raise typer.Exit


def _root(
    version: bool = typer.Option(False, "--version", help="Show the version.", callback=_version, is_eager=True),
) -> None:
    """Make a market on perpetual futures. Paper by default; `run --live` is real money.

    First: `mmbot run configs/demo.yaml`
    """


def _report(error: BaseException, code: int) -> int:
    if os.environ.get("MMBOT_TRACEBACK") == "1":
        raise error
    sys.stdout.flush()
    text = str(error) or type(error).__name__
    print(f"mmbot: {text}" if "\n" not in text else text, file=sys.stderr)  # noqa: T201 - this is the command line
    return code
