"""Backtests on tapes of a few events, written down readably, with plugins that do what a script says.

::

    desk = Desk(tmp_path)
    desk.tape(book(0, bid=99, ask=101), depth(5, SELL, (101, 0), (100, 2)), trade(7, BUY, 101, 3))
    desk.script((1, [(99, 1)], [(101, 1)]))
    played = desk.play()
    assert played.fills == [...]

Times are milliseconds since `START_NS`, to the nanosecond; prices are ticks of 1, quantities lots of 1, unless said
otherwise. What happens at the exchange is seen here `FEED_MS` later.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np

from mmbot._core.types import Instrument, OrderState, Side
from mmbot.backtest.build import Prepared, build
from mmbot.config import Config, parse
from mmbot.tape import TapeFlag, TapeKind, TapeWriter

START_NS = 1_723_161_600_000_000_000  # 2024-08-09 00:00 UTC
FEED_MS = 0.1
BUY, SELL = Side.BUY, Side.SELL
ASIDE = 1_000_000_000  # an event far away, for times that go on

PLUGIN = '''
"""Declares what a script says, and notes what it is told."""

from mmbot.strategy import Fill, Market, OrderView, Params, Strategy


class ScriptedParams(Params):
    script: list[list] = []             # [ns after the start, market, bids, asks]
    fails_ns: int = -1                  # raises then


class Scripted(Strategy):
    params: ScriptedParams

    def on_start(self) -> None:
        self.start_ns = self.now_ns
        self.left = sorted(self.params.script, key=lambda step: step[0])
        self.arm()

    def arm(self) -> None:
        if self.left:
            self.set_timer("next", after_s=(self.left[0][0] + self.start_ns - self.now_ns) / 1e9)

    def on_timer(self, name: str) -> None:
        if 0 <= self.params.fails_ns <= self.now_ns - self.start_ns:
            raise RuntimeError("the script says so")
        while self.left and self.left[0][0] + self.start_ns <= self.now_ns:
            _, index, bids, asks = self.left.pop(0)
            self.quote(self.markets[index], [tuple(b) for b in bids], [tuple(a) for a in asks])
        self.arm()

    def on_book(self, market: Market) -> None:
        self.tell("book", market, market.bid_ticks, market.ask_ticks)

    def on_trade(self, market: Market, side: int, price_ticks: int, qty_lots: int) -> None:
        self.tell("trade", market, side, price_ticks, qty_lots)

    def on_order(self, market: Market, order: OrderView) -> None:
        self.tell("order", market, order.state, order.price_ticks, order.qty_lots, order.filled_lots)

    def on_fill(self, market: Market, fill: Fill) -> None:
        self.tell("fill", market, fill.side, fill.price_ticks, fill.qty_lots)

    def on_funding(self, market: Market, amount_e8: int) -> None:
        self.tell("funding", market, amount_e8)

    def tell(self, what: str, market: Market, *about: int) -> None:
        self.note(" ".join(map(str, (what, self.now_ns, market.index, *about))))
'''


class Batch(NamedTuple):
    """One batch of a tape: times in ns, and a row of its columns."""

    exch_ns: int
    local_ns: int
    kind: TapeKind
    side: int
    levels: tuple[tuple[int, int], ...]
    flags: int = TapeFlag.EXCH | TapeFlag.LOCAL
    seq: int = 0


Events = Iterable[Batch | Sequence[Batch]]


def ns(ms: float) -> int:
    """Milliseconds since the start as a time."""
    return START_NS + round(ms * 1e6)


def _batch(  # noqa: PLR0917 - the columns of a batch
    at: float, kind: TapeKind, side: int, levels: Iterable[tuple[int, int]], local: float | None, seq: int = 0
) -> Batch:
    seen = at + FEED_MS if local is None else local
    return Batch(ns(at), ns(seen), kind, side, tuple(levels), seq=seq)


def depth(at: float, side: int, *levels: tuple[int, int], local: float | None = None) -> Batch:
    """One side of a depth message: absolute quantities."""
    return _batch(at, TapeKind.DEPTH, side, levels, local)


def trade(at: float, taker: int, price: int, lots: int, *, local: float | None = None) -> Batch:
    return _batch(at, TapeKind.TRADE, taker, [(price, lots)], local)


def clear(at: float, side: int, until: int = 0, *, local: float | None = None) -> Batch:
    return _batch(at, TapeKind.CLEAR, side, [(until, 0)], local)


def book(
    at: float, *, bid: int = 0, ask: int = 0, lots: int = 5,
    bids: Sequence[tuple[int, int]] = (), asks: Sequence[tuple[int, int]] = (), local: float | None = None,
) -> list[Batch]:  # fmt: skip
    """A snapshot; `bid` and `ask` make a book of one level a side."""
    bids, asks = bids or ([(bid, lots)] if bid else []), asks or ([(ask, lots)] if ask else [])
    return [
        batch
        for side, levels in ((BUY, bids), (SELL, asks))
        for batch in (clear(at, side, local=local), _batch(at, TapeKind.SNAPSHOT, side, levels, local))
    ]


def ticker(at: float, bid: tuple[int, int], ask: tuple[int, int], seq: int, *, local: float | None = None) -> Batch:
    return _batch(at, TapeKind.TICKER, 0, [bid, ask], local, seq)


def mark(
    at: float, price: float, *, rate: float = 0.0, settles: float = 0.0, local: float | None = None
) -> Batch:  # fmt: skip
    """Mark and index price, funding rate, and when it settles (ms; 0: never)."""
    price_e8, due_ns = round(price * 1e8), ns(settles) if settles else 0
    return _batch(at, TapeKind.MARK, 0, [(price_e8, price_e8), (round(rate * 1e12), due_ns)], local)


def gap(at: float, *, local: float | None = None) -> Batch:
    return _batch(at, TapeKind.GAP, 0, [], local)


def at_exchange(batch: Batch) -> Batch:
    """Only the exchange's side of it."""
    return batch._replace(flags=TapeFlag.EXCH)


def seen(batch: Batch) -> Batch:
    """Only our side of it."""
    return batch._replace(flags=TapeFlag.LOCAL)


def write_tape(path: Path, instrument: Instrument, events: Events) -> Path:
    """Write events, given in any order, as a tape: both walks sorted stably, equal heads merged."""
    batches = [b for event in events for b in ([event] if isinstance(event, Batch) else event)]
    exch = sorted((i for i, b in enumerate(batches) if b.flags & TapeFlag.EXCH), key=lambda i: batches[i].exch_ns)
    local = sorted((i for i, b in enumerate(batches) if b.flags & TapeFlag.LOCAL), key=lambda i: batches[i].local_ns)
    rows: list[Batch] = []
    while exch or local:
        if exch and local and exch[0] == local[0]:
            rows.append(batches[exch.pop(0)])
            local.pop(0)
        elif not local or (exch and batches[exch[0]][:2] <= batches[local[0]][:2]):
            rows.append(batches[exch.pop(0)]._replace(flags=TapeFlag.EXCH))
        else:
            rows.append(batches[local.pop(0)]._replace(flags=TapeFlag.LOCAL))
    with TapeWriter(path, instrument, {}) as writer:
        writer.append(
            [r.exch_ns for r in rows], [r.local_ns for r in rows], [r.seq for r in rows], [r.kind for r in rows],
            [r.side for r in rows], [r.flags for r in rows], [len(r.levels) for r in rows],
            [level for r in rows for level in r.levels],
        )  # fmt: skip
        writer.close({})
    return path


def instrument(**fields: Any) -> Instrument:
    """A linear perpetual of BTC in USDT: a tick is 1 USDT, a lot 1 BTC; no limits, no fees."""
    return Instrument(
        **{
            "venue": "tape", "symbol": "BTC/USDT:USDT", "venue_symbol": "BTCUSDT", "base_asset": "BTC",
            "quote_asset": "USDT", "settle_asset": "USDT", "tick_size": "1", "lot_size": "1", "min_qty_lots": 1,
            "maker_fee": 0.0, "taker_fee": 0.0, **fields,
        }
    )  # fmt: skip


def inverse(**fields: Any) -> Instrument:
    """A perpetual settled in BTC: a contract is 100 USD."""
    return instrument(
        **{
            "symbol": "BTC/USD:BTC", "venue_symbol": "BTCUSD_PERP", "quote_asset": "USD", "settle_asset": "BTC",
            "contract_size": "100", "inverse": True, **fields,
        }
    )  # fmt: skip


def spot(**fields: Any) -> Instrument:
    """BTC against USDT."""
    return instrument(**{"symbol": "BTC/USDT", "perpetual": False, "amend_any": False, **fields})


class FillSeen(NamedTuple):
    """A fill of the results: when it happened at the exchange, and of the how manieth order; 0: a liquidation."""

    at: float
    order: int
    side: int
    price: int
    lots: int


class OrderSeen(NamedTuple):
    """An order of the results."""

    side: int
    price: int
    lots: int
    state: str
    filled: int


class Played:
    """A run that is over."""

    def __init__(self, prepared: Prepared) -> None:
        self.prepared, self.backtest = prepared, prepared.backtest
        self.arrays = prepared.backtest.blotter.arrays()
        self.engine = prepared.assembly.engine
        self.notes = [text for _, text in prepared.backtest.notes]
        self._numbers = {num: i + 1 for i, num in enumerate(self.arrays["orders"]["order_id"].tolist())}

    def fills_of(self, market: int) -> list[FillSeen]:
        """Fills of one market, as they were booked."""
        return [
            FillSeen(
                (int(f["exch_ts_ns"]) - START_NS) / 1e6, self._numbers.get(int(f["order_id"]), 0),
                int(f["side"]), int(f["price_ticks"]), int(f["qty_lots"]),
            )
            for f in self.arrays["fills"]
            if f["market"] == market
        ]  # fmt: skip

    @property
    def fills(self) -> list[FillSeen]:
        """Fills of the first market."""
        return self.fills_of(0)

    @property
    def orders(self) -> list[OrderSeen]:
        """All orders in the order of their placing."""
        return [
            OrderSeen(
                int(o["side"]), int(o["price_ticks"]), int(o["qty_lots"]),
                OrderState(o["state"]).name.lower(), int(o["filled_lots"]),
            )
            for o in self.arrays["orders"]
        ]  # fmt: skip

    def times(self, column: str) -> list[float]:
        """A time of every order, ms; of those that have it."""
        return [(t - START_NS) / 1e6 for t in self.arrays["orders"][column].tolist() if t]

    def told(self, what: str, market: int = 0) -> list[tuple[float, ...]]:
        """What the scripted plugin was told of `what`: when (ms), and the numbers it got."""
        found = []
        for text in self.notes:
            words = text.partition(": ")[2].split()
            if words[:1] == [what] and int(words[2]) == market:
                found.append(((int(words[1]) - START_NS) / 1e6, *map(int, words[3:])))
        return found

    def fees(self, market: int = 0) -> list[int]:
        """Fees of the market's fills, in 1e-8."""
        return [int(f["fee_e8"]) for f in self.arrays["fills"] if f["market"] == market]

    def same_as(self, other: Self) -> bool:
        """Every byte of fills, orders and states is equal."""
        return all(self.arrays[name].tobytes() == other.arrays[name].tobytes() for name in self.arrays)


class Desk:
    """One backtest in the making. The first market is quoted, the others are as `hedge` says.

    Args:
        folder: for tapes and the plugin.
        instruments: one for each market, m0, m1...; one linear perpetual by default.
        plugin: its text.
        hedge: makes the last market one to hedge on: the section's fields.
        strategy, risk, bot: fields that differ from the desk's, by section.
        backtest: fields of that section.
    """

    def __init__(
        self, folder: Path, *instruments: Instrument, plugin: str = PLUGIN, hedge: dict[str, Any] | None = None,
        strategy: dict[str, Any] | None = None, risk: dict[str, Any] | None = None, bot: dict[str, Any] | None = None,
        **backtest: Any,
    ) -> None:  # fmt: skip
        self.folder = folder
        self.instruments = instruments or (instrument(),)
        self.tapes: list[list[Path]] = [[] for _ in self.instruments]
        self.scripted: list[list[Any]] = []
        self.plugin = folder / "scripted.py"
        self.plugin.write_text(plugin, encoding="utf-8")
        names = [f"m{i}" for i in range(len(self.instruments))]
        quoted = names[:-1] if hedge is not None else names
        self.sections: dict[str, Any] = {
            "bot": {"name": "desk", "timer_ms": 1000, **(bot or {})},
            "venues": {"tapes": {"kind": "tape"}},
            "markets": {
                name: {"venue": "tapes", "symbol": one.symbol, "role": "maker" if name in quoted else "hedge"}
                for name, one in zip(names, self.instruments, strict=True)
            },
            "strategy": {
                "id": str(self.plugin), "markets": quoted, "acts": "on_declare", "moves": "overlap",
                **(strategy or {}),
            },
            "risk": {
                "max_order_qty": 10**6, "max_order_notional": 10**9, "max_position": 10**7, "max_open_orders": 1000,
                "price_band_bps": 10_000, "orders_per_s": 10_000, "order_burst": 10_000, "cancels_per_s": 10_000,
                "self_trade": "venue", "max_daily_loss": 10**9, "max_drawdown": 10**9, "stale_book_ms": 600_000,
                **(risk or {}),
            },
            "backtest": {"rules": "hftbacktest", "queue": {"model": "risk_averse"}, **backtest},
        }  # fmt: skip
        if hedge is not None:
            self.sections["hedge"] = {self.instruments[0].base_asset: {"markets": [names[-1]], **hedge}}
        for i, one in enumerate(self.instruments):
            if [other.symbol for other in self.instruments].count(one.symbol) > 1:  # two books of one symbol
                self.sections["venues"][f"tapes{i}"] = {"kind": "tape"}
                self.sections["markets"][names[i]]["venue"] = f"tapes{i}"

    def tape(self, *events: Batch | Sequence[Batch], market: int = 0) -> None:
        """Add a tape of a market; several are played one after the other."""
        path = self.folder / f"m{market}-{len(self.tapes[market])}.tape"
        self.tapes[market].append(write_tape(path, self.instruments[market], events))

    def script(self, *steps: tuple[Any, ...]) -> None:
        """What the plugin declares: (ms, bids, asks), or (ms, market, bids, asks)."""
        for step in steps:
            at, market, bids, asks = step if len(step) == 4 else (step[0], 0, *step[1:])
            self.scripted.append([round(at * 1e6), market, bids, asks])

    def config(self, **params: Any) -> Config:
        """All of it, as if it had been read from a file."""
        sections = json.loads(json.dumps(self.sections))
        if self.scripted:
            params = {"script": self.scripted, **params}
        sections["strategy"].setdefault("params", params)
        sections["backtest"]["data"] = {f"m{i}": [str(path) for path in found] for i, found in enumerate(self.tapes)}
        return parse(json.dumps(sections))

    def play(self, **params: Any) -> Played:
        """Run it; `params` are more ones of the plugin."""
        prepared = build(self.config(**params))
        prepared.backtest.run()
        return Played(prepared)


def levels(played: Played, side: int, market: int = 0) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """The levels of one side as the exchange has them, and as we do."""
    lane = played.backtest.lanes[market]
    return lane.paper.book.levels(side), lane.market.book.levels(side)


def latency_file(path: Path, *rows: tuple[float, float | None, float]) -> dict[str, str]:
    """Recorded latencies: when a request left, arrived (None: never) and was answered, ms; as config."""
    columns = [np.array([0 if row[i] is None else ns(row[i]) for row in rows], np.int64) for i in range(3)]
    np.savez(path, req_ns=columns[0], exch_ns=columns[1], resp_ns=columns[2])
    return {"model": "recorded", "file": str(path)}
