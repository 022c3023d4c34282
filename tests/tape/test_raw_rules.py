"""What raw lines become: kinds, times, order, the sequence rule, and what is wrong with them."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
from raw_lines import (
    MS,
    T0,
    agg_trade,
    depth,
    instrument,
    line,
    mark,
    session,
    snapshot,
    spot_depth,
    ticker,
    trade,
    write,
)
from tape_columns import Batch, batches, kinds

from mmbot.errors import ConfigError, TapeError
from mmbot.tape import Request, Rules, convert, open_tape

BOTH, EXCH, LOCAL = 3, 1, 2


def converted(folder: Path, lines: list[bytes], **options: Any) -> tuple[list[Batch], dict[str, Any]]:
    """The batches of a recording of these lines, and the report."""
    options = {"instrument": instrument()} | options
    report = convert(Request(sources=(write(folder / "a.gz", lines),), out=folder / "a.tape", **options))
    open_tape(folder / "a.tape").check()
    return batches(folder / "a.tape"), report


def at(ms: float) -> int:
    return int((T0 + ms) * MS)


# -- plainly, as hftbacktest does ------------------------------------------------------------------------------------


def test_plain_rules_keep_every_message_as_it_stands(tmp_path: Path) -> None:
    found, report = converted(tmp_path, session(), rules=Rules.HFTBACKTEST)
    by_exchange = [(batch.exch_ns, batch.kind, batch.side, batch.levels) for batch in found if batch.flags & EXCH]
    assert by_exchange == [
        (at(0), 1, 0, ((1000, 1000),)),
        (at(5), 3, 0, ((999, 0),)),
        (at(5), 4, 0, ((1000, 2000), (999, 1000))),
        (at(5), 3, 1, ((1002, 0),)),
        (at(5), 4, 1, ((1002, 3000),)),
        (at(6), 1, 0, ((998, 4000),)),
        (at(6), 1, 1, ((1003, 1000),)),
        (at(7), 2, 0, ((1002, 500),)),
        (at(20), 1, 1, ((1002, 2500),)),
    ]
    by_local = [(batch.local_ns, batch.kind) for batch in found if batch.flags & LOCAL]
    assert by_local == [(at(ms), kind) for ms, kind in [
        (10, 1), (20, 3), (20, 4), (20, 3), (20, 4), (30, 1), (30, 1), (31, 2), (40, 1),
    ]]  # fmt: skip
    assert (report["gaps"], report["snapshots"], report["shift_ns"]) == (0, 1, 0)
    assert report["messages"] == {"DEPTH": 3, "TRADE": 1, "SNAPSHOT": 1}


def test_a_batch_is_stored_once_where_both_orders_agree_and_twice_where_not(tmp_path: Path) -> None:
    lines = [trade(10, 0, 1, "1.0", "1"), trade(20, 30, 3, "1.0", "1"), trade(40, 25, 2, "1.0", "1")]
    found, report = converted(tmp_path, lines, rules=Rules.HFTBACKTEST)
    assert [(batch.seq, batch.flags) for batch in found] == [(1, BOTH), (2, EXCH), (3, BOTH), (2, LOCAL)]
    assert (report["exch_back"], report["exch_back_max_ns"]) == (1, 5 * MS)


def test_a_local_clock_that_is_behind_is_shifted_by_the_worst(tmp_path: Path) -> None:
    lines = [trade(-100, 0, 1, "1.0", "1"), trade(-95, 10, 2, "1.0", "1"), trade(-50, 20, 3, "1.0", "1")]
    found, report = converted(tmp_path, lines)
    assert report["negative_latency"]
    assert (report["least_latency_ns"], report["shift_ns"]) == (-105 * MS, 105 * MS)
    assert [batch.local_ns for batch in found] == [at(5), at(10), at(55)]
    assert report["latency_ms"]["max"] == 35


def test_trades_that_are_none_of_the_market_are_dropped(tmp_path: Path) -> None:
    lines = [
        trade(10, 0, 1, "1.0", "1", kind="INSURANCE_FUND"),
        trade(11, 1, 2, "0.0", "1"),
        trade(12, 2, 3, "1.0", "0"),
        trade(13, 3, 4, "1.0", "1", sold=True),
    ]
    found, report = converted(tmp_path, lines)
    assert [(batch.seq, batch.side) for batch in found] == [(4, 1)]
    assert report["trades_dropped"] == 3


def test_tickers_are_kept_by_own_rules_and_left_out_by_plain_ones(tmp_path: Path) -> None:
    lines = [*session(), ticker(50, 41, 99, ("100.0", "2.000"), ("100.2", "2.500"))]
    found, _ = converted(tmp_path, lines)
    assert found[-1] == Batch(at(41), at(50), 99, 5, 0, BOTH, ((1000, 2000), (1002, 2500)))
    found, report = converted(tmp_path, lines, rules=Rules.HFTBACKTEST)
    assert "TICKER" not in kinds(found)
    assert report["left_out"] == 1
    found, _ = converted(tmp_path, lines, rules=Rules.HFTBACKTEST, tickers=True)
    assert kinds(found)[-1] == "TICKER"
    found, _ = converted(tmp_path, lines, tickers=False)
    assert "TICKER" not in kinds(found)


def test_a_mark_price_is_scaled_exactly(tmp_path: Path) -> None:
    lines = [*session(), mark(60, 50, ("61234.56789012", "61230.00000001"), "-0.00012345", 8_000)]
    found, _ = converted(tmp_path, lines)
    assert kinds(found)[-1] == "MARK"
    assert found[-1].levels == ((6_123_456_789_012, 6_123_000_000_001), (-123_450_000, at(8000)))


def test_aggregated_trades_stand_in_when_there_are_no_single_ones(tmp_path: Path) -> None:
    lines = [agg_trade(10, 0, 5, "1.0", "1"), agg_trade(11, 1, 6, "1.0", "2")]
    found, report = converted(tmp_path, lines)
    assert [(batch.kind, batch.seq) for batch in found] == [(2, 5), (2, 6)]
    found, report = converted(tmp_path, [*lines, trade(12, 2, 1, "1.0", "1")])
    assert [batch.seq for batch in found] == [1]
    assert report["agg_trades_left_out"] == 2


def test_a_side_that_names_a_price_twice_becomes_two_batches(tmp_path: Path) -> None:
    twice = [("1.0", "1"), ("1.1", "2"), ("1.0", "3"), ("1.0", "4"), ("0.9", "5")]
    for rules in Rules:
        found, report = converted(tmp_path, [depth(10, 0, (1, 2, 0), twice, [])], rules=rules)
        levels = [batch.levels for batch in found if batch.kind == 1]
        assert levels == [((10, 1000), (11, 2000)), ((10, 3000),), ((10, 4000), (9, 5000))]
        assert report["split"] == 2


def test_prices_of_one_side_in_any_order_stay_one_batch(tmp_path: Path) -> None:
    mixed = [(f"{price}.0", "1") for price in (5, 3, 9, 1, 7, 8, 2, 6, 4)]
    found, report = converted(tmp_path, [depth(10, 0, (1, 2, 0), mixed, [])], rules=Rules.HFTBACKTEST)
    assert [len(batch.levels) for batch in found] == [9]
    assert report["split"] == 0


def test_plain_rules_round_half_away_from_zero(tmp_path: Path) -> None:
    lines = [depth(10, 0, (1, 2, 0), [("1.05", "0.0005"), ("1.24", "0.00049"), ("1.26", "0.0015")], [])]
    found, _ = converted(tmp_path, lines, rules=Rules.HFTBACKTEST)
    assert found[0].levels == ((11, 1), (12, 0), (13, 2))


def test_a_plain_snapshot_clears_up_to_its_last_level_and_an_empty_side_nothing(tmp_path: Path) -> None:
    found, _ = converted(tmp_path, [snapshot(10, 0, 1, [("1.0", "1"), ("0.8", "1")], [])], rules=Rules.HFTBACKTEST)
    assert [(batch.kind, batch.side, batch.levels[0]) for batch in found] == [(3, 0, (8, 0)), (4, 0, (10, 1000))]


# -- spot ------------------------------------------------------------------------------------------------------------


SPOT = instrument(venue="binance_spot", symbol="BTC/USDT", perpetual=False, tick_size="0.01", lot_size="0.00001")


def test_a_spot_snapshot_gets_the_latest_event_time_before_it(tmp_path: Path) -> None:
    lines = [
        spot_depth(10, 0, (1, 2), [("1.00", "1")], []),
        spot_depth(20, 9, (3, 4), [("1.00", "1")], []),
        snapshot(30, None, 3, [("1.00", "1")], []),
    ]
    found, report = converted(tmp_path, lines, instrument=SPOT, rules=Rules.HFTBACKTEST)
    assert [(batch.kind, batch.exch_ns) for batch in found if batch.flags & EXCH] == [
        (1, at(0)), (1, at(9)), (3, at(9)), (4, at(9)),
    ]  # fmt: skip
    assert report["untimed"] == 1


@pytest.mark.parametrize("rules", Rules)
def test_a_spot_snapshot_before_any_time_gets_the_first(tmp_path: Path, rules: Rules) -> None:
    lines = [
        snapshot(10, None, 1, [("1.00", "1")], [("2.00", "1")]),
        line(12, {"u": 1, "s": "BTCUSDT", "b": "1.00", "B": "1", "a": "2.00", "A": "1"}, "btcusdt@bookTicker"),
        spot_depth(20, 7, (2, 2), [("1.00", "2")], []),
    ]
    found, report = converted(tmp_path, lines, instrument=SPOT, rules=rules)
    assert {batch.exch_ns for batch in found} == {at(7)}
    assert [batch.kind for batch in found if batch.flags & EXCH][:2] == [3, 4]
    assert report["least_latency_ns"] == 3 * MS


def test_without_any_time_of_the_exchange_ours_stands_in(tmp_path: Path) -> None:
    found, _ = converted(tmp_path, [snapshot(10, None, 1, [("1.00", "1")], [])], instrument=SPOT)
    assert {(batch.exch_ns, batch.local_ns) for batch in found} == {(at(10), at(10))}


def test_dust_is_cut_by_own_rules_and_rounded_by_plain_ones(tmp_path: Path) -> None:
    lines = [spot_depth(10, 0, (1, 2), [("1.00", "0.00000400"), ("1.01", "25.42618900")], [])]
    found, report = converted(tmp_path, lines, instrument=SPOT)
    assert found[-1].levels == ((100, 1), (101, 2_542_618))
    assert report["dust"] == 2
    found, report = converted(tmp_path, lines, instrument=SPOT, rules=Rules.HFTBACKTEST)
    assert found[-1].levels == ((100, 0), (101, 2_542_619))


# -- followed, as a live bot would -----------------------------------------------------------------------------------


def local_story(found: list[Batch]) -> list[tuple[str, int, int]]:
    return [
        (kind, batch.side, batch.seq) for kind, batch in zip(kinds(found), found, strict=True) if batch.flags & LOCAL
    ]


def test_own_rules_say_gap_until_the_snapshot_which_replaces_both_sides(tmp_path: Path) -> None:
    found, report = converted(tmp_path, session())
    assert local_story(found) == [
        ("GAP", 0, 1), ("DEPTH", 0, 5), ("CLEAR", 0, 8), ("SNAPSHOT", 0, 8), ("CLEAR", 1, 8), ("SNAPSHOT", 1, 8),
        ("DEPTH", 0, 10), ("DEPTH", 1, 10), ("TRADE", 0, 1), ("DEPTH", 1, 12),
    ]  # fmt: skip
    assert [batch.levels for batch in found if batch.kind == 3] == [((0, 0),), ((0, 0),)]
    assert (report["gaps"], report["missing_snapshot"], report["snapshots_refused"]) == (0, False, 0)


def test_diffs_that_go_beyond_the_snapshot_follow_it_once_more(tmp_path: Path) -> None:
    lines = [
        depth(10, 0, (1, 5, 0), [("1.0", "1")], []),
        depth(20, 4, (6, 9, 5), [("1.0", "2")], []),
        depth(30, 8, (10, 12, 9), [("1.0", "3")], [("1.5", "1")]),
        snapshot(40, 6, 9, [("1.0", "2")], [("1.4", "1")]),
        depth(50, 12, (13, 14, 12), [("1.0", "4")], []),
    ]
    found, _ = converted(tmp_path, lines)
    assert local_story(found)[4:] == [
        ("DEPTH", 1, 12), ("CLEAR", 0, 9), ("SNAPSHOT", 0, 9), ("CLEAR", 1, 9), ("SNAPSHOT", 1, 9),
        ("DEPTH", 0, 9), ("DEPTH", 0, 12), ("DEPTH", 1, 12), ("DEPTH", 0, 14),
    ]  # fmt: skip
    # At the exchange the one of 8 ms comes after the snapshot of 6 ms by itself; the one of 4 ms would be lost.
    exchange = [(kind, batch.seq, batch.exch_ns) for kind, batch in zip(kinds(found), found, strict=True)
                if batch.flags & EXCH and batch.exch_ns >= at(6)]  # fmt: skip
    assert [each[:2] for each in exchange] == [
        ("CLEAR", 9), ("SNAPSHOT", 9), ("CLEAR", 9), ("SNAPSHOT", 9), ("DEPTH", 9), ("DEPTH", 12), ("DEPTH", 12),
        ("DEPTH", 14),
    ]  # fmt: skip


def test_a_missing_diff_is_a_gap_until_the_next_snapshot(tmp_path: Path) -> None:
    lines = [
        *session(),
        depth(50, 30, (20, 21, 19), [("1.0", "1")], []),
        depth(60, 40, (25, 26, 24), [("1.0", "2")], []),
        snapshot(70, 45, 26, [("1.0", "2")], [("2.0", "1")]),
        depth(80, 50, (27, 28, 26), [("1.0", "3")], []),
    ]
    found, report = converted(tmp_path, lines)
    assert [kind for kind, *_ in local_story(found)[10:]] == [
        "GAP", "DEPTH", "DEPTH", "CLEAR", "SNAPSHOT", "CLEAR", "SNAPSHOT", "DEPTH", "DEPTH",
    ]  # fmt: skip
    assert report["gaps"] == 2
    assert report["gap_places"][0] == {"line": 6, "local_ns": at(50), "expected": 12, "found": 20}
    assert report["missing_snapshot"] is False


def test_snapshots_too_old_and_too_late_are_not_taken(tmp_path: Path) -> None:
    lines = [
        depth(10, 0, (6, 9, 5), [("1.0", "1")], []),
        snapshot(20, 1, 3, [("1.0", "9")], []),  # its next diff was missed
        snapshot(30, 2, 8, [("1.0", "1")], []),
        depth(40, 3, (10, 12, 9), [("1.0", "2")], []),
        snapshot(50, 3, 11, [("1.0", "8")], []),  # the book is beyond
    ]
    found, report = converted(tmp_path, lines)
    assert (report["snapshots"], report["snapshots_refused"], report["snapshots_redundant"]) == (1, 1, 1)
    assert kinds(found).count("SNAPSHOT") == 1


def test_diffs_older_than_the_book_are_dropped(tmp_path: Path) -> None:
    lines = [
        snapshot(5, 0, 10, [("1.0", "1")], [("2.0", "1")]),
        depth(10, 1, (6, 9, 5), [("1.0", "7")], []),
        depth(20, 2, (10, 12, 9), [("1.0", "2")], []),
        depth(30, 3, (10, 12, 9), [("1.0", "2")], []),
    ]
    found, report = converted(tmp_path, lines)
    assert [seq for kind, _, seq in local_story(found) if kind == "DEPTH"] == [12]
    assert report["older"] == 2
    assert "GAP" not in kinds(found)
    found, report = converted(tmp_path, lines, rules=Rules.HFTBACKTEST)
    assert [seq for kind, _, seq in local_story(found) if kind == "DEPTH"] == [9, 12, 12]


def test_a_recording_without_a_snapshot_says_so_and_keeps_its_diffs(tmp_path: Path) -> None:
    lines = [depth(10, 0, (1, 2, 0), [("1.0", "1")], []), depth(20, 5, (3, 4, 2), [("1.0", "2")], [])]
    found, report = converted(tmp_path, lines)
    assert kinds(found) == ["GAP", "DEPTH", "DEPTH"]
    assert report["missing_snapshot"] is True


def test_a_crossed_book_is_counted_once_a_crossing(tmp_path: Path) -> None:
    lines = [
        snapshot(5, 0, 1, [("1.0", "1")], [("1.1", "1")]),
        depth(10, 1, (2, 2, 1), [("1.1", "1")], []),
        depth(20, 2, (3, 3, 2), [("0.9", "1")], []),
        depth(30, 3, (4, 4, 3), [("1.1", "0")], []),
        depth(40, 4, (5, 5, 4), [("1.2", "1")], []),
    ]
    _, report = converted(tmp_path, lines)
    assert (report["crossed"], report["crossings"]) == (3, 2)


# -- what is wrong ---------------------------------------------------------------------------------------------------


BAD = [
    (b"12 {\n", "no JSON"),
    (b"garbage\n", "no known line format"),
    (b"\xff\xfe\x00\n", "no known line format"),
    (b'99999999999999999999 {"a":1}\n', "no known line format"),
    (line(10, {"e": "depthUpdate", "s": "BTCUSDT"}), "a field missing"),
    (trade(10, 0, 1, "1.05", "1"), "no whole number of ticks"),
    (trade(10, 0, 1, "1.0", "1e5"), "no plain decimal"),
]


@pytest.mark.parametrize(("bad", "reason"), BAD)
def test_a_line_that_cannot_be_decoded_is_an_error_that_leaves_nothing(tmp_path: Path, bad: bytes, reason: str) -> None:
    good = session()
    with pytest.raises(TapeError, match=f"a.gz: line 3, byte {len(good[0] + good[1])} of its text: .*{reason}"):
        converted(tmp_path, [*good[:2], bad, *good[2:]])
    assert [each.name for each in tmp_path.iterdir()] == ["a.gz"]


@pytest.mark.parametrize(("bad", "reason"), BAD)
def test_keep_going_leaves_such_lines_out_and_counts_them(tmp_path: Path, bad: bytes, reason: str) -> None:
    good = session()
    whole, _ = converted(tmp_path, good)
    found, report = converted(tmp_path, [*good[:2], bad, bad, *good[2:]], keep_going=True)
    assert found == whole
    assert report["undecodable"] == 2
    assert report["first_undecodable"].startswith("line 3, byte")


def test_other_streams_symbols_and_answers_are_no_messages(tmp_path: Path) -> None:
    others = [
        line(1, {"result": None, "id": 1}),
        line(2, {"e": "kline", "s": "BTCUSDT"}, "btcusdt@kline_1m"),
        depth(3, 0, (1, 2, 0), [("1.0", "1")], []).replace(b'"BTCUSDT"', b'"ETHUSDT"'),
        b"\n",
        b"  \r\n",
        b"configuration: {}\n",
    ]
    whole, _ = converted(tmp_path, session())
    found, report = converted(tmp_path, [*others, *session()])
    assert found == whole
    assert (report["no_messages"], report["undecodable"], report["lines"]) == (4, 0, 11)


def test_a_gzip_file_that_is_cut_is_an_error_with_its_place(tmp_path: Path) -> None:
    path = write(tmp_path / "a.gz", session() * 50)
    path.write_bytes(path.read_bytes()[:-20])
    request = Request(sources=(path,), out=tmp_path / "a.tape", instrument=instrument())
    with pytest.raises(TapeError, match=r"a.gz: the gzip data ends early at byte \d+ of the file, in line \d+"):
        convert(request)
    assert [each.name for each in tmp_path.iterdir()] == ["a.gz"]


def test_keep_going_uses_the_whole_lines_before_a_cut(tmp_path: Path) -> None:
    text = b"".join(session()) + trade(50, 45, 2, "1.0", "1")
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(b"".join(session())) + gzip.compress(text[-40:])[:-9])
    request = Request(sources=(path,), out=tmp_path / "a.tape", instrument=instrument(), keep_going=True)
    report = convert(request)
    assert len(report["cut"]) == 1
    assert report["messages"] == {"DEPTH": 3, "TRADE": 1, "SNAPSHOT": 1}


def test_damaged_compression_is_an_error(tmp_path: Path) -> None:
    path = write(tmp_path / "a.gz", session() * 200)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(TapeError, match=r"a\.gz: "):
        convert(Request(sources=(path,), out=tmp_path / "a.tape", instrument=instrument()))
    assert [each.name for each in tmp_path.iterdir()] == ["a.gz"]


def test_gzip_members_and_padding_are_joined(tmp_path: Path) -> None:
    text = b"".join(session())
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(text[:333]) + gzip.compress(text[333:]) + b"\0" * 512)
    convert(Request(sources=(path,), out=tmp_path / "b.tape", instrument=instrument()))
    whole, _ = converted(tmp_path, session())
    assert batches(tmp_path / "b.tape") == whole


def test_plain_text_and_a_last_line_without_end_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"".join(session()).rstrip(b"\n"))
    convert(Request(sources=(path,), out=tmp_path / "b.tape", instrument=instrument()))
    whole, _ = converted(tmp_path, session())
    assert batches(tmp_path / "b.tape") == whole


def test_several_files_and_a_folder_are_one_recording(tmp_path: Path) -> None:
    whole, _ = converted(tmp_path, session())
    folder = tmp_path / "parts"
    folder.mkdir()
    first, second = write(folder / "1.gz", session()[:2]), write(folder / "2.gz", session()[2:])
    for sources in ((first, second), (folder,)):
        convert(Request(sources=sources, out=tmp_path / "b.tape", instrument=instrument()))
        assert batches(tmp_path / "b.tape") == whole
        assert open_tape(tmp_path / "b.tape").footer["source"]["files"] == [str(first), str(second)]


def test_a_fault_in_a_later_file_is_placed_in_that_file(tmp_path: Path) -> None:
    paths = write(tmp_path / "1.gz", session()), write(tmp_path / "2.gz", [session()[0], b"12 {\n"])
    with pytest.raises(TapeError, match=r"2.gz: line 2, byte \d+ "):
        convert(Request(sources=paths, out=tmp_path / "b.tape", instrument=instrument()))


def test_a_file_without_this_market_is_an_error(tmp_path: Path) -> None:
    other = instrument(venue_symbol="ETHUSDT")
    with pytest.raises(TapeError, match="expected market data of ETHUSDT, found none in 4 lines"):
        converted(tmp_path, [session()[0], *session()[2:]], instrument=other)
    assert [each.name for each in tmp_path.iterdir()] == ["a.gz"]


def test_cryptofeed_lines_and_rest_snapshots_are_read(tmp_path: Path) -> None:
    url = b"https://fapi.binance.com/fapi/v1/depth?symbol="
    lines = []
    for each in session():
        recv_ns, _, payload = each.partition(b" ")
        seconds = recv_ns[:10] + b"." + recv_ns[10:]
        if b"lastUpdateId" in payload:
            lines += [
                url + b"ETHUSDT -> " + seconds + b": " + payload,
                url + b"BTCUSDT -> " + seconds + b": " + payload,
            ]
        else:
            lines.append(seconds + b": " + payload)
    whole, _ = converted(tmp_path, session())
    found, report = converted(tmp_path, [b"wss://fstream.binance.com <-> 1700000000.0\n", *lines])
    assert found == whole
    assert report["no_messages"] == 2


# -- whose it is -----------------------------------------------------------------------------------------------------


def test_venue_symbol_and_units_are_found_in_the_data(tmp_path: Path) -> None:
    lines = [each.replace(b"BTCUSDT", b"ABCUSDT") for each in session()]
    _, report = converted(tmp_path, lines, instrument=None)
    tape = open_tape(tmp_path / "a.tape")
    found = tape.instrument
    assert (found.venue, found.symbol, found.tick_size, found.lot_size) == (
        "binance_usdm",
        "ABC/USDT:USDT",
        "0.1",
        "0.1",
    )
    assert tape.footer["source"]["instrument_from"] == "inferred"
    assert report["lines"] == 5


def test_a_known_market_has_its_real_units(tmp_path: Path) -> None:
    converted(tmp_path, session(), instrument=None, overrides={"maker_fee": -0.0001})
    found = open_tape(tmp_path / "a.tape")
    assert (found.instrument.lot_size, found.instrument.taker_fee) == ("0.001", 0.0005)
    assert found.instrument.maker_fee == -0.0001
    assert found.footer["source"]["instrument_from"] == "listed"


def test_a_coin_margined_market_is_inverse(tmp_path: Path) -> None:
    lines = [each.replace(b"BTCUSDT", b"ABCUSD_PERP") for each in session()]
    converted(tmp_path, lines, instrument=None)
    found = open_tape(tmp_path / "a.tape").instrument
    assert (found.venue, found.inverse, found.contract_size) == ("binance_coinm", True, "10")
    assert (found.base_asset, found.quote_asset, found.settle_asset) == ("ABC", "USD", "ABC")


def test_several_markets_need_a_symbol(tmp_path: Path) -> None:
    lines = [*session(), *(each.replace(b"BTCUSDT", b"ETHUSDT") for each in session() if b'"s"' in each)]
    with pytest.raises(ConfigError, match="choose one with --symbol: BTCUSDT, ETHUSDT"):
        converted(tmp_path, lines, instrument=None)
    for symbol in ("ETHUSDT", "ETH/USDT:USDT", "ethusdt"):
        converted(tmp_path, lines, instrument=None, symbol=symbol)
        assert open_tape(tmp_path / "a.tape").instrument.venue_symbol == "ETHUSDT"
    with pytest.raises(ConfigError, match="--symbol to be one of BTCUSDT, ETHUSDT, found 'XRPUSDT'"):
        converted(tmp_path, lines, instrument=None, symbol="XRPUSDT")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"venue": "kraken"}, "--venue: expected one of binance_usdm"),
        ({"overrides": {"tick_size": "0"}}, "tick_size: expected a positive decimal"),
        ({"overrides": {"colour": "red"}}, "instrument: .*colour"),
    ],
)
def test_a_wrong_option_is_a_config_error(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        converted(tmp_path, session(), instrument=None, **options)
    assert [each.name for each in tmp_path.iterdir()] == ["a.gz"]


def test_what_is_no_source_is_named(tmp_path: Path) -> None:
    for content in (b"", b"time,price\n1,2\n", gzip.compress(b"hello\n")):
        path = tmp_path / "a.bin"
        path.write_bytes(content)
        with pytest.raises(TapeError, match=r"a\.bin: expected one of tape, npz, raw"):
            convert(Request(sources=(path,), out=tmp_path / "a.tape"))
    with pytest.raises(TapeError, match="a folder without them"):
        convert(Request(sources=(tmp_path,), out=tmp_path / "a.tape"))


def test_progress_runs_from_nothing_to_all(tmp_path: Path) -> None:
    shares: list[float] = []
    converted(tmp_path, session(), progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_of_a_folder_of_several_markets_only_the_files_of_one_are_read(tmp_path: Path) -> None:
    whole, _ = converted(tmp_path, session())
    folder = tmp_path / "feeds"
    folder.mkdir()
    for number in range(2):
        part = session()[2 * number : 2 * number + 2] if number == 0 else session()[2:]
        write(folder / f"btc_{number}.gz", part)
        write(folder / f"eth_{number}.gz", [each.replace(b"BTCUSDT", b"ETHUSDT") for each in part])
    with pytest.raises(ConfigError, match="choose one with --symbol: BTCUSDT, ETHUSDT"):
        convert(Request(sources=(folder,), out=tmp_path / "b.tape"))
    for symbol in ("BTC/USDT:USDT", "ETHUSDT"):
        convert(Request(sources=(folder,), out=tmp_path / "b.tape", symbol=symbol, overrides={"tick_size": "0.1"}))
        assert batches(tmp_path / "b.tape") == whole
        files = open_tape(tmp_path / "b.tape").footer["source"]["files"]
        assert [Path(file).name for file in files] == [f"{symbol[:3].lower()}_{number}.gz" for number in range(2)]
