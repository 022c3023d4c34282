"""``mmbot check``: is this file a bot that could run?"""

from __future__ import annotations

import typer

from mmbot.cli.options import AsJson, ConfigPath, Overrides, write_json


def command(config: ConfigPath, overrides: Overrides = None, as_json: AsJson = False) -> None:
    """Check a config, with the strategy's own parameters, and say everything that is wrong with it.

    Example: `mmbot check configs/demo.yaml --set risk.max_position=0.5`
    """
    from mmbot.config import InvalidConfig, check_params, load

    try:
        checked = load(config, overrides or ())
        from mmbot.plugins.loader import load as load_plugin

        plugin = load_plugin(checked.strategy.id, checked.strategy_folders)
        check_params(checked, plugin.params_class)
    except InvalidConfig as error:
        if not as_json:
            raise
        problems = [
            {"source": problem.source, "line": problem.line, "key": problem.key, "text": problem.text}
            for problem in error.problems
        ]
        write_json({"ok": False, "problems": problems})
        raise typer.Exit(error.exit_code) from None
    if as_json:
        write_json({"ok": True, "problems": [], "config": checked.effective()})
        return
    markets = ", ".join(f"{name} ({market.role})" for name, market in checked.markets.items())
    typer.echo(f"{config}: ok")
    typer.echo(f"  bot {checked.bot.name}, strategy {checked.strategy.id}, markets {markets}")
    typer.echo("  LIVE: real money; `mmbot run` asks for --live" if checked.live else "  paper: no real money")
