"""Real recordings to tapes: the arrays of hftbacktest byte for byte, and the book that the bot itself would keep."""

from __future__ import annotations

import csv
import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
from tape_columns import Batch, batches

from mmbot._core.book import Book
from mmbot.inspect_recording import inspect
from mmbot.listings import known_instrument
from mmbot.tape import Request, Rules, TapeKind, convert, open_tape
from mmbot.tape.npz import export

FINEST = {"tick_size": "0.00000001", "lot_size": "0.00000001"}
ARRAYS = [
    ("usdm/btcusdt", 491_973, "239b41a6168b4f6833bbf552d215c672cfdd046a0847bfc5f288171e80995598"),
    ("usdm/ethusdt", 452_115, "1a4360ccedf652dcf4e6c13e49cd3d9ea86d5c70d6734853ba70e6d58e467e5d"),
    ("cm/btcusd_perp", 303_861, "e1df0aa3829250fcb218715c7fdc51e8b03d5a7b2e91a9ed45e3a94c6536f4cf"),
    ("spot/btcusdt", 138_017, "a8f31f2f8ae9df0000a91a6e7573e652232a578df291610f37f35f07b58d4d16"),
]


def recording(data_dir: Path, name: str) -> Path:
    return data_dir / "recordings" / "binance" / f"{name}_20240808.gz"


@pytest.mark.parametrize(("name", "rows", "digest"), ARRAYS, ids=[name for name, *_ in ARRAYS])
def test_the_array_of_a_recording_is_that_of_hftbacktest(
    data_dir: Path, tmp_path: Path, name: str, rows: int, digest: str
) -> None:
    """The digests are of arrays made by hftbacktest 2.4.4: every row, and the order of all rows, is proved."""
    tape, array = tmp_path / "a.tape", tmp_path / "a.npy"
    source = recording(data_dir, name)
    convert(Request(sources=(source,), out=tape, rules=Rules.HFTBACKTEST, overrides=FINEST))
    assert export(tape, array) == rows
    assert hashlib.sha256(np.load(array).tobytes()).hexdigest() == digest
    # And back: an array makes a tape that makes the same array.
    convert(Request(sources=(array,), out=tape, rules=Rules.HFTBACKTEST, overrides=FINEST))
    open_tape(tape).check()
    assert export(tape, tmp_path / "b.npz") == rows
    with np.load(tmp_path / "b.npz") as found:
        assert hashlib.sha256(found["data"].tobytes()).hexdigest() == digest


@pytest.mark.parametrize("name", ["usdm/btcusdt", "cm/btcusd_perp"])
def test_real_units_lose_nothing_on_futures(data_dir: Path, tmp_path: Path, name: str) -> None:
    digest = next(each[2] for each in ARRAYS if each[0] == name)
    convert(Request(sources=(recording(data_dir, name),), out=tmp_path / "a.tape", rules=Rules.HFTBACKTEST))
    export(tmp_path / "a.tape", tmp_path / "a.npy")
    assert hashlib.sha256(np.load(tmp_path / "a.npy").tobytes()).hexdigest() == digest


def best_by_update(found: list[Batch]) -> dict[int, tuple[int, int, int, int]]:
    """The best quotes of the local book after each depth message once the snapshot is in, by update id."""
    book, best, known = Book(), {}, False
    for index, batch in enumerate(found):
        if not batch.flags & 2:
            continue
        if batch.kind == TapeKind.CLEAR:
            known = True
            book.apply_levels(batch.side, [(ticks, 0) for ticks, _ in book.levels(batch.side, 100_000)])
            assert batch.levels == ((0, 0),)
        elif batch.kind in (TapeKind.DEPTH, TapeKind.SNAPSHOT):
            book.apply_levels(batch.side, list(batch.levels))
            if known:
                best[batch.seq] = (book.best_bid_ticks, book.best_bid_lots, book.best_ask_ticks, book.best_ask_lots)
        assert batch.kind != TapeKind.GAP or index == 0
    return best


@pytest.mark.parametrize("name", [name for name, *_ in ARRAYS])
def test_the_book_played_from_a_tape_is_the_one_that_inspect_keeps(data_dir: Path, tmp_path: Path, name: str) -> None:
    source = recording(data_dir, name)
    rows = io.StringIO()
    outcome = inspect([source], out=rows)
    units = {"tick_size": outcome.tick_size, "lot_size": outcome.lot_size}
    report = convert(Request(sources=(source,), out=tmp_path / "a.tape", overrides=units, tickers=False))
    assert (report["gaps"], report["crossed"], report["undecodable"], report["missing_snapshot"]) == (0, 0, 0, False)
    best = best_by_update(batches(tmp_path / "a.tape"))
    tick, lot = float(outcome.tick_size), float(outcome.lot_size)
    rows.seek(0)
    expected = {}
    for row in csv.DictReader(rows):
        prices = [round(float(row[side]) / tick) for side in ("bid_px", "ask_px")]
        quantities = [round(float(row[side]) / lot) for side in ("bid_qty", "ask_qty")]
        expected[int(row["update_id"])] = (prices[0], quantities[0], prices[1], quantities[1])
    assert len(expected) > 3_000
    assert {update: best.get(update) for update in expected} == expected


@pytest.mark.parametrize("name", [name for name, *_ in ARRAYS])
def test_the_report_says_what_is_in_a_recording(data_dir: Path, tmp_path: Path, name: str) -> None:
    report = convert(Request(sources=(recording(data_dir, name),), out=tmp_path / "a.tape"))
    assert report["lines"] == sum(report["messages"].values())
    assert report["snapshots"] == 1
    assert report["negative_latency"]
    assert -1_276_000_000 < report["least_latency_ns"] < -1_260_000_000
    assert report["shift_ns"] == -report["least_latency_ns"]
    latency = report["latency_ms"]
    assert 0 < latency["p1"] < latency["p50"] < latency["p99"] < latency["max"] < 300
    totals = open_tape(tmp_path / "a.tape").footer["totals"]
    assert totals["kinds"]["TICKER"] >= report["messages"]["BOOK_TICKER"]
    assert 340 < (totals["exch_to_ns"] - totals["exch_from_ns"]) / 1e9 < 350


@pytest.mark.parametrize(
    ("venue", "symbol", "units"),
    [
        ("binance_usdm", "BTCUSDT", ("BTC", "USDT", "USDT", "0.1", "0.001", "1", True, False, 0.0002)),
        ("binance_coinm", "ETHUSD_PERP", ("ETH", "USD", "ETH", "0.01", "1", "10", True, True, 0.0002)),
        ("binance_spot", "ETHUSDT", ("ETH", "USDT", "USDT", "0.01", "0.0001", "1", False, False, 0.001)),
    ],
)
def test_much_traded_markets_are_known(venue: str, symbol: str, units: tuple[object, ...]) -> None:
    found = known_instrument(venue, symbol)
    assert found is not None
    assets = (found.base_asset, found.quote_asset, found.settle_asset)
    sizes = (found.tick_size, found.lot_size, found.contract_size)
    assert (*assets, *sizes, found.perpetual, found.inverse, found.maker_fee) == units
    assert known_instrument(venue, "ABCUSDT") is None


def test_a_saved_exchange_info_gives_the_units(data_dir: Path) -> None:
    from mmbot.tape.exchange_info import listing_of

    listing = listing_of(data_dir / "recordings" / "binance_futures_2021" / "http_exchangeinfo.gz")
    found = listing("binance_usdm", "SUSHIUSDT")
    assert found is not None
    assert (found.symbol, found.tick_size, found.lot_size) == ("SUSHI/USDT:USDT", "0.0010", "1")
    assert listing("binance_usdm", "NOSUCHUSDT") is None


def test_a_recording_in_cryptofeed_lines_becomes_a_tape(data_dir: Path, tmp_path: Path) -> None:
    folder = data_dir / "recordings" / "binance_futures_2021"
    out = tmp_path / "a.tape"
    report = convert(Request(sources=(folder / "ws.gz",), out=out, symbol="SUSHIUSDT"))
    assert report["messages"] == {"DEPTH": 255, "BOOK_TICKER": 305, "AGG_TRADE": 40}
    assert (report["gaps"], report["missing_snapshot"]) == (0, True)
    kinds = open_tape(out).footer["totals"]["kinds"]
    assert kinds["TRADE"] >= 40
    # The snapshots were recorded beside it; in order of time they belong between.
    report = convert(Request(sources=(folder / "http_depth.gz", folder / "ws.gz"), out=out, symbol="SUSHI/USDT:USDT",
                             instrument=open_tape(out).instrument))  # fmt: skip
    assert report["snapshots"] == 1
