"""What many backtests in one process share, so that each does only what is its own."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from mmbot.plugins import Plugin, load
from mmbot.tape import Tape, open_tape

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mmbot.config import Config


class Shelf:
    """Mapped tapes, their checksums verified once, and compiled plugins.

    A plugin that is plain Python is run anew for each backtest, as a live bot would, so that nothing it keeps in its
    module passes from one to the next. A compiled one cannot be unloaded, and is loaded once.
    """

    def __init__(self) -> None:
        self._made: dict[tuple[str, ...], tuple[tuple[int, int, int], Path]] = {}
        self._tapes: dict[tuple[str, int, int, int], Tape] = {}
        self._compiled: dict[tuple[str, tuple[Path, ...]], Plugin] = {}
        self._passing: Plugin | None = None

    def made(self, source: Path, how: tuple[str, ...], make: Callable[[], Path]) -> Path:
        """The tape of a file, asked for again only when the file is another one; a folder is asked for each time.

        Args:
            source: the file.
            how: what else the tape depends on.
            make: finds or makes it.
        """
        if not source.is_file():
            return make()
        stat, key = source.stat(), (str(source), *how)
        stamp = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
        known = self._made.get(key)
        if known is None or known[0] != stamp or not known[1].is_file():
            known = self._made[key] = stamp, make()
        return known[1]

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
