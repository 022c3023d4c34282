"""``mmbot sweep``."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mmbot.cli.options import AsJson, Overrides, write_json

if TYPE_CHECKING:
    from mmbot.sweep import Plan, Request, Results
    from mmbot.sweep.driver import Tally
    from mmbot.sweep.search import Objective

SHOWN_TRIALS = 10
SHOWN_FIGURES = ("fills", "turnover", "drawdown", "sharpe")
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)?")
_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def command(
    config: Annotated[
        Path,
        typer.Argument(
            metavar="CONFIG|FOLDER",
            help="The bot's YAML file, with a section `backtest`; or a sweep's folder, to make its results anew.",
            show_default=False,
        ),
    ],
    overrides: Overrides = None,
    grid: Annotated[
        list[str] | None,
        typer.Option("--grid", metavar="KEY=VALUES", help="Values of a key: `a,b,c`, `from:to:step`; repeatable."),
    ] = None,
    random: Annotated[int | None, typer.Option("--random", metavar="N", help="N trials drawn from --vary.")] = None,
    optuna: Annotated[
        int | None, typer.Option("--optuna", metavar="N", help="N trials that Optuna chooses from --vary.")
    ] = None,
    vary: Annotated[
        list[str] | None,
        typer.Option(
            "--vary",
            metavar="KEY=SPACE",
            help="`uniform(a,b)`, `loguniform(a,b)`, `int(a,b)` or `choice(a,b,…)`; repeatable.",
        ),
    ] = None,
    objective: Annotated[
        str, typer.Option(metavar="METRIC", help="What trials are ranked by; `min:METRIC`: less is better.")
    ] = "pnl.total",
    seed: Annotated[int, typer.Option(help="Of --random and --optuna.")] = 0,
    batch: Annotated[int, typer.Option(metavar="N", help="Trials that Optuna chooses at a time.")] = 8,
    split: Annotated[
        float | None, typer.Option(metavar="SHARE", help="Choose on this share of the time, judge on the rest.")
    ] = None,
    gap: Annotated[str, typer.Option(metavar="TIME", help="Left out after the --split: `90s`, `10m`, `2h`.")] = "0s",
    inside: Annotated[str | None, typer.Option("--in", metavar="FROM..TO", help="The time to choose on.")] = None,
    outside: Annotated[str | None, typer.Option("--out", metavar="FROM..TO", help="The time to judge on.")] = None,
    top: Annotated[int, typer.Option(metavar="K", help="How many of the best run out of sample.")] = 5,
    workers: Annotated[
        int | None, typer.Option(metavar="N", min=1, max=1024, help="Processes; default: one a core.")
    ] = None,
    cluster: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Run on this Dask cluster, as `tcp://host:8786`.")
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Where the sweep is kept; default: below `runs`, by what makes it this sweep."
        ),
    ] = None,
    pareto: Annotated[
        str | None, typer.Option(metavar="X,Y", help="Metrics of the Pareto plot, as `min:drawdown,pnl.total`.")
    ] = None,
    heat: Annotated[
        list[str] | None, typer.Option(metavar="A,B", help="Keys of a heat map; default: the first pairs; repeatable.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Backtest a bot with many parameters: a grid, random draws or Optuna; on all cores or a Dask cluster.

    Any config key can be varied. A sweep that was stopped, or killed, goes on where it was when it is started with the
    same arguments. The results, `results.parquet` and `sweep.html`, do not depend on the number of workers.

    Example: `mmbot sweep configs/pmm.yaml --grid strategy.params.half_spread_bps=1:5:0.5 --split 0.7`
    """
    from mmbot.sweep import Plots, Request, write_results

    plots = Plots(_pareto(pareto), _pairs(heat or []))
    _wants_parquet()
    if config.is_dir():
        _show(write_results(config, plots), config, None, as_json=as_json)
        return
    request = Request(
        grid=grid or (), vary=vary or (), random=random, optuna=optuna, objective=objective, seed=seed, batch=batch,
        split=split, gap_s=_seconds(gap), inside=inside, outside=outside, top=top,
    )  # fmt: skip
    _plan, place, tally = _run(config, overrides or [], request, folder, workers, cluster)
    results = write_results(place, plots)
    _show(results, place, tally, as_json=as_json)
    if results.failed == results.rows:
        from mmbot.errors import MmbotError

        raise MmbotError(f"all {results.rows} trials failed: {results.columns['error'][0]}")


def _wants_parquet() -> None:
    """Say what is missing before hours are spent on results that cannot be written.

    Raises:
        MmbotError: pyarrow is not installed.
    """
    from importlib.util import find_spec

    from mmbot.errors import MmbotError

    if find_spec("pyarrow") is None:
        raise MmbotError("a sweep's results need the package pyarrow: pip install 'mmbot[sweep]'")


def _run(
    path: Path, overrides: list[str], request: Request, folder: Path | None, workers: int | None, cluster: str | None
) -> tuple[Plan, Path, Tally]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from mmbot.config import load
    from mmbot.sweep import Job, make_plan, open_executor, run_sweep
    from mmbot.sweep.session import usual_name
    from mmbot.sweep.trial import run_trial, warm_up

    checked = load(path, overrides)
    plan = make_plan(checked, request)
    place = folder or checked.journal.dir / checked.bot.name / usual_name(plan.identity)
    executor = open_executor(Job(plan.config, run_trial, warm_up), workers=workers, cluster=cluster, files=plan.files)
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
        console=Console(file=sys.stderr), transient=True, disable=not sys.stderr.isatty(),
    )  # fmt: skip
    with bar:
        line = bar.add_task("sweep", total=None)
        tally = run_sweep(plan, place, executor, lambda done, size: bar.update(line, completed=done, total=size))
    return plan, place, tally


def _show(results: Results, folder: Path, tally: Tally | None, *, as_json: bool) -> None:
    files = {"folder": str(folder), "results": str(folder / "results.parquet"), "page": str(folder / "sweep.html")}
    speed: dict[str, Any] = {}
    if tally is not None:
        speed = {"runs": tally.runs, "busy_s": round(tally.busy_s, 6), "rows_per_s": round(tally.rows_per_s)}
    if as_json:
        best = [{name: values[row] for name, values in results.columns.items()} for row in results.best]
        data: dict[str, Any] = {
            **files, **speed, "trials": results.rows, "failed": results.failed, "objective": str(results.objective),
            "rank_correlation": results.rank_correlation, "best": best[:SHOWN_TRIALS],
        }  # fmt: skip
        write_json(data)
        return
    _table(results)
    if tally is not None and tally.runs:
        typer.echo(f"{tally.runs} runs in {tally.busy_s:.2f} s, {tally.rows_per_s / 1e6:.1f} M rows/s in total")
    elif tally is not None:
        typer.echo("nothing left to run")
    if results.failed:
        first = next(error for error in results.columns["error"] if error)
        typer.echo(f"{results.failed} of {results.rows} trials failed, the first with: {first}", err=True)
    if results.split:
        correlation = results.rank_correlation
        said = f"{correlation:.2f}" if correlation is not None else "not defined for so few trials"
        typer.echo(f"rank correlation of in-sample and out-of-sample: {said}")
    typer.echo(f"results   {files['results']}\npage      {files['page']}")


def _table(results: Results) -> None:
    from rich.console import Console
    from rich.table import Table

    from mmbot.sweep.page import shown, table

    columns = table(results, SHOWN_FIGURES)
    grid = Table("trial", *(name for name, _ in columns), box=None, header_style="bold", pad_edge=False)
    for row in results.best[:SHOWN_TRIALS]:
        grid.add_row(str(results.columns["trial"][row]), *(shown(values[row]) for _, values in columns))
    Console(file=sys.stdout, width=None if sys.stdout.isatty() else 160).print(grid)


def _pareto(given: str | None) -> tuple[Objective, Objective] | None:
    from mmbot.errors import ConfigError
    from mmbot.sweep.search import Objective

    if given is None:
        return None
    parts = given.split(",")
    if len(parts) != 2:
        raise ConfigError(f"--pareto {given}: expected two metrics, as min:drawdown,pnl.total")
    return Objective.parse(parts[0], "--pareto"), Objective.parse(parts[1], "--pareto")


def _pairs(given: list[str]) -> list[tuple[str, str]]:
    from mmbot.errors import ConfigError

    pairs = [tuple(text.split(",")) for text in given]
    for text, pair in zip(given, pairs, strict=True):
        if len(pair) != 2:
            raise ConfigError(f"--heat {text}: expected two varied keys, as strategy.params.a,strategy.params.b")
    return [(pair[0], pair[1]) for pair in pairs]


def _seconds(given: str) -> float:
    from mmbot.errors import ConfigError

    match = _DURATION.fullmatch(given)
    if match is None:
        raise ConfigError(f"--gap {given}: expected a duration, as 90s, 10m or 2h")
    return float(match[1]) * _UNITS_S[match[2] or "s"]
