"""A tape goes through Parquet and back unchanged, and what is no such Parquet is refused with a reason."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_tape import PERP, made_up_tape

from mmbot._core.tape import open_tape
from mmbot.errors import ConfigError, TapeError
from mmbot.tape import parquet
from mmbot.tape.parquet import COLUMNS, METADATA, read_parquet, write_parquet


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1 << 30), batches=st.integers(0, 400), rows=st.integers(1, 300))
def test_a_tape_comes_back_byte_for_byte(
    tmp_path_factory: pytest.TempPathFactory, seed: int, batches: int, rows: int
) -> None:
    folder = tmp_path_factory.mktemp("parquet")
    tape = made_up_tape(folder / "a.tape", seed, batches)
    written = write_parquet(tape, folder / "a.parquet")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parquet, "_ROWS", rows)  # batches that lie across the reader's pieces
        totals = read_parquet(folder / "a.parquet", folder / "b.tape")
    assert (folder / "b.tape").read_bytes() == tape.read_bytes()
    assert totals["batches"] == batches
    assert pq.read_metadata(folder / "a.parquet").num_rows == written


def test_a_tape_of_several_chunks_has_a_row_group_each(tmp_path: Path) -> None:
    tape = made_up_tape(tmp_path / "a.tape", 1, 200_000, runs=7)
    chunks = open_tape(tape).n_chunks
    assert chunks > 2
    done: list[float] = []
    write_parquet(tape, tmp_path / "a.parquet", progress=done.append)
    assert pq.read_metadata(tmp_path / "a.parquet").num_row_groups == chunks
    read_parquet(tmp_path / "a.parquet", tmp_path / "b.tape", progress=done.append)
    assert (tmp_path / "b.tape").read_bytes() == tape.read_bytes()
    assert done[chunks - 1] == done[-1] == 1.0


def test_other_tools_see_plain_columns(tmp_path: Path) -> None:
    tape = made_up_tape(tmp_path / "a.tape", 3, 50)
    write_parquet(tape, tmp_path / "a.parquet")
    table = pq.read_table(tmp_path / "a.parquet")
    assert {field.name: str(field.type) for field in table.schema} == COLUMNS
    chunk = open_tape(tape).arrays(0)
    prices = [price for price in table["price_ticks"].to_pylist() if price is not None]
    assert prices == chunk["levels"][:, 0].tolist()
    assert table["batch"].to_pylist() == np.repeat(np.arange(50), np.maximum(chunk["count"], 1)).tolist()
    about = json.loads(table.schema.metadata[METADATA])
    assert about["instrument"]["venue_symbol"] == "BTCUSDT"
    assert about["quality"] == {"gaps": 3, "flags": 1}


def rows(**changes: list[Any]) -> pa.Table:
    columns: dict[str, list[Any]] = {
        "exch_ns": [1, 1, 2], "local_ns": [5, 5, 6], "seq": [0, 0, 9], "kind": [1, 1, 2], "side": [0, 0, 1],
        "flags": [3, 3, 3], "price_ticks": [10, 11, 12], "qty_lots": [1, 2, 3], "batch": [0, 0, 1],
    }  # fmt: skip
    columns |= changes
    return pa.table({name: pa.array(values) for name, values in columns.items() if values})


def test_a_table_of_ones_own_needs_an_instrument(tmp_path: Path) -> None:
    pq.write_table(rows(), tmp_path / "own.parquet")
    with pytest.raises(TapeError, match="expected an instrument"):
        read_parquet(tmp_path / "own.parquet", tmp_path / "own.tape")
    read_parquet(tmp_path / "own.parquet", tmp_path / "own.tape", instrument=PERP)
    tape = open_tape(tmp_path / "own.tape")
    assert tape.arrays(0)["count"].tolist() == [2, 1]
    assert tape.arrays(0)["levels"].tolist() == [[10, 1], [11, 2], [12, 3]]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seq": []}, "seq is missing"),
        ({"kind": [1, 1, 300]}, r"row 2: kind: expected uint8, found 300"),
        ({"kind": [1, 1, 77]}, "a known kind"),
        ({"exch_ns": [1, 2, 3]}, "row 1: expected the exch_ns of its batch, found 2"),
        ({"exch_ns": [2, 2, 1]}, "exch_ns that does not go back"),
        ({"batch": [1, 1, 0]}, "row 2: expected batches in ascending order"),
        ({"price_ticks": [10, None, 12]}, "row 1: expected price_ticks, found none"),
        ({"qty_lots": [1, 2, None]}, "row 2: expected qty_lots, found none"),
        ({"price_ticks": [10, None, 12], "qty_lots": [1, None, 3]}, "row 1: expected a level, found none"),
        ({"side": [0, 0, None]}, "row 2: expected side, found none"),
        ({"price_ticks": [1.5, 2.5, 3.5]}, "column price_ticks: expected int64, found double"),
    ],
)
def test_rows_that_make_no_tape_are_named(tmp_path: Path, changes: dict[str, list[Any]], message: str) -> None:
    pq.write_table(rows(**changes), tmp_path / "bad.parquet")
    with pytest.raises(TapeError, match=message):
        read_parquet(tmp_path / "bad.parquet", tmp_path / "bad.tape", instrument=PERP)
    assert [path.name for path in tmp_path.iterdir()] == ["bad.parquet"]


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_damaged_file_is_an_error_or_the_same_tape(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("damage")
    tape = made_up_tape(folder / "a.tape", 5, 300)
    write_parquet(tape, folder / "a.parquet")
    body = bytearray((folder / "a.parquet").read_bytes())
    if data.draw(st.booleans()):
        del body[data.draw(st.integers(0, len(body) - 1)) :]
    else:
        body[data.draw(st.integers(0, len(body) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    (folder / "a.parquet").write_bytes(body)
    refused = ""
    try:
        read_parquet(folder / "a.parquet", folder / "b.tape")
    except TapeError as error:
        refused = str(error)
    if refused:
        assert "a.parquet" in refused
        assert not list(folder.glob("b.tape*"))
    else:  # a bit that says nothing of the data, such as the name of who wrote it
        assert open_tape(folder / "b.tape").arrays(0)["levels"].tolist() == open_tape(tape).arrays(0)["levels"].tolist()


def test_without_pyarrow_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ConfigError, match=r"mmbot\[data\]"):
        read_parquet(tmp_path / "a.parquet", tmp_path / "a.tape")
