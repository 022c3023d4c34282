"""``mmbot report``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mmbot.cli.options import AsJson, write_json

if TYPE_CHECKING:
    from mmbot.report import RunData

PAGE, FIGURES = "report.html", "report.json"
COMPARISON = "comparison.html"


def command(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN", help="A run's folder: of a backtest, or of a live or paper run.", exists=True),
    ],
    compare: Annotated[bool, typer.Option("--compare", help="Two or more runs side by side.")] = False,
    window_ms: Annotated[
        float, typer.Option("--window", metavar="MS", min=0, help="How far apart the same fill of two runs may lie.")
    ] = 1000.0,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Where the page goes; default: into the (first) run.")
    ] = None,
    show: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in a browser.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a page to look at, and its figures as JSON: equity, fills, where the PnL came from.

    Writes `report.html` and `report.json` into the run's folder; with `--json` alone it only prints the figures.

    Example: `mmbot report runs/demo/20260102T030405.000000Z`, `mmbot report --compare RUN RUN`
    """
    from mmbot.errors import ConfigError
    from mmbot.report import analyse, load

    if compare and len(runs) < 2:
        raise ConfigError("--compare wants two runs or more")
    if not compare and len(runs) != 1:
        raise ConfigError(f"expected one run, found {len(runs)}; say --compare to see them side by side")
    data = [load(run) for run in runs]
    figures = [analyse(run) for run in data]
    result, page = _comparison(data, figures, window_ms) if compare else _single(data[0], figures[0])
    target = out or (None if as_json else runs[0] / (COMPARISON if compare else PAGE))
    if target is not None:
        _write(target, page())
        if out is None:
            _write(target.with_suffix(".json"), json.dumps(result, indent=1, ensure_ascii=False))
        if show:
            typer.launch(target.resolve().as_uri())
    if as_json:
        write_json(result)
    elif target is not None:
        _tell(result)
        typer.echo(f"report: {target}")


def _single(run: RunData, figures: dict[str, Any]) -> tuple[dict[str, Any], Any]:
    from mmbot.report.page import page

    return figures, lambda: page(run, figures)


def _comparison(runs: list[RunData], figures: list[dict[str, Any]], window_ms: float) -> tuple[dict[str, Any], Any]:
    from mmbot.report.compare import compare
    from mmbot.report.compare_page import compare_page

    result = compare(runs, figures, window_ns=int(window_ms * 1e6))
    return result, lambda: compare_page(runs, result)


def _write(target: Path, text: str) -> None:
    """Whole or not at all: a page that is half there looks like one."""
    from mmbot.errors import ReportError

    part = target.with_name(target.name + ".part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(target)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise ReportError(f"{target}: cannot be written: {error.strerror}; choose another place with --out") from error


def _tell(result: dict[str, Any]) -> None:
    from mmbot.report.text import lines

    for line in lines(result):
        typer.echo(line)
