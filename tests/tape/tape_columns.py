"""Tapes as plain lists, for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from raw_lines import instrument

from mmbot.tape import TapeKind, TapeWriter, open_tape


class Batch(NamedTuple):
    exch_ns: int
    local_ns: int
    seq: int
    kind: int
    side: int
    flags: int
    levels: tuple[tuple[int, int], ...]


def batches(path: Path) -> list[Batch]:
    """Every batch of a tape."""
    found = []
    tape = open_tape(path)
    for index in range(tape.n_chunks):
        chunk = tape.arrays(index)
        names = ("exch_ns", "local_ns", "seq", "kind", "side", "flags", "first", "count")
        for *fields, first, count in zip(*(chunk[name].tolist() for name in names), strict=True):
            levels = tuple(map(tuple, chunk["levels"][first : first + count].tolist()))
            found.append(Batch(*fields, levels))
    return found


def write_batches(path: Path, given: list[Batch], quality: dict[str, Any] | None = None) -> None:
    """A tape of these batches."""
    with TapeWriter(path, instrument(), {"kind": "test"}) as writer:
        append_batches(writer, given)
        writer.close(quality or {})


def append_batches(writer: TapeWriter, given: list[Batch]) -> None:
    """Add a run."""
    levels = [level for batch in given for level in batch.levels]
    writer.append(
        [batch.exch_ns for batch in given],
        [batch.local_ns for batch in given],
        [batch.seq for batch in given],
        [batch.kind for batch in given],
        [batch.side for batch in given],
        [batch.flags for batch in given],
        [len(batch.levels) for batch in given],
        np.array(levels, np.int64).reshape(-1, 2),
    )


def kinds(found: list[Batch]) -> list[str]:
    """Their kinds by name."""
    return [TapeKind(batch.kind).name for batch in found]
