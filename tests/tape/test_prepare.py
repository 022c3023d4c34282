"""A backtest's data is converted once, kept, and converted anew when anything has changed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from raw_lines import instrument, session, trade, write
from tape_columns import Batch, batches, write_batches

from mmbot.errors import TapeError
from mmbot.tape import Rules, TapeKind, open_tape, prepare


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write(tmp_path / "btc.gz", session())


def test_a_tape_is_used_as_it_is(tmp_path: Path) -> None:
    tape = tmp_path / "a.tape"
    write_batches(tape, [Batch(1, 2, 3, TapeKind.TRADE, 0, 3, ((1, 1),))])
    assert prepare(tape, cache=tmp_path / "cache") == tape
    assert not (tmp_path / "cache").exists()


def test_anything_else_is_converted_once(tmp_path: Path, source: Path) -> None:
    cache = tmp_path / "deep" / "cache"
    first = prepare(source, cache=cache)
    made = first.stat().st_mtime_ns
    assert first.parent == cache
    assert first.name.startswith("btc-")
    assert prepare(source, cache=cache) == first
    assert first.stat().st_mtime_ns == made
    open_tape(first).check()


@pytest.mark.parametrize(
    "options",
    [
        {"rules": "hftbacktest"},
        {"tickers": False},
        {"instrument": instrument(tick_size="0.01")},
        {"venue": "binance_coinm"},
        {"symbol": "BTCUSDT"},
    ],
)
def test_other_options_make_another_tape(tmp_path: Path, source: Path, options: dict[str, Any]) -> None:
    assert prepare(source, cache=tmp_path, **options) != prepare(source, cache=tmp_path)


def test_a_changed_source_is_converted_anew(tmp_path: Path, source: Path) -> None:
    before = prepare(source, cache=tmp_path)
    write(source, [*session(), trade(50, 41, 2, "100.0", "1.000")])
    after = prepare(source, cache=tmp_path)
    assert after != before
    assert len(batches(after)) == len(batches(before)) + 1
    os.utime(source, ns=(1, 1))
    assert prepare(source, cache=tmp_path) not in (before, after)


def test_a_damaged_tape_in_the_cache_is_made_anew(tmp_path: Path, source: Path) -> None:
    path = prepare(source, cache=tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-40])
    assert prepare(source, cache=tmp_path) == path
    assert batches(path)
    assert len(path.read_bytes()) == len(whole)


def test_bad_data_leaves_no_tape_and_is_an_error_each_time(tmp_path: Path) -> None:
    source = write(tmp_path / "a.gz", [*session(), b"12 {\n"])
    for _ in range(2):
        with pytest.raises(TapeError, match="line 6"):
            prepare(source, cache=tmp_path / "cache")
    assert not list((tmp_path / "cache").glob("*.tape"))


def test_an_unknown_rule_is_an_error(tmp_path: Path, source: Path) -> None:
    with pytest.raises(ValueError, match="none"):
        prepare(source, cache=tmp_path, rules="none")
    assert prepare(source, cache=tmp_path, rules="mmbot") == prepare(source, cache=tmp_path, rules=Rules.MMBOT)


def test_processes_that_ask_at_once_share_one_conversion(tmp_path: Path) -> None:
    lines = session() + [trade(50 + n, 45 + n, n + 2, "100.0", "1.000") for n in range(60_000)]
    source = write(tmp_path / "btc.txt", lines)
    code = (
        "import sys; from pathlib import Path; from mmbot.tape import open_tape, prepare\n"
        "path = prepare(Path(sys.argv[1]), cache=Path(sys.argv[2]), progress=lambda share: print('working'))\n"
        "open_tape(path).check(); print(path, path.stat().st_ino)"
    )
    command = [sys.executable, "-c", code, str(source), str(tmp_path / "cache")]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    outputs = [process.communicate(timeout=60)[0].splitlines() for process in running]
    assert [process.returncode for process in running] == [0] * 4
    assert len({lines[-1] for lines in outputs}) == 1
    assert sum("working" in lines for lines in outputs) == 1
