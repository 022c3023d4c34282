"""What many backtests in one process share, so that each does only what is its own."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from mmbot.plugins import Plugin, load
from mmbot.tape import Tape, open_tape

if TYPE_CHECKING:
    from pathlib import Path

    from mmbot.config import Config


class Shelf:
    """Mapped tapes, their checksums verified once, and compiled plugins.

    A plugin that is plain Python is run anew for each backtest, as a live bot would, so that nothing it keeps in its
    module passes from one to the next. A compiled one cannot be unloaded, and is loaded once.
    """

    def __init__(self) -> None:
        self._tapes: dict[tuple[str, int, int, int], Tape] = {}
        self._compiled: dict[tuple[str, tuple[Path, ...]], Plugin] = {}
        self._passing: Plugin | None = None

    def tape(self, path: Path) -> Tape:
        """The tape at `path`; another file in its place is opened anew.

        Raises:
            TapeError: it cannot be read.
            OSError: it is not there.
        """
        stat = path.stat()
        key = (str(path), stat.st_ino, stat.st_size, stat.st_mtime_ns)
        if key not in self._tapes:
            self._tapes[key] = open_tape(path)
        return self._tapes[key]

    def plugin(self, config: Config) -> Plugin:
        """The strategy of `config`; the plain Python one that was asked for before is forgotten.

        Raises:
            PluginError: it cannot be loaded.
        """
        key = (config.strategy.id, tuple(config.strategy_folders))
        if key in self._compiled:
            return self._compiled[key]
        plugin = load(*key)
        if plugin.compiled:
            self._compiled[key] = plugin
        else:
            if self._passing is not None:
                sys.modules.pop(self._passing.strategy_class.__module__, None)
            self._passing = plugin
        return plugin
