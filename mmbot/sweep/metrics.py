"""From a backtest's summary to one row of numbers."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LEFT_OUT = frozenset({"rows_per_s", "wall_s", "seconds", "started", "ended", "latency_us", "bot", "mode", "journal",
                      "folder", "markets", "run_s", "plugin", "rules", "tapes", "assets"})  # fmt: skip
"""Names at the top of a summary that say how and when it ran, or repeat the config: two equal trials would differ."""

_DECIMAL = re.compile(r"[-+]?[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]+)?")
Figure = int | float | bool | str | None
Metrics = dict[str, Figure]


def flatten(summary: Mapping[str, Any]) -> Metrics:
    """`summary` as one level, nested names joined by points: ``pnl.total``.

    Exact decimals, which a summary holds as text, become floats; what is not a finite number becomes None; lists are
    left out.
    """
    return dict(_leaves({key: value for key, value in summary.items() if key not in LEFT_OUT}, ""))


def _leaves(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Figure]]:
    for key, value in values.items():
        name = f"{prefix}{key}"
        match value:
            case dict():
                yield from _leaves(value, f"{name}.")
            case str():
                yield name, float(value) if _DECIMAL.fullmatch(value) else value
            case float():
                yield name, value if math.isfinite(value) else None
            case bool() | int() | None:
                yield name, value
