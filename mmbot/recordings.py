"""Reads recorded market data, line by line, whatever the recorder's line format.

Two formats, told apart line by line; files are plain or gzipped, and a gzip file that ends early gives what it holds:

* *hft*: ``<receive time, ns> <json>``, one message a line;
* *cryptofeed*: ``<time, s>: <json>`` received, ``wss://… <-> <time>`` connected, ``wss://… <- <time>: <json>`` sent,
  ``https://… -> <time>: <json>`` a REST answer; ``configuration: …`` is skipped.
"""

from __future__ import annotations

import enum
import heapq
import os
import re
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mmbot.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Beside a checkout; an installed package has no such folder and needs MMBOT_DATA.
DATA_FOLDER = Path(__file__).resolve().parents[2] / "shared" / "data"
_CHUNK_BYTES = 1 << 20
_HFT = re.compile(rb"(\d{1,19}) (?=\S)")
_RECEIVED = re.compile(rb"(\d+)(?:\.(\d*))?: ?")
_WIRE = re.compile(rb"((?:wss?|https?)://\S+) (<->|<-|->) (\d+)(?:\.(\d*))?(?:: ?|$)")


class EntryKind(enum.Enum):
    """What a line of a recording is."""

    FRAME = "frame"
    """A message that came in, or a bare REST body among them."""
    REST = "rest"
    """The answer to the REST request `Entry.url`."""
    CONNECTED = "connected"
    """The recorder connected to `Entry.url`."""
    SENT = "sent"
    """What the recorder sent."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: when it came (local clock, ns), what it is, its raw bytes, and for REST and connects the address."""

    recv_ns: int
    kind: EntryKind
    payload: bytes
    url: str = ""


@dataclass(slots=True)
class Reading:
    """What happened while reading: lines seen, lines in no known format, files that end in the middle."""

    lines: int = 0
    unreadable: int = 0
    truncated: list[str] = field(default_factory=list)


def locate(path: Path, beside: Iterable[Path] = ()) -> Path:
    """Where recorded data lies: as given, else in a folder of `beside`, else below ``MMBOT_DATA``.

    Raises:
        ConfigError: it is in none of these places.
    """
    folder = Path(os.environ.get("MMBOT_DATA", DATA_FOLDER))
    for candidate in (path.expanduser(), *(place / path for place in beside), folder / path):
        if candidate.exists():
            return candidate
    raise ConfigError(
        f"recording {path}: not found here nor in {folder}; set MMBOT_DATA to the folder of recorded data"
    )


def read(paths: Iterable[Path], reading: Reading) -> Iterator[Entry]:
    """The entries of all `paths`, merged by receive time; those of one file stay in its order.

    Raises:
        OSError: a file cannot be opened or read.
    """
    return heapq.merge(*(_entries(path, reading) for path in paths), key=lambda entry: entry.recv_ns)


def parse_line(line: bytes) -> Entry | None:
    """One line without its end; None when it holds no entry.

    Raises:
        ValueError: the line is in no known format.
    """
    if match := _HFT.match(line):
        return Entry(int(match[1]), EntryKind.FRAME, line[match.end() :])
    if match := _RECEIVED.match(line):
        return Entry(_ns(match[1], match[2]), EntryKind.FRAME, line[match.end() :])
    if match := _WIRE.match(line):
        kind = {b"<->": EntryKind.CONNECTED, b"<-": EntryKind.SENT, b"->": EntryKind.REST}[match[2]]
        return Entry(_ns(match[3], match[4]), kind, line[match.end() :], match[1].decode())
    if not line or line.startswith(b"configuration:"):
        return None
    raise ValueError(f"line: expected '<ns> <json>' or '<s>: <json>', found {line[:60]!r}")


def _ns(seconds: bytes, fraction: bytes | None) -> int:
    return int(seconds) * 1_000_000_000 + int((fraction or b"")[:9].ljust(9, b"0"))


def _entries(path: Path, reading: Reading) -> Iterator[Entry]:
    for line in _lines(path, reading):
        reading.lines += 1
        try:
            entry = parse_line(line.strip())
        except ValueError:
            reading.unreadable += 1
            continue
        if entry is not None:
            yield entry


def _lines(path: Path, reading: Reading) -> Iterator[bytes]:
    """Lines of a file; of one that is cut off in the middle of its compression, the whole lines before the cut."""
    rest = b""
    truncated = False
    for chunk, complete in _chunks(path):
        lines = (rest + chunk).split(b"\n")
        rest = lines.pop()
        yield from lines
        truncated = not complete
    if truncated:
        reading.truncated.append(str(path))
    elif rest:
        yield rest


def _chunks(path: Path) -> Iterator[tuple[bytes, bool]]:
    """Decompressed pieces of a file, each with whether the file could end after it."""
    with path.open("rb") as file:
        raw = file.read(_CHUNK_BYTES)
        if not raw.startswith(b"\x1f\x8b"):
            while raw:
                yield raw, True
                raw = file.read(_CHUNK_BYTES)
            return
        member = zlib.decompressobj(wbits=31)
        while raw:
            try:
                text = member.decompress(raw)
            except zlib.error:
                yield b"", False
                return
            raw = member.unused_data
            if member.eof and raw.strip(b"\0"):  # another member follows; zeros are padding
                yield text, True
                member = zlib.decompressobj(wbits=31)
                continue
            yield text, member.eof
            raw = file.read(_CHUNK_BYTES)
