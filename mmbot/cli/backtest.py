"""``mmbot backtest``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mmbot.cli.options import AsJson, Overrides, write_json

if TYPE_CHECKING:
    from mmbot.backtest import BacktestResult


def command(
    config: Annotated[
        Path,
        typer.Argument(metavar="CONFIG|RUN", help="The bot's YAML file; or a run's folder, to repeat that session."),
    ],
    overrides: Overrides = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Where the results go; default: a folder below `runs`.")
    ] = None,
    save: Annotated[bool, typer.Option("--save/--no-save", help="Write the results, or only show them.")] = True,
    as_json: AsJson = False,
) -> None:
    """Run the bot of a config file on recorded data, with queue positions, latencies and fees.

    The section `backtest` says what is played and how the exchange is modelled. Data that is no tape yet is converted
    once and kept. Given the folder of a live or paper run, its session is played once more: its data, its clock,
    the latencies its orders had; `mmbot report --compare RUN BACKTEST` then says what came out differently.

    Example: `mmbot backtest configs/reference/usdm_btcusdt_riskadverse_timer100ms_touch.yaml`
    """
    from mmbot.backtest import run
    from mmbot.config import load

    if config.is_dir():
        from mmbot.backtest.session import config_of

        checked = config_of(config, overrides or [])
    else:
        checked = load(config, overrides or [])
    folder = None
    if save:
        folder = out or _folder(checked.journal.dir, checked.bot.name)
    result = run(checked, out=folder)
    if as_json:
        write_json({**result.summary, "folder": None if folder is None else str(folder)})
    else:
        _show(result)


def _folder(base: Path, bot: str) -> Path:
    from datetime import UTC, datetime

    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    return base / bot / f"{stamp}-backtest"


def _show(result: BacktestResult) -> None:
    summary: dict[str, Any] = result.summary
    pnl = summary["pnl"]
    for ts_ns, text in result.notes:
        typer.echo(f"{ts_ns / 1e9:.3f} {text}", err=True)
    typer.echo(
        f"{summary['rows']:,} rows in {summary['run_s']:.3f} s ({summary['rows_per_s'] / 1e6:.1f} M rows/s)\n"
        f"{summary['started']} to {summary['ended']}\n"
        f"orders    {summary['orders']['sent']} sent, {summary['expired']} expired, "
        f"{summary['orders']['canceled'] - summary['expired']} canceled, {summary['orders']['rejected']} rejected\n"
        f"fills     {summary['fills']}, {summary['hedge_fills']} of them hedges\n"
        f"position  {', '.join(f'{market} {qty}' for market, qty in summary['positions'].items())}\n"
        f"pnl       {pnl['total']} = spread {pnl['spread']} + inventory {pnl['inventory']} + hedge {pnl['hedge']} "
        f"+ fees {pnl['fees']} + funding {pnl['funding']}"
    )
    if result.folder is not None:
        typer.echo(f"results   {result.folder}")
