"""A run to report on: three arrays, what the markets are, and what the run said about itself."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mmbot.errors import ReportError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from mmbot._core.types import Instrument


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


def read_summary(path: Path) -> dict[str, Any]:
    """``summary.json`` of a run's folder, {} when there is none.

    Raises:
        ReportError: it is not a JSON object.
    """
    return read_object(path / "summary.json")


def read_object(file: Path) -> dict[str, Any]:
    """A JSON file of a run's folder, {} when there is none.

    Raises:
        ReportError: it is not a JSON object.
    """
    if not file.is_file():
        return {}
    try:
        found = json.loads(file.read_bytes())
    except ValueError as error:
        raise ReportError(f"{file}: expected JSON: {error}") from error
    if not isinstance(found, dict):
        raise ReportError(f"{file}: expected an object, found {type(found).__name__}")
    return found
