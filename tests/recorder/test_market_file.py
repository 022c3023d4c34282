"""What is synced can be read back, wherever the file ends."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmbot.recorder.market_file import FileRules, MarketFile
from mmbot.recordings import EntryKind, Reading, read

NOW_NS = 1_795_262_991_000_000_000
bodies = st.lists(st.binary(min_size=1, max_size=40).map(lambda raw: b"{" + raw.hex().encode() + b"}"), max_size=6)


def written(folder: Path, batches: list[list[bytes]], rules: FileRules | None = None) -> MarketFile:
    file = MarketFile(folder, "btcusdt", rules or FileRules())
    number = 0
    for batch in batches:
        for body in batch:
            number += 1
            file.add(NOW_NS + number, body)
        file.sync(NOW_NS)
    file.close()
    return file


def test_lines_are_the_raw_messages_in_one_valid_gzip_file(tmp_path: Path) -> None:
    file = written(tmp_path, [[b'{"a":1}', b'{"b":2}'], [], [b'{"c":3}']])
    assert [path.name for path in file.paths] == ["btcusdt_20261121T120951.000000Z.gz"]
    text = gzip.decompress(file.paths[0].read_bytes())
    assert text == b"".join(
        b"%d %b\n" % (NOW_NS + i + 1, body) for i, body in enumerate([b'{"a":1}', b'{"b":2}', b'{"c":3}'])
    )
    assert (file.lines, file.raw_bytes, file.file_bytes) == (3, len(text), file.paths[0].stat().st_size)


def test_a_message_stays_one_line(tmp_path: Path) -> None:
    file = written(tmp_path, [[b'{\r\n "a": 1\n}']])
    [entry] = read(file.paths, Reading())
    assert (entry.kind, entry.payload) == (EntryKind.FRAME, b'{   "a": 1 }')


def test_nothing_received_makes_no_file(tmp_path: Path) -> None:
    assert written(tmp_path / "none", [[], []]).paths == []
    assert not (tmp_path / "none").exists()


@settings(max_examples=60, deadline=None)
@given(batches=st.lists(bodies, min_size=1, max_size=4), data=st.data())
def test_a_cut_file_gives_whole_lines_and_every_whole_member(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[bytes]], data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("cut")
    file = MarketFile(folder, "x", FileRules())
    safe: list[tuple[int, int]] = [(0, 0)]  # bytes on disk, lines that they hold
    lines: list[bytes] = []
    for batch in batches:
        for body in batch:
            lines.append(body)
            file.add(NOW_NS + len(lines), body)
        file.sync(NOW_NS)
        safe.append((file.file_bytes, file.lines))
    file.close()
    if not file.paths:
        return
    size = file.paths[0].stat().st_size
    cut = data.draw(st.integers(0, size))
    os.truncate(file.paths[0], cut)
    found = [(entry.recv_ns, entry.payload) for entry in read(file.paths, Reading())]
    expected = [(NOW_NS + i + 1, body) for i, body in enumerate(lines)]
    assert found == expected[: len(found)]
    assert len(found) >= max(held for at, held in safe if at <= cut)


def test_a_full_file_is_followed_by_another(tmp_path: Path) -> None:
    file = written(tmp_path, [[b'{"n":%d}' % n] for n in range(5)], FileRules(max_bytes=60))
    assert len(file.paths) > 1
    assert [entry.payload for entry in read(file.paths, Reading())] == [b'{"n":%d}' % n for n in range(5)]
    assert sum(path.stat().st_size for path in file.paths) == file.file_bytes


def test_an_old_file_is_followed_by_another(tmp_path: Path) -> None:
    file = MarketFile(tmp_path, "btcusdt", FileRules(max_s=60))
    begun = []
    for second in (0, 59, 61, 62):
        file.add(NOW_NS + second * 10**9, b"{}")
        begun.append(file.sync(NOW_NS + second * 10**9))
    file.close()
    assert begun == [True, False, True, False]
    assert [path.name[8:24] for path in file.paths] == ["20261121T120951.", "20261121T121052."]


def test_two_recorders_of_one_market_do_not_write_into_one_file(tmp_path: Path) -> None:
    one, other = (written(tmp_path, [[b"{}"]]) for _ in range(2))
    assert one.paths != other.paths


def test_a_write_that_comes_short_is_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr("mmbot.recorder.market_file.os.write", lambda fd, data: write(fd, bytes(data[:7])))
    file = written(tmp_path, [[b'{"a":1}']])
    assert [entry.payload for entry in read(file.paths, Reading())] == [b'{"a":1}']


def test_what_failed_to_be_written_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = written(tmp_path, [[b"{}"]])

    def full(_fd: int, _data: object) -> int:
        raise OSError(28, "No space left on device")

    file.add(NOW_NS, b"{}")
    monkeypatch.setattr("mmbot.recorder.market_file.os.write", full)
    with pytest.raises(OSError, match="No space left"):
        file.sync(NOW_NS)
    assert file.lines == 1
    assert file.pending_bytes
