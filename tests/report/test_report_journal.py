"""A live or paper run's journal becomes the very arrays that a blotter would have kept beside the session."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_up_runs import of_desk

from mmbot._core.eventlog import EventKind, frame
from mmbot.errors import JournalError, ReportError
from mmbot.journal import JournalReader, JournalWriter
from mmbot.report import analyse, load

from blotter_desk import BlotterDesk  # isort: skip - made_up_runs knows where it lies
from engine_desk import PERP  # isort: skip
from engine_storm import Storm  # isort: skip

HEADER_BYTES = 16


@pytest.fixture
def session(tmp_path: Path) -> tuple[Path, BlotterDesk]:
    """A run's folder of a session with trouble in it, and the desk with its own blotter."""
    writer = JournalWriter(tmp_path / "journal", fsync_ms=10)
    writer.start()
    desk = BlotterDesk(ring=writer.ring, second="maker", makers="perp_btc, perp2_btc").open()
    Storm(desk).blow(random.Random(11), 300)
    desk.book(PERP, 600_000, 600_010)
    desk.engine.note_stop(b"{}", desk.now_ns)
    writer.stop()
    ended = "2024-08-08T00:05:00+00:00"
    summary = {"started": "2024-08-08T00:00:00+00:00", "ended": ended, "latency_us": {"book": {"p50": 1.0, "p99": 2.0}}}
    (tmp_path / "summary.json").write_text(json.dumps(summary))
    return tmp_path, desk


def test_a_replayed_journal_gives_the_same_rows(session: tuple[Path, BlotterDesk]) -> None:
    path, desk = session
    run, own = load(path), of_desk(desk)
    assert run.mode == "paper"
    assert run.bot == "desk"
    assert run.assets == own.assets
    assert [m.id for m in run.markets] == [m.id for m in own.markets]
    assert len(run.fills) > 10
    np.testing.assert_array_equal(run.fills, own.fills)
    assert run.state.tobytes() == own.state.tobytes()  # NaN and all
    assert run.remarks == []


def test_its_orders_are_those_of_the_engine(session: tuple[Path, BlotterDesk]) -> None:
    path, desk = session
    run = load(path)
    np.testing.assert_array_equal(run.orders["order_id"], desk.blotter.arrays()["orders"]["order_id"])
    table = desk.engine.execution.table
    for row in run.orders:
        slot = table.find(int(row["order_id"]))
        if slot >= 0:
            order = table.order(slot)
            assert row["filled_lots"] == order["filled_lots"]
            assert (row["ended_ns"] > 0) == (order["state"] >= 7)
            assert row["price_ticks"] == order["price_ticks"] or order["state"] == 5
    amended = run.orders[run.orders["amends"] > 0]
    assert len(run.terms) == len(run.orders) + int(amended["amends"].sum())


def test_its_figures_add_up_and_carry_the_summary(session: tuple[Path, BlotterDesk]) -> None:
    figures = analyse(load(session[0]))
    assert figures["checks"]["parts_add_up"]
    assert figures["latency_us"] == {"book": {"p50": 1.0, "p99": 2.0}}
    assert figures["run"]["strategy"] == "ladder"


def test_the_journals_own_folder_will_do(session: tuple[Path, BlotterDesk]) -> None:
    path, _ = session
    assert len(load(path / "journal").fills) == len(load(path).fills)


def test_a_session_that_answers_otherwise_is_reported_up_to_there(session: tuple[Path, BlotterDesk]) -> None:
    path, _ = session
    segment = next(iter(sorted((path / "journal").iterdir())))
    records = list(JournalReader(path / "journal"))
    commands = [i for i, r in enumerate(records) if r.kind == EventKind.OUT_COMMAND]
    changed = bytearray(records[commands[-20]].body)
    changed[32] ^= 1
    bodies = {commands[-20]: bytes(changed)}
    segment.write_bytes(
        segment.read_bytes()[:HEADER_BYTES]
        + b"".join(
            frame(r.kind, r.flags, r.source, r.ts_ns, r.seq, bodies.get(i, bytes(r.body)))
            for i, r in enumerate(records)
        )
    )
    run = load(path)
    assert f"from event {records[commands[-20]].seq} on" in run.remarks[0]
    assert analyse(run)["checks"]["parts_add_up"]


def test_a_killed_run_has_no_summary_and_a_torn_end(session: tuple[Path, BlotterDesk]) -> None:
    path, _ = session
    (path / "summary.json").unlink()
    segment = next(iter(sorted((path / "journal").iterdir())))
    segment.write_bytes(segment.read_bytes()[:-11])
    run = load(path)
    assert any("torn" in remark for remark in run.remarks)
    assert any("good order" in remark for remark in run.remarks)
    assert analyse(run)["latency_us"] == {}


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "expected a run's folder"),
        ({"fills.npy": b"no array", "summary.json": b'{"markets": {}}'}, "expected a numpy array"),
        ({"fills.npy": b"", "summary.json": b"{"}, "expected JSON"),
        ({"fills.npy": b"", "summary.json": b"[]"}, "expected an object, found list"),
        ({"fills.npy": b"", "summary.json": b"{}"}, "expected `markets`"),
        ({"fills.npy": b"", "summary.json": b'{"markets": {"m": {"symbol": "X"}}}'}, "market m"),
    ],
)
def test_a_folder_that_is_no_run_is_told(tmp_path: Path, files: dict[str, bytes], message: str) -> None:
    for name, body in files.items():
        (tmp_path / name).write_bytes(body)
    with pytest.raises(ReportError, match=message):
        load(tmp_path)


def test_an_array_of_another_shape_is_told(tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_text('{"markets": {}}')
    wrong: Any
    for wrong, message in ((np.zeros(3), "named fields"), (np.zeros(3, [("ts_ns", "i8")]), "are missing")):
        np.save(tmp_path / "fills.npy", wrong)
        with pytest.raises(ReportError, match=message):
            load(tmp_path)


def test_a_journal_of_nothing_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "journal").mkdir()
    with pytest.raises(JournalError):
        load(tmp_path)
