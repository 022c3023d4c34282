"""A session's journal as a tape: the very messages, at the very times, and nothing of other markets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import raw_lines
from made_up_journal import MS, START, T0, Journal, columns
from made_up_tape import PERP

from mmbot._core.eventlog import EventKind
from mmbot._core.order_latency import RecordedLatency
from mmbot._core.tape import open_tape
from mmbot._core.types import CommandKind, Owner
from mmbot._core.types import OrderEventKind as Told
from mmbot.errors import ConfigError, TapeError
from mmbot.tape import Request, convert
from mmbot.tape.journal import clock_offset_ns, convert_all, open_session
from mmbot.tape.latencies import load_latencies, measure, save_all
from mmbot.tape.sources import kind_of


def perp_lines(shift_ms: float = 0) -> list[bytes]:
    return [
        raw_lines.depth(10.5 + shift_ms, 10, (1, 5, 0), [("100.0", "1")], []),
        raw_lines.snapshot(11.0 + shift_ms, 9, 5, [("99.9", "2")], [("100.2", "3")]),
        raw_lines.ticker(12.0 + shift_ms, 11, 6, ("100.0", "1"), ("100.2", "3")),
        raw_lines.depth(20.7 + shift_ms, 20, (6, 8, 5), [("100.0", "2")], [("100.1", "0")]),
        raw_lines.trade(21.0 + shift_ms, 20, 7, "100.1", "0.5"),
    ]


def spot_lines() -> list[bytes]:
    return [
        raw_lines.spot_depth(10.9, 10, (1, 5), [("100.00", "1")], []),
        raw_lines.snapshot(11.5, None, 5, [("99.90", "2")], [("100.20", "3")]),
        raw_lines.spot_depth(12.9, 12, (6, 7), [("100.01", "1")], []),
    ]


def test_a_tape_of_a_run_is_that_of_a_recording_of_the_same_messages(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "run", START)
    perp, spot = perp_lines(), spot_lines()
    for number in range(5):  # as they mix in a session
        journal.lines(number % 2, 0, perp[number])
        journal.lines(2, 1, *spot[number : number + 1])
        journal.add(EventKind.TIME, 0, T0 + 30 * MS, b"")
    run = journal.close()
    assert kind_of(run).name == kind_of(run / "journal").name == "run"
    for name, lines in (("perp_btc", perp), ("spot_btc", spot)):
        (tmp_path / "raw.txt").write_bytes(b"".join(lines))
        instrument = PERP if name == "perp_btc" else open_session(run).markets[1].instrument
        convert(Request(sources=(tmp_path / "raw.txt",), out=tmp_path / "raw.tape", instrument=instrument))
        convert(Request(sources=(run,), out=tmp_path / "run.tape", symbol=name))
        of_run, of_raw = columns(tmp_path / "run.tape"), columns(tmp_path / "raw.tape")
        # A recording keeps the milliseconds that the venue stated, a session's tape has instants inside of them.
        stated, instants = np.array(of_raw.pop("exch_ns")), np.array(of_run.pop("exch_ns"))
        assert ((instants >= stated) & (instants < stated + MS)).all()
        assert of_run == of_raw
    footer = open_tape(tmp_path / "run.tape").footer
    assert footer["source"]["market"] == "spot_btc"
    assert footer["instrument"]["lot_size"] == "0.00001"


def test_the_venues_clock_is_brought_to_ours_and_local_times_stay(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "run", START)
    journal.clock(0, 0)
    for offset_ms in (49, 50, 52):
        journal.clock(0, offset_ms * MS)
    journal.clock(1, 77 * MS)  # the embedded exchange runs on our own clock: a faulty measurement
    journal.lines(0, 0, *perp_lines(shift_ms=-50))
    journal.lines(2, 1, *spot_lines())
    run = journal.close()
    session = open_session(run)
    assert (clock_offset_ns(session, 0), clock_offset_ns(session, 1)) == (round(49.5 * MS), 0)
    reports = convert_all(Request(sources=(run,), out=tmp_path / "out"))
    assert [Path(path).name for path in reports] == ["perp_btc.tape", "spot_btc.tape"]
    assert [report["shift_ns"] for report in reports.values()] == [0, 0]
    found = columns(tmp_path / "out" / "perp_btc.tape")
    received = sorted({(time - T0) / MS for time in found["local_ns"]})
    assert received == pytest.approx([-39.5, -39, -38, -29.3, -29], abs=1e-3)
    assert all(exch <= local for exch, local in zip(found["exch_ns"], found["local_ns"], strict=True))


def test_which_market_has_to_be_clear(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "run", START)
    journal.lines(0, 0, *perp_lines())
    run = journal.close()
    with pytest.raises(ConfigError, match="choose one with --symbol: perp_btc"):
        convert(Request(sources=(run,), out=tmp_path / "a.tape"))
    with pytest.raises(ConfigError, match="expected another market than 'XRP'"):
        convert(Request(sources=(run,), out=tmp_path / "a.tape", symbol="XRP"))
    with pytest.raises(TapeError, match="expected market data of BTCUSDT, found none"):
        convert(Request(sources=(run,), out=tmp_path / "a.tape", symbol="BTCUSDT", venue="binance_spot"))
    convert(Request(sources=(run,), out=tmp_path / "a.tape", symbol="BTCUSDT", venue="binance_usdm"))


def test_a_torn_journal_gives_what_it_holds_and_a_damaged_one_is_refused(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "run", START)
    journal.lines(0, 0, *perp_lines(), *(raw_lines.trade(30 + n, 30 + n, 10 + n, "100.1", "1") for n in range(200)))
    run = journal.close()
    [segment] = (run / "journal").iterdir()
    whole = segment.read_bytes()
    segment.write_bytes(whole[:-20])
    convert(Request(sources=(run,), out=tmp_path / "torn.tape", symbol="perp_btc"))
    trades = columns(tmp_path / "torn.tape")["kind"].count(2)
    assert trades == 200
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 1
    segment.write_bytes(damaged)
    with pytest.raises(TapeError, match="damaged at byte"):
        convert(Request(sources=(run,), out=tmp_path / "damaged.tape", symbol="perp_btc"))
    assert not (tmp_path / "damaged.tape").exists()
    convert(Request(sources=(run,), out=tmp_path / "damaged.tape", symbol="perp_btc", keep_going=True))
    assert 0 < columns(tmp_path / "damaged.tape")["kind"].count(2) < trades


def test_a_journal_without_a_session_is_refused(tmp_path: Path) -> None:
    for number, start in enumerate((None, {"config": {}}, START | {"instruments": {}})):
        journal = Journal(tmp_path / str(number), start)
        journal.lines(0, 0, *perp_lines())
        with pytest.raises(TapeError, match=r"expected START|expected a session's journal"):
            open_session(journal.close())
    with pytest.raises(TapeError, match="expected a run's folder"):
        open_session(tmp_path)


def test_latencies_are_from_request_to_exchange_and_back(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "run", START)
    journal.command(CommandKind.PLACE, 10.2)
    journal.told(Told.ACK, 13.0, exch_ms=11, request=CommandKind.PLACE)
    journal.told(Told.ACK, 13.4, exch_ms=11)  # told again on the user stream
    journal.command(CommandKind.AMEND_ORDER, 20.0)
    journal.told(Told.AMEND, 22.5, exch_ms=21)  # here the user stream is first
    journal.told(Told.AMEND, 22.9, exch_ms=21, request=CommandKind.AMEND_ORDER)
    journal.command(CommandKind.CANCEL_ORDER, 30.0)
    journal.told(Told.CANCEL, 30.4, exch_ms=30, request=CommandKind.CANCEL_ORDER)
    run = journal.close()
    found = measure(run)["perp_btc"]
    times = [((req - T0) / MS, (exch - T0) / MS, (resp - T0) / MS)
             for req, exch, resp in zip(found.req_ns, found.exch_ns, found.resp_ns, strict=True)]  # fmt: skip
    # Told in the stated millisecond: the middle of what of it is left. Told 1 and 0.5 ms after it: later in it.
    assert times == [
        pytest.approx(each, abs=2e-6) for each in ((10.2, 11.75, 13.0), (20.0, 21 + 2 / 3, 22.5), (30.0, 30.2, 30.4))
    ]
    assert found.command.tolist() == [CommandKind.PLACE, CommandKind.AMEND_ORDER, CommandKind.CANCEL_ORDER]
    assert found.resolution_ns == MS
    model = RecordedLatency(found.req_ns, found.exch_ns, found.resp_ns)
    assert model.entry_at(T0 + round(10.2 * MS)) == pytest.approx(1.55 * MS, abs=2)


def test_what_says_nothing_is_left_out_and_what_never_arrived_is_marked(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "run", START)
    journal.command(CommandKind.PLACE, 1)
    journal.told(Told.FILL, 2, exch_ms=1.5, trade_id=5)  # of a later moment than the placing
    journal.told(Told.ACK, 3, exch_ms=1, request=CommandKind.PLACE)
    journal.command(CommandKind.PLACE, 10, order_num=2)
    journal.told(Told.LOST, 15, order_num=2, request=CommandKind.PLACE)
    journal.told(Told.ACK, 40, exch_ms=11, order_num=2)  # too late to measure anything by
    journal.command(CommandKind.PLACE, 20, order_num=3)
    journal.told(Told.REJECT, 21, order_num=3, request=CommandKind.PLACE, reason=-1008)
    journal.command(CommandKind.PLACE, 30, order_num=4)
    journal.told(Told.REJECT, 31, order_num=4, request=CommandKind.PLACE, reason=-2019)
    journal.command(CommandKind.CANCEL_ORDER, 40, order_num=1)
    journal.told(Told.NOT_FOUND, 41, order_num=1, request=CommandKind.CANCEL_ORDER)
    journal.command(CommandKind.CANCEL_ORDER, 50, order_num=7)
    journal.told(Told.CANCEL, 51, exch_ms=50, order_num=7, owner=Owner.OURS_BEFORE)
    found = measure(journal.close())["perp_btc"]
    assert [(req - T0) // MS for req in found.req_ns.tolist()] == [1, 20]
    assert found.exch_ns.tolist()[1] == 0
    assert found.left_out == {"no answer": 2, "no time of the exchange": 2}
    assert found.summary()["never_arrived"] == 1


def test_latencies_are_on_our_clock(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "run", START)
    journal.clock(0, 500 * MS)
    journal.command(CommandKind.PLACE, 10.0)
    journal.told(Told.ACK, 13.0, exch_ms=511, request=CommandKind.PLACE)
    found = measure(journal.close())["perp_btc"]
    assert (found.exch_ns[0] - T0) / MS == pytest.approx(11.75, abs=1e-5)
    assert found.summary()["clock_offset_ns"] == 500 * MS


def test_fills_have_a_latency_of_their_own(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "run", START)
    journal.command(CommandKind.PLACE, 10.2)
    journal.told(Told.ACK, 10.8, exch_ms=10, request=CommandKind.PLACE)
    journal.told(Told.FILL, 25.5, exch_ms=22, trade_id=8)
    journal.told(Told.FILL, 20.5, exch_ms=20, trade_id=7)
    journal.told(Told.FILL, 29.5, exch_ms=20, trade_id=7)  # told again by a query
    found = measure(journal.close())["perp_btc"]
    assert [(time - T0) / MS for time in found.fill_resp_ns.tolist()] == [20.5, 25.5]
    assert [(time - T0) / MS for time in found.fill_exch_ns.tolist()] == pytest.approx([20.25, 22 + 12 / 14], abs=1e-5)
    assert found.summary()["fills"] == 2


def test_files_hold_what_was_measured(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "run", START)
    for n in range(50):
        journal.command(CommandKind.PLACE, n, order_num=n + 1)
        journal.told(Told.ACK, n + 0.9, exch_ms=n + 0.4, order_num=n + 1, request=CommandKind.PLACE)
    run = journal.close()
    found = measure(run)["perp_btc"]
    assert list(save_all(run, tmp_path / "out")) == [str(tmp_path / "out" / "perp_btc.npz")]
    assert list(save_all(run, tmp_path / "one.npz", symbol="BTC/USDT:USDT")) == [str(tmp_path / "one.npz")]
    for path in (tmp_path / "out" / "perp_btc.npz", tmp_path / "one.npz"):
        for column, expected in zip(load_latencies(path), (found.req_ns, found.exch_ns, found.resp_ns), strict=True):
            assert column.tolist() == expected.tolist()
    with pytest.raises(TapeError, match="expected orders on spot_btc, found none"):
        save_all(run, tmp_path / "out", symbol="spot_btc")
    with pytest.raises(ConfigError, match="expected another market"):
        save_all(run, tmp_path / "out", symbol="nothing")


def test_other_files_are_no_latencies(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    for arrays in ({"req_ns": np.zeros(3)}, dict.fromkeys(("req_ns", "exch_ns", "resp_ns"), np.zeros(3))):
        np.savez(path, **arrays)
        with pytest.raises(TapeError, match=r"a\.npz"):
            load_latencies(path)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(TapeError, match=r"a\.npz"):
        load_latencies(path)
    path.write_text("x")
    with pytest.raises(TapeError, match=r"a\.npz"):
        load_latencies(path)
    np.save(tmp_path / "a.npy", np.zeros(3))
    (tmp_path / "a.npy").rename(path)
    with pytest.raises(TapeError, match=r"a\.npz"):
        load_latencies(path)
