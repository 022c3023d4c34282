"""One trial: a backtest, and the figures by which trials are compared."""

from __future__ import annotations

import contextlib
import functools
import itertools
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mmbot._core.types import Instrument
from mmbot.backtest import run
from mmbot.backtest.build import build
from mmbot.backtest.shelf import Shelf
from mmbot.errors import MmbotError
from mmbot.report import performance, trading
from mmbot.report.run import MarketFacts, RunData

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from mmbot.config import Config
    from mmbot.tape import Tape

_own = threading.local()


def run_trial(config: Config) -> dict[str, Any]:
    """Backtest `config` without writing anything; its summary, with what a report says of risk besides.

    Raises:
        MmbotError: as `mmbot.backtest.run`.
    """
    shelf = _shelf()
    result = run(config, shelf=shelf)
    found = {**result.summary, **figures(config, result.summary["markets"], result.arrays)}
    end = config.backtest.end if config.backtest is not None else None
    if end is not None:
        paths = itertools.chain.from_iterable(result.summary["tapes"].values())
        found["rows"] = sum(_rows_before(shelf.tape(Path(path)), round(end.timestamp() * 1e9)) for path in paths)
    return found


def warm_up(config: Config) -> None:
    """Do all of a trial but the playing: map and verify the tapes, load a compiled plugin, import what is needed."""
    with contextlib.suppress(MmbotError, OSError):  # the trials will say it
        prepared = build(config, _shelf())
        for tape in itertools.chain.from_iterable(prepared.tapes.values()):
            tape.check()
        figures(config, prepared.assembly.spec.instruments, prepared.backtest.blotter.arrays())


def _shelf() -> Shelf:
    """One for each worker, which on a cluster may be a thread."""
    if not hasattr(_own, "shelf"):
        _own.shelf = Shelf()
    shelf: Shelf = _own.shelf
    return shelf


@functools.lru_cache(maxsize=64)
def _rows_before(tape: Tape, end_ns: int) -> int:
    """How much of a tape is played when the playing ends at `end_ns`."""
    chunks = (tape.arrays(index) for index in range(tape.n_chunks))
    return sum(int(columns["count"][columns["exch_ns"] < end_ns].sum()) for columns in chunks)


def figures(
    config: Config, instruments: Mapping[str, dict[str, Any]], arrays: Mapping[str, NDArray[np.void]]
) -> dict[str, Any]:
    """Drawdown, Sharpe, Sortino and turnover (by settle asset where there are several), and by market the position.

    Args:
        config: of the backtest.
        instruments: fields of each market's.
        arrays: what the blotter kept.

    Returns:
        Money in units of the settle asset, positions in the market's own unit; conventions as in a report.
    """
    markets = [
        MarketFacts(i, name, Instrument(**fields), config.markets[name].role == "maker")
        for i, (name, fields) in enumerate(instruments.items())
    ]
    tables: dict[str, Any] = dict(arrays)  # called as the fields are
    data = RunData(path=Path(), bot="", mode="backtest", markets=markets, assets=[], **tables)
    assets = list(dict.fromkeys(market.instrument.settle_asset for market in markets))
    found: dict[str, Any] = {}
    for asset in assets:
        suffix = f".{asset}" if len(assets) > 1 else ""
        found |= {f"{name}{suffix}": value for name, value in _of_asset(data, asset).items()}
    found["position"] = {market.id: _position(data, market) for market in markets}
    return found


def _of_asset(data: RunData, asset: str) -> dict[str, Any]:
    times, equity = performance.equity(data, asset)
    ratios = performance.ratios(times, equity, performance.state_every_s(data))
    turnover = sum(
        trading.fills_of(data.of("fills", market), market.instrument)["turnover"]
        for market in data.markets
        if market.instrument.settle_asset == asset
    )
    return {
        "drawdown": performance.drawdown(times, equity)["max_e8"] / 1e8,
        "sharpe": ratios["sharpe"],
        "sortino": ratios["sortino"],
        "turnover": turnover,
    }


def _position(data: RunData, market: MarketFacts) -> dict[str, Any]:
    found = trading.position(data.of("state", market), market.instrument)
    if not found:
        return {}
    lot = found["lot"]
    return {
        "end": found["end_lots"] * lot,
        "max_abs": int(np.maximum(found["max_lots"], -found["min_lots"])) * lot,
        "mean_abs": None if found["mean_abs_lots"] is None else found["mean_abs_lots"] * lot,
        "flat_share": found["flat_share"],
    }
