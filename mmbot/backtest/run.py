"""One backtest from config to result."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mmbot.backtest.build import build
from mmbot.backtest.checks import check
from mmbot.backtest.results import summarise, write

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from mmbot.backtest.shelf import Shelf
    from mmbot.config import Config


@dataclass(frozen=True, slots=True)
class BacktestResult:
    """What came of a backtest.

    Attributes:
        summary: as ``summary.json``.
        arrays: fills, orders and states, as `mmbot._core.blotter` lays them out.
        folder: where it was written; None when it was not.
        notes: what the engine had to say, with its times.
    """

    summary: dict[str, Any]
    arrays: dict[str, NDArray[np.void]]
    folder: Path | None
    notes: list[tuple[int, str]]


def run(config: Config, *, out: Path | None = None, shelf: Shelf | None = None) -> BacktestResult:
    """Play the tapes of `config.backtest` to its bot.

    Args:
        config: with a section `backtest`.
        out: folder of the results, made when it is missing; None: nothing is written.
        shelf: what many runs in one process share, so that each is quicker.

    Raises:
        ConfigError: the config does not say what to play, names a file that is not there, or asks for what the data
            does not have.
        TapeError: recorded data cannot be read.
        PluginError: the strategy is wrong.
        OSError: the results cannot be written.
    """
    prepared = build(config, shelf)
    check(config, prepared)
    started = time.perf_counter()
    prepared.backtest.run()
    took_s = time.perf_counter() - started
    arrays = prepared.backtest.blotter.arrays()
    summary = summarise(config, prepared, arrays, took_s)
    notes = prepared.backtest.notes
    if out is not None:
        write(out, config, prepared, arrays, summary)
    return BacktestResult(summary, arrays, out, notes)
