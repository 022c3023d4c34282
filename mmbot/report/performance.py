"""Equity, drawdown, Sharpe and Sortino of one settle asset; the conventions are in `CONVENTIONS`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmbot.report.run import RunData

YEAR_S = 365 * 86_400
INTERVALS_S = (86_400, 3_600, 60, 1)
MIN_INTERVALS = 60

CONVENTIONS = {
    "equity": (
        "PnL since the start of the run (realised and unrealised, positions valued at the mid, fees and funding in), "
        "not counting the money the account held before; one figure for each settle asset."
    ),
    "drawdown": "Largest fall of the sampled equity from its highest value so far; the run starts at 0.",
    "sampling": (
        "Changes of equity over whole intervals of a day, an hour, a minute or a second: the longest of these that "
        f"gives at least {MIN_INTERVALS} intervals, else a second. The interval used is stated."
    ),
    "sharpe": (
        "Mean over standard deviation (n - 1) of these changes, in money: no capital is divided by, since it would "
        "cancel. No risk-free rate."
    ),
    "sortino": "As Sharpe, over the square root of the mean squared loss of all intervals (gains count as 0).",
    "annualisation": (
        "Times the square root of intervals in a year of 365 days of 24 hours. From a run of hours this is an "
        "extrapolation, not a forecast."
    ),
}


def equity(run: RunData, asset: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Times and equity (1e-8 of `asset`) of the markets that settle in it, added up at every state's time."""
    rows = [run.of("state", m) for m in run.markets if run.settle_asset(m) == asset]
    times = np.unique(np.concatenate([r["ts_ns"] for r in rows])) if rows else np.zeros(0, np.int64)
    total = np.zeros(len(times), np.int64)
    for row in rows:
        total += step(times, row["ts_ns"], row["total_e8"])
    return times, total


def step(times: NDArray[np.int64], at: NDArray[np.int64], values: NDArray[np.int64]) -> NDArray[np.int64]:
    """A step function at `times`: the last of `values` not after each; 0 before the first."""
    if not len(at):
        return np.zeros(len(times), np.int64)
    index = np.searchsorted(at, times, side="right") - 1
    return np.where(index >= 0, values[np.maximum(index, 0)], 0)


def drawdown(times: NDArray[np.int64], total: NDArray[np.int64]) -> dict[str, Any]:
    """The largest fall: ``max_e8`` (positive), when its peak and its bottom were; ``longest_s`` under water."""
    if not len(times):
        return {"max_e8": 0, "peak_ns": None, "bottom_ns": None, "longest_s": 0.0}
    peak = np.maximum(np.maximum.accumulate(total), 0)
    fall = peak - total
    bottom = int(np.argmax(fall))
    if fall[bottom] == 0:
        return {"max_e8": 0, "peak_ns": None, "bottom_ns": None, "longest_s": 0.0}
    above = np.flatnonzero(fall[: bottom + 1] == 0)
    return {
        "max_e8": int(fall[bottom]),
        "peak_ns": int(times[above[-1]]) if len(above) else int(times[0]),
        "bottom_ns": int(times[bottom]),
        "longest_s": _longest(times, fall > 0),
    }


def _longest(times: NDArray[np.int64], under: NDArray[np.bool_]) -> float:
    """The longest stretch of `under`, from the last moment it was not until the first it is not again."""
    surface = np.concatenate([times[:1], times[~under], times[-1:]])
    return float(np.diff(surface).max()) / 1e9 if under.any() else 0.0


def ratios(times: NDArray[np.int64], total: NDArray[np.int64], state_every_s: float) -> dict[str, Any]:
    """Sharpe and Sortino; None where there are too few intervals or nothing varies."""
    found: dict[str, Any] = {"interval_s": None, "intervals": 0, "sharpe": None, "sortino": None}
    if len(times) < 2:
        return found
    span_s = (int(times[-1]) - int(times[0])) / 1e9
    fitting = [s for s in INTERVALS_S if span_s / s >= MIN_INTERVALS and s >= state_every_s]
    interval_s = fitting[0] if fitting else max(1, int(np.ceil(state_every_s)))
    count = int(span_s // interval_s)
    found |= {"interval_s": interval_s, "intervals": count}
    if count < 2:
        return found
    grid = int(times[0]) + np.arange(count + 1, dtype=np.int64) * (interval_s * 1_000_000_000)
    change = np.diff(step(grid, times, total)).astype(np.float64) / 1e8
    scale = float(np.sqrt(YEAR_S / interval_s))
    mean, deviation = float(change.mean()), float(change.std(ddof=1))
    downside = float(np.sqrt(np.mean(np.minimum(change, 0.0) ** 2)))
    found["sharpe"] = mean / deviation * scale if deviation > 0 else None
    found["sortino"] = mean / downside * scale if downside > 0 else None
    found["mean_per_interval"], found["deviation_per_interval"] = mean, deviation
    return found


def state_every_s(run: RunData) -> float:
    """The usual distance of state rows."""
    times = np.unique(run.state["ts_ns"])
    return float(np.median(np.diff(times))) / 1e9 if len(times) > 2 else 0.0
