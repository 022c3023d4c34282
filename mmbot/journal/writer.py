"""Puts the engine's ring on disk: a background thread writes in batches, rotates segments and makes them durable."""

from __future__ import annotations

import errno
import os
import threading
import time
from typing import TYPE_CHECKING, Self

from mmbot._core.eventlog import EventRing
from mmbot.errors import JournalError
from mmbot.journal.reader import TornTail, repair
from mmbot.journal.segment import HEADER, MAGIC, VERSION, segment_number, segment_path, segment_paths

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType


class JournalWriter:
    """Writes one session's records.

    The engine appends to `ring`; the thread empties it every `flush_ms`. When the ring is full the engine writes out
    itself and waits (`ring.stalls` counts it): nothing is dropped. A failed write or sync is kept in `failure`, and
    every later append fails, at which the engine halts: it never trades without a record.

    Args:
        folder: where the segments go; created if need be. A journal that is there already is continued in a new
            segment, its torn tail cut off (`repaired` tells).
        segment_bytes: a segment is closed once it is this large.
        ring_bytes: memory between engine and thread, a power of two.
        flush_ms: how often the ring is emptied into the file: what a crash of the process can lose.
        fsync_ms: how often the file is made durable: what a crash of the machine can lose. 0: after every batch.
    """

    def __init__(
        self,
        folder: Path,
        *,
        segment_bytes: int = 256 << 20,
        ring_bytes: int = 8 << 20,
        flush_ms: float = 2.0,
        fsync_ms: float = 50.0,
    ) -> None:
        self.folder = folder
        self.ring = EventRing(ring_bytes)
        self.failure: JournalError | None = None
        self.repaired: TornTail | None = None
        self._segment_bytes = segment_bytes
        self._flush_s = flush_ms / 1000
        self._fsync_s = fsync_ms / 1000
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._file = threading.Lock()  # rotation against flush and stop
        self._fd = -1
        self._number = 0
        self._synced_s = 0.0
        self._synced_bytes = 0  # of the open segment

    def __enter__(self) -> Self:
        """Starts."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stops."""
        self.stop()

    @property
    def segment(self) -> Path:
        """The segment that is being written."""
        return segment_path(self.folder, self._number)

    def start(self) -> None:
        """Opens a segment and begins to write.

        Raises:
            JournalError: the folder cannot be written, or holds a damaged journal.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            before = segment_paths(self.folder)
            if before:
                self.repaired = repair(before[-1])
                self._number = segment_number(before[-1])
                if not before[-1].exists():
                    self._number -= 1
            self._open_next()
        except OSError as error:
            raise JournalError(f"{self.folder}: cannot start a journal: {error}") from error
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    def flush(self) -> None:
        """Returns once everything appended so far is durable.

        Raises:
            JournalError: it could not be written.
        """
        if self.failure is None:
            try:
                self._write_out(sync=True)
            except OSError as error:
                self._fail(error)
        if self.failure is not None:
            raise self.failure

    def stop(self) -> None:
        """Writes the rest, makes it durable and closes the file.

        Raises:
            JournalError: it could not be written, now or earlier.
        """
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._fd < 0:
            return
        try:
            self.flush()
        finally:
            self.ring.detach()
            os.close(self._fd)
            self._fd = -1

    def _run(self) -> None:
        try:
            while not self._stopping.wait(self._flush_s):
                self._write_out(sync=time.monotonic() - self._synced_s >= self._fsync_s)
        except OSError as error:
            self._fail(error)

    def _write_out(self, *, sync: bool) -> None:
        with self._file:
            self.ring.flush()
            if self.ring.written >= self._segment_bytes:
                self._open_next()
            elif sync and self.ring.written != self._synced_bytes:  # the engine may have written too
                self._sync()

    def _sync(self) -> None:
        written = self.ring.written
        os.fdatasync(self._fd)
        self._synced_s, self._synced_bytes = time.monotonic(), written

    def _open_next(self) -> None:
        """Moves on to a new segment, which stands in its folder before anything is written; the old one is durable."""
        path = segment_path(self.folder, self._number + 1)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        os.write(fd, HEADER.pack(MAGIC, VERSION, self._number + 1))
        folder = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        old, self._fd = self._fd, fd
        self.ring.attach(fd)
        self._number += 1
        self._synced_s, self._synced_bytes = time.monotonic(), 0
        if old >= 0:
            try:
                os.fdatasync(old)
            finally:
                os.close(old)

    def _fail(self, error: OSError) -> None:
        if self.failure is not None:
            return
        self.ring.fail(error.errno or errno.EIO)
        self.failure = JournalError(f"{self.segment}: the journal cannot be written: {error}")
