"""The files of one market's recording: gzip members one behind the other, each durable before the next begins.

A gzip file may consist of several members (RFC 1952, 2.2), and every gzip reader joins them. So what was synced stays
readable whatever happens afterwards; at worst the last member is cut, and what stands before it is whole.
"""

from __future__ import annotations

import os
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

SUFFIX = ".gz"
_GZIP = 31  # zlib's window bits for a gzip header and trailer
_OPEN = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRules:
    """When a file ends and the next begins, and how hard it is compressed.

    Args:
        max_bytes: compressed size after which a new file begins.
        max_s: age after which a new file begins; 0: never.
        level: of compression, 1 (fast) to 9 (small).
    """

    max_bytes: int = 256 << 20
    max_s: float = 3600.0
    level: int = 6


class MarketFile:
    """Appends the lines of one market, from one thread.

    Args:
        folder: where the files go; created when the first line comes.
        stem: how their names begin; ``btcusdt`` gives ``btcusdt_20261121T120000.000000Z.gz``.
        rules: when a new file begins.

    Attributes:
        paths: the files so far, oldest first.
        lines: written so far and durable, in all files.
        raw_bytes: their size before compression.
        file_bytes: their size on disk.
    """

    def __init__(self, folder: Path, stem: str, rules: FileRules) -> None:
        self.stem = stem
        self.paths: list[Path] = []
        self.lines = 0
        self.raw_bytes = 0
        self.file_bytes = 0
        self._folder = folder
        self._rules = rules
        self._fd = -1
        self._begun_ns = 0
        self._size = 0
        self._pending: list[bytes] = []
        self._pending_bytes = 0

    @property
    def pending_bytes(self) -> int:
        """Bytes handed over that are not in the file yet."""
        return self._pending_bytes

    def add(self, recv_ns: int, body: bytes) -> None:
        """Take one message; it is in the file after the next `sync`.

        A line end inside the message becomes a space, which in JSON can only stand between its tokens.
        """
        if b"\n" in body or b"\r" in body:
            body = body.replace(b"\r", b" ").replace(b"\n", b" ")
        line = b"%d %b\n" % (recv_ns, body)
        self._pending.append(line)
        self._pending_bytes += len(line)

    def sync(self, now_ns: int) -> bool:
        """Write what was added as one gzip member and make it durable; True: it went to a new file.

        Args:
            now_ns: UTC; decides whether a new file is due, and names it.

        Raises:
            OSError: it could not be written; nothing of this call counts as written.
        """
        if not self._pending:
            return False
        begun = self._fd < 0 or self._due(now_ns)
        if begun:
            self._begin(now_ns)
        member = zlib.compress(b"".join(self._pending), self._rules.level, _GZIP)
        _write_all(self._fd, member)
        os.fdatasync(self._fd)
        self.lines += len(self._pending)
        self.raw_bytes += self._pending_bytes
        self._size += len(member)
        self.file_bytes += len(member)
        self._pending, self._pending_bytes = [], 0
        return begun

    def close(self) -> None:
        """Close the open file; what was not synced is lost."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _due(self, now_ns: int) -> bool:
        rules = self._rules
        return self._size >= rules.max_bytes or bool(rules.max_s and now_ns - self._begun_ns >= rules.max_s * 1e9)

    def _begin(self, now_ns: int) -> None:
        self.close()
        if not self._folder.is_dir():
            self._folder.mkdir(parents=True, exist_ok=True)
        while True:
            stamp = datetime.fromtimestamp(now_ns // 1000 / 1e6, UTC).strftime("%Y%m%dT%H%M%S.%fZ")
            path = self._folder / f"{self.stem}_{stamp}{SUFFIX}"
            try:
                self._fd = os.open(path, _OPEN, 0o644)
                break
            except FileExistsError:
                now_ns += 1000  # another recorder of the same market, or a clock that went back
        _sync_folder(self._folder)  # else the file's name is not durable
        self.paths.append(path)
        self._begun_ns = now_ns
        self._size = 0


def _write_all(fd: int, data: bytes) -> None:
    with memoryview(data) as view:
        done = 0
        while done < len(view):
            done += os.write(fd, view[done:])


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
