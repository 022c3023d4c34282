"""A bot's memory: what the ledger gives back to the next run, and what it takes in only once."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select

from mmbot._core.types import Instrument, OrderState, Purpose
from mmbot.config import Config, load
from mmbot.engine.books import Books
from mmbot.ledger import Balance, Ledger, Order, open_database

ROOT = Path(__file__).resolve().parents[2]
PERP = {
    "venue": "perp", "symbol": "BTC/USDT:USDT", "venue_symbol": "BTCUSDT", "base_asset": "BTC", "quote_asset": "USDT",
    "settle_asset": "USDT", "tick_size": "0.1", "lot_size": "0.001", "contract_size": "1", "perpetual": True,
}  # fmt: skip
SECOND = 1_000_000_000


@dataclass
class Trade:
    """What the core tells of a fill."""

    trade_id: int
    side: int
    qty_lots: int
    price_ticks: int
    market: int = 0
    fee_e8: int = 2_470_000
    fee_asset: int = 0
    order_num: int = 1
    venue_order_id: int = 9
    ts_ns: int = 1_000 * SECOND
    purpose: int = 0
    maker: bool = True


@dataclass
class Bench:
    """Books of a bot on a real venue, in a folder."""

    folder: Path
    config: Config
    books: list[Books] = field(default_factory=list)

    def open(self, session: int) -> Books:
        run = self.folder / str(session)
        run.mkdir()
        books = Books(self.config, run)
        market = SimpleNamespace(id="perp_btc", instrument=Instrument(**PERP))
        assembly: Any = SimpleNamespace(
            engine=SimpleNamespace(markets=(market,)), assets=["USDT", "BTC"], venue_ids=["perp", "spot"]
        )  # fmt: skip
        books.open_session(assembly, session)
        return books

    def funding(self) -> Decimal:
        database = open_database(f"sqlite:///{self.folder / 'ledger.db'}")
        totals = Ledger(database).totals()["perp", "BTC/USDT:USDT"]
        database.dispose()
        return totals.funding["USDT"]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    text = (ROOT / "configs" / "demo.yaml").read_text()
    for kind in ("usdm", "spot"):
        text = text.replace(f"{{kind: binance_{kind}, endpoint: sim}}", f"{{kind: binance_{kind}, endpoint: testnet}}")
    path = tmp_path / "bot.yaml"
    path.write_text(text)
    return Bench(tmp_path, load(path, []))


def end(books: Books) -> None:
    """End a session in good order."""
    engine: Any = SimpleNamespace(markets=(), reconciler=SimpleNamespace(baselines=dict))
    books.close_session(engine, "signal")
    books.close()


def test_the_next_run_begins_with_the_position_and_the_trades_of_the_last(bench: Bench) -> None:
    first = bench.open(1)
    assert first.remembered({"perp_btc": PERP}) == {}
    first.record_fills([Trade(1, 0, 5, 600_000), Trade(2, 0, 5, 602_000), Trade(3, 1, 4, 605_000)])  # type: ignore[list-item]
    first.close()
    second = bench.open(2)
    restored = second.remembered({"perp_btc": PERP})["perp_btc"]
    second.close()
    assert restored.lots == 6
    assert Decimal(restored.entry_price) == Decimal(60100)
    assert restored.trade_ids == [(0, 1), (0, 2), (1, 3)]


def test_a_fill_that_is_told_twice_is_kept_once(bench: Bench) -> None:
    for session in (1, 2):
        books = bench.open(session)
        books.record_fills([Trade(1, 0, 5, 600_000)])  # type: ignore[list-item]
        books.close()
    books = bench.open(3)
    assert books.remembered({"perp_btc": PERP})["perp_btc"].lots == 5
    books.close()


def test_earlier_funding_is_taken_once_though_its_stamps_differ(bench: Bench) -> None:
    first = bench.open(1)
    first.record_funding(0, -1_234_567, 0, 5_000 * SECOND)
    first.close()
    second = bench.open(2)
    second.record_earlier_funding(0, -1_234_567, 0, 5_001 * SECOND)  # as the history stamps the same payment
    second.record_earlier_funding(0, -1_234_567, 0, 33_800 * SECOND)  # the next settlement, of the same amount
    second.close()
    assert bench.funding() == Decimal("-0.02469134")


def test_ended_orders_and_stated_balances_are_kept(bench: Bench) -> None:
    books = bench.open(1)
    ended = {
        "num": 4097, "market": 0, "venue_order_id": 99, "side": 1, "purpose": Purpose.QUOTE, "price_ticks": 600_005,
        "state": OrderState.CANCELED, "qty_lots": 5, "filled_lots": 2, "reason": 0, "created_ns": 7,
        "last_update_ns": 9,
    }  # fmt: skip
    books.record_orders([ended])
    books.record_balance(1, 1, 123_456_789, 5 * SECOND)
    books.record_balance(1, 1, 123_456_789, 5 * SECOND)
    books.close()
    database = open_database(f"sqlite:///{bench.folder / 'ledger.db'}")
    with database.connect() as connection:
        [order] = connection.execute(select(Order.__table__)).mappings()
        [balance] = connection.execute(select(Balance.venue, Balance.asset, Balance.ts_ns, Balance.wallet))
    database.dispose()
    assert dict(order) == {
        "session_id": "demo-1", "order_num": 4097, "venue": "perp", "symbol": "BTC/USDT:USDT", "venue_order_id": 99,
        "side": "SELL", "purpose": "quote", "state": "canceled", "price": Decimal("60000.5"), "qty": Decimal("0.005"),
        "filled": Decimal("0.002"), "reason": 0, "created_ns": 7, "updated_ns": 9,
    }  # fmt: skip
    assert tuple(balance) == ("spot", "BTC", 5 * SECOND, Decimal("1.23456789"))


def test_fills_are_asked_for_from_before_the_last_known_one(bench: Bench) -> None:
    first = bench.open(1)
    assert first.since_ns(1) == 1_000_000
    first.record_fills([Trade(1, 0, 5, 600_000)])  # type: ignore[list-item]
    end(first)
    second = bench.open(7_000_000)
    assert second.since_ns(7_000_000) == 400 * SECOND  # ten minutes before it
    second.close()


def test_they_are_asked_for_from_the_start_of_a_run_that_was_killed_before_it_had_written_any(bench: Bench) -> None:
    end(bench.open(1_000_000))
    for session in (2_000_000, 3_000_000):  # killed, both
        bench.open(session).close()
    books = bench.open(4_000_000)
    assert books.since_ns(4_000_000) == 2_000_000 * 1_000_000
    books.record_fills([Trade(1, 0, 5, 600_000, ts_ns=190_000 * SECOND)])  # type: ignore[list-item]
    books.close()
    # One market has a fill now, the other one has still none.
    assert bench.open(5_000_000).since_ns(5_000_000) == 2_000_000 * 1_000_000
    assert bench.open(200_000_000).since_ns(200_000_000) == (200_000_000 - 86_400_000) * 1_000_000


def test_with_the_embedded_exchange_nothing_is_remembered(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    books = Books(load(ROOT / "configs" / "demo.yaml", []), run)
    assert books.remembered({"perp_btc": PERP}) == {}
    assert (run / "ledger.db").is_file()
    books.close()
