"""`mmbot record` as a user starts it: on the simulated exchange, stopped, cut off, and killed."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from processes import ROOT, Exchange, mmbot, until

from mmbot.inspect_recording import inspect
from mmbot.recordings import Reading, read
from mmbot.tape import Request, convert, open_tape

DEMO = ROOT / "configs" / "demo.yaml"


def recorded(folder: Path, venue: str) -> list[Path]:
    return sorted((folder / venue / "btcusdt").glob("btcusdt_*.gz"))


def on_exchange(folder: Path, exchange: Exchange) -> Path:
    """The demo's config with its venues at `exchange`; there are no keys in the environment."""
    config = yaml.safe_load(DEMO.read_text())
    del config["exchange"]
    for venue, endpoint in exchange.endpoints().items():
        config["venues"][venue]["endpoint"] = endpoint
    path = folder / "record.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


def test_the_embedded_exchange_is_recorded_and_a_book_can_be_kept_on_every_file(tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = mmbot("record", DEMO, "--for", "4s", "--rotate", "1.5s", "--out", out, "--json")
    text, errors = process.communicate(timeout=40)
    assert process.returncode == 0, errors.decode()
    summary = json.loads(text)
    assert summary["ended"] == "duration"
    assert summary["dropped"] == summary["other"] == 0
    for name, venue in (("perp_btc", "binance_usdm"), ("spot_btc", "binance_spot")):
        market = summary["markets"][name]
        files = recorded(out, venue)
        assert [str(path) for path in files] == market["files"]
        assert len(files) >= 2
        assert market["book"] == "trusted"
        assert market["lines"] == market["messages"] == sum(1 for _ in read(files, Reading()))
        whole = inspect(files, venue=venue)
        assert (whole.kept, whole.gaps, whole.unreadable_lines) == (True, 0, 0)
        alone = inspect(files[1:2], venue=venue)  # a file in the middle can be read by itself
        assert (alone.kept, alone.gaps) == (True, 0)
        tape = tmp_path / f"{venue}.tape"
        quality = convert(Request(sources=(out / venue / "btcusdt",), out=tape))
        assert (quality["gaps"], quality["undecodable"], quality["missing_snapshot"]) == (0, 0, False)
        assert quality["lines"] == market["lines"]
        footer = open_tape(tape).footer
        assert footer["source"]["instrument_from"] == "recorded"
        assert footer["instrument"]["min_notional_e8"] > 0  # which no message states


def test_what_was_received_a_second_ago_survives_kill_9(
    start_exchange: Callable[..., Exchange], tmp_path: Path
) -> None:
    exchange = start_exchange()
    out = tmp_path / "out"
    process = mmbot("record", on_exchange(tmp_path, exchange), "--out", out)
    until(lambda: recorded(out, "binance_usdm") and recorded(out, "binance_spot"), "files")
    time.sleep(2.5)
    process.kill()
    killed_ns = time.time_ns()
    process.communicate(timeout=10)
    for venue in ("binance_usdm", "binance_spot"):
        files = recorded(out, venue)
        reading = Reading()
        entries = list(read(files, reading))
        assert killed_ns - entries[-1].recv_ns < 1_200_000_000
        assert reading.unreadable == 0
        outcome = inspect(files, venue=venue)
        quality = convert(Request(sources=tuple(files), out=tmp_path / "killed.tape", keep_going=True))
        assert (quality["gaps"], quality["lines"]) == (0, len(entries))
        assert (outcome.kept, outcome.gaps) == (True, 0)  # nothing is missing between the first line and the last


def test_lost_connections_are_made_again_with_a_snapshot(
    start_exchange: Callable[..., Exchange], tmp_path: Path
) -> None:
    exchange = start_exchange()
    out = tmp_path / "out"
    process = mmbot("record", on_exchange(tmp_path, exchange), "--out", out, "--json")
    until(lambda: recorded(out, "binance_usdm"), "files")
    time.sleep(1)
    exchange.fault(kind="abort", target="market", everywhere=True)
    exchange.fault(kind="abort", target="market", everywhere=True, venue="binance_spot")
    time.sleep(1.5)
    exchange.fault(kind="sequence_gap", stream="depth", count=3)
    time.sleep(2)
    process.send_signal(signal.SIGINT)
    text, errors = process.communicate(timeout=20)
    assert process.returncode == 0, errors.decode()
    summary: dict[str, Any] = json.loads(text)
    assert summary["ended"] == "signal SIGINT"
    assert summary["reconnects"] >= 2
    perp = summary["markets"]["perp_btc"]
    assert perp["snapshots"] >= 2
    assert perp["disconnects"] >= 1
    assert all(market["book"] == "trusted" for market in summary["markets"].values())
    assert inspect(recorded(out, "binance_usdm"), venue="binance_usdm").kept


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    process = mmbot("record", DEMO, "--for", "2s", "--out", tmp_path / "out")
    _, errors = process.communicate(timeout=40)
    assert process.returncode == 1
    assert "cannot be written" in errors.decode()
    assert "Traceback" not in errors.decode()


def test_what_to_record_has_to_be_said_once() -> None:
    for arguments in (
        (),
        (DEMO, "--venue", "binance_usdm"),
        ("--venue", "binance_usdm"),
        ("--venue", "x", "--symbol", "y"),
    ):
        process = mmbot("record", *arguments)
        _, errors = process.communicate(timeout=20)
        assert process.returncode == 2, errors.decode()
        assert b"expected" in errors
