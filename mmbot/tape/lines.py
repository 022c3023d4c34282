"""Text of any size, plain or gzipped, in blocks of whole lines; a file that is cut off is an error, or is noted."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from mmbot.errors import TapeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

GZIP_MAGIC: Final = b"\x1f\x8b"
READ_BYTES: Final = 1 << 18
MOST_TEXT_BYTES: Final = 1 << 21
"""Decompressed at once: a bomb of zeros does not fill the memory."""
MOST_LINE_BYTES: Final = 1 << 26


@dataclass(slots=True)
class Intact:
    """How far the files were whole.

    Attributes:
        cut: what is wrong with each file that does not end as it should.
        read_bytes: of the files, as they are on disk, so far.
    """

    cut: list[str] = field(default_factory=list)
    read_bytes: int = 0


def line_blocks(
    path: Path, intact: Intact, *, keep_going: bool, progress: Callable[[int], None] | None = None
) -> Iterator[bytes]:
    """The text of a file in blocks that end where a line ends.

    Args:
        path: plain text or gzip, also of several members.
        intact: is told what was read, and what is missing.
        keep_going: a compressed file that is cut off or damaged gives the whole lines before that place.
        progress: told the bytes read of the file, each time.

    Raises:
        TapeError: the compression is cut off or damaged; or a line of more than 64 MiB.
        OSError: the file cannot be read.
    """
    rest = b""
    lines = 0
    try:
        for text in _texts(path, intact, progress):
            end = text.rfind(b"\n") + 1
            if not end:
                rest += text
                if len(rest) > MOST_LINE_BYTES:
                    raise TapeError(f"{path}: line {lines + 1}: expected at most {MOST_LINE_BYTES} bytes, found more")
                continue
            block, rest = rest + text[:end], text[end:]
            lines += block.count(b"\n")
            yield block
    except _CutOff as cut:
        what = f"{path}: the gzip data {cut} at byte {cut.offset} of the file, in line {lines + 1}"
        if not keep_going:
            raise TapeError(
                f"{what}; expected a whole file (--keep-going converts the {lines} whole lines before)"
            ) from None
        intact.cut.append(what)
        return
    if rest:
        yield rest


def head_of(path: Path, size: int) -> bytes:
    """The first bytes of a file's text, decompressed; as many as there are.

    Raises:
        OSError: the file cannot be read.
    """
    text = b""
    try:
        for piece in _texts(path, Intact(), None):
            text += piece
            if len(text) >= size:
                break
    except _CutOff:
        pass
    return text[:size]


class _CutOff(Exception):
    """The compression of a file breaks off; `offset` is how far the file was read."""

    def __init__(self, how: str, offset: int) -> None:
        super().__init__(how)
        self.offset = offset


def _texts(path: Path, intact: Intact, progress: Callable[[int], None] | None) -> Iterator[bytes]:
    """A file's text in pieces.

    Raises:
        _CutOff: its compression breaks off.
    """
    with path.open("rb") as file:
        raw = file.read(READ_BYTES)
        gzip = _Gzip() if raw.startswith(GZIP_MAGIC) else None
        while raw:
            intact.read_bytes += len(raw)
            if progress is not None:
                progress(len(raw))
            if gzip is None:
                yield raw
            else:
                yield from gzip.texts(raw)
            raw = file.read(READ_BYTES)
        if gzip is not None and gzip.started:
            raise _CutOff("ends early", gzip.offset)


class _Gzip:
    """Gzip members one behind the other; `started`: the last one has not ended."""

    def __init__(self) -> None:
        self.offset = 0
        self.started = False
        self._member = zlib.decompressobj(wbits=31)

    def texts(self, raw: bytes) -> Iterator[bytes]:
        self.offset += len(raw)
        while True:
            if not self.started:
                raw = raw.lstrip(b"\0")  # zeros behind a member are padding
                if not raw:
                    return
                self.started = True
            try:
                text = self._member.decompress(raw, MOST_TEXT_BYTES)
            except zlib.error as error:
                raise _CutOff(f"is damaged ({error})", self.offset - len(raw)) from None
            yield text
            if self._member.eof:
                raw = self._member.unused_data
                self._member, self.started = zlib.decompressobj(wbits=31), False
                continue
            raw = self._member.unconsumed_tail
            if not raw and len(text) < MOST_TEXT_BYTES:
                return
