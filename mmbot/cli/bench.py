"""``mmbot bench``."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mmbot.cli.options import AsJson, write_json

if TYPE_CHECKING:
    from mmbot.bench import Report


def command(
    quick: Annotated[bool, typer.Option("--quick", help="Fewer samples: done in under 20 s.")] = False,
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="FILE.gz", help="A recording of one Binance market; default: a generated feed."),
    ] = None,
    as_json: AsJson = False,
    compare: Annotated[
        Path | None,
        typer.Option("--compare", metavar="OLD.json", help="Also show old over new; above 1 is faster now."),
    ] = None,
    fail_above: Annotated[
        float | None,
        typer.Option(
            "--fail-above",
            metavar="PERCENT",
            min=0.0,
            help="With --compare: exit 1 when a p50 grew by more (10 at least, what two runs differ by anyway).",
        ),
    ] = None,
) -> None:
    """Measure every hot path: its distribution, its target, and its floor or peer from the same run.

    A figure means what it says only on a machine that does nothing else. docs/benchmarks.md tells how each is taken.

    Example: `mmbot bench --json > old.json`, then, after a change, `mmbot bench --compare old.json --fail-above 15`
    """
    import structlog

    from mmbot.bench import Report, run, slower
    from mmbot.errors import MmbotError

    old = None
    if compare is not None:
        try:
            old = Report.from_dict(json.loads(compare.read_text(encoding="utf-8")))
        except (OSError, ValueError) as error:
            raise MmbotError(f"--compare {compare}: {error}") from error
    elif fail_above is not None:
        raise typer.BadParameter("needs --compare", param_hint="--fail-above")
    # The connections that are measured come and go: not worth a line each, and stdout is the report's.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    report = run(data=data, quick=quick, progress=lambda step: typer.echo(f"... {step}", err=True))
    if as_json:
        write_json(report.as_dict())
    else:
        _show(report, old)
    if old is not None and fail_above is not None:
        worse = slower(old, report, fail_above / 100)
        if worse:
            raise MmbotError(f"slower by more than {fail_above:g} %: {', '.join(worse)}")


def _show(report: Report, old: Report | None) -> None:
    from rich.console import Console
    from rich.table import Table

    from mmbot.bench.result import TARGETS, ratios, within

    table = Table(title=f"{report.cpu}, {report.python}, {report.commit or 'no commit'}", title_justify="left")
    for column in ("", "unit", "p50", "p99", "min", "n", "target p50/p99", "over floor", *(["old/new"] if old else [])):
        table.add_column(column, justify="left" if column in ("", "unit") else "right")
    faster = ratios(old, report) if old else {}
    for result in report.results:
        kept, floor = within(result), report.floor(result)
        target = "/".join(f"{value:g}" for value in TARGETS.get(result.name, ()) if value is not None)
        cells: list[Any] = [
            result.name, result.unit, _number(result.p50), _number(result.p99), _number(result.min), str(result.n),
            f"[{'green' if kept else 'red'}]{target}" if target else "", f"{floor:.2f}" if floor else "",
        ]  # fmt: skip
        if old:
            ratio = faster.get(result.name)
            cells.append(f"{ratio:.2f}" if ratio is not None else "new")
        table.add_row(*cells, style="dim" if result.name.startswith("floor.") else None)
    Console(file=sys.stdout, width=None if sys.stdout.isatty() else 140).print(table)


def _number(value: float) -> str:
    return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"
