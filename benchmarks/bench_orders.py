"""The order path: diff of desired and working quotes, and an order's life in the table.

pytest benchmarks/bench_orders.py
python benchmarks/bench_orders.py       ns each, the diff from a compiled loop
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from mmbot._core.diff import diff_repeatedly
from mmbot._core.orders import OrderTable
from mmbot._core.rate import RateBudget
from mmbot._core.trade_ids import TradeIds
from mmbot._core.types import CommandKind, OrderEvent, OrderEventKind, Purpose, Side, TimeInForce

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

TIMES = 10_000
Level = tuple[int, int]


def quotes(levels: int, shift: int = 0) -> tuple[list[Level], list[Level]]:
    steps = range(levels)
    return [(1000 + shift - step, 5) for step in steps], [(1010 + shift + step, 5) for step in steps]


def working(levels: int) -> OrderTable:
    table = OrderTable(1)
    bids, asks = quotes(levels)
    for side, wanted in ((Side.BUY, bids), (Side.SELL, asks)):
        for price, qty in wanted:
            slot = table.place(0, side, price, qty, TimeInForce.GTX, reduce_only=False, purpose=Purpose.QUOTE, ts_ns=0)
            num = table.order(slot)["num"]
            table.apply_event(OrderEvent(kind=OrderEventKind.ACK, market=0, order_num=num, venue_order_id=slot + 1), 0)
    return table


@pytest.mark.parametrize("levels", [1, 3, 10])
@pytest.mark.parametrize("shift", [0, 7], ids=["as_wanted", "all_move"])
def test_diff_10k(benchmark: BenchmarkFixture, levels: int, shift: int) -> None:
    table, (bids, asks) = working(levels), quotes(levels, shift)
    actions = benchmark.pedantic(diff_repeatedly, (table, 0, bids, asks, TIMES), rounds=30, warmup_rounds=2)
    assert actions == (2 * min(levels, shift) * TIMES), "levels that overlap stay"


def test_apply_ack(benchmark: BenchmarkFixture) -> None:
    """One message through Python's face: the floor is building its result's dict."""
    table = working(5)
    num = table.order(table.open_slots(0)[0])["num"]
    event = OrderEvent(kind=OrderEventKind.ACK, market=0, order_num=num)
    benchmark.pedantic(table.apply_event, (event, 0), rounds=100, iterations=1000, warmup_rounds=3)


def test_learn_trade_ids_10k(benchmark: BenchmarkFixture) -> None:
    """Fresh ids into a full memory, each pushing out the oldest; and asking for one that is known."""
    trades, fresh = TradeIds(1), iter(range(10**12))
    for _ in range(100_000):
        trades.learn(0, 0, next(fresh))

    def learn() -> None:
        for _ in range(TIMES):
            trades.learn(0, 0, next(fresh))

    benchmark.pedantic(learn, rounds=30, warmup_rounds=2)


def test_seen_trade_id(benchmark: BenchmarkFixture) -> None:
    trades = TradeIds(1)
    trades.learn(0, 0, 5_266_583_935)
    benchmark.pedantic(trades.seen, (0, 0, 5_266_583_935), rounds=100, iterations=1000, warmup_rounds=3)
    assert trades.seen(0, 0, 5_266_583_935)


def test_take_budget(benchmark: BenchmarkFixture) -> None:
    rate = RateBudget([(300, 10, 30, True), (1200, 60, 120, True)])
    benchmark.pedantic(rate.available, (False, 0), rounds=100, iterations=1000, warmup_rounds=3)


def test_place_and_take_back(benchmark: BenchmarkFixture) -> None:
    table = working(5)

    def cycle() -> None:
        slot = table.place(0, 0, 900, 5, TimeInForce.GTX, reduce_only=False, purpose=Purpose.QUOTE, ts_ns=0)
        table.unsent(slot, CommandKind.PLACE, 0)

    benchmark.pedantic(cycle, rounds=100, iterations=1000, warmup_rounds=3)


def main() -> None:
    for levels in (1, 3, 10):
        for name, shift in (("as wanted", 0), ("all move", 7)):
            table, (bids, asks) = working(levels), quotes(levels, shift)
            best = min(_seconds(table, bids, asks) for _ in range(20))
            print(f"diff, {levels:2d} levels a side, {name}: {best / TIMES * 1e9:6.0f} ns")


def _seconds(table: OrderTable, bids: list[Level], asks: list[Level]) -> float:
    start = time.perf_counter()
    diff_repeatedly(table, 0, bids, asks, TIMES)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
