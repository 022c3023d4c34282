"""Line formats, merging, and files that end early."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from mmbot.recordings import Entry, EntryKind, Reading, parse_line, read


@pytest.mark.parametrize(
    ("line", "entry"),
    [
        (b'1723161255030314667 {"a":1}', Entry(1723161255030314667, EntryKind.FRAME, b'{"a":1}')),
        (b'1626992741.06217: {"a":1}', Entry(1626992741062170000, EntryKind.FRAME, b'{"a":1}')),
        (b'1626992741: {"a":1}', Entry(1626992741000000000, EntryKind.FRAME, b'{"a":1}')),
        (
            b'https://x.y/depth?symbol=A -> 1626992741.301402: {"b":2}',
            Entry(1626992741301402000, EntryKind.REST, b'{"b":2}', "https://x.y/depth?symbol=A"),
        ),
        (b"wss://x.y/ws <-> 1626992740.179554", Entry(1626992740179554000, EntryKind.CONNECTED, b"", "wss://x.y/ws")),
        (b"wss://x.y/ws <- 1626992740.5: {}", Entry(1626992740500000000, EntryKind.SENT, b"{}", "wss://x.y/ws")),
        (b"configuration: {}", None),
        (b"", None),
    ],
)
def test_each_line_format(line: bytes, entry: Entry | None) -> None:
    assert parse_line(line) == entry


@pytest.mark.parametrize("line", [b"hello", b'{"a":1}', b"17231612550303146671234 {}", b"12 "])
def test_other_lines_are_refused(line: bytes) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse_line(line)


def test_files_are_merged_by_time_and_bad_lines_counted(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two.gz"
    one.write_bytes(b"1 a\n3 c\nnonsense\r\n5 e\r\n")
    two.write_bytes(gzip.compress(b"2 b\n") + gzip.compress(b"4 d\n6 f"))
    reading = Reading()
    assert b"".join(entry.payload for entry in read([one, two], reading)) == b"abcdef"
    assert (reading.lines, reading.unreadable, reading.truncated) == (7, 1, [])


def test_a_gzip_file_that_ends_early_gives_its_whole_lines(tmp_path: Path) -> None:
    whole = b"".join(b"%d %064x\n" % (i, i * 0x9E3779B97F4A7C15F39CC0605CEDC834**2) for i in range(2000))
    path = tmp_path / "cut.gz"
    packed = gzip.compress(whole)
    for cut in (len(packed) // 2, len(packed) - 4, 12):
        path.write_bytes(packed[:cut])
        reading = Reading()
        numbers = [entry.recv_ns for entry in read([path], reading)]
        assert numbers == list(range(len(numbers)))
        assert reading.truncated == [str(path)]
        assert reading.unreadable == 0
    path.write_bytes(packed[:5000] + b"garbage" + packed[5007:])
    reading = Reading()
    assert len(list(read([path], reading))) < 2000
    assert reading.truncated == [str(path)]


def test_an_empty_file_has_no_entries(tmp_path: Path) -> None:
    (tmp_path / "none").touch()
    assert list(read([tmp_path / "none"], Reading())) == []
