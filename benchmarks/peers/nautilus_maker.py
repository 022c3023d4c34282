"""nautilus_trader's side of the backtest speed comparison: its engine, its order book, a plain market maker.

A quote a side at the touch, post-only, one order size, moved when the touch has moved: at every interval, or at every
batch of levels. Its models are its own (no queue position from the book), so only its speed is compared.
"""

from __future__ import annotations

import time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pandas as pd
from nautilus_trader.backtest.config import BacktestEngineConfig
from nautilus_trader.backtest.engine import BacktestEngine
from nautilus_trader.backtest.models import LatencyModel
from nautilus_trader.config import LoggingConfig
from nautilus_trader.model.currencies import USDT
from nautilus_trader.model.data import BookOrder, OrderBookDelta, OrderBookDeltas, TradeTick
from nautilus_trader.model.enums import AccountType, AggressorSide, BookAction, BookType, OmsType, OrderSide, RecordFlag
from nautilus_trader.model.identifiers import TradeId
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.test_kit.providers import TestInstrumentProvider
from nautilus_trader.trading.strategy import Strategy

if TYPE_CHECKING:
    from collections.abc import Iterator

EXCH, LOCAL, BUY = 1 << 31, 1 << 30, 1 << 29
DEPTH, TRADE, SNAPSHOT = 1, 2, 4
LATENCY_NS = 1_000_000
INSTRUMENT = TestInstrumentProvider.btcusdt_perp_binance()


class Maker(Strategy):  # type: ignore[misc]
    """Quotes at the touch."""

    def __init__(self, interval_ns: int) -> None:
        super().__init__()
        self.interval_ns = interval_ns
        self.size = Quantity(0.001, 3)
        self.quotes: dict[Any, Any] = {}

    def on_start(self) -> None:
        self.subscribe_order_book_deltas(INSTRUMENT.id, BookType.L2_MBP)
        if self.interval_ns:
            every = pd.Timedelta(nanoseconds=self.interval_ns)
            self.clock.set_timer("decide", every, callback=lambda _event: self.decide())

    def on_order_book_deltas(self, _deltas: Any) -> None:
        if not self.interval_ns:
            self.decide()

    def decide(self) -> None:
        book = self.cache.order_book(INSTRUMENT.id)
        held = self.portfolio.net_position(INSTRUMENT.id)
        for side, price in ((OrderSide.BUY, book.best_bid_price()), (OrderSide.SELL, book.best_ask_price())):
            order = self.quotes.get(side)
            if price is None or (order is not None and not order.is_closed and order.price == price):
                continue
            if order is not None and order.is_open:
                self.cancel_order(order)
            elif order is not None and not order.is_closed:
                continue
            if abs(held) < Decimal("0.010") or (held < 0) == (side == OrderSide.BUY):
                quote = self.order_factory.limit(INSTRUMENT.id, side, self.size, price, post_only=True)
                self.quotes[side] = quote
                self.submit_order(quote)


def events(rows: Any) -> Iterator[Any]:
    """The rows that reach the strategy, as its own objects: levels of one time grouped, trades alone."""
    rows = rows[(rows["ev"] & LOCAL) != 0]
    batch: list[Any] = []
    before = 0
    for ev, exch_ns, local_ns, price, qty in zip(
        *(rows[name].tolist() for name in ("ev", "exch_ts", "local_ts", "px", "qty")), strict=True
    ):
        kind, buys = ev & 0xFF, bool(ev & BUY)
        if batch and (kind == TRADE or local_ns != before):
            yield OrderBookDeltas(INSTRUMENT.id, batch)
            batch = []
        before = local_ns
        if kind == TRADE:
            aggressor = AggressorSide.BUYER if buys else AggressorSide.SELLER
            if qty > 0:
                yield TradeTick(
                    INSTRUMENT.id, Price(price, 1), Quantity(qty, 3), aggressor, TradeId("0"), exch_ns, local_ns
                )
        elif kind in (DEPTH, SNAPSHOT):
            order = BookOrder(OrderSide.BUY if buys else OrderSide.SELL, Price(price, 1), Quantity(qty, 3), 0)
            action = BookAction.UPDATE if qty else BookAction.DELETE
            batch.append(OrderBookDelta(INSTRUMENT.id, action, order, RecordFlag.F_LAST, 0, exch_ns, local_ns))
    if batch:
        yield OrderBookDeltas(INSTRUMENT.id, batch)


def seconds(data: list[Any], interval_ns: int) -> tuple[float, int]:
    """How long one run takes once everything is loaded, and how many orders it made."""
    engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    engine.add_venue(
        INSTRUMENT.venue, OmsType.NETTING, AccountType.MARGIN, [Money(1_000_000, USDT)], book_type=BookType.L2_MBP,
        latency_model=LatencyModel(LATENCY_NS),
    )  # fmt: skip
    engine.add_instrument(INSTRUMENT)
    engine.add_data(data, sort=True)
    engine.add_strategy(Maker(interval_ns))
    begin = time.perf_counter()
    engine.run()
    took = time.perf_counter() - begin
    orders = len(engine.cache.orders())
    engine.dispose()
    return took, orders
