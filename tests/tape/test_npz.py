"""hftbacktest's arrays: what their rows become, what they come back as, and what is wrong with them."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from raw_lines import instrument, ticker, write
from tape_columns import Batch, batches, kinds, write_batches

from mmbot.errors import ConfigError, TapeError
from mmbot.tape import Request, Rules, TapeKind, convert, npz, open_tape
from mmbot.tape.npz import BUY, EXCH, LOCAL, ROW, SELL, export

ROWS = [
    (1 | EXCH | LOCAL | BUY, 10, 20, 1.0, 0.001, 0),
    (1 | EXCH | LOCAL | BUY, 10, 20, 0.9, 0.0, 0),
    (1 | EXCH | LOCAL | SELL, 10, 20, 1.1, 2.5, 0),
    (2 | EXCH | SELL, 11, 30, 1.0, 0.1, 0),
    (3 | EXCH | BUY, 12, 31, 0.5, 0.0, 0),
    (4 | EXCH | BUY, 12, 31, 0.8, 1.0, 0),
    (4 | EXCH | BUY, 12, 31, 0.7, 1.0, 0),
    (2 | LOCAL | SELL, 11, 30, 1.0, 0.1, 0),
    (10 | EXCH | LOCAL | BUY, 13, 32, 1.0, 1.0, 77),
    (12 | EXCH | LOCAL | BUY, 14, 33, 0.9, 2.0, 77),
    (13 | EXCH | LOCAL | BUY, 15, 34, 0.9, 0.5, 77),
    (11 | EXCH | LOCAL | BUY, 16, 35, 0.0, 0.0, 77),
]


def array(rows: list[tuple[Any, ...]]) -> np.ndarray[Any, Any]:
    found = np.zeros(len(rows), ROW)
    for at, (ev, exch, local, px, qty, order) in enumerate(rows):
        found[at] = (ev, exch, local, px, qty, order, 0, 0.0)
    return found


def converted(folder: Path, rows: list[tuple[Any, ...]], **options: Any) -> tuple[list[Batch], dict[str, Any]]:
    np.savez_compressed(folder / "a.npz", data=array(rows))
    options = {"instrument": instrument()} | options
    report = convert(Request(sources=(folder / "a.npz",), out=folder / "a.tape", **options))
    open_tape(folder / "a.tape").check()
    return batches(folder / "a.tape"), report


def test_rows_of_one_time_kind_and_side_are_one_batch(tmp_path: Path) -> None:
    found, report = converted(tmp_path, ROWS)
    assert found == [
        Batch(10, 20, 0, TapeKind.DEPTH, 0, 3, ((10, 1), (9, 0))),
        Batch(10, 20, 0, TapeKind.DEPTH, 1, 3, ((11, 2500),)),
        Batch(11, 30, 0, TapeKind.TRADE, 1, 1, ((10, 100),)),
        Batch(12, 31, 0, TapeKind.CLEAR, 0, 1, ((5, 0),)),
        Batch(12, 31, 0, TapeKind.SNAPSHOT, 0, 1, ((8, 1000), (7, 1000))),
        Batch(11, 30, 0, TapeKind.TRADE, 1, 2, ((10, 100),)),
        Batch(13, 32, 77, TapeKind.L3_ADD, 0, 3, ((10, 1000),)),
        Batch(14, 33, 77, TapeKind.L3_MODIFY, 0, 3, ((9, 2000),)),
        Batch(15, 34, 77, TapeKind.L3_FILL, 0, 3, ((9, 500),)),
        Batch(16, 35, 77, TapeKind.L3_CANCEL, 0, 3, ((0, 0),)),
    ]
    assert report == {"rows": 12, "batches": 10, "best_price_rows": 0, "unsupported_rows": 0, "rounded": 0}


@pytest.mark.parametrize("name", ["b.npz", "b.npy"])
def test_a_tape_gives_its_rows_back(tmp_path: Path, name: str) -> None:
    converted(tmp_path, ROWS)
    assert export(tmp_path / "a.tape", tmp_path / name) == len(ROWS)
    loaded = np.load(tmp_path / name)
    found = loaded if name.endswith("npy") else loaded["data"]
    assert np.array_equal(found, array(ROWS))
    assert {each.name for each in tmp_path.iterdir()} == {"a.npz", "a.tape", name}


def test_a_batch_that_spans_blocks_stays_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [(1 | EXCH | LOCAL | BUY, 10, 20, 1.0 + n / 10, 0.001, 0) for n in range(10)]
    rows += [(1 | EXCH | LOCAL | BUY, 11, 20, 1.0, 0.001, 0)]
    monkeypatch.setattr(npz, "ROWS", 3)
    found, report = converted(tmp_path, rows)
    assert [len(batch.levels) for batch in found] == [10, 1]
    assert report["rows"] == 11


def test_a_price_named_twice_splits_a_batch(tmp_path: Path) -> None:
    rows = [(1 | EXCH | LOCAL | BUY, 10, 20, px, 0.001, 0) for px in (1.0, 1.1, 1.0, 1.1, 1.1, 1.2)]
    found, _ = converted(tmp_path, rows)
    assert [[ticks for ticks, _ in batch.levels] for batch in found] == [[10, 11], [10, 11], [11, 12]]


def test_a_clear_of_no_side_clears_both_whole(tmp_path: Path) -> None:
    found, _ = converted(tmp_path, [(3 | EXCH | LOCAL, 1, 2, 5.0, 0.0, 0), ROWS[0]])
    assert [(batch.kind, batch.side, batch.levels[0]) for batch in found[:2]] == [(3, 0, (0, 0)), (3, 1, (0, 0))]


def test_kinds_of_the_users_own_are_left_out_and_counted(tmp_path: Path) -> None:
    found, report = converted(tmp_path, [ROWS[0], (101 | EXCH | LOCAL | BUY, 10, 20, 1.0, 1.0, 0), ROWS[3]])
    assert kinds(found) == ["DEPTH", "TRADE"]
    assert report["unsupported_rows"] == 1


def test_best_prices_alone_are_left_out_and_counted(tmp_path: Path) -> None:
    """hftbacktest's backtest passes over rows of kind 5: its books stay as they are."""
    best = (5 | EXCH | LOCAL | BUY, 10, 20, 1.2, 2.0, 0)
    found, report = converted(tmp_path, [ROWS[0], best, *ROWS[1:]])
    assert found == converted(tmp_path, ROWS)[0]
    assert report["best_price_rows"] == 1
    with pytest.raises(TapeError, match=r"row 2: expected px in whole units of 0\.1, found 1\.05"):
        converted(tmp_path, [ROWS[0], best, (1 | EXCH | LOCAL | BUY, 10, 20, 1.05, 1.0, 0)])


def test_what_has_no_row_is_left_out_of_an_array(tmp_path: Path) -> None:
    given = [
        Batch(1, 2, 0, TapeKind.GAP, 0, 3, ()),
        Batch(1, 2, 9, TapeKind.TICKER, 0, 3, ((10, 1), (11, 1))),
        Batch(1, 2, 0, TapeKind.MARK, 0, 3, ((10, 1), (11, 1))),
        Batch(2, 3, 5, TapeKind.TRADE, 0, 3, ((10, 1),)),
        Batch(2, 3, 77, TapeKind.L3_CANCEL, 1, 3, ()),
    ]
    write_batches(tmp_path / "a.tape", given)
    assert export(tmp_path / "a.tape", tmp_path / "a.npy") == 2
    expected = [(2 | EXCH | LOCAL | BUY, 2, 3, 1.0, 0.001, 0), (11 | EXCH | LOCAL | SELL, 2, 3, 0.0, 0.0, 77)]
    assert np.array_equal(np.load(tmp_path / "a.npy"), array(expected))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ((6 | EXCH | LOCAL | BUY, 10, 20, 1.0, 1.0, 0), r"row 1: expected an event of .*, found 6"),
        ((1 | BUY, 10, 20, 1.0, 1.0, 0), "row 1: expected an exchange or local flag"),
        ((1 | EXCH, 10, 20, 1.0, 1.0, 0), "row 1: expected one side"),
        ((1 | EXCH | BUY | SELL, 10, 20, 1.0, 1.0, 0), "row 1: expected one side"),
        ((10 | EXCH | BUY, 10, 20, 1.0, 1.0, 1 << 63), r"row 1: expected an order id below 2\*\*63"),
        ((1 | EXCH | BUY, 10, 20, 1.05, 1.0, 0), "row 1: expected px in whole units of 0.1, found 1.05"),
        ((1 | EXCH | BUY, 10, 20, 1.0, 0.0001, 0), "row 1: expected qty in whole units of 0.001"),
        ((1 | EXCH | BUY, 10, 20, float("nan"), 1.0, 0), "row 1: expected px within"),
        ((1 | EXCH | BUY, 10, 20, 1.0, float("inf"), 0), "row 1: expected qty within"),
        ((1 | EXCH | BUY, 10, 20, 1e300, 1.0, 0), "row 1: expected px within"),
        ((1 | LOCAL | BUY, 10, -(1 << 63) + 5, 1.0, 1.0, 0), "rows 0 to 2: .*local_ns that does not go back"),
        ((1 | EXCH | BUY, 9, 20, 1.0, 1.0, 0), "rows 0 to 2: .*exch_ns that does not go back, found 9"),
        ((1 | LOCAL | BUY, 10, 19, 1.0, 1.0, 0), "rows 0 to 2: .*local_ns that does not go back, found 19"),
    ],
)
def test_a_row_that_cannot_be_is_an_error_that_leaves_nothing(
    tmp_path: Path, row: tuple[Any, ...], message: str
) -> None:
    with pytest.raises(TapeError, match=f"a.npz: {message}"):
        converted(tmp_path, [ROWS[0], row])
    assert [each.name for each in tmp_path.iterdir()] == ["a.npz"]


def test_plain_rules_round_rows_and_count_them(tmp_path: Path) -> None:
    rows = [(1 | EXCH | BUY, 10, 20, px, qty, 0) for px, qty in ((1.05, 1.0), (1.24, 0.0005), (1.3, 0.00049))]
    found, report = converted(tmp_path, rows, rules=Rules.HFTBACKTEST)
    assert found[0].levels[1:] == ((12, 1), (13, 0))
    assert found[0].levels[0][0] in (10, 11)  # 1.05 / 0.1 is 10.5 only nearly
    assert report["rounded"] == 4


def test_units_must_be_given(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected --tick and --lot"):
        converted(tmp_path, ROWS, instrument=None)
    converted(tmp_path, ROWS, instrument=None, overrides={"tick_size": "0.1", "lot_size": "0.001"})
    assert open_tape(tmp_path / "a.tape").instrument.venue_symbol == "a"
    converted(tmp_path, ROWS, instrument=None, venue="binance_usdm", symbol="BTCUSDT")
    assert open_tape(tmp_path / "a.tape").instrument.symbol == "BTC/USDT:USDT"


def test_a_damaged_array_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez_compressed(path, data=array(ROWS * 50))
    whole = path.read_bytes()
    request = Request(sources=(path,), out=tmp_path / "a.tape", instrument=instrument())
    for content in (whole[:-30], whole[:200], whole[:60] + b"\xff" * 8 + whole[68:]):
        path.write_bytes(content)
        with pytest.raises(TapeError, match=r"a\.npz: "):
            convert(request)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(TapeError, match="expected an array data"):
        convert(request)
    # What it says of its members' places lies before its start, which is an OSError within zipfile.
    path.write_bytes(b"PK\x03\x04" + whole[-(len(whole) // 4) :])
    with pytest.raises(TapeError, match=r"a\.npz: expected an npz or npy file, found a damaged one"):
        convert(request)
    fields = array(ROWS).dtype.descr
    np.savez(path, data=np.zeros(4, [fields[1], fields[0], *fields[2:]]))
    with pytest.raises(TapeError, match="expected one dimension of rows"):
        convert(request)
    np.savez(path, data=np.zeros(4))
    with pytest.raises(TapeError, match="expected one dimension of rows"):
        convert(request)
    np.savez(path, data=array([]))
    with pytest.raises(TapeError, match="expected rows, found none"):
        convert(request)
    np.save(tmp_path / "a.npy", array(ROWS))
    (tmp_path / "a.npy").write_bytes((tmp_path / "a.npy").read_bytes()[:-70])
    with pytest.raises(TapeError, match="expected 12 rows as its header says, found 10: it is cut off"):
        convert(Request(sources=(tmp_path / "a.npy",), out=tmp_path / "a.tape", instrument=instrument()))
    assert {each.name for each in tmp_path.iterdir()} == {"a.npz", "a.npy"}


def test_an_array_of_objects_is_not_unpickled(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(TapeError, match="expected one dimension of rows"):
        convert(Request(sources=(tmp_path / "a.npy",), out=tmp_path / "a.tape", instrument=instrument()))


def test_a_failed_export_leaves_nothing(tmp_path: Path) -> None:
    write_batches(tmp_path / "a.tape", [Batch(1, 2, 5, TapeKind.TRADE, 0, 3, ((10, 1),))])

    def fail(_: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export(tmp_path / "a.tape", tmp_path / "a.npz", progress=fail)
    assert [each.name for each in tmp_path.iterdir()] == ["a.tape"]


def test_the_exported_doubles_are_those_of_the_decimals(tmp_path: Path) -> None:
    """Not ticks times tick size, which differs in the last bit."""
    texts = [f"{n / 10:.1f}" for n in range(600_000, 620_000, 7)]
    given = [Batch(1, 2, 0, TapeKind.DEPTH, 0, 3, tuple((int(text.replace(".", "")), 1) for text in texts))]
    write_batches(tmp_path / "a.tape", given)
    export(tmp_path / "a.tape", tmp_path / "a.npy")
    assert np.load(tmp_path / "a.npy")["px"].tolist() == [float(text) for text in texts]


@given(
    steps=st.lists(
        st.tuples(st.sampled_from([1, 2, 3, 4, 10, 11, 12, 13]), st.integers(0, 2), st.integers(0, 2),
                  st.sampled_from([EXCH, LOCAL, EXCH | LOCAL]), st.sampled_from([BUY, SELL]),
                  st.integers(1, 5), st.integers(0, 5)),
        min_size=1, max_size=40,
    ),
    rows_at_once=st.integers(1, 9),
)  # fmt: skip
@settings(max_examples=100, deadline=None)
def test_any_ordered_array_comes_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, ...]], rows_at_once: int
) -> None:
    exch = local = 0
    rows = []
    for kind, exch_step, local_step, flags, side, ticks, lots in steps:
        exch, local = exch + exch_step, local + local_step
        rows.append((kind | flags | side, exch, local, ticks / 10, lots / 1000, 7 if kind >= 10 else 0))
    folder = tmp_path_factory.mktemp("npz")
    before, npz.ROWS = npz.ROWS, rows_at_once
    try:
        converted(folder, rows)
    finally:
        npz.ROWS = before
    export(folder / "a.tape", folder / "b.npy")
    assert np.array_equal(np.load(folder / "b.npy"), array(rows))


def test_tickers_of_a_recording_have_no_rows(tmp_path: Path) -> None:
    source = write(tmp_path / "a.gz", [ticker(10, 1, 5, ("1.0", "1"), ("1.1", "1"))])
    convert(Request(sources=(source,), out=tmp_path / "a.tape", instrument=instrument()))
    assert export(tmp_path / "a.tape", tmp_path / "a.npy") == 0
