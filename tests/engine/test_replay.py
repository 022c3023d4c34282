"""A session's journal, run again: identical, or the first event at which it is not; torn ends and damage are told."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest

from mmbot._core.eventlog import EventKind, frame
from mmbot.engine.replay import replay
from mmbot.errors import JournalError
from mmbot.journal import JournalReader, JournalWriter

sys.path.append(str(Path(__file__).parent.parent / "core"))

from engine_desk import LADDER, PERP, Desk
from engine_storm import Storm

HEADER_BYTES = 16


@pytest.fixture
def session(tmp_path: Path) -> tuple[Path, Desk]:
    """A journalled session with trouble in it, ended in good order."""
    writer = JournalWriter(tmp_path / "journal", fsync_ms=10)
    writer.start()
    desk = Desk(ring=writer.ring).open()
    Storm(desk).blow(random.Random(5), 300)
    desk.swap(LADDER.replace("int = field(20", "int = field(30"))
    desk.book(PERP, 600_000, 600_010)
    desk.engine.note_stop(b"{}", desk.now_ns)
    writer.stop()
    return tmp_path / "journal", desk


def rewrite(path: Path, out: Path, change: dict[int, bytes | None], *, cut: int = 0) -> None:
    """Copy a journal with some records' bodies changed, or left out (None)."""
    segment = next(iter(sorted(path.iterdir())))
    raw = segment.read_bytes()[:HEADER_BYTES] + b"".join(
        frame(r.kind, r.flags, r.source, r.ts_ns, r.seq, change.get(i, bytes(r.body)))
        for i, r in enumerate(JournalReader(path))
        if change.get(i, b"") is not None
    )
    out.mkdir()
    (out / segment.name).write_bytes(raw[: len(raw) - cut] if cut else raw)


def test_a_session_is_identical_to_the_last_byte(session: tuple[Path, Desk]) -> None:
    path, desk = session
    result = replay(path)
    assert result.difference is None
    assert (result.events, result.commands) == (desk.engine.seq, len(desk.commands))
    assert result.stopped_in_order
    assert result.torn_bytes == 0
    assert result.assembly.engine.host.name == desk.engine.host.name


def test_the_first_difference_is_named(session: tuple[Path, Desk], tmp_path: Path) -> None:
    path, _ = session
    records = list(JournalReader(path))
    index = [i for i, r in enumerate(records) if r.kind == EventKind.OUT_COMMAND][10]
    body = bytearray(records[index].body)
    body[32] ^= 1  # the price
    rewrite(path, tmp_path / "changed", {index: bytes(body)})
    difference = replay(tmp_path / "changed").difference
    assert difference is not None
    assert difference.event == records[index].seq
    assert difference.recorded is not None
    assert difference.replayed is not None
    parted = {k for k in difference.recorded if difference.recorded[k] != difference.replayed[k]}
    assert len(parted) == 1


def test_a_missing_command_is_a_difference(session: tuple[Path, Desk], tmp_path: Path) -> None:
    path, _ = session
    records = list(JournalReader(path))
    index = [i for i, r in enumerate(records) if r.kind == EventKind.OUT_COMMAND][4]
    rewrite(path, tmp_path / "less", {index: None})
    difference = replay(tmp_path / "less").difference
    assert difference is not None
    assert difference.replayed is not None


def test_a_torn_tail_is_cut_and_told(session: tuple[Path, Desk], tmp_path: Path) -> None:
    path, desk = session
    rewrite(path, tmp_path / "torn", {}, cut=7)
    result = replay(tmp_path / "torn")
    assert result.difference is None
    assert result.torn_bytes > 0
    assert not result.stopped_in_order
    assert result.events < desk.engine.seq


def test_something_else_than_a_session_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(JournalError):
        replay(tmp_path / "empty")


def test_a_journal_without_its_start_is_an_error(session: tuple[Path, Desk], tmp_path: Path) -> None:
    path, _ = session
    rewrite(path, tmp_path / "headless", {0: None})
    with pytest.raises(JournalError, match="expected START"):
        replay(tmp_path / "headless")
