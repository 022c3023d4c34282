"""The same events give the same commands, byte for byte: in a second engine, and out of the journal's bytes."""

from __future__ import annotations

import gzip
import json
import random
from typing import TYPE_CHECKING

import pytest
from engine_desk import LADDER, MS, PERP, SPOT, Desk
from engine_storm import Storm

from mmbot._core.types import OrderEvent
from mmbot.assembly import candidate
from mmbot.engine.replay import replay
from mmbot.journal import JournalWriter

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("seed", range(4))
def test_a_stormy_session_repeats_itself(seed: int) -> None:
    storm = Storm(Desk().open())
    storm.blow(random.Random(seed), 400)
    assert storm.desk.again() == [command.raw() for command in storm.desk.commands]


def test_a_stormy_session_repeats_itself_from_its_journal(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path / "journal", fsync_ms=10)
    writer.start()
    desk = Desk(ring=writer.ring).open()
    Storm(desk).blow(random.Random(11), 1_000)
    assert desk.engine.host.swaps > 2
    desk.engine.note_stop(b"{}", desk.now_ns)
    writer.stop()
    result = replay(tmp_path / "journal")
    assert result.difference is None
    assert result.stopped_in_order
    assert result.commands == len(desk.commands)
    assert result.events == desk.engine.seq
    ours, theirs = desk.engine, result.assembly.engine
    assert [m.position_lots for m in ours.markets] == [m.position_lots for m in theirs.markets]
    assert [m.pnl.parts() for m in ours.markets] == [m.pnl.parts() for m in theirs.markets]


def test_order_updates_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match=r"expected .* bytes, found 3"):
        OrderEvent.from_raw(b"abc")


def test_latency_stamps_and_log_lines_decide_nothing() -> None:
    """Two engines that take their notes at different times, on a machine of another speed, still agree."""
    first, second = Desk().open(), Desk().open()
    Storm(first).blow(random.Random(3), 150)
    for method, args in first.events[len(second.events) :]:
        if method == "swap":
            made, params = candidate(args[0].plugin)
            second.engine.swap(made, params, args[0].plugin.id, b"{}", args[1], shadow_ns=args[0].shadow_ns)
        else:
            getattr(second.engine, method)(*args)
        second.engine.latency.reset()
        while (command := second.engine.take()) is not None:
            second.commands.append(command)
    assert [c.raw() for c in first.commands] == [c.raw() for c in second.commands]


def test_recorded_frames_give_the_same_commands_twice(data_dir: Path) -> None:
    desk = Desk(LADDER, params={"half_ticks": 3})
    path = data_dir / "recordings" / "binance" / "usdm" / "btcusdt_20240808.gz"
    with gzip.open(path) as lines:
        frames = [line.rstrip(b"\n").partition(b" ") for _, line in zip(range(4_000), lines, strict=False)]
    for venue in (0, 1):
        desk.command("trading", venue=venue, up=True)
    snapshot = next(i for i, (_, _, body) in enumerate(frames) if body.startswith(b'{"lastUpdateId"'))
    for index, (stamp, _, body) in enumerate(frames):
        desk.now_ns = int(stamp)
        if index == snapshot:
            desk.do("on_snapshot", PERP, body, desk.now_ns)
        elif not body.startswith(b'{"lastUpdateId"'):
            desk.do("on_frame", 0, body, desk.now_ns)
        if desk.engine.markets[PERP].trusted and not desk.engine.venue_states.was_conclusive(0):
            desk.reconcile(0)
        for venue in desk.venues:
            venue.now_ns = desk.now_ns
        desk.carry()
        for event in [answer.event for answer in desk.venues[PERP].answers]:
            desk.hear(event)
        desk.venues[PERP].answers.clear()
        desk.venues[PERP].stream.clear()
    assert desk.engine.market_data.bad_frames == 0
    assert desk.engine.markets[PERP].sync.gaps == 0
    assert len(desk.commands) > 100
    assert desk.again() == [command.raw() for command in desk.commands]


def test_a_swap_with_shadow_time_repeats_itself() -> None:
    desk = Desk().open()
    desk.swap(LADDER.replace("int = field(20", "int = field(25"), shadow_ns=700 * MS)
    for step in range(20):
        desk.tick()
        desk.book(PERP, 600_000 + step * 10, 600_010 + step * 10)
        desk.settle()
    desk.do("on_account", json.dumps({"op": "funding", "market": 0, "amount_e8": 3, "asset": 0}).encode(), desk.now_ns)
    assert desk.engine.host.name == "candidate"
    assert desk.again() == [command.raw() for command in desk.commands]
    assert desk.venues[SPOT].position() == 0
