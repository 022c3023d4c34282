"""All trials of a sweep as one table, and as one Parquet file (extra ``data``).

A row is a trial. Columns: ``trial``, ``status`` (ok, failed), ``error``, ``rank`` (from 1, by the objective), the
varied keys, and the figures of each run: as they are called in the summary (``pnl.total``), and where the data was
split, ``in.pnl.total`` beside ``out.pnl.total``. Nothing in it depends on when, where or in what order trials ran.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mmbot.errors import MmbotError
from mmbot.sweep.driver import ranked
from mmbot.sweep.search import Objective
from mmbot.sweep.space import text_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from mmbot.sweep.journal import Contents, Record

FILE_NAME = "results.parquet"
WHOLE, IN, OUT = "all", "in", "out"
Column = list[Any]


@dataclass(frozen=True, slots=True)
class Results:
    """A sweep's trials.

    Attributes:
        identity: which sweep it is.
        objective: what they are ranked by.
        keys: the varied config keys, in their order.
        columns: name to values, one a trial; None where there is none.
        best: rows with a rank, the best first.
        rank_correlation: Spearman's, between in-sample and out-of-sample objective of the trials that ran on both.
    """

    identity: dict[str, Any]
    objective: Objective
    keys: tuple[str, ...]
    columns: dict[str, Column]
    best: tuple[int, ...]
    rank_correlation: float | None

    @property
    def rows(self) -> int:
        """Finished trials."""
        return len(self.columns["trial"])

    @property
    def failed(self) -> int:
        """Trials that ended with an error."""
        return self.columns["status"].count("failed")

    @property
    def split(self) -> bool:
        """Whether there is an out-of-sample part."""
        return self.phases[0] == IN

    @property
    def phases(self) -> tuple[str, ...]:
        """Parts of the data, the one that ranks first."""
        return (IN, OUT) if self.identity.get("split") else (WHOLE,)

    def column(self, metric: str, phase: str | None = None) -> Column:
        """A metric's values in `phase` (default: the one that ranks); all None when it is unknown."""
        name = column_name(phase or self.phases[0], metric)
        return self.columns.get(name) or [None] * self.rows

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics that are numbers."""
        prefix = column_name(self.phases[0], "")
        own = {"trial", "rank", "status", "error", *self.keys}
        return tuple(
            name.removeprefix(prefix)
            for name, values in self.columns.items()
            if name.startswith(prefix) and name not in own and any(isinstance(v, int | float) for v in values)
        )


def column_name(phase: str, metric: str) -> str:
    """Where a metric of a phase stands: ``pnl.total``, ``in.pnl.total``, ``out.pnl.total``."""
    return metric if phase == WHOLE else f"{phase}.{metric}"


def collect(contents: Contents) -> Results:
    """The table of what a journal holds, which may be a part of the sweep."""
    identity, records = contents.identity, contents.records
    objective = Objective.parse(identity["objective"])
    first, *further = (IN, OUT) if identity.get("split") else (WHOLE,)
    keys = tuple(identity["search"]["space"])
    trials = sorted(trial for phase, trial in records if phase == first)
    ranking = ranked(records, first, objective)
    ranks = {trial: i for i, trial in enumerate(ranking, start=1)}
    columns: dict[str, Column] = {
        "trial": trials,
        "status": ["failed" if records[first, trial].metrics is None else "ok" for trial in trials],
        "error": [_error(records, trial, [first, *further]) for trial in trials],
        "rank": [ranks.get(trial) for trial in trials],
    }
    for key in keys:
        columns[key] = [records[first, trial].params[key] for trial in trials]
    for phase in (first, *further):
        found = [records[phase, trial].metrics if (phase, trial) in records else None for trial in trials]
        for metric in dict.fromkeys(name for metrics in found for name in metrics or ()):
            columns[column_name(phase, metric)] = [(metrics or {}).get(metric) for metrics in found]
    rows = {trial: row for row, trial in enumerate(trials)}
    return Results(
        identity, objective, keys, columns, tuple(rows[trial] for trial in ranking),
        _out_of_sample(records, objective) if further else None,
    )  # fmt: skip


def write_parquet(results: Results, path: Path) -> None:
    """Write the table, whole or not at all.

    Raises:
        MmbotError: pyarrow is not installed, or the file cannot be written.
    """
    try:
        import pyarrow as pa  # noqa: PLC0415 - an extra
        import pyarrow.parquet as pq  # noqa: PLC0415
    except ImportError:
        raise MmbotError("a sweep's results need the package pyarrow: pip install 'mmbot[sweep]'") from None
    arrays = {name: pa.array(*_typed(values, pa)) for name, values in results.columns.items()}
    table = pa.table(arrays).replace_schema_metadata({"mmbot.sweep": json.dumps(results.identity, sort_keys=True)})
    part = path.with_name(path.name + ".part")
    try:
        pq.write_table(table, part, compression="zstd")
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise MmbotError(f"{path}: cannot be written: {error}") from None


def spearman(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Rank correlation of two series, ties at their mean rank; None for fewer than three pairs or a constant series."""
    if len(first) < 3:
        return None
    a, b = _mean_ranks(first), _mean_ranks(second)
    mean = (len(a) + 1) / 2
    covariance = sum((x - mean) * (y - mean) for x, y in zip(a, b, strict=True))
    spread = sum((x - mean) ** 2 for x in a) * sum((y - mean) ** 2 for y in b)
    return covariance / spread**0.5 if spread > 0 else None


def _mean_ranks(values: Sequence[float]) -> list[float]:
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks = [0.0] * len(values)
    i = 0
    while i < len(order):
        j = i
        while j + 1 < len(order) and values[order[j + 1]] == values[order[i]]:
            j += 1
        for k in order[i : j + 1]:
            ranks[k] = (i + j) / 2 + 1
        i = j + 1
    return ranks


def _out_of_sample(records: Mapping[tuple[str, int], Record], objective: Objective) -> float | None:
    both = [
        (before, after)
        for (phase, trial), record in sorted(records.items())
        if phase == OUT
        and (after := objective.score(record.metrics)) is not None
        and (before := objective.score(records[IN, trial].metrics)) is not None
    ]
    return spearman([before for before, _ in both], [after for _, after in both])


def _error(records: Mapping[tuple[str, int], Record], trial: int, phases: list[str]) -> str | None:
    for phase in phases:
        record = records.get((phase, trial))
        if record is not None and record.error:
            return record.error if phase == phases[0] else f"out of sample: {record.error}"
    return None


def _typed(values: Column, pa: Any) -> tuple[Column, Any]:
    """Values and their Arrow type: one type a column, whatever single trials had."""
    present = [value for value in values if value is not None]
    if not present:
        return values, pa.null()
    if all(isinstance(value, bool) for value in present):
        return values, pa.bool_()
    if not any(isinstance(value, bool) for value in present):
        if all(isinstance(value, int) for value in present):
            return values, pa.int64()
        if all(isinstance(value, int | float) for value in present):
            return [None if value is None else float(value) for value in values], pa.float64()
    return [value if value is None or isinstance(value, str) else text_of(value) for value in values], pa.string()
