"""Reads a run's folder, whatever made it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mmbot._core.blotter import FILLS, ORDERS, STATE, TERMS
from mmbot._core.types import Instrument
from mmbot.assembly import listed_assets
from mmbot.errors import ReportError
from mmbot.report.run import MarketFacts, RunData, read_object, read_summary

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


def load(path: Path) -> RunData:
    """Load a run's folder: a backtest's results as they are, a live or paper run by replaying its journal.

    Raises:
        ReportError: the folder is not a run's, or a file in it is not what it should be.
        JournalError: the journal is damaged.
    """
    if (path / "fills.npy").is_file():
        return load_results(path)
    if (path / "journal").is_dir() or any(path.glob("*.mmj")):
        from mmbot.report.journal import load_journal  # noqa: PLC0415 - the engine is needed only here

        return load_journal(path)
    raise ReportError(
        f"{path}: expected a run's folder, with fills.npy (a backtest) or a journal (live, paper), found neither"
    )


def load_results(path: Path) -> RunData:
    """Load a backtest's results folder.

    Raises:
        ReportError: a file is missing or is not what it should be.
    """
    summary = read_summary(path)
    if not isinstance(summary.get("markets"), dict):
        raise ReportError(f"{path / 'summary.json'}: expected `markets`, the instrument of each market, found none")
    config = read_object(path / "config.json")
    roles = config.get("markets", {})
    markets = [
        MarketFacts(i, name, _instrument(path, name, fields), roles.get(name, {}).get("role", "maker") == "maker")
        for i, (name, fields) in enumerate(summary["markets"].items())
    ]
    return RunData(
        path=path,
        bot=str(summary.get("bot", path.parent.name)),
        mode=str(summary.get("mode", "backtest")),
        markets=markets,
        assets=summary.get("assets") or listed_assets([market.instrument for market in markets]),
        summary=summary,
        config=config,
        fills=_array(path / "fills.npy", FILLS),
        orders=_array(path / "orders.npy", ORDERS),
        terms=_array(path / "terms.npy", TERMS),
        state=_array(path / "state.npy", STATE),
    )


def _instrument(path: Path, name: str, fields: dict[str, Any]) -> Instrument:
    try:
        return Instrument(**fields)
    except (TypeError, ValueError) as error:
        raise ReportError(f"{path / 'summary.json'}: market {name}: {error}") from error


def _array(file: Path, dtype: np.dtype[np.void]) -> NDArray[Any]:
    try:
        array: NDArray[Any] = np.load(file, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise ReportError(f"{file}: expected a numpy array: {error}") from error
    if array.dtype.names is None or array.ndim != 1:
        raise ReportError(f"{file}: expected rows with named fields, found {array.dtype} of {array.ndim} dimensions")
    wanted = dtype.names or ()
    if missing := [name for name in wanted if name not in array.dtype.names]:
        raise ReportError(f"{file}: the fields {', '.join(missing)} are missing")
    return array
