"""A backtest's data is converted once, kept, and converted anew when anything has changed."""

from __future__ import annotations

import json
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
from mmbot.tape.cache import CORE, PACKAGE, code_digest, python_files
from mmbot.tape.instruments import DESCRIPTION, instrument_fields


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


def test_a_market_described_anew_is_converted_anew(tmp_path: Path, source: Path) -> None:
    """A recorder's market.json gives the units, and was not looked at."""
    before = prepare(source, cache=tmp_path / "cache")
    fields = instrument_fields(instrument(tick_size="0.01"))
    (tmp_path / DESCRIPTION).write_text(json.dumps({"instrument": fields}))
    after = prepare(source, cache=tmp_path / "cache")
    assert after != before
    assert open_tape(after).instrument.tick_size == "0.01"


def test_other_code_converts_anew(tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tape that an earlier version had made of the same data was taken for what this one makes."""
    before = prepare(source, cache=tmp_path)
    monkeypatch.setattr("mmbot.tape.cache.converters", lambda: "another version")
    assert prepare(source, cache=tmp_path) != before


def test_every_change_of_a_file_is_other_code(tmp_path: Path) -> None:
    file = tmp_path / "module.so"
    found = set()
    for text in ("a", "b", "ab"):
        file.write_text(text)
        found.add(code_digest([file]))
    assert code_digest([file.rename(tmp_path / "another.so")]) not in found
    assert len(found) == 3


def test_the_code_that_converts_is_all_that_a_conversion_imports() -> None:
    code = (
        "import importlib, sys; from mmbot.tape.sources import KINDS\n"
        "for kind in KINDS: importlib.import_module(kind.module)\n"
        "print(*(name for name in sys.modules if name.startswith('mmbot.')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    imported = set(done.stdout.split())
    compiled = {name.rpartition(".")[2] for name in imported if name.startswith("mmbot._core.")}
    assert compiled == set(CORE)
    looked_at = {f"mmbot.{'.'.join(path.relative_to(PACKAGE).with_suffix('').parts)}" for path in python_files()}
    assert {name for name in imported if "_core" not in name} - {"mmbot.errors"} <= {
        name.removesuffix(".__init__") for name in looked_at
    }


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


def test_one_of_tardis_files_without_a_book_is_not_played(tmp_path: Path) -> None:
    """In a list it was a tape of its own, played when the book's had ended."""
    head, us = "exchange,symbol,timestamp,local_timestamp,", 1_700_000_000_000_000
    rows = {
        "book.csv": f"{head}is_snapshot,side,price,amount\nbinance-futures,BTCUSDT,{us},{us},true,bid,1.0,1\n",
        "trades.csv": f"{head}id,side,price,amount\nbinance-futures,BTCUSDT,{us},{us},1,buy,1.0,1\n",
    }
    folder = tmp_path / "day"
    folder.mkdir()
    for name, text in rows.items():
        (folder / name).write_text(text)
    cache = tmp_path / "cache"
    assert len(batches(prepare(folder, cache=cache))) == 4
    assert len(batches(prepare(folder / "book.csv", cache=cache))) == 3
    with pytest.raises(
        TapeError, match=r"trades.csv: expected Tardis' incremental_book_L2, found trades alone: give the"
    ):
        prepare(folder / "trades.csv", cache=cache)
