"""Names and headers of segment files.

A journal is a folder of ``events-000001.mmj``, ``events-000002.mmj``, …; each begins with 16 bytes: the magic
``MMBOTJNL``, the format version and the segment's number (u32 little-endian each). Records follow, as
`mmbot/_core/eventlog.pxd` describes them.
"""

from __future__ import annotations

import struct
from itertools import pairwise
from typing import TYPE_CHECKING

from mmbot.errors import JournalError

if TYPE_CHECKING:
    from pathlib import Path

MAGIC = b"MMBOTJNL"
VERSION = 1
HEADER = struct.Struct("<8sII")
SUFFIX = ".mmj"


def segment_path(folder: Path, number: int) -> Path:
    """Path of a segment by its number, from 1."""
    return folder / f"events-{number:06d}{SUFFIX}"


def segment_number(path: Path) -> int:
    """Number of a segment by its name.

    Raises:
        JournalError: the name is not a segment's.
    """
    digits = path.stem.removeprefix("events-")
    if path.suffix != SUFFIX or not digits.isdigit():
        raise JournalError(f"{path}: expected a name such as events-000001{SUFFIX}")
    return int(digits)


def segment_paths(folder: Path) -> list[Path]:
    """Every segment of a journal in order; empty when there is none.

    Raises:
        JournalError: a segment between the first and the last is missing.
    """
    paths = sorted(folder.glob(f"events-*{SUFFIX}"), key=segment_number)
    numbers = [segment_number(path) for path in paths]
    for before, after in pairwise(numbers):
        if after != before + 1:
            raise JournalError(f"{folder}: segment {before + 1} is missing, found {before} and then {after}")
    return paths


def check_header(path: Path, head: bytes) -> bool:
    """Whether the header is there in full; False when the file was cut inside it.

    Raises:
        JournalError: it is not this format, or another segment's.
    """
    expected = HEADER.pack(MAGIC, VERSION, segment_number(path))
    if len(head) < HEADER.size and expected.startswith(head):
        return False
    if head != expected:
        raise JournalError(f"{path}: expected the header {expected.hex()}, found {head.hex()}")
    return True
