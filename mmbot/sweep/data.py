"""The tapes of a sweep: made once before anything runs, then opened by every worker by the same absolute path."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mmbot.backtest.build import tape_path
from mmbot.config import Config, vary
from mmbot.errors import ConfigError
from mmbot.sweep.space import text_of
from mmbot.tape import open_tape

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

CHUNK_HEAD_BYTES = 16


@dataclass(frozen=True, slots=True)
class Data:
    """What a sweep plays.

    Attributes:
        config: with the tapes' own paths in it, so that no worker has to look for them or make them.
        files: what every worker must be able to read.
        marks: for each market what tells these tapes from others.
        start, end: time that the data spans, or that the config cuts out of it.
    """

    config: Config
    files: tuple[Path, ...]
    marks: dict[str, Any]
    start: datetime
    end: datetime


def tapes_of(config: Config) -> Data:
    """Find or make every tape of `config`.

    Raises:
        ConfigError: there is no section `backtest`, or a file is not to be found.
        TapeError: a tape cannot be made or read.
    """
    settings = config.backtest
    if settings is None:
        raise ConfigError(f"{config.path or 'config'}: has no section `backtest`, which says what to play")
    files: dict[str, list[Path]] = {}
    marks: dict[str, Any] = {}
    first, last = [], []
    for market in config.markets:
        files[market] = [tape_path(path, market, config).resolve() for path in settings.paths(market)]
        footers = [open_tape(path).footer for path in files[market]]
        marks[market] = [_mark(path, footer) for path, footer in zip(files[market], footers, strict=True)]
        first += [footer["totals"]["local_from_ns"] for footer in footers]
        last += [footer["totals"]["local_to_ns"] for footer in footers]
    pinned = [f"backtest.data.{market}={text_of([str(path) for path in found])}" for market, found in files.items()]
    return Data(
        vary(config, pinned),
        tuple(path for found in files.values() for path in found),
        marks,
        settings.start or _moment(min(first)),
        settings.end or _moment(max(last)),
    )


def varies_tapes(keys: Iterable[str]) -> bool:
    """Whether trials differ in what they play, so that it cannot be fixed beforehand."""
    ways = ("backtest.data", "backtest.rules", "backtest.cache", "venues", "markets")
    return any(key == way or key.startswith(f"{way}.") or way.startswith(f"{key}.") for key in keys for way in ways)


def _mark(path: Path, footer: dict[str, Any]) -> str:
    """Tells a tape from any other: a digest of its footer and of the head of each chunk, which has its checksum."""
    digest = hashlib.sha256(json.dumps(footer).encode())
    with path.open("rb") as file:
        for offset, *_ in footer["chunks"]:
            file.seek(offset)
            digest.update(file.read(CHUNK_HEAD_BYTES))
    return digest.hexdigest()[:16]


def _moment(ts_ns: int) -> datetime:
    return datetime.fromtimestamp(ts_ns // 1000 / 1e6, UTC)
