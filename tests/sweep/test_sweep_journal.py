"""What a sweep remembers, whatever happens to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmbot.errors import ConfigError, MmbotError
from mmbot.sweep.journal import FILE_NAME, Record, TrialJournal, read_journal

IDENTITY = {"search": {"kind": "grid", "space": {"a": "choice(1,2)"}}, "objective": "max:pnl.total", "split": None}


def record(trial: int, phase: str = "all") -> Record:
    return Record(trial, phase, {"a": 0.1}, {"pnl.total": 1.25, "sharpe": None, "name": "é\n"}, "", 0.01, 1)


def filled(folder: Path, count: int = 3) -> Path:
    with TrialJournal(folder, IDENTITY) as journal:
        for trial in range(count):
            journal.append(record(trial))
    return folder / FILE_NAME


def test_what_was_written_is_there_again(tmp_path: Path) -> None:
    filled(tmp_path / "deep" / "sweep")
    with TrialJournal(tmp_path / "deep" / "sweep", IDENTITY) as journal:
        assert journal.records == {("all", trial): record(trial) for trial in range(3)}


@pytest.mark.parametrize("cut", [1, 5, 60])
def test_a_line_that_was_cut_off_is_dropped(tmp_path: Path, cut: int) -> None:
    path = filled(tmp_path)
    path.write_bytes(path.read_bytes()[:-cut])
    assert list(read_journal(tmp_path).records) == [("all", 0), ("all", 1)]
    with TrialJournal(tmp_path, IDENTITY) as journal:
        journal.append(record(2))
    assert list(read_journal(tmp_path).records) == [("all", 0), ("all", 1), ("all", 2)]


def test_a_journal_that_was_cut_in_its_first_line_begins_anew(tmp_path: Path) -> None:
    path = filled(tmp_path)
    path.write_bytes(path.read_bytes()[:20])
    with TrialJournal(tmp_path, IDENTITY) as journal:
        assert journal.records == {}
        journal.append(record(0))
    assert read_journal(tmp_path).identity == IDENTITY


@pytest.mark.parametrize("line", [b"{", b"[]", b'{"trial": 1}', b"\xff\xfe", b""])
def test_a_damaged_line_in_the_middle_is_named(tmp_path: Path, line: bytes) -> None:
    path = filled(tmp_path)
    lines = path.read_bytes().splitlines()
    path.write_bytes(b"\n".join([*lines[:2], line, *lines[3:], b""]))
    with pytest.raises(MmbotError, match=r"trials\.jsonl:3: expected"):
        read_journal(tmp_path)


def test_a_file_of_something_else_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text('{"format": 9}\n{}\n')
    with pytest.raises(MmbotError, match=r":1: expected the head of a sweep"):
        TrialJournal(tmp_path, IDENTITY)
    assert (tmp_path / FILE_NAME).read_text() == '{"format": 9}\n{}\n'


def test_another_sweep_is_refused_with_what_differs(tmp_path: Path) -> None:
    filled(tmp_path)
    other = {**IDENTITY, "objective": "min:drawdown", "search": {"kind": "random", "space": {}, "seed": 3}}
    with pytest.raises(ConfigError) as raised:
        TrialJournal(tmp_path, other)
    said = str(raised.value)
    assert 'search.kind: is "random", the folder has "grid"' in said
    assert 'search.space.a: is null, the folder has "choice(1,2)"' in said
    assert "search.seed: is 3, the folder has null" in said
    assert 'objective: is "min:drawdown", the folder has "max:pnl.total"' in said
    assert "split" not in said


def test_two_processes_do_not_write_one_journal(tmp_path: Path) -> None:
    with TrialJournal(tmp_path, IDENTITY) as journal:
        with pytest.raises(MmbotError, match="another process runs this sweep"):
            TrialJournal(tmp_path, IDENTITY)
        journal.append(record(0))
        assert list(read_journal(tmp_path).records) == [("all", 0)]  # reading is allowed


def test_a_folder_without_a_journal_is_named(tmp_path: Path) -> None:
    with pytest.raises(MmbotError, match="is not a sweep's journal"):
        read_journal(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(MmbotError, match="cannot hold a sweep"):
        TrialJournal(tmp_path / "file", IDENTITY)
