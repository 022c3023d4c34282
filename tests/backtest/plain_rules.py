"""hftbacktest's rules as a page of plain Python: dicts, lists, and no thought of speed.

Written from the description that comes with the reference lists, without a look at mmbot's own models, so that the two
can be held against each other. Quantities are whole lots, prices whole ticks.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

BUY, SELL = 0, 1
DEPTH, TRADE, CLEAR = 1, 2, 3
NEVER = math.inf


class Row(NamedTuple):
    """One row of the input; `side` of a trade is the aggressor's."""

    exch_ts: int
    local_ts: int
    kind: int
    side: int
    tick: int
    lots: int


class Fill(NamedTuple):
    exch_ts: int
    order_id: int
    asset: int
    side: int
    tick: int
    lots: int


@dataclass
class Rules:
    """Models and parameters of a run; times in ns."""

    power: float | None = None  # None: risk averse
    entry_ns: int = 1_000_000
    response_ns: int = 1_000_000
    timer_ns: int | None = 100_000_000  # None: decide at the feed
    warm_up_ns: int = 10_000_000_000
    half: float = 0.0
    skew: float = 1.0
    lots: tuple[int, ...] = (1,)
    max_orders: int = 10


def beyond(side: int, a: int, b: int) -> bool:
    """Whether tick `a` is a better price than `b` for an order of that side to be first with."""
    return a > b if side == BUY else a < b


class Book:
    """One book: what is stored, and the best of each side, which is kept apart from it."""

    def __init__(self) -> None:
        self.levels: list[dict[int, int]] = [{}, {}]
        self.best: list[int | None] = [None, None]
        self.passed: list[set[int]] = [set(), set()]  # levels that were crossed, and not told of since

    def _next(self, side: int, tick: int) -> int | None:
        """The next populated level that is worse than `tick`."""
        worse = [t for t in self.levels[side] if beyond(side, tick, t)]
        return (max(worse) if side == BUY else min(worse)) if worse else None

    def set(self, side: int, tick: int, lots: int) -> None:
        self.passed[side].discard(tick)
        if lots == 0:
            self.levels[side].pop(tick, None)
            if tick == self.best[side]:
                self.best[side] = self._next(side, tick)
            return
        self.levels[side][tick] = lots
        best, other = self.best[side], self.best[1 - side]
        if best is None or beyond(side, tick, best):
            self.best[side] = tick
        if other is not None and not beyond(side, other, tick):
            self.best[1 - side] = self._next(1 - side, tick)
            self.passed[1 - side] |= {t for t in self.levels[1 - side] if not beyond(1 - side, tick, t)}

    def clear(self, side: int, tick: int) -> None:
        best = self.best[side]
        if best is None or (tick != 0 and beyond(side, tick, best)):
            return
        for t in list(self.levels[side]):
            if not beyond(side, t, best) and (tick == 0 or not beyond(side, tick, t)):
                del self.levels[side][t]
        self.best[side] = self._next(side, tick or best)

    def seen(self, side: int) -> list[tuple[int, int]]:
        """The levels from the best on, best first."""
        best = self.best[side]
        if best is None:
            return []
        ticks = [t for t in self.levels[side] if not beyond(side, t, best)]
        return [(t, self.levels[side][t]) for t in sorted(ticks, reverse=side == BUY)]


@dataclass
class Order:
    id: int
    side: int
    tick: int
    lots: int
    front: float = 0.0
    cum: float = 0.0


@dataclass
class Asset:
    """One market: both books, what is still to come, and the strategy's own view."""

    number: int
    lots: int
    local_rows: list[Row]
    exch_rows: list[Row]
    local: Book = field(default_factory=Book)
    exch: Book = field(default_factory=Book)
    at_local: int = 0
    at_exch: int = 0
    requests: deque[tuple[int, Callable[[int], None]]] = field(default_factory=deque)
    responses: deque[tuple[int, Callable[[], None]]] = field(default_factory=deque)
    resting: list[Order] = field(default_factory=list)
    position: int = 0
    table: dict[int, tuple[str, int]] = field(default_factory=dict)  # order id: state, tick
    live: list[int | None] = field(default_factory=lambda: [None, None])

    def due(self) -> list[float]:
        """When the next of each kind comes, in the order of a tie."""
        return [
            self.local_rows[self.at_local].local_ts if self.at_local < len(self.local_rows) else NEVER,
            self.responses[0][0] if self.responses else NEVER,
            self.exch_rows[self.at_exch].exch_ts if self.at_exch < len(self.exch_rows) else NEVER,
            self.requests[0][0] if self.requests else NEVER,
        ]


class Run:
    """A whole run over the rows of one or more assets."""

    def __init__(self, assets: Iterable[Iterable[Row]], rules: Rules) -> None:
        self.rules = rules
        self.assets = [
            Asset(
                i, rules.lots[i], sorted(rows, key=lambda row: row.local_ts), sorted(rows, key=lambda row: row.exch_ts)
            )
            for i, rows in enumerate([list(rows) for rows in assets])
        ]
        self.fills: list[Fill] = []
        self.expired = self.submitted = self.decisions = 0
        self.now = self.start = min(int(min(asset.due())) for asset in self.assets)
        while self._pass_time():
            self._decide()
        self.fills.sort(key=lambda fill: (fill.exch_ts, fill.order_id))

    # --- the clock ---------------------------------------------------------------------------------------------------

    def _next(self) -> tuple[float, int, int]:
        """The earliest happening: when, of which asset, of which kind."""
        return min((due, asset.number, kind) for asset in self.assets for kind, due in enumerate(asset.due()))

    def _pass_time(self) -> bool:
        """Play what comes before the next decision; False: there is none."""
        if self.rules.timer_ns is not None:
            self.now += self.rules.timer_ns
        else:
            while True:
                ts, asset, kind = self._next()
                if ts == NEVER:
                    return False
                self._happen(asset, kind)
                if kind == 0:
                    self.now = int(ts)
                    break
        while self._next()[0] <= self.now:
            self._happen(*self._next()[1:])
        return self._next()[0] != NEVER

    def _happen(self, number: int, kind: int) -> None:
        asset = self.assets[number]
        if kind == 0:
            row = asset.local_rows[asset.at_local]
            asset.at_local += 1
            if row.kind == DEPTH:
                asset.local.set(row.side, row.tick, row.lots)
            elif row.kind == CLEAR:
                asset.local.clear(row.side, row.tick)
        elif kind == 1:
            asset.responses.popleft()[1]()
        elif kind == 2:
            row = asset.exch_rows[asset.at_exch]
            asset.at_exch += 1
            self._at_exchange(asset, row)
        else:
            ts, request = asset.requests.popleft()
            request(ts)

    # --- the exchange ------------------------------------------------------------------------------------------------

    def _at_exchange(self, asset: Asset, row: Row) -> None:
        book = asset.exch
        if row.kind == CLEAR:
            book.clear(row.side, row.tick)
        elif row.kind == TRADE:
            self._trade(asset, row)
        else:
            before = book.levels[row.side].get(row.tick, 0)
            best = book.best[row.side]
            for order in asset.resting:
                if order.side == row.side and order.tick == row.tick:
                    self._requeue(order, before, row.lots)
            book.set(row.side, row.tick, row.lots)
            now = book.best[row.side]
            if now is not None and (best is None or beyond(row.side, now, best)):
                for order in list(asset.resting):
                    if order.side != row.side and not beyond(row.side, order.tick, now):
                        self._fill(asset, order, row.exch_ts)

    def _trade(self, asset: Asset, row: Row) -> None:
        for order in list(asset.resting):
            if order.side == row.side:
                continue
            if order.tick == row.tick:
                order.front -= row.lots
                order.cum += row.lots
                if math.floor(-order.front + 0.5) > 0:
                    self._fill(asset, order, row.exch_ts)
            elif beyond(order.side, order.tick, row.tick):
                self._fill(asset, order, row.exch_ts)

    def _requeue(self, order: Order, prev: float, new: float) -> None:
        power = self.rules.power
        if power is None:
            order.front = min(order.front, new)
            return
        change, order.cum = prev - new - order.cum, 0.0
        if change < 0:
            order.front = min(order.front, new)
            return
        back, front = prev - order.front, order.front
        if back**power + front**power == 0:
            order.front = new
            return
        p = back**power / (back**power + front**power)
        order.front = min(front - (1 - p) * change + min(back - p * change, 0.0), new)

    def _fill(self, asset: Asset, order: Order, ts: int) -> None:
        asset.resting.remove(order)
        self.fills.append(Fill(ts, order.id, asset.number, order.side, order.tick, order.lots))

        def booked() -> None:
            asset.position += order.lots if order.side == BUY else -order.lots
            del asset.table[order.id]

        self._respond(asset, ts, booked)

    def _respond(self, asset: Asset, ts: int, told: Callable[[], Any]) -> None:
        asset.responses.append((ts + self.rules.response_ns, told))

    # --- the strategy ------------------------------------------------------------------------------------------------

    def _decide(self) -> None:
        if self.now < self.start + self.rules.warm_up_ns:
            return
        self.decisions += 1
        for asset in self.assets:
            b, a = asset.local.best
            if b is None or a is None:
                continue
            n = asset.position / asset.lots
            n = math.copysign(math.floor(abs(n) + 0.5), n)
            c2 = b + a - 2 * self.rules.skew * n
            bid: int | None = min(math.floor((c2 - 2 * self.rules.half) / 2), a - 1)
            ask: int | None = max(math.ceil((c2 + 2 * self.rules.half) / 2), b + 1)
            self._side(asset, BUY, None if n >= self.rules.max_orders else bid)
            self._side(asset, SELL, None if n <= -self.rules.max_orders else ask)

    def _side(self, asset: Asset, side: int, target: int | None) -> None:
        live = asset.live[side]
        if live is not None and live not in asset.table:
            live = None
        if live is not None:
            state, tick = asset.table[live]
            if state == "acknowledged" and tick != target:
                self._cancel(asset, live)
                live = None
        if live is None and target is not None:
            live = self._submit(asset, side, target)
        asset.live[side] = live

    def _submit(self, asset: Asset, side: int, tick: int) -> int:
        self.submitted += 1
        order = Order(self.submitted, side, tick, asset.lots)
        asset.table[order.id] = ("new", tick)

        def arrives(ts: int) -> None:
            best = asset.exch.best[1 - side]
            if best is not None and not beyond(side, best, tick):
                self.expired += 1
                self._respond(asset, ts, lambda: asset.table.pop(order.id))
                return
            order.front = asset.exch.levels[side].get(tick, 0)
            asset.resting.append(order)
            self._respond(asset, ts, lambda: asset.table.__setitem__(order.id, ("acknowledged", tick)))

        asset.requests.append((self.now + self.rules.entry_ns, arrives))
        return order.id

    def _cancel(self, asset: Asset, order_id: int) -> None:
        asset.table[order_id] = ("cancelling", asset.table[order_id][1])

        def arrives(ts: int) -> None:
            for order in asset.resting:
                if order.id == order_id:
                    asset.resting.remove(order)
                    self._respond(asset, ts, lambda: asset.table.pop(order_id))
                    return
            self._respond(asset, ts, lambda: None)  # rejected: an answer like any other, and ignored

        asset.requests.append((self.now + self.rules.entry_ns, arrives))
