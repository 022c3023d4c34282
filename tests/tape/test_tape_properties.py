"""Whatever is written is read back, in the order of the rules; whatever is damaged is found; no line crashes."""

from __future__ import annotations

import itertools
import json
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from raw_lines import MS, T0, instrument, session, trade, write
from tape_columns import Batch, append_batches, batches, write_batches

from mmbot.errors import MmbotError, TapeError
from mmbot.tape import Request, Rules, TapeKind, TapeWriter, convert, open_tape, spool
from mmbot.tape.spool import Spool

LEVELS = {TapeKind.TRADE: (1, 1), TapeKind.CLEAR: (1, 1), TapeKind.TICKER: (2, 2), TapeKind.MARK: (2, 2),
          TapeKind.GAP: (0, 0), TapeKind.L3_CANCEL: (0, 1), TapeKind.L3_ADD: (1, 1)}  # fmt: skip
VALUES = st.integers(-(2**62) + 1, 2**62 - 1)


@st.composite
def runs(draw: st.DrawFn) -> list[Batch]:
    """Batches in an order that a tape allows."""
    exch = local = -(2**40)
    found = []
    for _ in range(draw(st.integers(0, 40))):
        exch += draw(st.integers(0, 2**30))
        local += draw(st.integers(0, 2**30))
        kind = draw(st.sampled_from(list(TapeKind)))
        least, most = LEVELS.get(kind, (1 if kind > TapeKind.GAP else 0, 5))
        levels = draw(st.lists(st.tuples(VALUES, VALUES), min_size=least, max_size=most))
        flags = draw(st.integers(1, 3))
        found.append(Batch(exch, local, draw(VALUES), kind, draw(st.integers(0, 1)), flags, tuple(levels)))
    return found


@given(run=runs(), cuts=st.lists(st.integers(0, 40), max_size=3))
@settings(max_examples=60, deadline=None)
def test_what_is_written_is_read_back_however_it_is_cut(run: list[Batch], cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(run)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.tape")
        with TapeWriter(path, instrument(), {}) as writer:
            for start, stop in itertools.pairwise(edges):
                append_batches(writer, run[start:stop])
            writer.close({})
        open_tape(path).check()
        assert batches(path) == run


@given(run=runs(), data=st.data())
@settings(max_examples=60, deadline=None)
def test_any_damage_is_an_error(run: list[Batch], data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.tape")
        write_batches(path, run)
        whole = path.read_bytes()
        start = data.draw(st.integers(0, len(whole) - 1))
        stop = data.draw(st.integers(start, min(len(whole), start + 64)))
        put = data.draw(st.binary(max_size=64))
        changed = whole[:start] + put + whole[stop:]
        if changed == whole:
            return
        path.write_bytes(changed)
        try:
            open_tape(path).check()
        except TapeError:
            return
        raise AssertionError(f"bytes {start} to {stop} were replaced by {put!r} and nobody said so")


Row = tuple[int, int, int]
"""Exchange time, local time, number."""


def plain_order(rows: list[Row]) -> list[tuple[int, int]]:
    """Numbers and flags in the order of a tape, as the rule is written."""
    by_exch, by_local = sorted(rows, key=lambda row: row[0]), sorted(rows, key=lambda row: row[1])
    found, i, j = [], 0, 0
    while i < len(rows) or j < len(rows):
        a = by_exch[i] if i < len(rows) else None
        b = by_local[j] if j < len(rows) else None
        if a is not None and b is not None and a[:2] == b[:2]:
            assert a == b
            found.append((a[2], 3))
            i, j = i + 1, j + 1
        elif b is None or (a is not None and a[:2] < b[:2]):
            assert a is not None
            found.append((a[2], 1))
            i += 1
        else:
            found.append((b[2], 2))
            j += 1
    return found


@given(
    times=st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), min_size=1, max_size=60),
    run=st.integers(1, 20),
    blocks=st.integers(1, 7),
)
@settings(max_examples=150, deadline=None)
def test_the_order_is_that_of_the_rule_whatever_the_disorder(
    times: list[tuple[int, int]], run: int, blocks: int
) -> None:
    """Runs of a few rows, so that merging them is what is tested."""
    rows = [(exch, local, number) for number, (exch, local) in enumerate(times)]
    with tempfile.TemporaryDirectory() as folder, Spool(Path(folder)) as spooled:
        path = Path(folder, "a.tape")
        for at in range(0, len(rows), blocks):
            part = rows[at : at + blocks]
            count = np.array([number % 3 + 1 for *_, number in part], np.uint32)
            spooled.append(
                {
                    "exch_ns": np.array([row[0] for row in part], np.int64),
                    "local_ns": np.array([row[1] for row in part], np.int64),
                    "seq": np.array([row[2] for row in part], np.int64),
                    "count": count,
                    "kind": np.full(len(part), TapeKind.DEPTH, np.uint8),
                    "side": np.zeros(len(part), np.uint8),
                    "flags": np.full(len(part), 3, np.uint8),
                    "levels": np.array([(row[2], n) for row, c in zip(part, count, strict=True) for n in range(c)]),
                }
            )
        before, spool.RUN = spool.RUN, run
        try:
            with TapeWriter(path, instrument(), {}) as writer:
                spooled.pour(writer, shift_ns=100)
                writer.close({})
        finally:
            spool.RUN = before
        found = batches(path)
    assert [(batch.seq, batch.flags) for batch in found] == plain_order(rows)
    assert all(batch.levels == tuple((batch.seq, n) for n in range(batch.seq % 3 + 1)) for batch in found)
    assert all(batch.local_ns == rows[batch.seq][1] + 100 for batch in found)


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_no_line_crashes_a_conversion(data: st.DataObject) -> None:
    lines = session()
    for _ in range(data.draw(st.integers(1, 3))):
        index = data.draw(st.integers(0, len(lines) - 1))
        each = lines[index]
        at = data.draw(st.integers(0, len(each)))
        upto = data.draw(st.integers(at, min(len(each), at + 12)))
        put = data.draw(st.binary(max_size=12) | st.sampled_from([b"\n", b"[]", b"{}", b'"', b"0", b"-1", b"1e9"]))
        lines[index] = each[:at] + put + each[upto:]
    rules = data.draw(st.sampled_from(list(Rules)))
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "a.tape")
        source = write(Path(folder, "a.gz"), lines)
        keep_going = data.draw(st.booleans())
        request = Request(sources=(source,), out=out, instrument=instrument(), rules=rules, keep_going=keep_going)
        try:
            report = convert(request)
        except MmbotError:
            assert not out.exists()
            return
        open_tape(out).check()
        text = b"".join(lines)
        assert report["lines"] == text.count(b"\n") + (not text.endswith(b"\n"))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.sampled_from([*"eEsTUubatpqXmrPi", "pu", "stream", "data", "lastUpdateId", "bids", "asks"]),
                      inner, max_size=6),
    max_leaves=12,
)  # fmt: skip


@given(messages=st.lists(JSON, max_size=6))
@settings(max_examples=100, deadline=None)
def test_no_message_crashes_a_conversion(messages: list[object]) -> None:
    lines = [f"{(T0 + ms) * MS} {json.dumps(each)}\n".encode() for ms, each in enumerate(messages)]
    lines.append(trade(50, 45, 1, "1.0", "1"))
    with tempfile.TemporaryDirectory() as folder:
        source = write(Path(folder, "a.txt"), [trade(0, 0, 0, "1.0", "1"), *lines])
        out = Path(folder, "a.tape")
        convert(Request(sources=(source,), out=out, instrument=instrument(), keep_going=True))
        open_tape(out).check()
