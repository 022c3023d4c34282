"""The ledger on SQLite, and on PostgreSQL where MMBOT_TEST_POSTGRES_URL says one runs.

CI must set it: `.ci/run` starts a server from Debian's package, for instance on a free port of 127.0.0.1 with trust
authentication, and exports ``postgresql+psycopg://postgres@127.0.0.1:PORT/postgres``.
Each test makes a schema of its own.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
import uuid
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine, event, make_url, select, text
from sqlalchemy.orm import Session as OrmSession

from mmbot.errors import ConfigError, JournalError
from mmbot.ledger import Balance, Fill, Funding, Ledger, LedgerWriter, Order, Session, open_database

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A fresh database: a file, or a schema of its own."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'ledger.db'}"
        return
    server = os.environ.get("MMBOT_TEST_POSTGRES_URL")
    if not server:
        if os.environ.get("CI"):
            pytest.fail("MMBOT_TEST_POSTGRES_URL must be set in CI")
        pytest.skip("set MMBOT_TEST_POSTGRES_URL (postgresql+psycopg://…) to test on PostgreSQL")
    schema = f"mmbot_{uuid.uuid4().hex[:12]}"
    admin = create_engine(server)
    with admin.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA {schema}"))
    try:
        yield make_url(server).update_query_dict({"options": f"-csearch_path={schema}"}).render_as_string(False)
    finally:
        with admin.begin() as connection:
            connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))
        admin.dispose()


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    engine = open_database(url)
    yield engine
    engine.dispose()


def fill(trade_id: int, side: str = "BUY", **changes: object) -> Fill:
    fields: dict[str, object] = {
        "venue": "perp",
        "symbol": "BTC/USDT:USDT",
        "trade_id": trade_id,
        "side": side,
        "price": Decimal("60000.1"),
        "qty": Decimal("0.001"),
        "notional": Decimal("60.0001"),
        "fee": Decimal("0.01200002"),
        "fee_asset": "USDT",
        "maker": True,
        "purpose": "QUOTE",
        "session_id": "s1",
        "order_num": 64,
        "venue_order_id": 1,
        "exch_ts_ns": trade_id * 1_000_000_000,
        "recv_ts_ns": trade_id * 1_000_000_000 + 1,
    }
    return Fill(**{**fields, **changes})


def test_a_fill_counts_once(engine: Engine) -> None:
    with LedgerWriter(engine) as writer:
        for _ in range(3):
            for trade_id in range(1, 11):
                writer.record(fill(trade_id))
    with LedgerWriter(engine) as writer:  # after a restart too
        writer.record(fill(10, price=Decimal(1)))
    total = Ledger(engine).totals()["perp", "BTC/USDT:USDT"]
    assert (total.fills, total.bought, total.fees) == (10, Decimal("0.010"), {"USDT": Decimal("0.12000020")})


def test_both_sides_of_a_trade_with_ourselves_count(engine: Engine) -> None:
    with LedgerWriter(engine) as writer:
        writer.record(fill(1, "BUY"))
        writer.record(fill(1, "SELL"))
    total = Ledger(engine).totals()["perp", "BTC/USDT:USDT"]
    assert (total.fills, total.position, total.cash) == (2, 0, 0)


def test_sums_are_exact_to_the_last_digit(engine: Engine) -> None:
    tiny, huge = Decimal("0.000000000000000001"), Decimal("123456789012345678.9")
    with LedgerWriter(engine) as writer:
        writer.record(fill(1, qty=huge, notional=huge, fee=tiny))
        writer.record(fill(2, qty=tiny, notional=tiny, fee=-tiny * 3))
        writer.record(fill(3, "SELL", qty=tiny, notional=Decimal("0.1"), fee=Decimal("1E+3")))
        for ts_ns, amount in ((1, "-0.00000001"), (2, "0.3"), (2, "0.3")):
            writer.record(Funding(venue="perp", symbol="BTC/USDT:USDT", ts_ns=ts_ns, asset="USDT", amount=amount))
        writer.record(Balance(venue="perp", asset="USDT", ts_ns=1, wallet=huge))
    total = Ledger(engine).totals()["perp", "BTC/USDT:USDT"]
    assert total.bought == Decimal("123456789012345678.900000000000000001")
    assert total.fees == {"USDT": Decimal("999.999999999999999998")}
    assert total.funding == {"USDT": Decimal("0.29999999")}
    assert total.position == huge
    assert Ledger(engine).totals("s1")["perp", "BTC/USDT:USDT"].funding == {}, "funding belongs to no session"
    with engine.connect() as connection:
        assert connection.execute(select(Balance.wallet)).scalar() == huge
        assert connection.execute(text("SELECT fee FROM fills WHERE trade_id = 3")).scalar() == "1000"


def test_an_order_and_a_session_are_brought_up_to_date(engine: Engine) -> None:
    order: dict[str, object] = {
        "session_id": "s1",
        "order_num": 64,
        "venue": "perp",
        "symbol": "BTC/USDT:USDT",
        "venue_order_id": 0,
        "side": "BUY",
        "purpose": "QUOTE",
        "price": Decimal(1),
        "qty": Decimal(2),
        "reason": 0,
        "created_ns": 1,
    }
    with LedgerWriter(engine) as writer:
        writer.record(Session(id="s1", bot="demo", mode="paper", started_ns=1))
        writer.record(Order(**order, state="PENDING_NEW", filled=Decimal(0), updated_ns=1))
        writer.record(Order(**{**order, "venue_order_id": 7}, state="FILLED", filled=Decimal(2), updated_ns=5))
        writer.record(Session(id="s1", bot="demo", mode="paper", started_ns=1, ended_ns=9, exit_reason="signal"))
    with OrmSession(engine) as session:
        (found,) = session.scalars(select(Order)).all()
        assert (found.state, found.filled, found.venue_order_id, found.updated_ns) == ("FILLED", Decimal(2), 7, 5)
        (run,) = session.scalars(select(Session)).all()
        assert (run.ended_ns, run.exit_reason) == (9, "signal")


def test_what_a_restart_needs(engine: Engine) -> None:
    ledger = Ledger(engine)
    assert ledger.resume_ns("perp", "BTC/USDT:USDT") == 0
    with LedgerWriter(engine) as writer:
        for trade_id in (1001, 1003, 1002):
            writer.record(fill(trade_id))
        writer.record(fill(1004, "SELL", qty=Decimal("0.002")))
    assert ledger.recent_trades("perp", "BTC/USDT:USDT") == [
        ("BUY", 1001),
        ("BUY", 1002),
        ("BUY", 1003),
        ("SELL", 1004),
    ]
    assert ledger.recent_trades("perp", "BTC/USDT:USDT", limit=1) == [("SELL", 1004)]
    assert ledger.resume_ns("perp", "BTC/USDT:USDT") == 404_000_000_000
    assert ledger.positions() == {("perp", "BTC/USDT:USDT"): Decimal("0.001")}
    assert ledger.totals("another session") == {}


def test_recording_never_waits_and_a_full_queue_gives_the_database_up(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()
    writer = LedgerWriter(engine, capacity=2)
    write = writer._write
    monkeypatch.setattr(writer, "_write", lambda rows: gate.wait(10) and write(rows))
    writer.start()
    began = time.monotonic()
    with pytest.raises(JournalError, match="too slow, 2 rows are waiting"):
        for trade_id in range(100):
            writer.record(fill(trade_id))
    assert time.monotonic() - began < 0.5
    with pytest.raises(JournalError, match="too slow"):
        writer.record(fill(1000))
    gate.set()
    with pytest.raises(JournalError, match="too slow"):
        writer.stop()
    assert Ledger(engine).totals()["perp", "BTC/USDT:USDT"].fills == trade_id, "what was accepted was written"


def test_a_failed_write_is_kept_and_refuses_more(engine: Engine) -> None:
    writer = LedgerWriter(engine)
    writer.start()
    writer.record(fill(1, qty=0.1))  # a float is never money
    with pytest.raises(JournalError, match="expected an exact decimal"):
        writer.flush()
    with pytest.raises(JournalError) as caught:
        writer.record(fill(2))
    assert caught.value is writer.failure
    with pytest.raises(JournalError):
        writer.stop()


def test_after_a_failed_write_nothing_is_written_out_of_its_order(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mmbot.ledger.writer._BATCH", 1)
    writer = LedgerWriter(engine)
    for row in (fill(1), fill(2, qty=0.1), fill(3)):
        writer.record(row)
    writer.start()
    with pytest.raises(JournalError, match="expected an exact decimal"):
        writer.stop()
    assert Ledger(engine).recent_trades("perp", "BTC/USDT:USDT") == [("BUY", 1)]


@pytest.mark.parametrize("comes_back", [True, False])
def test_a_locked_database_is_waited_for_a_while(tmp_path: Path, comes_back: bool) -> None:
    """A backup that held the lock for a moment ended the ledger, and with it the record of every later fill."""
    path = tmp_path / "ledger.db"
    engine = open_database(f"sqlite:///{path}")
    event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA busy_timeout=10"))
    engine.dispose()
    lock = sqlite3.connect(path, isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    writer = LedgerWriter(engine, patience_s=10 if comes_back else 0.1)
    writer.start()
    writer.record(fill(1))
    deadline = time.monotonic() + (0.3 if comes_back else 20)
    while writer.failure is None and time.monotonic() < deadline:
        time.sleep(0.01)
    lock.close()
    if comes_back:
        writer.stop()
        assert Ledger(engine).totals()["perp", "BTC/USDT:USDT"].fills == 1
    else:
        with pytest.raises(JournalError, match="locked"):
            writer.stop()
    engine.dispose()


def test_sqlite_is_in_wal_mode(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'ledger.db'}")
    with engine.connect() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
    engine.dispose()


@pytest.mark.parametrize("url", ["mysql://host/db", "nonsense"])
def test_only_known_databases(url: str) -> None:
    with pytest.raises(ConfigError, match="ledger: expected"):
        open_database(url)


def test_an_unreachable_database_is_named_without_its_password(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="cannot be opened"):
        open_database(f"sqlite:///{tmp_path}/missing/ledger.db")


WRITER = """
    import sys
    sys.path.insert(0, sys.argv[2])
    from test_ledger import fill
    from mmbot.ledger import LedgerWriter, open_database
    with LedgerWriter(open_database(sys.argv[1])) as writer:
        for trade_id in range(int(sys.argv[3]), 10**9):
            writer.record(fill(trade_id))
            if trade_id % 20 == 0:
                writer.flush()
                print(trade_id, flush=True)
"""


def test_kill_9_then_the_venues_fills_again_loses_and_doubles_nothing(engine: Engine, url: str) -> None:
    """Each life is killed somewhere; the next records everything from the resume time on, as the venue tells it."""
    first = 1
    for _ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(WRITER), url, str(Path(__file__).parent), str(first)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        with process.stdout:
            committed = [int(process.stdout.readline()) for _ in range(15)][-1]
            process.send_signal(signal.SIGKILL)
            process.wait()
        known = [trade_id for _, trade_id in Ledger(engine).recent_trades("perp", "BTC/USDT:USDT")]
        assert known == list(range(1, len(known) + 1))
        assert len(known) >= committed
        since_ns = Ledger(engine).resume_ns("perp", "BTC/USDT:USDT", overlap_ns=100 * 1_000_000_000)
        first = since_ns // 1_000_000_000
        assert first < len(known)
