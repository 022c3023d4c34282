"""A run to report on: three arrays, what the markets are, and what the run said about itself."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from mmbot._core.blotter import FILLS, ORDERS, STATE, TERMS
from mmbot._core.types import Instrument
from mmbot.assembly import listed_assets
from mmbot.errors import ReportError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class MarketFacts:
    """One market of a run; `index` is its number in the arrays, `maker` whether the strategy quotes it."""

    index: int
    id: str
    instrument: Instrument
    maker: bool = True


@dataclass(frozen=True, slots=True)
class RunData:
    """Everything a report is made from.

    Attributes:
        path: the run's folder.
        bot: its name.
        mode: ``backtest``, ``paper``, ``testnet`` or ``live``.
        markets: by index.
        assets: names of fee assets, by index; a fee asset beyond them has no name here.
        fills, orders, terms, state: arrays of the dtypes of `mmbot._core.blotter`, oldest first.
        summary: the run's ``summary.json``; empty when it was not written (a killed run).
        config: the effective config, {} when it is not kept.
        remarks: what a reader should know about the data.
    """

    path: Path
    bot: str
    mode: str
    markets: list[MarketFacts]
    assets: list[str]
    fills: NDArray[Any]
    orders: NDArray[Any]
    terms: NDArray[Any]
    state: NDArray[Any]
    summary: dict[str, Any] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    @property
    def start_ns(self) -> int:
        """Time of the first state, UTC nanoseconds; 0 without one."""
        return int(self.state["ts_ns"][0]) if len(self.state) else 0

    @property
    def end_ns(self) -> int:
        """Time of the last state."""
        return int(self.state["ts_ns"][-1]) if len(self.state) else 0

    @property
    def duration_s(self) -> float:
        """From first to last state."""
        return (self.end_ns - self.start_ns) / 1e9

    def settle_asset(self, market: MarketFacts) -> str:
        """What a market pays in."""
        return market.instrument.settle_asset

    def of(self, name: str, market: MarketFacts) -> NDArray[Any]:
        """The rows of one market in ``fills``, ``orders``, ``terms`` or ``state``."""
        rows: NDArray[Any] = getattr(self, name)
        mine = rows["market"] == market.index
        return rows if mine.all() else rows[mine]


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
    config = _object(path / "config.json")
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


def read_summary(path: Path) -> dict[str, Any]:
    """``summary.json`` of a run's folder, {} when there is none.

    Raises:
        ReportError: it is not a JSON object.
    """
    return _object(path / "summary.json")


def _object(file: Path) -> dict[str, Any]:
    if not file.is_file():
        return {}
    try:
        found = json.loads(file.read_bytes())
    except ValueError as error:
        raise ReportError(f"{file}: expected JSON: {error}") from error
    if not isinstance(found, dict):
        raise ReportError(f"{file}: expected an object, found {type(found).__name__}")
    return found


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
