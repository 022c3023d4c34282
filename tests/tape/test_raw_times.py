"""Receive times that cannot be, and lines out of order, are errors: each would move all that is around them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from raw_lines import MS, T0, instrument, session, write
from tape_columns import Batch, batches

from mmbot.errors import TapeError
from mmbot.tape import Request, convert

DAY_NS = 86_400_000_000_000


def converted(folder: Path, lines: list[bytes], **options: Any) -> tuple[list[Batch], dict[str, Any]]:
    """The batches of a recording of these lines, and the report."""
    source, out = write(folder / "a.gz", lines), folder / "a.tape"
    report = convert(Request(sources=(source,), out=out, instrument=instrument(), **options))
    return batches(out), report


def received(recv_ns: int, line: bytes) -> bytes:
    """A line with another receive time."""
    return b"%d %s" % (recv_ns, line.partition(b" ")[2])


@pytest.mark.parametrize(
    "recv_ns",
    [
        T0 + 40,  # milliseconds
        (T0 + 40) * 1000,
        T0 * MS - DAY_NS,
        T0 * MS + 2 * DAY_NS,
        4_200_000_000 * 10**9,
        10**20,
    ],
)
def test_a_receive_time_that_cannot_be_is_an_error_and_moves_no_other(tmp_path: Path, recv_ns: int) -> None:
    """One damaged digit of one line shifted all local times of the tape by years."""
    lines = session()
    lines[4] = received(recv_ns, lines[4])
    with pytest.raises(TapeError, match=r"a.gz: line 5, byte \d+ of its text: expected .*(receive time|known line)"):
        converted(tmp_path, lines)
    found, report = converted(tmp_path, lines, keep_going=True)
    assert (report["undecodable"], report["shift_ns"]) == (1, 0)
    assert found == converted(tmp_path, session()[:4])[0]


def test_a_snapshot_may_state_a_time_long_ago(tmp_path: Path) -> None:
    """A venue states when the book last changed."""
    lines = [each.replace(b'"lastUpdateId":8,"E":%d,"T":%d' % (T0 + 6, T0 + 5), b'"lastUpdateId":8,"E":%d,"T":%d' % (
        T0 - 3 * 86_400_000, T0 - 3 * 86_400_000)) for each in session()]  # fmt: skip
    assert lines != session()
    _, report = converted(tmp_path, lines)
    assert report["snapshots"] == 1


def test_lines_out_of_order_are_an_error_or_sorted_and_counted(tmp_path: Path) -> None:
    late = [received((T0 + 60_000 + n) * MS, each) for n, each in enumerate(session()[:2])]
    lines = [*late, *session()[2:]]
    with pytest.raises(
        TapeError, match=r"line 3, .*in the order of their receive times, found \d+ behind \d+, 60\.0 s"
    ):
        converted(tmp_path, lines)
    assert [each.name for each in tmp_path.iterdir()] == ["a.gz"]
    found, report = converted(tmp_path, lines, keep_going=True)
    assert report["local_back"] == 1
    assert [each.local_ns for each in found if each.flags & 2] == sorted(
        each.local_ns for each in found if each.flags & 2
    )
    _, report = converted(tmp_path, [late[0], received((T0 + 55_500) * MS, session()[1])])  # a clock that was set
    assert report["local_back"] == 1


def test_files_out_of_order_are_an_error_and_overlapping_ones_are_not(tmp_path: Path) -> None:
    first, second = session()[:2], [received((T0 + 60_000) * MS, session()[2])]
    paths = write(tmp_path / "1.gz", second), write(tmp_path / "2.gz", first)
    with pytest.raises(TapeError, match=r"2.gz: line 1, .* expected lines, and files, in the order"):
        convert(Request(sources=paths, out=tmp_path / "b.tape", instrument=instrument()))
    both = write(tmp_path / "1.gz", [*first, *second]), write(tmp_path / "2.gz", session()[3:])
    convert(Request(sources=both, out=tmp_path / "b.tape", instrument=instrument()))
