"""``mmbot run``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from mmbot.cli.options import AsJson, ConfigPath, Overrides, write_json


def command(
    config: ConfigPath,
    overrides: Overrides = None,
    duration: Annotated[
        str | None, typer.Option("--for", metavar="TIME", help="Stop after this long: `90s`, `10m`, `2h`.")
    ] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Allow venues with real money; needed by `endpoint: live`.")
    ] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Swap the plugin whenever its file changes.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run the bot of a config file until it is stopped: quote, hedge, keep the limits. Paper unless `--live`.

    Ctrl-C stops in good order: quotes are cancelled and confirmed, the journal is closed. A second Ctrl-C forces.

    Example: `mmbot run configs/demo.yaml --for 60s`
    """
    import uvloop

    from mmbot.config import load
    from mmbot.errors import ConfigError
    from mmbot.ops.service import serve

    checked = load(config, overrides or [])
    if checked.live and not live:
        names = ", ".join(name for name, venue in checked.venues.items() if venue.endpoint == "live")
        raise ConfigError(f"{config}: {names} would trade real money; say `--live` to allow it")
    if live and checked.live:
        markets = ", ".join(f"{name} ({m.symbol} on {m.venue})" for name, m in checked.markets.items())
        typer.echo(
            f"LIVE: {checked.bot.name} will trade real money on {markets}; "
            f"at most {checked.risk.max_position} a market, daily loss {checked.risk.max_daily_loss}.",
            err=True,
        )
    summary = uvloop.run(serve(checked, duration_s=seconds(duration), watch=watch, show=not as_json))
    if as_json:
        write_json(summary)
    else:
        for line in told(summary):
            typer.echo(line)


def told(summary: dict[str, Any]) -> list[str]:
    """What came of a run, in lines for a person."""
    from pathlib import Path

    orders, pnl = summary["orders"], summary["pnl"]
    folder = Path(summary["journal"]).parent
    parts = " + ".join(f"{part} {pnl[part]}" for part in ("spread", "inventory", "hedge", "fees", "funding"))
    end = "every order gone, positions as the venues have them"
    if not summary["reconciled"]:
        end = (
            f"NOT CONFIRMED that every order is gone and positions are as the venues have them: see {folder}/log.jsonl"
        )
    return [
        f"ended     {summary['exit_reason']}; {end}",
        "orders    " + ", ".join(f"{orders[what]} {what}" for what in ("sent", "canceled", "rejected", "unknown")),
        f"fills     {summary['fills']}, {summary['hedge_fills']} of them hedges",
        f"position  {', '.join(f'{market} {qty}' for market, qty in summary['positions'].items())}",
        f"pnl       {pnl['total']} = {parts}",
        f"results   {folder}",
    ]


def seconds(text: str | None, flag: str = "--for") -> float | None:
    """A duration such as ``90s``, ``10m``, ``2h`` or ``45`` (seconds), as given to `flag`.

    Raises:
        ConfigError: it is not one.
    """
    from mmbot.errors import ConfigError

    if text is None:
        return None
    units = {"s": 1.0, "m": 60.0, "h": 3600.0}
    number, factor = (text[:-1], units[text[-1]]) if text and text[-1] in units else (text, 1.0)
    try:
        value = float(number) * factor
    except ValueError:
        value = 0.0
    if not 0 < value < 1e9:
        raise ConfigError(f"{flag} {text}: expected a duration, as 90s, 10m or 2h")
    return value
