"""A sweep to look at: one HTML file that needs nothing else."""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from mmbot.config.problems import suggest
from mmbot.errors import ConfigError
from mmbot.sweep.charts import Cell, Point, heat_map, number, scatter
from mmbot.sweep.results import IN, OUT, WHOLE, Results
from mmbot.sweep.search import Objective
from mmbot.sweep.space import text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MAX_POINTS = 2_000
"""Dots a plot shows besides those that stand out; of more, evenly many are left out."""
MAX_ROWS = 20
MAX_MAPS = 6
BINS = 10
USUAL_FIGURES = ("pnl.total", "pnl.spread", "pnl.inventory", "pnl.fees", "pnl.hedge", "pnl.funding", "fills",
                 "turnover", "drawdown", "sharpe", "position.max_abs", "position.mean_abs")  # fmt: skip

STYLE = """
:root{color-scheme:light dark;--ink:#1c2026;--soft:#5f6670;--line:#e7e4dd;--paper:#faf9f6;--warm:#c7611f;--cool:#345f8c}
@media(prefers-color-scheme:dark){
:root{--ink:#e8e6e1;--soft:#a0a5ad;--line:#2c3037;--paper:#131519;--warm:#ee9a5c;--cool:#86b2e0}}
body{margin:0 auto;max-width:1100px;padding:36px 28px 80px;background:var(--paper);color:var(--ink);
font:14px/1.5 system-ui,sans-serif}
h1{font-size:24px;letter-spacing:-.01em;margin:0 0 4px}
h2{font-size:17px;margin:40px 0 4px}
p{margin:2px 0 10px;color:var(--soft);max-width:76ch;overflow-wrap:anywhere}
.plots{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(420px,100%),1fr));gap:14px}
svg{width:100%;height:auto}
svg text{font:11px system-ui,sans-serif;fill:var(--soft)}
svg .name{fill:var(--ink)}
svg .cell{text-anchor:middle;fill:var(--ink);font-size:10px}
.grid{stroke:var(--line);stroke-width:1;fill:none}
.guide{stroke:var(--soft);stroke-dasharray:4 4;fill:none}
.front{stroke:var(--warm);stroke-width:1.5;fill:none;opacity:.7}
.dot{fill:var(--cool);fill-opacity:.45}
.strong,.warm{fill:var(--warm)}
.cool{fill:var(--cool)}
.wide{overflow-x:auto}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:13px}
th{font-weight:600;color:var(--soft);border-bottom:1px solid var(--line)}
th,td{padding:3px 12px 3px 0;text-align:right;white-space:nowrap}
td.text,th.text{text-align:left;white-space:normal}
""".strip().replace("\n", "")


@dataclass(frozen=True, slots=True)
class Plots:
    """What to plot, where it is not the usual.

    Attributes:
        pareto: the two metrics of the Pareto front; None: drawdown, or another figure of risk, and the objective.
        heat: pairs of varied keys to map; empty: the first few pairs.
    """

    pareto: tuple[Objective, Objective] | None = None
    heat: Sequence[tuple[str, str]] = ()


def page(results: Results, plots: Plots | None = None) -> str:
    """The whole page.

    Raises:
        ConfigError: `plots` asks for a metric or a key that the sweep does not have.
    """
    plots = plots or Plots()
    _check(results, plots)
    sections = [
        _head(results),
        _best(results),
        _out_of_sample(results),
        _pareto(results, plots.pareto or usual_pareto(results)),
        _maps(results, plots.heat or list(itertools.combinations(results.keys, 2))[:MAX_MAPS]),
        _single(results),
        _failures(results),
    ]
    bot = str(results.identity.get("config", {}).get("bot", {}).get("name", ""))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>Sweep of {escape(bot)}</title><style>{STYLE}</style></head><body>{''.join(sections)}</body></html>\n"
    )


def _check(results: Results, plots: Plots) -> None:
    for metric in (objective.metric for objective in plots.pareto or ()):
        if results.rows > results.failed and metric not in results.metrics:
            near = suggest(metric, results.metrics) or f"; known: {', '.join(results.metrics)}"
            raise ConfigError(f"--pareto {metric}: the trials have no such figure{near}")
    for key in itertools.chain.from_iterable(plots.heat):
        if key not in results.keys:
            raise ConfigError(f"--heat {key}: is not varied; varied are {', '.join(results.keys)}")


def usual_pareto(results: Results) -> tuple[Objective, Objective] | None:
    """Risk against reward, by the first figure of risk that there is."""
    for metric in ("drawdown", "position.mean_abs", "turnover", "fills"):
        if metric in results.metrics and metric != results.objective.metric:
            return Objective(metric, maximise=False), results.objective
    return None


def pareto_rows(results: Results, x: Objective, y: Objective) -> list[int]:
    """Rows that no other beats in one of both metrics without losing in the other, from the best of `x` on."""
    scored = [
        (sx, sy, row)
        for row, (vx, vy) in enumerate(zip(results.column(x.metric), results.column(y.metric), strict=True))
        if (sx := x.score({x.metric: vx})) is not None and (sy := y.score({y.metric: vy})) is not None
    ]
    front: list[int] = []
    best = -math.inf
    for _, sy, row in sorted(scored, key=lambda s: (-s[0], -s[1], s[2])):
        if sy > best:
            best = sy
            front.append(row)
    return front


def _head(results: Results) -> str:
    identity = results.identity
    search, bot = identity["search"], identity.get("config", {}).get("bot", {}).get("name", "")
    space = "; ".join(f"{short(key)} = {form}" for key, form in search["space"].items())
    how = {"grid": "every combination", "random": f"drawn at random, seed {search.get('seed')}"}.get(
        search["kind"], f"chosen by Optuna, seed {search.get('seed')}, {search.get('batch')} at a time"
    )
    failed = f", {results.failed} failed" if results.failed else ""
    split = identity.get("split")
    parts = f" In-sample {_span(split['in'])}, out-of-sample {_span(split['out'])}." if split else ""
    return (
        f"<h1>Sweep of {escape(str(bot))}</h1><p>{results.rows} trials{failed}, {escape(how)}: {escape(space)}. "
        f"Ranked by {escape(_words(results.objective))}.{parts}</p>"
    )


def _best(results: Results) -> str:
    if not results.best:
        return "<h2>Best trials</h2><p>No trial has a figure to be ranked by.</p>"
    columns = table(results, USUAL_FIGURES)
    head = "".join(f"<th>{escape(name)}</th>" for name in ("trial", *(name for name, _ in columns)))
    rows = "".join(
        f"<tr><td>{results.columns['trial'][row]}</td>"
        + "".join(f"<td>{escape(shown(values[row]))}</td>" for _, values in columns)
        + "</tr>"
        for row in results.best[:MAX_ROWS]
    )
    return f'<h2>Best trials</h2><div class="wide"><table><tr>{head}</tr>{rows}</table></div>'


def _out_of_sample(results: Results) -> str:
    metric = results.objective.metric
    if not results.split:
        return ""
    points = [
        Point(x, y, _label(results, row, f"in {number(x)}, out {number(y)}"), strong=True)
        for row, (x, y) in enumerate(zip(results.column(metric, IN), results.column(metric, OUT), strict=True))
        if _is_number(x) and _is_number(y)
    ]
    if not points:
        return "<h2>Out of sample</h2><p>No trial has run on both parts yet.</p>"
    correlation = results.rank_correlation
    said = f"{correlation:.2f}" if correlation is not None else "not defined for so few"
    return (
        "<h2>Out of sample</h2><p>What the best in-sample trials did on data that had no part in choosing them. "
        f"Rank correlation of both: {said}; near 1 the choice carries over, near 0 it was luck.</p>"
        f'<div class="plots">{scatter(points, f"{metric}, in-sample", f"{metric}, out-of-sample", diagonal=True)}</div>'
    )


def _pareto(results: Results, pair: tuple[Objective, Objective] | None) -> str:
    if pair is None:
        return ""
    x, y = pair
    front = pareto_rows(results, x, y)
    if not front:
        return ""
    xs, ys = results.column(x.metric), results.column(y.metric)
    known = [row for row in range(results.rows) if _is_number(xs[row]) and _is_number(ys[row])]
    chosen = set(front)
    points = {
        row: Point(
            xs[row],
            ys[row],
            _label(results, row, f"{x.metric} {number(xs[row])}, {y.metric} {number(ys[row])}"),
            row in chosen,
        )
        for row in (*_thinned([row for row in known if row not in chosen]), *front)
    }
    plot = scatter(list(points.values()), x.metric, y.metric, front=[points[row] for row in front])
    return (
        f"<h2>Pareto front</h2><p>{escape(_words(y))} against {escape(_words(x))}. No trial beats one on the line in "
        f'one of both without losing in the other.</p><div class="plots">{plot}</div>'
    )


def _maps(results: Results, pairs: Sequence[tuple[str, str]]) -> str:
    plots = [plot for x, y in pairs if (plot := _map(results, x, y))]
    if not plots:
        return ""
    return (
        f"<h2>By two parameters</h2><p>Mean {escape(results.objective.metric)} of all trials in a square, over all "
        "values of the others: blue is low, orange high. A good spot has good neighbours.</p>"
        f'<div class="plots">{"".join(plots)}</div>'
    )


def _map(results: Results, x_key: str, y_key: str) -> str:
    columns, column_of = _bins(results, x_key)
    rows, row_of = _bins(results, y_key)
    if len(columns) < 2 or len(rows) < 2:
        return ""
    found: dict[tuple[int, int], list[float]] = {}
    for row, value in enumerate(results.column(results.objective.metric)):
        if _is_number(value):
            place = column_of(results.columns[x_key][row]), row_of(results.columns[y_key][row])
            found.setdefault(place, []).append(value)
    cells = [
        Cell(column, row, math.fsum(values) / len(values), _cell_label(columns[column], rows[row], values))
        for (column, row), values in sorted(found.items())
    ]
    return heat_map(cells, columns, rows, short(x_key), short(y_key)) if cells else ""


def _cell_label(column: str, row: str, values: list[float]) -> str:
    mean = math.fsum(values) / len(values)
    return f"{column}, {row}: mean {number(mean)} of {len(values)}, {number(min(values))} to {number(max(values))}"


def _bins(results: Results, key: str) -> tuple[list[str], Callable[[Any], int]]:
    """Names of a parameter's classes, and the class of a value: its own values, or where they are many, equal parts."""
    values = results.columns[key]
    if not all(map(_is_number, values)):
        texts = list(dict.fromkeys(text_of(value) for value in values))
        return [text.strip('"') for text in texts], lambda value: texts.index(text_of(value))
    distinct = sorted(set(values))
    if len(distinct) <= 2 * BINS:
        return [number(value, 3) for value in distinct], distinct.index
    log = _is_log(results, key)
    ends = (math.log(distinct[0]), math.log(distinct[-1])) if log else (distinct[0], distinct[-1])

    def class_of(value: float) -> int:
        share = ((math.log(value) if log else value) - ends[0]) / (ends[1] - ends[0])
        return min(int(share * BINS), BINS - 1)

    middles = [ends[0] + (i + 0.5) * (ends[1] - ends[0]) / BINS for i in range(BINS)]
    return [number(math.exp(middle) if log else middle, 3) for middle in middles], class_of


def _single(results: Results) -> str:
    metric = results.objective.metric
    figures = results.column(metric)
    best = set(results.best[: max(len(results.best) // 20, 1)])
    plots = []
    for key in results.keys:
        values = results.columns[key]
        known = [row for row in range(results.rows) if _is_number(figures[row]) and _is_number(values[row])]
        if len({values[row] for row in known}) < 2:
            continue
        points = [
            Point(values[row], figures[row], _label(results, row, f"{metric} {number(figures[row])}"), row in best)
            for row in (*_thinned([row for row in known if row not in best]), *(row for row in known if row in best))
        ]
        plots.append(scatter(points, short(key), metric, log_x=_is_log(results, key)))
    if not plots:
        return ""
    head = "<h2>By one parameter</h2><p>Every trial; the best twentieth stands out.</p>"
    return f'{head}<div class="plots">{"".join(plots)}</div>'


def _failures(results: Results) -> str:
    reasons = Counter(error for error in results.columns["error"] if error)
    if not reasons:
        return ""
    rows = "".join(
        f'<tr><td>{count}</td><td class="text">{escape(reason)}</td></tr>'
        for reason, count in reasons.most_common(MAX_ROWS)
    )
    return f'<h2>Failures</h2><table><tr><th>trials</th><th class="text">reason</th></tr>{rows}</table>'


def table(results: Results, figures: Sequence[str]) -> list[tuple[str, list[Any]]]:
    """Columns to show: the varied keys, the objective, and those of `figures` that there are; each part of the data."""
    columns: list[tuple[str, list[Any]]] = [(short(key), results.columns[key]) for key in results.keys]
    for figure in dict.fromkeys((results.objective.metric, *figures)):
        if figure in results.metrics:
            names = [figure if phase == WHOLE else f"{figure} {phase}" for phase in results.phases]
            columns += [(name, results.column(figure, p)) for name, p in zip(names, results.phases, strict=True)]
    return columns


def short(key: str) -> str:
    """A key as it is called in plots: a plugin's parameter by its own name."""
    return key.removeprefix("strategy.params.")


def shown(value: Any) -> str:
    """A value in a table."""
    if value is None:
        return ""
    return number(value) if _is_number(value) else text_of(value).strip('"')


def _words(objective: Objective) -> str:
    return f"{objective.metric}, {'more' if objective.maximise else 'less'} is better"


def _span(window: str) -> str:
    """A window of time to the second."""
    start, _, end = re.sub(r"\.[0-9]+(?=Z)|Z", "", window).replace("T", " ").partition("..")
    return escape(f"{start or 'the beginning'} to {end or 'the end'}")


def _label(results: Results, row: int, figures: str) -> str:
    params = ", ".join(f"{short(key)} {shown(results.columns[key][row])}" for key in results.keys)
    return f"trial {results.columns['trial'][row]}: {params}; {figures}"


def _is_log(results: Results, key: str) -> bool:
    return str(results.identity["search"]["space"][key]).startswith("loguniform")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _thinned(rows: list[int]) -> list[int]:
    step = math.ceil(len(rows) / MAX_POINTS)
    return rows[::step] if step > 1 else rows
