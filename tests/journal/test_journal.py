"""What was appended is read back, after crashes of every kind too."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmbot._core.eventlog import EventKind, frame
from mmbot.errors import JournalError
from mmbot.journal import JournalReader, JournalWriter, Record, repair, segment_paths, summarize
from mmbot.journal.segment import HEADER, MAGIC, VERSION, segment_path

ROOT = Path(__file__).resolve().parents[2]
Appended = tuple[int, int, int, int, int, bytes]


def write(folder: Path, records: list[Appended], **options: float) -> None:
    with JournalWriter(folder, **options) as writer:  # type: ignore[arg-type]
        for record in records:
            writer.ring.append(*record)


def some(count: int, size: int = 20) -> list[Appended]:
    return [
        (EventKind.FRAME, 0, index % 3, 1000 + index, index + 1, bytes([index & 255]) * size) for index in range(count)
    ]


def test_reads_back_what_was_appended_across_segments(tmp_path: Path) -> None:
    folder, records = tmp_path / "journal", some(3000, 200)
    with JournalWriter(folder, segment_bytes=100_000, ring_bytes=4096, flush_ms=0.5) as writer:
        for record in records:
            writer.ring.append(*record)
            if record[4] % 500 == 0:
                writer.flush()
    reader = JournalReader(folder)
    assert list(reader) == records
    assert reader.torn is None
    assert len(segment_paths(folder)) > 2


def test_flush_makes_it_readable_at_once(tmp_path: Path) -> None:
    with JournalWriter(tmp_path, flush_ms=10_000) as writer:
        writer.ring.append(EventKind.TIME, 0, 0, 5, 1, b"")
        writer.flush()
        assert list(JournalReader(tmp_path)) == [Record(EventKind.TIME, 0, 0, 5, 1, b"")]


def test_a_restart_continues_in_a_new_segment_after_cutting_the_torn_tail(tmp_path: Path) -> None:
    write(tmp_path, some(10))
    segment = segment_paths(tmp_path)[0]
    os.truncate(segment, segment.stat().st_size - 3)
    with JournalWriter(tmp_path) as writer:
        assert writer.repaired is not None
        assert writer.repaired.path == segment
        writer.ring.append(*some(11)[-1])
    assert list(JournalReader(tmp_path)) == [*some(9), some(11)[-1]]
    assert [path.name for path in segment_paths(tmp_path)] == ["events-000001.mmj", "events-000002.mmj"]


def raw_segment(path: Path, records: list[Appended]) -> bytes:
    data = HEADER.pack(MAGIC, VERSION, 1) + b"".join(frame(*record) for record in records)
    path.write_bytes(data)
    return data


bodies = st.lists(st.binary(max_size=60), max_size=12)


@settings(max_examples=150, deadline=None)
@given(bodies, st.data())
def test_a_cut_at_any_byte_leaves_exactly_the_whole_records(
    tmp_path_factory: pytest.TempPathFactory, bodies: list[bytes], data: st.DataObject
) -> None:
    path = segment_path(tmp_path_factory.mktemp("cut"), 1)
    records = [(EventKind.ORDER, 0, 0, index, index + 1, body) for index, body in enumerate(bodies)]
    whole = raw_segment(path, records)
    cut = data.draw(st.integers(0, len(whole)))
    os.truncate(path, cut)
    ends = [HEADER.size]
    for record in records:
        ends.append(ends[-1] + len(frame(*record)))
    kept = sum(end <= cut for end in ends[1:])
    reader = JournalReader(path)
    assert list(reader) == records[:kept]
    start = ends[kept] if cut >= HEADER.size else 0
    if cut == start and cut:
        assert reader.torn is None
    else:
        assert reader.torn is not None
        assert (reader.torn.offset, reader.torn.lost_bytes) == (start, cut - start)
        assert repair(path) == reader.torn
        assert not path.exists() if start == 0 else path.stat().st_size == start


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**30), st.integers(1, 255))
def test_a_changed_byte_in_the_middle_is_an_error_with_its_place(
    tmp_path_factory: pytest.TempPathFactory, where: int, change: int
) -> None:
    path = segment_path(tmp_path_factory.mktemp("damage"), 1)
    records = some(8)
    data = bytearray(raw_segment(path, records))
    size = len(frame(*records[0]))
    place = HEADER.size + where % (size * 7)
    data[place] ^= change
    path.write_bytes(data)
    with pytest.raises(JournalError, match=f"damaged at byte {HEADER.size + (place - HEADER.size) // size * size} "):
        list(JournalReader(path))
    with pytest.raises(JournalError):
        repair(path)
    assert path.read_bytes() == data, "a damaged journal is not touched"


def test_a_cut_segment_with_another_behind_it_is_damage(tmp_path: Path) -> None:
    write(tmp_path, some(5))
    write(tmp_path, some(5))
    first = segment_paths(tmp_path)[0]
    os.truncate(first, first.stat().st_size - 1)
    with pytest.raises(JournalError, match="another segment follows"):
        list(JournalReader(tmp_path))


def test_a_missing_segment_is_named(tmp_path: Path) -> None:
    for _ in range(3):
        write(tmp_path, some(2))
    segment_paths(tmp_path)[1].unlink()
    with pytest.raises(JournalError, match="segment 2 is missing"):
        list(JournalReader(tmp_path))


def test_not_a_journal(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="expected a journal"):
        list(JournalReader(tmp_path))
    segment_path(tmp_path, 1).write_bytes(b"something else altogether")
    with pytest.raises(JournalError, match="expected the header"):
        list(JournalReader(tmp_path))


def test_a_failing_disk_reaches_the_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = JournalWriter(tmp_path, flush_ms=1, fsync_ms=0)
    writer.start()

    def broken(_fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fdatasync", broken)
    writer.ring.append(*some(1)[0])
    with pytest.raises(JournalError, match="No space left"):
        for _ in range(100):
            writer.flush()
    with pytest.raises(OSError, match="write failed"):
        writer.ring.append(*some(1)[0])
    assert writer.ring.error == 28
    assert writer.failure is not None
    with pytest.raises(JournalError, match="No space left"):
        writer.stop()


def test_summary(tmp_path: Path) -> None:
    write(tmp_path, [*some(4, 10), (EventKind.STOP, 0, 0, 2000, 5, b"")])
    summary = summarize(tmp_path)
    assert summary.as_dict() == {
        "records": {"FRAME": 4, "STOP": 1},
        "body_bytes": {"FRAME": 40, "STOP": 0},
        "first_ns": 1000,
        "last_ns": 2000,
        "last_seq": 5,
        "stopped_cleanly": True,
        "torn": None,
    }


WRITER = """
    import sys
    from pathlib import Path
    from mmbot.journal import JournalWriter
    writer = JournalWriter(Path(sys.argv[1]), segment_bytes=200_000, ring_bytes=4096, flush_ms=0.2)
    writer.start()
    seq = 0
    while True:
        for _ in range(50):
            seq += 1
            writer.ring.append(2, 0, 0, seq, seq, seq.to_bytes(8, "little") * (seq % 30))
        writer.flush()
        print(seq, flush=True)
"""


def test_kill_9_keeps_everything_that_was_flushed(tmp_path: Path) -> None:
    for lines in (1, 7, 40):
        folder = tmp_path / str(lines)
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(WRITER), str(folder)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        with process.stdout:
            flushed = max(int(process.stdout.readline()) for _ in range(lines))
            process.send_signal(signal.SIGKILL)
            process.wait()
        records = list(JournalReader(folder))
        assert len(records) >= flushed
        assert [record.seq for record in records] == list(range(1, len(records) + 1))
        assert all(record.body == record.seq.to_bytes(8, "little") * (record.seq % 30) for record in records)
