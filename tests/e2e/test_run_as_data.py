"""A paper session's own journal as data: a tape of each market, and the latencies of its orders."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from processes import Bot, mmbot

from mmbot._core.eventlog import EventKind
from mmbot._core.order_latency import RecordedLatency
from mmbot._core.tape import TapeKind, open_tape
from mmbot.journal import JournalReader
from mmbot.tape.latencies import load_latencies


def converted(*arguments: object) -> Any:
    process = mmbot("convert", *arguments, "--json")
    out, errors = process.communicate(timeout=40)
    assert process.returncode == 0, errors.decode()
    return json.loads(out)


def test_a_run_becomes_tapes_and_latencies(start_bot: Callable[..., Bot], tmp_path: Path) -> None:
    bot = start_bot(changes=lambda config: config["hedge"]["BTC"].update(band=0))  # so that any fill is hedged
    bot.quoting().fills(at_least=2)
    bot.stop()
    run = bot.run_dir
    about = converted(run, tmp_path / "tapes")
    assert [Path(each["file"]).name for each in about] == ["perp_btc.tape", "spot_btc.tape"]
    received = {
        record.ts_ns
        for record in JournalReader(run / "journal")
        if record.kind in (EventKind.FRAME, EventKind.SNAPSHOT)
    }
    for each in about:
        quality = each["quality"]
        assert (quality["gaps"], quality["undecodable"], quality["shift_ns"]) == (0, 0, 0)
        tape = open_tape(each["file"])
        chunk = tape.arrays(0)
        assert set(chunk["local_ns"].tolist()) <= received  # as the bot saw it, to the nanosecond
        assert (chunk["exch_ns"] <= chunk["local_ns"]).all()
        assert {TapeKind.DEPTH, TapeKind.SNAPSHOT, TapeKind.TRADE, TapeKind.TICKER} <= set(chunk["kind"].tolist())
    measured = converted(run, tmp_path / "latencies", "--latencies")
    assert {each["market"] for each in measured.values()} == {"perp_btc", "spot_btc"}  # the hedges went to spot
    for path, each in measured.items():
        columns = load_latencies(Path(path))
        assert len(columns[0]) == each["requests"] > 0
        assert RecordedLatency(*columns).entry_at(int(columns[0][0])) >= 0
        assert 0 < each["round_trip_us"]["p50"] < 1e6
        assert each["clock_offset_ns"] == 0


def test_a_backtest_of_a_run_repeats_it(start_bot: Callable[..., Bot], tmp_path: Path) -> None:
    bot = start_bot(changes=lambda config: config["strategy"]["params"].update(half_spread_bps=0.4))
    bot.quoting().fills(at_least=12)
    bot.stop()
    out = tmp_path / "repeated"
    process = mmbot("backtest", bot.run_dir, "--out", out, "--set", f"backtest.cache={tmp_path / 'cache'}")
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors.decode()
    process = mmbot("report", "--compare", bot.run_dir, out, "--json")
    text, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors.decode()
    found = json.loads(text)["fills"]
    # A tape cannot tell which of two things of one millisecond came first, nor who was ahead in a queue; and from the
    # first fill that differs on, quotes lean another way. With little else to do all fills are found again.
    assert found["matched"] >= 0.5 * found["a"], found["differences"]
    assert found["markets"]["perp_btc"]["quotes"]["matched"] > 0
    assert found["same"] + len(found["differences"]) == found["matched"] + found["only_a"] + found["only_b"]
    assert all(each["text"] for each in found["differences"])
