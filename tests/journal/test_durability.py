"""What is on the disk when, and what a crash between two steps of a rotation leaves."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from mmbot._core.eventlog import EventKind
from mmbot.errors import JournalError
from mmbot.journal import JournalReader, JournalWriter, Record, repair, segment_paths
from mmbot.journal.segment import HEADER, MAGIC, VERSION, segment_path

Synced = list[tuple[str, int]]
RECORD = (EventKind.FRAME, 0, 0, 1000, 1, b"x" * 1000)


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> Synced:
    """Name and size of every file at the time it is made durable; of a folder its number of files."""
    seen: Synced = []
    sync, sync_data = os.fsync, os.fdatasync

    def note(fd: int) -> None:
        path = Path(f"/proc/self/fd/{fd}").readlink()
        seen.append((path.name, len(list(path.iterdir())) if path.is_dir() else os.fstat(fd).st_size))

    monkeypatch.setattr(os, "fsync", lambda fd: (note(fd), sync(fd)))
    monkeypatch.setattr(os, "fdatasync", lambda fd: (note(fd), sync_data(fd)))
    return seen


def test_a_closed_segment_is_durable_to_its_end_and_the_next_stands_in_its_folder(
    tmp_path: Path, synced: Synced
) -> None:
    with JournalWriter(tmp_path, segment_bytes=20_000, flush_ms=0.5, fsync_ms=60_000) as writer:
        for _ in range(100):
            writer.ring.append(*RECORD)
            time.sleep(0.0005)
    paths = segment_paths(tmp_path)
    assert len(paths) > 2
    for number, path in enumerate(paths, 1):
        assert (path.name, path.stat().st_size) in synced
        assert (tmp_path.name, number) in synced


def test_nothing_new_needs_no_disk(tmp_path: Path, synced: Synced) -> None:
    with JournalWriter(tmp_path, flush_ms=1, fsync_ms=0) as writer:
        writer.ring.append(*RECORD)
        writer.flush()
        time.sleep(0.01)
        before = len(synced)
        time.sleep(0.1)
        assert len(synced) == before
        writer.ring.append(*RECORD)
        deadline = time.monotonic() + 5
        while len(synced) == before and time.monotonic() < deadline:
            time.sleep(0.005)
        assert synced[-1] == (writer.segment.name, HEADER.size + 2 * 1028)


def test_a_crash_while_a_segment_was_begun_leaves_no_hole(tmp_path: Path) -> None:
    """Its number was skipped at the restart, and the journal could not be read any more: a segment was missing."""
    with JournalWriter(tmp_path) as writer:
        writer.ring.append(*RECORD)
    segment_path(tmp_path, 2).write_bytes(HEADER.pack(MAGIC, VERSION, 2)[:7])
    with JournalWriter(tmp_path) as writer:
        assert writer.repaired is not None
        assert writer.repaired.offset == 0
        writer.ring.append(*RECORD)
    assert [path.name for path in segment_paths(tmp_path)] == ["events-000001.mmj", "events-000002.mmj"]
    assert list(JournalReader(tmp_path)) == [Record(*RECORD)] * 2


def test_a_short_file_that_is_no_segment_is_not_deleted(tmp_path: Path) -> None:
    path = segment_path(tmp_path, 1)
    path.write_bytes(b"hello")
    with pytest.raises(JournalError, match="expected the header"):
        repair(path)
    assert path.read_bytes() == b"hello"
