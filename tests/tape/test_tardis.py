"""Tardis' files come out as the book, trades and marks that their rows say; what is wrong with a file is named."""

from __future__ import annotations

import csv
import gzip
import random
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_tape import PERP

from mmbot._core.tape import TapeKind, open_tape
from mmbot._core.types import Instrument
from mmbot.errors import TapeError
from mmbot.tape.request import Request
from mmbot.tape.sources import convert, kind_of
from mmbot.tape.tardis import merged

BOOK = "exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount"
TRADES = "exchange,symbol,timestamp,local_timestamp,id,side,price,amount"
TICKER = (
    "exchange,symbol,timestamp,local_timestamp,funding_timestamp,funding_rate,predicted_funding_rate,open_interest,"
    "last_price,index_price,mark_price"
)
US = 1_700_000_000_000_000
WHOSE = "binance-futures,BTCUSDT"


def write(path: Path, header: str, *rows: str) -> Path:
    text = "".join(f"{line}\n" for line in (header, *(f"{WHOSE},{row}" for row in rows))).encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return path


def batches(folder: Path, *paths: Path, **options: Any) -> list[tuple[Any, ...]]:
    """(kind, side, exch_us, local_us, seq, levels) of the tape that the files make, times from `US`."""
    out = folder / "out.tape"
    convert(Request(sources=paths, out=out, **{"instrument": PERP} | options))
    found = []
    tape = open_tape(out)
    for index in range(tape.n_chunks):
        chunk = tape.arrays(index)
        for i, first in enumerate(chunk["first"]):
            levels = chunk["levels"][first : first + chunk["count"][i]].tolist()
            times = chunk["exch_ns"][i] // 1000 - US, chunk["local_ns"][i] // 1000 - US
            found.append(
                (TapeKind(chunk["kind"][i]).name, int(chunk["side"][i]), *map(int, times), int(chunk["seq"][i]), levels)
            )
    return found


def at(exch: int, local: int) -> str:
    return f"{US + exch},{US + local}"


def test_a_snapshot_throws_the_book_away_and_messages_are_batches(tmp_path: Path) -> None:
    path = write(
        tmp_path / "book.csv.gz", BOOK,
        f"{at(0, 10)},false,bid,99.9,1",  # before the first snapshot: nothing to apply it to
        f"{at(1, 11)},true,bid,100.0,0.5",
        f"{at(1, 11)},true,bid,99.9,1.25",
        f"{at(1, 11)},true,ask,100.1,2",
        f"{at(2, 12)},false,bid,99.9,0",
        f"{at(2, 12)},false,ask,100.1,1.5",
        f"{at(2, 12)},false,ask,100.3,0.001",
        f"{at(3, 13)},false,ask,100.3,0",
        f"{at(4, 14)},true,ask,101.0,1",
    )  # fmt: skip
    assert batches(tmp_path, path) == [
        ("CLEAR", 0, 1, 11, 0, [[0, 0]]), ("CLEAR", 1, 1, 11, 0, [[0, 0]]),
        ("SNAPSHOT", 0, 1, 11, 0, [[1000, 500], [999, 1250]]), ("SNAPSHOT", 1, 1, 11, 0, [[1001, 2000]]),
        ("DEPTH", 0, 2, 12, 0, [[999, 0]]), ("DEPTH", 1, 2, 12, 0, [[1001, 1500], [1003, 1]]),
        ("DEPTH", 1, 3, 13, 0, [[1003, 0]]),
        ("CLEAR", 0, 4, 14, 0, [[0, 0]]), ("CLEAR", 1, 4, 14, 0, [[0, 0]]),
        ("SNAPSHOT", 1, 4, 14, 0, [[1010, 1000]]),
    ]  # fmt: skip


def test_a_price_that_comes_twice_begins_another_batch(tmp_path: Path) -> None:
    rows = [f"{at(1, 2)},true,bid,90.0,1"]
    rows += [f"{at(3, 4)},false,bid,{price},1" for price in ("50.0", "50.2", "50.1", "50.3", "50.2", "50.1", "50.1")]
    found = batches(tmp_path, write(tmp_path / "book.csv", BOOK, *rows))
    assert [[price for price, _ in batch[5]] for batch in found[3:]] == [[500, 502, 501, 503], [502, 501], [501]]


def test_trades_have_the_takers_side_and_a_number_where_the_venue_gives_one(tmp_path: Path) -> None:
    path = write(
        tmp_path / "trades.csv", TRADES,
        f"{at(1, 11)},4711,buy,100.0,0.5", f"{at(2, 12)},ccc3-cd,sell,99.9,1e-3", f"{at(3, 13)},1,unknown,99.9,1",
    )  # fmt: skip
    assert batches(tmp_path, path) == [("TRADE", 0, 1, 11, 4711, [[1000, 500]]), ("TRADE", 1, 2, 12, 0, [[999, 1]])]


def test_a_ticker_becomes_a_mark_when_it_changes(tmp_path: Path) -> None:
    path = write(
        tmp_path / "ticker.csv", TICKER,
        f"{at(0, 10)},,,,5,100.1,,",  # nothing known of the mark price yet
        f"{at(1, 11)},{US + 500},0.0001,,5,100.1,100.2,100.05",
        f"{at(2, 12)},{US + 500},0.0001,,6,100.3,100.2,100.05",  # open interest and last price alone
        f"{at(3, 13)},,-2.5e-05,,6,100.3,,100.06",
    )  # fmt: skip
    next_ns = (US + 500) * 1000
    assert batches(tmp_path, path) == [
        ("MARK", 0, 1, 11, 0, [[100_05000000, 100_20000000], [100_000_000, next_ns]]),
        ("MARK", 0, 3, 13, 0, [[100_06000000, 100_20000000], [-25_000_000, next_ns]]),
    ]


def test_files_are_merged_by_local_time_with_trades_before_the_book(tmp_path: Path) -> None:
    first = write(tmp_path / "b1.csv", BOOK, f"{at(0, 10)},true,bid,100.0,1", f"{at(5, 20)},false,bid,100.0,2")
    second = write(tmp_path / "b2.csv", BOOK, f"{at(40, 50)},true,bid,100.0,3", f"{at(50, 60)},false,bid,100.0,4")
    trades = write(tmp_path / "t.csv", TRADES, f"{at(5, 20)},1,sell,100.0,1", f"{at(45, 55)},2,sell,100.0,1")
    ticker = write(tmp_path / "m.csv", TICKER, f"{at(5, 20)},,0.1,,,,,100")
    found = batches(tmp_path, second, ticker, first, trades)
    assert [(kind, local) for kind, _, _, local, *_ in found] == [
        ("CLEAR", 10), ("CLEAR", 10), ("SNAPSHOT", 10), ("TRADE", 20), ("DEPTH", 20), ("MARK", 20),
        ("CLEAR", 50), ("CLEAR", 50), ("SNAPSHOT", 50), ("TRADE", 55), ("DEPTH", 60),
    ]  # fmt: skip


def test_one_symbol_of_several_can_be_chosen(tmp_path: Path) -> None:
    path = tmp_path / "trades.csv"
    path.write_text(f"{TRADES}\nx,ETHUSDT,{at(1, 2)},1,buy,1.0,1\nx,BTCUSDT,{at(3, 4)},2,buy,2.0,1\n")
    with pytest.raises(TapeError, match="line 3: expected one symbol, ETHUSDT; choose one, found 'BTCUSDT'"):
        batches(tmp_path, path)
    assert [batch[4] for batch in batches(tmp_path, path, symbol="BTCUSDT")] == [2]


def test_tick_and_lot_are_the_finest_decimals(tmp_path: Path) -> None:
    book = write(tmp_path / "b.csv", BOOK, f"{at(1, 2)},true,bid,100.50,1e-7", f"{at(1, 2)},true,bid,100,2.5000")
    trades = write(tmp_path / "t.csv.gz", TRADES, f"{at(1, 2)},1,buy,100.25,1")
    batches(tmp_path, book, trades, instrument=None, listing=lambda *_: None)
    found = open_tape(tmp_path / "out.tape").instrument
    assert (found.venue, found.venue_symbol, found.tick_size, found.lot_size) == (
        "binance_usdm", "BTCUSDT", "0.01", "0.0000001",
    )  # fmt: skip
    assert (found.base_asset, found.settle_asset, found.perpetual) == ("BTC", "USDT", True)


def test_an_instrument_is_looked_up_by_our_name_of_the_venue(tmp_path: Path) -> None:
    book = write(tmp_path / "b.csv", BOOK, f"{at(1, 2)},true,bid,100.50,1")

    def listing(venue: str, name: str) -> Instrument | None:
        return PERP if (venue, name) == ("binance_usdm", "BTCUSDT") else None

    assert batches(tmp_path, book, instrument=None, listing=listing)[2][-1] == [[1005, 1000]]
    batches(tmp_path, book, instrument=None, listing=listing, overrides={"tick_size": "0.5"})
    assert open_tape(tmp_path / "out.tape").instrument.tick_size == "0.5"


def test_a_folder_of_files_is_one_market(tmp_path: Path) -> None:
    (tmp_path / "day").mkdir()
    write(tmp_path / "day" / "b.csv.gz", BOOK, f"{at(1, 2)},true,bid,100.50,1")
    write(tmp_path / "day" / "t.csv.gz", TRADES, f"{at(1, 1)},1,buy,100.0,1")
    assert kind_of(tmp_path / "day").name == "tardis"
    assert [kind for kind, *_ in batches(tmp_path, tmp_path / "day")] == ["TRADE", "CLEAR", "CLEAR", "SNAPSHOT"]


def test_files_of_two_markets_are_refused(tmp_path: Path) -> None:
    book = write(tmp_path / "b.csv", BOOK, f"{at(1, 2)},true,bid,100.50,1")
    other = tmp_path / "t.csv"
    other.write_text(f"{TRADES}\nbinance,BTCUSDT,{at(1, 2)},1,buy,1,1\n")
    with pytest.raises(TapeError, match="expected files of one market"):
        batches(tmp_path, book, other, instrument=None)


def test_what_is_wrong_can_be_left_out_and_is_counted(tmp_path: Path) -> None:
    rows = [f"{at(1, 2)},true,bid,100.0,1", f"{at(1, 2)},true,bid,100.05,1", f"{at(1, 2)},true,bid,99.0,1", "nonsense"]
    path = write(tmp_path / "b.csv.gz", BOOK, *rows, *(f"{at(i, i + 1)},false,ask,200.0,1" for i in range(5, 3000)))
    path.write_bytes(path.read_bytes()[:-50])
    found = batches(tmp_path, path, keep_going=True)
    assert found[2] == ("SNAPSHOT", 0, 1, 2, 0, [[1000, 1000], [990, 1000]])
    quality = open_tape(tmp_path / "out.tape").footer["quality"]
    assert quality["undecodable"] == 2
    assert quality["first_undecodable"].startswith("line 3: expected price")
    assert len(quality["cut"]) == 1
    assert 100 < quality["files"][str(path)]["rows"] < 3000


@pytest.mark.parametrize(
    ("header", "row", "message"),
    [
        (BOOK, f"{at(1, 2)},true,bid,100.05,1", r"line 2: expected price: a whole number of ticks .*'100.05'"),
        (BOOK, f"{at(1, 2)},true,bid,1e400,1", "line 2: expected price"),
        (BOOK, f"{at(1, 2)},true,bid,-1.0,1", "line 2: expected price"),
        (BOOK, f"{at(1, 2)},true,bid,1.0,", "line 2: expected amount"),
        (BOOK, f"{at(1, 2)},true,bid,1.0,99999999999999999999", "line 2: expected amount"),
        (BOOK, f"{at(1, 2)},true,buy,1.0,1", "side bid or ask, found 'buy'"),
        (BOOK, f"{at(1, 2)},1,bid,1.0,1", "is_snapshot true or false, found '1'"),
        (BOOK, f"2024-01-01,{US},true,bid,1.0,1", "timestamp in microseconds, found '2024-01-01'"),
        (BOOK, f"{US},{US}000,true,bid,1.0,1", "local_timestamp in microseconds"),
        (BOOK, f"{US // 1000},{US // 1000},true,bid,1.0,1", "line 2: expected timestamp in microseconds"),
        (BOOK, f"{US},{US - 86_400_000_001},true,bid,1.0,1", "local_timestamp within a day of timestamp"),
        (BOOK, f"{at(1, 2)},true,bid,1.0", "8 fields"),
        (BOOK, f"{at(1, 2)},true,bid,1.0,1,7", "8 fields"),
        (TRADES, f"{at(1, 2)},1,bid,1.0,1", "side buy, sell or unknown"),
        (TICKER, f"{at(1, 2)},,x,,,,,1", "funding_rate: a number, found 'x'"),
        (TICKER, f"{at(1, 2)},soon,1,,,,,1", "funding_timestamp in microseconds"),
        (TICKER, f"{at(1, 2)},,1,,,,,inf", "mark_price: a number, found 'inf'"),
        (BOOK.replace("amount", "size"), "1,2,true,bid,1.0,1", "missing: amount"),
        ("exchange,symbol,timestamp,local_timestamp,nothing", "1,2,3", "line 1: expected the columns of one of"),
        ("a,b", "1", "expected one of"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, header: str, row: str, message: str) -> None:
    path = write(tmp_path / "bad.csv", header, row)
    with pytest.raises(TapeError, match=message) as caught:
        batches(tmp_path, path)
    assert "bad.csv" in str(caught.value)
    assert not list(tmp_path.glob("out.tape*"))


def test_rows_out_of_order_are_an_error_or_sorted_and_counted(tmp_path: Path) -> None:
    later, earlier = f"{at(9_000_000, 9_000_000)},true,bid,1.0,1", f"{at(1, 2)},true,ask,2.0,1"
    path = write(tmp_path / "book.csv", BOOK, later, earlier)
    with pytest.raises(
        TapeError, match=f"line 3: expected rows in the order of their local_timestamp, found '{US + 2}'"
    ):
        batches(tmp_path, path)
    assert batches(tmp_path, path, keep_going=True)
    assert open_tape(tmp_path / "out.tape").footer["quality"]["local_back"] == 1


def test_a_truncated_gzip_file_is_an_error(tmp_path: Path) -> None:
    path = write(tmp_path / "book.csv.gz", BOOK, *(f"{at(i, i)},true,bid,1.0,1" for i in range(1000)))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(TapeError, match=r"book\.csv\.gz: the gzip data ends early"):
        batches(tmp_path, path)


def oracle(paths: list[Path]) -> list[tuple[Any, ...]]:
    """The levels in order of local time, the plain way: (local_us, rank, kind, side, price, amount)."""
    found: list[tuple[Any, ...]] = []
    for path in paths:
        synced = False
        with path.open(newline="") as file:
            for row in csv.DictReader(file):
                local = int(row["local_timestamp"]) - US
                if "is_snapshot" in row:
                    snapshot = row["is_snapshot"] == "true"
                    synced |= snapshot
                    if not synced or (snapshot and not Decimal(row["amount"])):
                        continue
                    found.append((local, 1, "SNAPSHOT" if snapshot else "DEPTH", int(row["side"] == "ask"),
                                  int(Decimal(row["price"]) * 10), int(Decimal(row["amount"]) * 1000)))  # fmt: skip
                else:
                    found.append((local, 0, "TRADE", int(row["side"] == "sell"),
                                  int(Decimal(row["price"]) * 10), int(Decimal(row["amount"]) * 1000)))  # fmt: skip
    return sorted(found, key=lambda each: each[:2])  # stable


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 1 << 30), size=st.integers(1, 200))
def test_random_files_hold_what_a_plain_reader_finds(
    tmp_path_factory: pytest.TempPathFactory, seed: int, size: int
) -> None:
    folder, rng = tmp_path_factory.mktemp("random"), random.Random(seed)
    paths = []
    for number in range(rng.randint(1, 3)):
        time, rows = rng.randrange(20), []
        trades = rng.random() < 0.4
        snapshot = True
        for _ in range(rng.randrange(size)):
            time += rng.choice((0, 0, 0, 1, 5))
            price = f"{rng.randrange(1, 90)}.{rng.randrange(10)}{rng.choice(('', '0'))}"
            snapshot = snapshot if rng.random() < 0.9 else not snapshot
            side = rng.choice(("bid", "ask"))
            what = "7,sell" if trades else f"{str(snapshot).lower()},{side}"
            rows.append(f"{at(time, time)},{what},{price},{rng.randrange(3)}.{rng.randrange(1000):03d}")
        paths.append(write(folder / f"{number}.csv", TRADES if trades else BOOK, *rows))
    made: list[Any] = []
    if not (expected := oracle(paths)):
        with pytest.raises(TapeError, match="expected market data of BTCUSDT, found none"):
            batches(folder, *paths)
        return
    found = batches(folder, *paths)
    for kind, side, _, local, _, levels in found:
        if kind != "CLEAR":
            assert len({price for price, _ in levels}) == len(levels)
            made += [(local, kind != "TRADE", kind, side, *level) for level in levels]
    assert made == expected


@settings(max_examples=150, deadline=None)
@given(noise=st.binary(max_size=30), data=st.data())
def test_noise_is_an_error_that_names_the_file_or_harmless(
    tmp_path_factory: pytest.TempPathFactory, noise: bytes, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("noise")
    path = write(
        folder / "book.csv", BOOK, *(f"{at(i, i + 1)},{str(i < 5).lower()},bid,{90 + i % 7}.0,1.5" for i in range(20))
    )
    body = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(body)))
    body[place : place + data.draw(st.integers(0, 20))] = noise
    path.write_bytes(body)
    refused = ""
    try:
        batches(folder, path)
    except TapeError as error:
        refused = str(error)
    assert not refused or "book.csv" in refused


@settings(max_examples=60, deadline=None)
@given(
    times=st.lists(st.lists(st.integers(0, 30), max_size=30), min_size=1, max_size=3),
    cuts=st.randoms(use_true_random=False),
)
def test_merging_does_not_depend_on_how_streams_are_cut(times: list[list[int]], cuts: random.Random) -> None:
    def stream(number: int, *, cut: bool) -> Any:
        rows = sorted(times[number])
        while rows:
            n = cuts.randint(1, len(rows)) if cut else len(rows)
            yield columns(number, len(times[number]) - len(rows), rows[:n])
            rows = rows[n:]

    expected = sorted(
        ((local, number, place) for number, each in enumerate(times) for place, local in enumerate(sorted(each))),
        key=lambda each: each[:2],
    )
    for cut in (False, True):
        found = []
        for part in merged([stream(number, cut=cut) for number in range(len(times))]):
            first = 0
            for i, count in enumerate(part["count"]):
                assert part["levels"][first : first + count, 0].tolist() == [part["seq"][i]] * count
                first += count
            found += list(zip(part["local_ns"].tolist(), part["side"].tolist(), part["seq"].tolist(), strict=True))
        assert found == expected


def columns(number: int, first: int, local: list[int]) -> Any:
    import numpy as np

    n = len(local)
    seq = np.arange(first, first + n)
    count = (seq % 3).astype(np.uint32)
    levels = np.repeat(seq, count)
    return {
        "exch_ns": np.array(local), "local_ns": np.array(local), "seq": seq, "count": count,
        "kind": np.ones(n, np.uint8), "side": np.full(n, number, np.uint8), "flags": np.full(n, 3, np.uint8),
        "levels": np.column_stack((levels, levels)),
    }  # fmt: skip
