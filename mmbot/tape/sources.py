"""What a tape can be made of: each kind of source is recognised by its content and converted by its own module.

A module that reads a kind has a function ``convert(request: Request) -> dict`` that writes the tape ``request.out`` and
returns the quality report that it put in there.
"""

from __future__ import annotations

import importlib
import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from mmbot._core.tape import HEAD
from mmbot.errors import TapeError
from mmbot.tape.lines import head_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from mmbot.tape.request import Request

HEAD_BYTES: Final = 4096


@dataclass(frozen=True, slots=True)
class Head:
    """What a source is recognised by.

    Attributes:
        path: file or folder.
        raw: the first bytes of a file; empty for a folder.
        text: the same decompressed, if it is gzipped.
    """

    path: Path
    raw: bytes
    text: bytes


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of source.

    Attributes:
        name: for people and footers.
        fits: recognises it.
        module: has its ``convert``.
        function: the name of it.
    """

    name: str
    fits: Callable[[Head], bool]
    module: str
    function: str = "convert"


def _is_raw_folder(head: Head) -> bool:
    return head.path.is_dir() and any(head.path.glob("*.gz"))


def _is_run(head: Head) -> bool:
    return head.path.is_dir() and any(any(head.path.glob(place)) for place in ("events-*.mmj", "journal/events-*.mmj"))


def _is_tardis(head: Head) -> bool:
    """A file that begins as Tardis' do, or a folder of such."""
    text = head.text
    if head.path.is_dir():
        first = min([*head.path.glob("*.csv"), *head.path.glob("*.csv.gz")], default=None)
        text = head_of(first, HEAD_BYTES) if first is not None else b""
    return text.startswith(b"exchange,symbol,timestamp,local_timestamp,")


_RAW_LINE: Final = re.compile(rb"\s*(\d{10,19} \{|\d{9,11}\.?\d*: ?[\[{]|wss?://|https?://|configuration:)")

KINDS: Final[list[Kind]] = [
    Kind("tape", lambda head: head.raw.startswith(HEAD), "mmbot.tape.copy"),
    Kind("npz", lambda head: head.raw.startswith((b"PK\x03\x04", b"\x93NUMPY")), "mmbot.tape.npz"),
    Kind("raw", lambda head: bool(_RAW_LINE.match(head.text)), "mmbot.tape.raw"),
    Kind("parquet", lambda head: head.raw.startswith(b"PAR1"), "mmbot.tape.parquet"),
    Kind("tardis", _is_tardis, "mmbot.tape.tardis"),
    Kind("run", _is_run, "mmbot.tape.journal"),
    Kind("raw folder", _is_raw_folder, "mmbot.tape.raw"),
]
"""Asked in this order."""


def kind_of(path: Path) -> Kind:
    """What a source is.

    Raises:
        TapeError: nothing that a tape can be made of.
        OSError: it cannot be read.
    """
    head = Head(path, b"", b"")
    if not path.is_dir():
        with path.open("rb") as file:
            raw = file.read(HEAD_BYTES)
        head = Head(path, raw, head_of(path, HEAD_BYTES))
    for kind in KINDS:
        if kind.fits(head):
            return kind
    expected = ", ".join(kind.name for kind in KINDS)
    found = repr(head.text[:60]) if head.text else "an empty file"
    if path.is_dir():
        found = "a folder without them (those of a raw recording end in .gz there, Tardis' in .csv or .csv.gz)"
    raise TapeError(f"{path}: expected one of {expected}, found {found}")


def convert(request: Request) -> dict[str, Any]:
    """Make the tape `request.out` of its sources.

    Returns:
        The quality report.

    Raises:
        ConfigError: venue, symbol or units are needed and not known, or wrong.
        TapeError: the data is damaged or not what it should be, or a file cannot be read or written; there is no tape
            then.
    """
    with said_by_file(request.out):
        kind = kind_of(request.source)
        for path in request.sources[1:]:
            if (other := kind_of(path)) is not kind:
                raise TapeError(f"{path}: expected more of {request.source}, which is {kind.name}, found {other.name}")
        report: dict[str, Any] = getattr(importlib.import_module(kind.module), kind.function)(request)
    return report


@contextmanager
def said_by_file(written: Path) -> Iterator[None]:
    """What the system says of a file as a `TapeError` that names it.

    Args:
        written: what an error is about that names none, as that of a full disk.
    """
    try:
        yield
    except OSError as error:
        raise TapeError(f"{error.filename or written}: {error.strerror or error}") from error
