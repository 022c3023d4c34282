"""Memory before the disk: nothing is lost that was taken, and what is refused is known."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mmbot.recorder.market_file import FileRules, MarketFile
from mmbot.recorder.spool import Spool
from mmbot.recordings import Reading, read

BODY = b'{"x":"%d"}'


class Disk(MarketFile):
    """A file on a disk that stands still until `free` is set."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "slow", FileRules())
        self.free = threading.Event()

    def sync(self, now_ns: int) -> bool:
        assert self.free.wait(10)
        return super().sync(now_ns)


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_everything_taken_is_written_in_order_and_by_file(tmp_path: Path) -> None:
    files = [MarketFile(tmp_path, name, FileRules()) for name in ("a", "b")]
    spool = Spool(files, sync_s=0.01)
    spool.start()
    for number in range(2000):
        assert spool.put(number % 2, number, BODY % number)
    spool.stop()
    for which, file in enumerate(files):
        found = [(entry.recv_ns, entry.payload) for entry in read(file.paths, Reading())]
        assert found == [(n, BODY % n) for n in range(which, 2000, 2)]
    assert spool.waiting_bytes == 0
    assert spool.overflows == 0


def test_a_message_is_durable_soon_without_a_stop(tmp_path: Path) -> None:
    file = MarketFile(tmp_path, "a", FileRules())
    spool = Spool([file], sync_s=0.02)
    spool.start()
    spool.put(0, 1, b"{}")
    until(lambda: file.lines == 1)
    assert [entry.payload for entry in read(file.paths, Reading())] == [b"{}"]
    spool.stop()


def test_a_full_spool_refuses_one_stretch_until_half_of_it_is_free(tmp_path: Path) -> None:
    disk = Disk(tmp_path)
    spool = Spool([disk], sync_s=0.01, limit_bytes=10_000)
    spool.start()
    taken = [number for number in range(200) if spool.put(0, number, b"%0100d" % number)]
    assert taken == list(range(len(taken)))  # once full, it stays so while the disk stands still
    assert 0 < len(taken) < 100
    assert spool.full
    assert spool.overflows == 1
    assert spool.largest_bytes <= 10_000
    disk.free.set()
    until(lambda: spool.waiting_bytes == 0)
    assert spool.put(0, 777, b"{}")
    assert not spool.full
    spool.stop()
    assert [entry.recv_ns for entry in read(disk.paths, Reading())] == [*taken, 777]


def test_a_disk_that_fails_is_told_once_and_ends_the_taking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = MarketFile(tmp_path, "a", FileRules())

    def full(_fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mmbot.recorder.market_file.os.fdatasync", full)
    told: list[OSError] = []
    spool = Spool([file], sync_s=0.01, on_failure=told.append)
    spool.start()
    assert spool.put(0, 1, b"{}")
    until(lambda: told)
    assert spool.failure is told[0]
    assert spool.full
    assert not spool.put(0, 2, b"{}")
    spool.stop()
    assert len(told) == 1


def test_a_new_file_is_made_known_but_not_the_first(tmp_path: Path) -> None:
    file = MarketFile(tmp_path, "a", FileRules(max_bytes=1))
    spool = Spool([file], sync_s=0.01)
    spool.start()
    for number in range(3):
        spool.put(0, number, b"{}")
        until(lambda number=number: file.lines == number + 1)
    spool.stop()
    assert list(spool.begun) == [0, 0]
    assert len(file.paths) == 3
