"""`mmbot inspect` on real recordings, and on recordings that were tampered with."""

from __future__ import annotations

import csv
import gzip
import io
import json
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mmbot.cli.app import build
from mmbot.errors import ConfigError
from mmbot.inspect_recording import Outcome, columns, describe, inspect


def rows_of(paths: list[Path], **options: object) -> tuple[Outcome, list[dict[str, str]]]:
    out = io.StringIO()
    outcome = inspect(paths, out=out, **options)
    out.seek(0)
    return outcome, list(csv.DictReader(out))


@pytest.fixture
def spot(data_dir: Path) -> Path:
    return data_dir / "recordings" / "binance" / "spot" / "ethusdt_20240808.gz"


@pytest.fixture
def lines(spot: Path) -> list[bytes]:
    """The first depth messages and the snapshot of a recording."""
    with gzip.open(spot) as file:
        return [line for line in file if b"depthUpdate" in line or b"lastUpdateId" in line][:400]


def tampered(tmp_path: Path, lines: list[bytes]) -> Path:
    path = tmp_path / "tampered"
    path.write_bytes(b"".join(lines))
    return path


def test_a_recording_is_played_exactly(spot: Path) -> None:
    outcome, rows = rows_of([spot], depth=3)
    assert outcome.kept
    assert (outcome.venue, outcome.symbol, outcome.tick_size) == ("binance_spot", "ETHUSDT", "0.01")
    assert (outcome.gaps, outcome.crossed, outcome.resyncs, outcome.undecoded, outcome.checksum_failures) == (0,) * 5
    assert outcome.rows == len(rows) == outcome.applied + 1
    assert list(rows[0]) == columns(3)
    with gzip.open(spot) as file:
        snapshot = next(line for line in file if b"lastUpdateId" in line)
    body = json.loads(snapshot.split(b" ", 1)[1])
    assert int(rows[0]["update_id"]) == body["lastUpdateId"]
    assert rows[0]["exch_ts_ms"] == "0"
    for rank in (1, 2, 3):
        for side, name in (("bids", "bid"), ("asks", "ask")):
            price, qty = body[side][rank - 1]
            assert Decimal(rows[0][f"{name}_px_{rank}"]) == Decimal(price)
            assert Decimal(rows[0][f"{name}_qty_{rank}"]) == Decimal(qty)
    for row in rows[::100]:
        assert (row["bid_px"], row["ask_qty"]) == (row["bid_px_1"], row["ask_qty_1"])
        assert Decimal(row["bid_px"]) < Decimal(row["ask_px"])
    assert sum("e" in row["bid_qty"].lower() for row in rows) == 0


def test_a_websocket_file_and_its_rest_snapshots(data_dir: Path) -> None:
    paths = sorted((data_dir / "recordings" / "binance_futures_2021").glob("*.gz"))
    for symbol, applied in (("SUSHI/USDT:USDT", 252), ("akrousdt", 188)):
        outcome, rows = rows_of(paths, symbol=symbol)
        assert outcome.kept
        assert (outcome.applied, len(rows), outcome.gaps) == (applied, applied + 1, 0)
    with pytest.raises(ConfigError, match="AKROUSDT, SUSHIUSDT"):
        inspect(paths)
    with pytest.raises(ConfigError, match="--symbol"):
        inspect(paths, symbol="BTCUSDT")
    with pytest.raises(ConfigError, match="--venue"):
        inspect(paths, symbol="AKROUSDT", venue="kraken")


def test_a_missing_message_is_a_gap_that_nothing_mends(tmp_path: Path, lines: list[bytes]) -> None:
    outcome, rows = rows_of([tampered(tmp_path, lines[:200] + lines[201:])])
    assert (outcome.kept, outcome.gaps, outcome.resyncs, outcome.book) == (False, 1, 0, "gap")
    assert outcome.rows == len(rows) < 200


def test_a_later_snapshot_mends_a_gap(tmp_path: Path, lines: list[bytes]) -> None:
    _, rows = rows_of([tampered(tmp_path, lines)])
    at_250 = next(i for i, row in enumerate(rows) if row["recv_ts_ns"].encode() == lines[250].split()[0])
    bid, ask = rows[at_250]["bid_px"], rows[at_250]["ask_px"]
    body = {"lastUpdateId": int(rows[at_250]["update_id"]), "bids": [[bid, "1"]], "asks": [[ask, "1"]]}
    snapshot = lines[260].split()[0] + b" " + json.dumps(body, separators=(",", ":")).encode() + b"\n"
    outcome, mended = rows_of([tampered(tmp_path, lines[:200] + lines[201:261] + [snapshot] + lines[261:])])
    assert (outcome.kept, outcome.gaps, outcome.resyncs, outcome.snapshots) == (True, 1, 1, 2)
    assert mended[-1]["update_id"] == rows[-1]["update_id"]


def test_a_bad_message_is_counted_and_shows_as_a_gap(tmp_path: Path, lines: list[bytes]) -> None:
    broken = lines[200].replace(b'"b":[[', b'"b":[{', 1)
    outcome, _ = rows_of([tampered(tmp_path, [*lines[:200], broken, b"no line\n", *lines[201:]])])
    assert (outcome.undecoded, outcome.unreadable_lines, outcome.gaps, outcome.kept) == (1, 1, 1, False)
    assert outcome.last_undecoded.startswith('{"stream":"ethusdt@depth')


def test_repeated_messages_change_nothing(tmp_path: Path, lines: list[bytes]) -> None:
    outcome, rows = rows_of([tampered(tmp_path, [line for line in lines for _ in (0, 1)])])
    plain = rows_of([tampered(tmp_path, lines)])[1]
    assert outcome.kept
    assert [row["update_id"] for row in rows] == [row["update_id"] for row in plain]


def test_no_snapshot_means_no_book(tmp_path: Path, lines: list[bytes]) -> None:
    outcome, rows = rows_of([tampered(tmp_path, [line for line in lines if b"lastUpdateId" not in line])])
    assert (outcome.kept, rows) == (False, [])
    with pytest.raises(ConfigError, match="found none"):
        inspect([tampered(tmp_path, [b"1 {}\n"])])


def test_a_file_cut_off_is_used_as_far_as_it_goes(tmp_path: Path, spot: Path) -> None:
    path = tmp_path / "cut.gz"
    path.write_bytes(spot.read_bytes()[:300_000])
    outcome, rows = rows_of([path])
    assert (outcome.kept, outcome.undecoded, outcome.truncated_files) == (True, 0, [str(path)])
    assert len(rows) > 500
    assert any("ends early" in line for line in describe(outcome))


def test_the_command_writes_csv_and_summary_and_says_no(tmp_path: Path, lines: list[bytes]) -> None:
    path, out = tampered(tmp_path, lines), tmp_path / "out.csv"
    arguments = ["inspect", str(path), "--csv", str(out)]
    result = CliRunner().invoke(build(arguments), arguments)
    assert result.exit_code == 0
    assert "in sync at the end" in result.output
    assert out.read_text().splitlines()[0] == "recv_ts_ns,exch_ts_ms,update_id,bid_px,bid_qty,ask_px,ask_qty"
    arguments = ["inspect", str(tampered(tmp_path, lines[:100] + lines[101:])), "--json"]
    result = CliRunner().invoke(build(arguments), arguments)
    assert result.exit_code == 1
    assert json.loads(result.output)["gaps"] == 1
