"""The sweep's memory: one JSON line a finished run, out of this process before the next is looked at.

A kill loses none; a power cut those of the last second, which are run again. The first line says which sweep it is; a
folder takes no other. A last line that was cut off is dropped.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from dataclasses import asdict, dataclass
from typing import IO, TYPE_CHECKING, Any, Self

from mmbot.errors import ConfigError, MmbotError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

    from mmbot.sweep.metrics import Metrics
    from mmbot.sweep.space import Params

FILE_NAME = "trials.jsonl"
FORMAT = 1
MAX_SHOWN = 8
SYNC_S = 1.0
"""To wait for the disk takes as long as a short trial: not after each."""


@dataclass(frozen=True, slots=True)
class Record:
    """One finished run of a trial.

    Attributes:
        trial: number in the sweep, from 0.
        phase: ``all``, ``in`` or ``out``.
        params: what was varied.
        metrics: None when it failed.
        error: why.
        seconds: what it took; not part of the results, which are the same whoever ran them.
        attempts: how often it was tried.
    """

    trial: int
    phase: str
    params: Params
    metrics: Metrics | None
    error: str
    seconds: float
    attempts: int


@dataclass(frozen=True, slots=True)
class Contents:
    """What a journal holds.

    Attributes:
        identity: which sweep it is.
        records: by phase and trial.
        whole_bytes: length up to the last whole line.
    """

    identity: dict[str, Any]
    records: dict[tuple[str, int], Record]
    whole_bytes: int


def read_journal(folder: Path) -> Contents:
    """Read the journal in `folder`, also while a sweep writes it.

    Raises:
        MmbotError: there is none, or a line in the middle is damaged.
    """
    path = folder / FILE_NAME
    try:
        data = path.read_bytes()
    except OSError as error:
        raise MmbotError(f"{path}: is not a sweep's journal: {error.strerror}") from None
    whole = data.rfind(b"\n") + 1
    lines = data[:whole].splitlines()
    if not lines:
        return Contents({}, {}, 0)
    header = _parsed(path, 1, lines[0])
    if header.get("format") != FORMAT or not isinstance(header.get("sweep"), dict):
        raise MmbotError(
            f"{path}:1: expected the head of a sweep's journal of format {FORMAT}, found {lines[0][:60]!r}"
        )
    records = {}
    for number, line in enumerate(lines[1:], start=2):
        try:
            record = Record(**_parsed(path, number, line))
        except TypeError:
            raise MmbotError(f"{path}:{number}: expected a finished trial, found {line[:60]!r}") from None
        records[record.phase, record.trial] = record
    return Contents(header["sweep"], records, whole)


class TrialJournal:
    """The journal of one sweep, open for writing by this process alone.

    Args:
        folder: is made when it is not there.
        identity: everything that the results depend on, as plain data.

    Raises:
        ConfigError: the folder holds another sweep; says what differs.
        MmbotError: another process writes it, or it is damaged.
    """

    def __init__(self, folder: Path, identity: dict[str, Any]) -> None:
        identity = json.loads(json.dumps(identity))  # as it will be read back
        self._synced = 0.0
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file: IO[bytes] = (folder / FILE_NAME).open("ab")
        except OSError as error:
            raise MmbotError(f"{folder}: cannot hold a sweep: {error.strerror}") from None
        try:
            self.records = self._begin(folder, identity)
        except BaseException:
            self._file.close()
            raise

    def append(self, record: Record) -> None:
        """Write `record`: it outlives this process, and after `SYNC_S` at most a power cut."""
        self._write(asdict(record))
        self.records[record.phase, record.trial] = record

    def close(self) -> None:
        """Wait until all is on the disk, and let another process write."""
        os.fsync(self._file.fileno())
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _begin(self, folder: Path, identity: dict[str, Any]) -> dict[tuple[str, int], Record]:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise MmbotError(f"{folder}: another process runs this sweep") from None
        found = read_journal(folder)
        self._file.truncate(found.whole_bytes)
        if not found.identity:
            self._write({"format": FORMAT, "sweep": identity})
        elif differences := list(_differences(found.identity, identity)):
            shown = [f"  {line}" for line in differences[:MAX_SHOWN]]
            more = [f"  and {len(differences) - MAX_SHOWN} more"] if len(differences) > MAX_SHOWN else []
            head = f"{folder}: holds another sweep; take another --folder, or the arguments it was begun with:"
            raise ConfigError("\n".join([head, *shown, *more]))
        return found.records

    def _write(self, data: dict[str, Any]) -> None:
        self._file.write(json.dumps(data, ensure_ascii=False, allow_nan=False).encode() + b"\n")
        self._file.flush()
        now = time.monotonic()
        if now - self._synced >= SYNC_S:
            os.fsync(self._file.fileno())
            self._synced = now


def _parsed(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise MmbotError(f"{path}:{number}: expected a line of JSON, found {line[:60]!r}")
    return value


def _differences(had: Any, has: Any, name: str = "") -> Iterator[str]:
    if isinstance(had, dict) and isinstance(has, dict):
        for key in dict.fromkeys((*had, *has)):
            yield from _differences(had.get(key), has.get(key), f"{name}.{key}" if name else str(key))
    elif had != has:
        yield f"{name}: is {json.dumps(has, ensure_ascii=False)}, the folder has {json.dumps(had, ensure_ascii=False)}"
