"""The busy run of `flat.py`, short: books equal the exchange's, and memory is what it was after warm-up."""

from __future__ import annotations

from pathlib import Path

from flat import MIB, FlatRun


def test_a_busy_run_keeps_its_books_and_its_memory(tmp_path: Path) -> None:
    run = FlatRun(tmp_path, seconds=20, activity=4, every_s=1)
    run.run()
    assert run.problems == []
    assert run.summary["events"] > 5_000
    warm = [size for at, size in run.samples if 8 <= at <= 20]
    assert max(warm) - warm[0] < 4 * MIB
