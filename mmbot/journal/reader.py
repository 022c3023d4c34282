"""Reads a journal back, record by record, and tells a torn end from damage.

A crash can only cut the end of the last segment: that tail is left out and reported in `JournalReader.torn`. Anything
else that does not add up (a wrong checksum with whole records after it, a cut segment with another one behind it) is
damage and a `JournalError`.
"""

from __future__ import annotations

import mmap
import os
import struct
from typing import TYPE_CHECKING, NamedTuple

from mmbot._core.eventlog import EventKind, checksum
from mmbot.errors import JournalError
from mmbot.journal.segment import HEADER, check_header, segment_paths

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FRAMING = struct.Struct("<II")
_HEAD = struct.Struct("<BBHqQ")
_MAX_RECORD = (1 << 26) + _HEAD.size
_SEARCH_BYTES = 1 << 20  # how far behind a bad record a whole one is looked for
_KINDS = frozenset(map(int, EventKind))


class Record(NamedTuple):
    """One record; `kind` is an `EventKind`, `source` a feed or market index by kind, `ts_ns` UTC nanoseconds."""

    kind: int
    flags: int
    source: int
    ts_ns: int
    seq: int
    body: bytes


class TornTail(NamedTuple):
    """The cut end of a journal: everything before `offset` of `path` is whole, `lost_bytes` follow it."""

    path: Path
    offset: int
    lost_bytes: int
    reason: str


class JournalReader:
    """Iterates the records of a journal, oldest first.

    Args:
        path: the journal's folder, or one segment file.

    Attributes:
        torn: the cut tail, known once the iteration has ended; None when the journal ends cleanly.

    Raises:
        JournalError: (while iterating) there is no journal, or it is damaged; file and byte offset are named.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.torn: TornTail | None = None

    def __iter__(self) -> Iterator[Record]:
        """Yields every whole record."""
        self.torn = None
        paths = segment_paths(self.path) if self.path.is_dir() else [self.path]
        if not paths or not paths[0].is_file():
            raise JournalError(f"{self.path}: expected a journal (events-000001.mmj …), found none")
        for path in paths:
            yield from self._segment(path, last=path == paths[-1])

    def _segment(self, path: Path, *, last: bool) -> Iterator[Record]:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            whole = check_header(path, file.read(HEADER.size))
            if not whole:
                self._end_torn(path, 0, size, "cut inside the segment's header", last=last)
                return
            if size == HEADER.size:
                return
            with mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ) as data, memoryview(data) as view:
                offset = HEADER.size
                while offset < size:
                    end, reason = _extent(view, offset)
                    if reason:
                        self._judge(path, view, offset, reason, last=last)
                        return
                    head = offset + _FRAMING.size
                    kind, flags, source, ts_ns, seq = _HEAD.unpack_from(view, head)
                    yield Record(kind, flags, source, ts_ns, seq, bytes(view[head + _HEAD.size : end]))
                    offset = end

    def _judge(self, path: Path, view: memoryview, offset: int, reason: str, *, last: bool) -> None:
        """A record is not whole: the end of the journal, or damage?"""
        behind = _next_whole(view, offset + 1)
        if behind is not None:
            raise JournalError(f"{path}: damaged at byte {offset} ({reason}); a whole record follows at byte {behind}")
        self._end_torn(path, offset, len(view) - offset, reason, last=last)

    def _end_torn(self, path: Path, offset: int, lost: int, reason: str, *, last: bool) -> None:
        if not last:
            raise JournalError(f"{path}: damaged at byte {offset} ({reason}), though another segment follows")
        self.torn = TornTail(path, offset, lost, reason)


def _extent(view: memoryview, offset: int) -> tuple[int, str]:
    """Where the record at an offset ends, and what is wrong with it ("" for nothing)."""
    left = len(view) - offset - _FRAMING.size
    if left < 0:
        return offset, "cut inside a record's framing"
    length, crc = _FRAMING.unpack_from(view, offset)
    if not _HEAD.size <= length <= _MAX_RECORD:
        return offset, f"a record of {length} bytes"
    if length > left:
        return offset, f"a record of {length} bytes with {left} left"
    start = offset + _FRAMING.size
    found = checksum(view[start : start + length])
    if found != crc:
        return offset, f"checksum {crc:08x} expected, {found:08x} found"
    return start + length, ""


def _next_whole(view: memoryview, offset: int) -> int | None:
    """The next place behind a bad record where a whole one stands."""
    for place in range(offset, min(offset + _SEARCH_BYTES, len(view) - _FRAMING.size - _HEAD.size + 1)):
        if view[place + _FRAMING.size] in _KINDS and not view[place + 3]:
            end, reason = _extent(view, place)
            if end > place and not reason:
                return place
    return None


def repair(path: Path) -> TornTail | None:
    """Cuts the torn tail off a journal, so that it ends with a whole record.

    Returns:
        What was cut, or None when nothing had to be.

    Raises:
        JournalError: the journal is damaged elsewhere; nothing is changed then.
    """
    reader = JournalReader(path)
    for _ in reader:
        pass
    if reader.torn is not None:
        if reader.torn.offset == 0:
            reader.torn.path.unlink()  # not even its header is whole
        else:
            os.truncate(reader.torn.path, reader.torn.offset)
    return reader.torn
