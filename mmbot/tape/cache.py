"""Recorded data ready for a backtest: a tape as it is, anything else converted once and kept."""

from __future__ import annotations

import fcntl
import functools
import hashlib
import importlib.util
import json
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mmbot._core.tape import VERSION, open_tape
from mmbot.errors import TapeError
from mmbot.tape.instruments import DESCRIPTION, instrument_fields
from mmbot.tape.request import Request, Rules
from mmbot.tape.sources import convert, kind_of, said_by_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from mmbot._core.types import Instrument

PACKAGE: Final = Path(__file__).parents[1]
CORE: Final = (
    "book",
    "columns",
    "decimal",
    "decode",
    "eventlog",
    "feed",
    "full_parser",
    "intake",
    "ladder",
    "latency",
    "message",
    "reorder",
    "scan",
    "tape",
    "tardis",
    "types",
)
"""The compiled modules that a tape of some source depends on."""


def prepare(
    source: Path,
    *,
    cache: Path,
    instrument: Instrument | None = None,
    venue: str | None = None,
    symbol: str | None = None,
    rules: Rules | str = Rules.MMBOT,
    tickers: bool | None = None,
    progress: Callable[[float], object] | None = None,
) -> Path:
    """The tape of a source.

    A tape is used as it is. Anything else is converted into `cache` once: its name there tells the source's path,
    size and time of change, every option and the code that converts, so that what has changed is converted anew.
    Several processes may ask for the same at once: one converts, the others wait for it.

    Args:
        source: a tape, raw recording, event array, or whatever else `mmbot.tape.sources.KINDS` names.
        cache: folder of converted tapes; created.
        instrument: of the data; None: as `Request.instrument`.
        venue: as `Request.venue`.
        symbol: as `Request.symbol`.
        rules: how messages become events.
        tickers: as `Request.tickers`.
        progress: told the share of a conversion that is done.

    Raises:
        ConfigError: venue, symbol or units are needed and not known.
        TapeError: the data is damaged or not what it should be, or a file cannot be read or written.
    """
    rules = Rules(rules)
    with said_by_file(cache):
        kind = kind_of(source)
        if kind.name == "tape":
            return source
        if kind.name == "tardis" and source.is_file():
            from mmbot.tape.tardis import demand_book  # noqa: PLC0415 - for these alone

            demand_book(source)
        options = {
            "version": [VERSION, converters()],
            "instrument": instrument_fields(instrument) if instrument is not None else None,
            "venue": venue,
            "symbol": symbol,
            "rules": str(rules),
            "tickers": tickers,
            "files": _stamps(source),
        }
        digest = hashlib.sha256(json.dumps(options, sort_keys=True).encode()).hexdigest()[:12]
        cache.mkdir(parents=True, exist_ok=True)
        out = cache / f"{source.name.split('.')[0]}-{digest}.tape"
        request = Request(
            sources=(source,),
            out=out,
            instrument=instrument,
            venue=venue,
            symbol=symbol,
            rules=rules,
            tickers=tickers,
            progress=progress,
        )
        with _alone(out):
            if not _is_whole(out):
                convert(request)
    return out


@functools.cache
def converters() -> str:
    """Tells the code that converts from any other: a digest of its modules' files, Python and compiled.

    So a tape that an earlier version made, perhaps wrongly, is never taken for what this one would make.
    """
    compiled = (importlib.util.find_spec(f"mmbot._core.{name}") for name in CORE)
    origins = (found.origin for found in compiled if found is not None)
    return code_digest([*python_files(), *(Path(origin) for origin in origins if origin is not None)])


def python_files() -> list[Path]:
    """The modules of Python that a tape of some source depends on."""
    return [
        PACKAGE / "listings.py",
        PACKAGE / "recordings.py",
        *sorted((PACKAGE / "tape").glob("*.py")),
        *sorted((PACKAGE / "journal").glob("*.py")),
    ]


def code_digest(files: Iterable[Path]) -> str:
    """Of names and contents."""
    digest = hashlib.sha256()
    for path in files:
        digest.update(f"{path.name} {path.stat().st_size} ".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _stamps(source: Path) -> list[list[Any]]:
    """What changes when the source does, or the description of its market beside it."""
    if source.is_dir():
        paths = sorted(path for path in source.rglob("*") if path.is_file())
    else:
        paths = [path for path in (source, source.parent / DESCRIPTION) if path.exists()]
    stats = [(str(path.resolve()), path.stat()) for path in paths]
    return [[path, stat.st_size, stat.st_mtime_ns] for path, stat in stats]


def _is_whole(tape: Path) -> bool:
    """Whether the tape is there and its footer is good; chunks are verified when they are read."""
    try:
        open_tape(tape)
    except (FileNotFoundError, TapeError):
        return False
    return True


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Keep other processes out while `out` is made; the lock goes with the process that holds it."""
    lock = out.with_name(f".{out.name}.lock")
    handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
