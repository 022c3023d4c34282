"""A conversion's memory does not grow with its input."""

from __future__ import annotations

import mmap
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from raw_lines import depth, instrument, snapshot, trade

from mmbot._core.reorder import Merge
from mmbot.tape import TapeWriter, open_tape

CODE = r"""
import re, sys
from pathlib import Path
from mmbot.tape import Request, convert
report = convert(Request(sources=(Path(sys.argv[1]),), out=Path(sys.argv[2])))
# Not getrusage: its maximum includes that of the process that started this one.
peak_kb = int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1])
print(report["lines"], peak_kb // 1024)
"""


def hours(path: Path, blocks: int, late: int) -> None:
    """A recording of `blocks` times 2000 messages; every `late`-th trade has a time from long before."""
    random.seed(7)
    body = []
    for n in range(1000):
        bids = [(f"{60_000 - k - n % 7}.0", f"{k + 1}.000") for k in range(12)]
        body.append((bids, [(f"{60_010 + k + n % 5}.0", f"{k + 1}.000") for k in range(12)]))
    with path.open("wb") as file:
        file.write(snapshot(5, 0, 1, [("60000.0", "1")], [("60010.0", "1")]))
        number = 1
        for block in range(blocks):
            lines = []
            for bids, asks in body:
                number += 1
                ms = 10 * number
                lines.append(depth(ms + random.random() * 9, ms, (number, number, number - 1), bids, asks))
                back = number % 5 if number % late else ms // 2
                lines.append(trade(ms + 9, ms - back, number, "60000.0", "0.001", sold=bool(block % 2)))
            file.write(b"".join(lines))


def test_memory_does_not_grow_with_the_input(tmp_path: Path) -> None:
    """Times of the exchange that are out of order by half of the file included: nothing is sorted in memory."""
    peaks = {}
    for blocks in (10, 120):
        source = tmp_path / "a.txt"
        hours(source, blocks, late=997)
        command = [sys.executable, "-c", CODE, str(source), str(tmp_path / "a.tape")]
        lines, peaks[blocks] = map(
            int, subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
        )
        assert lines == 2000 * blocks + 1
    assert peaks[120] < 200
    assert peaks[120] - peaks[10] < 40


def test_setting_up_a_merge_reads_nothing(tmp_path: Path) -> None:
    """Each run's first row was read to begin with: 2 days of a recording, in 206 runs, took 350 MB at once."""
    n, run = 1 << 26, 1 << 16
    for name, start, size in (("wide", b"", 8 * n), ("narrow", b"\3", n)):  # row 0 is seen by both sides
        (tmp_path / name).write_bytes(start)
        os.truncate(tmp_path / name, size)  # a hole: it takes no room on the disk
    wide = np.memmap(tmp_path / "wide", np.int64, mode="r")
    columns: dict[str, Any] = dict.fromkeys(("exch_ns", "local_ns", "seq", "start"), wide)
    columns |= dict.fromkeys(("kind", "side", "flags"), np.memmap(tmp_path / "narrow", np.uint8, mode="r"))
    columns |= {"count": wide.view(np.uint32)[:n], "levels": np.empty((0, 2), np.int64)}
    order = wide, np.zeros(n // run, np.int64)
    before = mapped_mb()
    Merge(columns, order, order, run=run, shift_ns=0, renamed=(32, 2))
    assert mapped_mb() - before < 16


def mapped_mb() -> float:
    """How much of files this process has in memory."""
    return int(Path("/proc/self/statm").read_text().split()[2]) * mmap.PAGESIZE / 1e6


def test_reading_a_tape_gives_back_what_was_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two days of a market, 7 GB, were in memory as a whole at the end of a backtest."""
    monkeypatch.setattr("mmbot.tape.writer.CHUNK_BATCHES", 1 << 12)
    path = tmp_path / "a.tape"
    n = 1 << 19
    times, ones = np.arange(n), np.ones(n, np.int64)
    with TapeWriter(path, instrument(), {}) as writer:
        writer.append(times, times, times, 2 * ones, 0 * ones, 3 * ones, 2 * ones, np.ones((2 * n, 2), np.int64))
        writer.close({})
    assert path.stat().st_size > 30e6
    tape = open_tape(path)
    before = mapped_mb()
    for _ in range(2):  # again, when nothing needs to be verified
        total = 0
        for index in range(tape.n_chunks):
            chunk = tape.arrays(index)
            total += int(chunk["exch_ns"].sum()) + int(chunk["levels"].sum())
            assert mapped_mb() - before < 10
        assert total == n * (n - 1) // 2 + 4 * n
