"""A tape is whole or an error: what is written is read back, and what is damaged is found."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest
from raw_lines import instrument
from tape_columns import Batch, append_batches, batches, kinds, write_batches

from mmbot._core.eventlog import checksum
from mmbot._core.tape import TAIL_BYTES
from mmbot.errors import TapeError
from mmbot.tape import Tape, TapeKind, TapeWriter, open_tape
from mmbot.tape import writer as writing
from mmbot.tape.instruments import FIELDS

GIVEN = [
    Batch(10, 20, 7, TapeKind.CLEAR, 0, 3, ((0, 0),)),
    Batch(10, 20, 7, TapeKind.SNAPSHOT, 0, 3, ((100, 5), (99, 6))),
    Batch(11, 25, 8, TapeKind.GAP, 0, 3, ()),
    Batch(12, 30, 9, TapeKind.TRADE, 1, 1, ((100, 2),)),
    Batch(12, 30, 9, TapeKind.TRADE, 1, 2, ((100, 2),)),
    Batch(13, 31, 0, TapeKind.MARK, 0, 3, ((1, 2), (-3, 4))),
]


@pytest.fixture
def tape(tmp_path: Path) -> Path:
    path = tmp_path / "a.tape"
    write_batches(path, GIVEN, {"gaps": 1})
    return path


def test_what_is_written_is_read_back(tape: Path) -> None:
    assert batches(tape) == GIVEN
    found = open_tape(tape)
    found.check()
    assert (found.batches, found.levels) == (6, 7)
    assert found.footer["quality"] == {"gaps": 1}
    assert found.footer["source"] == {"kind": "test"}
    totals = found.footer["totals"]
    assert totals["kinds"] == {"CLEAR": 1, "SNAPSHOT": 1, "GAP": 1, "TRADE": 2, "MARK": 1}
    assert (totals["exch_from_ns"], totals["local_to_ns"]) == (10, 31)


def test_the_instrument_comes_back_with_every_field(tmp_path: Path) -> None:
    given = instrument(inverse=True, contract_size="100", maker_fee=-0.00005, taker_fee=0.0007, max_open_orders=7)
    with TapeWriter(tmp_path / "a.tape", given, {}) as writer:
        writer.close({})
    found = open_tape(tmp_path / "a.tape").instrument
    assert {name: getattr(found, name) for name in FIELDS} == {name: getattr(given, name) for name in FIELDS}
    assert found.lot_value == given.lot_value


def test_chunks_are_cut_by_batches_and_by_levels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "CHUNK_BATCHES", 4)
    monkeypatch.setattr(writing, "CHUNK_LEVELS", 6)
    sizes = [1, 1, 1, 1, 1, 5, 2, 9, 3, 3, 1]
    given = [Batch(t, t, 0, 1, 0, 3, tuple((t, n) for n in range(size))) for t, size in enumerate(sizes)]
    path = tmp_path / "a.tape"
    write_batches(path, given)
    tape = open_tape(path)
    assert [row[1:3] for row in tape.footer["chunks"]] == [[4, 4], [2, 6], [1, 2], [1, 9], [2, 6], [1, 1]]
    assert batches(path) == given


def test_a_chunk_tells_the_times_it_spans(tape: Path) -> None:
    assert open_tape(tape).footer["chunks"][0][3:] == [10, 13, 20, 31]


def test_arrays_cannot_be_written_and_outlive_the_tape(tape: Path) -> None:
    opened = open_tape(tape)
    chunk = opened.arrays(0)
    with pytest.raises(ValueError, match="read-only"):
        chunk["exch_ns"][0] = 1
    del opened
    assert chunk["levels"].tolist()[:2] == [[0, 0], [100, 5]]


def test_a_chunk_that_is_not_there_is_an_index_error(tape: Path) -> None:
    opened = open_tape(tape)
    for index in (-1, 1):
        with pytest.raises(IndexError, match="chunk below 1"):
            opened.arrays(index)


def test_a_tape_is_only_made_by_opening_a_file() -> None:
    blank = Tape()
    assert blank.n_chunks == 0
    blank.check()
    with pytest.raises(IndexError):
        blank.arrays(0)


# -- writing ---------------------------------------------------------------------------------------------------------


def test_nothing_stands_under_the_name_before_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.tape"
    with TapeWriter(path, instrument(), {}) as writer:
        append_batches(writer, GIVEN)
        assert not path.exists()
        writer.close({})
    assert [each.name for each in tmp_path.iterdir()] == ["a.tape"]


def test_an_exception_leaves_nothing_behind_and_the_old_tape_alone(tape: Path) -> None:
    before = tape.read_bytes()
    with pytest.raises(RuntimeError), TapeWriter(tape, instrument(), {}) as writer:
        append_batches(writer, GIVEN)
        raise RuntimeError
    assert [each.name for each in tape.parent.iterdir()] == [tape.name]
    assert tape.read_bytes() == before


def test_a_report_that_is_not_json_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(TypeError), TapeWriter(tmp_path / "a.tape", instrument(), {}) as writer:
        writer.close({"what": object()})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (GIVEN[0]._replace(exch_ns=9), "exch_ns that does not go back, found 9"),
        (GIVEN[0]._replace(exch_ns=99, local_ns=19), "local_ns that does not go back, found 19"),
        (GIVEN[0]._replace(exch_ns=99, local_ns=99, side=2), "side 0 or 1, found 2"),
        (GIVEN[0]._replace(exch_ns=99, local_ns=99, flags=0), "flags 1 to 3, found 0"),
        (GIVEN[0]._replace(exch_ns=99, local_ns=99, flags=4), "flags 1 to 3, found 4"),
        (GIVEN[0]._replace(exch_ns=99, local_ns=99, kind=8), "a known kind with its levels, found 8"),
        (GIVEN[0]._replace(exch_ns=99, local_ns=99, levels=()), "a known kind with its levels, found 3"),
        (GIVEN[0]._replace(exch_ns=99, local_ns=99, levels=((1 << 62, 1),)), r"within 2\*\*62"),
        (GIVEN[0]._replace(exch_ns=99, local_ns=99, levels=((1, -(1 << 62)),)), r"within 2\*\*62"),
    ],
)
def test_a_run_that_breaks_the_format_is_refused_whole(tmp_path: Path, wrong: Batch, message: str) -> None:
    path = tmp_path / "a.tape"
    with TapeWriter(path, instrument(), {}) as writer:
        append_batches(writer, GIVEN[:3])
        with pytest.raises(TapeError, match=message):
            append_batches(writer, [GIVEN[3], wrong])
        append_batches(writer, GIVEN[3:])
        writer.close({})
    assert batches(path) == GIVEN


def test_columns_of_different_lengths_are_refused(tmp_path: Path) -> None:
    with TapeWriter(tmp_path / "a.tape", instrument(), {}) as writer:
        with pytest.raises(TapeError, match="one length"):
            writer.append([1, 2], [1], [0], [7], [0], [3], [0], [])
        with pytest.raises(TapeError, match="2 levels as the counts say, found 1"):
            writer.append([1], [1], [0], [1], [0], [3], [2], [[1, 1]])


def test_exchange_and_local_times_are_ordered_each_by_itself(tmp_path: Path) -> None:
    given = [Batch(10, 50, 0, 7, 0, 1, ()), Batch(5, 40, 0, 7, 0, 2, ()), Batch(11, 30, 0, 7, 0, 1, ())]
    path = tmp_path / "a.tape"
    write_batches(path, given)
    open_tape(path).check()
    assert kinds(batches(path)) == ["GAP"] * 3


# -- damage ----------------------------------------------------------------------------------------------------------


def test_another_file_is_no_tape(tmp_path: Path) -> None:
    for content in (b"", b"short", b"x" * 100):
        path = tmp_path / "a.tape"
        path.write_bytes(content)
        with pytest.raises(TapeError, match="expected a tape"):
            open_tape(path)
    with pytest.raises(FileNotFoundError):
        open_tape(tmp_path / "none.tape")


def test_another_version_and_byte_order_are_named(tape: Path) -> None:
    whole = tape.read_bytes()
    tape.write_bytes(whole[:8] + struct.pack("<I", 2) + whole[12:])
    with pytest.raises(TapeError, match="expected a tape of version 1, found 2"):
        open_tape(tape)
    tape.write_bytes(whole[:12] + whole[12:16][::-1] + whole[16:])
    with pytest.raises(TapeError, match="byte-order"):
        open_tape(tape)


def test_every_byte_counts(tape: Path) -> None:
    """Whichever is changed, opening or checking says so."""
    whole = tape.read_bytes()
    for at in range(len(whole)):
        changed = bytearray(whole)
        changed[at] ^= 1 << (at % 8)
        tape.write_bytes(changed)
        with pytest.raises(TapeError):
            open_tape(tape).check()


def test_every_truncation_is_found(tape: Path) -> None:
    whole = tape.read_bytes()
    for length in range(len(whole)):
        tape.write_bytes(whole[:length])
        with pytest.raises(TapeError):
            open_tape(tape)


def test_bytes_put_in_are_found(tape: Path) -> None:
    whole = tape.read_bytes()
    for at in range(0, len(whole) + 1, 7):
        tape.write_bytes(whole[:at] + b"\0" * 8 + whole[at:])
        with pytest.raises(TapeError):
            open_tape(tape).check()


def with_footer(tape: Path, changes: dict[str, object]) -> None:
    """Gives a tape another footer, with a good checksum."""
    whole = tape.read_bytes()
    size = struct.unpack("<I", whole[-TAIL_BYTES:-12])[0]
    footer = json.loads(whole[-TAIL_BYTES - size : -TAIL_BYTES]) | changes
    text = json.dumps(footer).encode()
    end = struct.pack("<II", len(text), checksum(text)) + whole[-8:]
    tape.write_bytes(whole[: -TAIL_BYTES - size] + text + end)


@pytest.mark.parametrize(
    "chunks",
    [
        [],
        [[16, 6, 7, 0, 0, 0]],
        [[16, 6, 7, 0, 0, 0, 0.5]],
        [[24, 6, 7, 0, 0, 0, 0]],
        [[16, 0, 7, 0, 0, 0, 0]],
        [[16, -6, 7, 0, 0, 0, 0]],
        [[16, 6, -7, 0, 0, 0, 0]],
        [[16, 6, 1 << 60, 0, 0, 0, 0]],
        [[16, 1 << 40, 7, 0, 0, 0, 0]],
        [[16, 6, 7, 0, 0, 0, 0], [16, 6, 7, 0, 0, 0, 0]],
        [[1 << 70, 6, 7, 0, 0, 0, 0]],
        "chunks",
        None,
    ],
)
def test_a_footer_that_lies_about_its_chunks_is_found(tape: Path, chunks: object) -> None:
    with_footer(tape, {"chunks": chunks})
    with pytest.raises(TapeError):
        open_tape(tape)


@pytest.mark.parametrize("fields", [{}, None, {"venue": 1}, [1]])
def test_a_footer_without_an_instrument_is_found(tape: Path, fields: object) -> None:
    with_footer(tape, {"instrument": fields})
    with pytest.raises(TapeError, match="footer is not as it should be"):
        open_tape(tape)


def test_a_chunk_whose_batches_reach_outside_of_it_is_damaged_even_with_a_good_checksum(tape: Path) -> None:
    whole = bytearray(tape.read_bytes())
    n = len(GIVEN)
    first = 16 + 16 + 3 * 8 * n
    size = struct.unpack("<I", whole[-TAIL_BYTES:-12])[0]
    end = len(whole) - TAIL_BYTES - size
    for value in (7, 0xFFFFFFFF):
        whole[first : first + 4] = struct.pack("<I", value)
        whole[16 + 8 : 16 + 12] = struct.pack("<I", checksum(bytes(whole[32:end])))
        tape.write_bytes(whole)
        with pytest.raises(TapeError, match="levels outside of it"):
            open_tape(tape).check()


def test_a_tape_out_of_order_is_found(tape: Path) -> None:
    whole = bytearray(tape.read_bytes())
    size = struct.unpack("<I", whole[-TAIL_BYTES:-12])[0]
    whole[32:40] = struct.pack("<q", 1 << 40)
    whole[24:28] = struct.pack("<I", checksum(bytes(whole[32 : len(whole) - TAIL_BYTES - size])))
    tape.write_bytes(whole)
    with pytest.raises(TapeError, match="batch 1: expected exch_ns >= 1099511627776, found 10"):
        open_tape(tape).check()


def test_large_runs_keep_their_values(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    n = 150_000
    count = rng.integers(0, 6, n)
    levels = rng.integers(-(2**61), 2**61, (int(count.sum()), 2))
    times = np.sort(rng.integers(0, 2**62, n))
    path = tmp_path / "a.tape"
    with TapeWriter(path, instrument(), {}) as writer:
        writer.append(times, times, np.arange(n), np.full(n, 1), np.arange(n) % 2, np.full(n, 3), count, levels)
        writer.close({})
    tape = open_tape(path)
    tape.check()
    chunks = [tape.arrays(index) for index in range(tape.n_chunks)]
    assert len(chunks) > 2
    assert np.array_equal(np.concatenate([chunk["levels"] for chunk in chunks]), levels)
    assert np.array_equal(np.concatenate([chunk["exch_ns"] for chunk in chunks]), times)
    assert np.array_equal(np.concatenate([chunk["count"] for chunk in chunks]), count)
