"""Matching against a recorded market: our orders wait in its queues and take from its levels without altering it.

Rules, and when they are right:

* An order that rests joins the back of its level: `ahead` is the quantity displayed there at arrival (0 inside the
  spread). Trades at its price first use up what is ahead, then fill it. This needs the tape to be complete.
* A level that shrinks by more than was traded at it lost cancellations; they are taken to be spread evenly over the
  queue, so the part ahead shrinks in proportion (rounded so that we never gain by it). What is ahead can never exceed
  what is displayed.
* A trade beyond the order's price, or the other side's touch reaching it, fills it: the recorded market went through.
* An incoming order walks the recorded levels, best first. What users took from a level stays taken until the recording
  changes that level, so that liquidity is not counted twice.
* Users do not meet one another here: each trades with the recorded market alone.

The touch comes from ``bookTicker`` frames while they are newer than the last depth frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mmbot._core.book import Book
from mmbot._core.matching import Outcome
from mmbot._core.types import TimeInForce

if TYPE_CHECKING:
    from mmbot.sim.matcher import FillRow

ALL_LEVELS = 100_000


@dataclass(slots=True)
class Resting:
    """One of our orders in a recorded queue."""

    order_id: int
    owner: int
    side: int
    price_ticks: int
    left_lots: int
    ahead_lots: int


class RecordedBook:
    """A `Matcher` over a recorded book."""

    prevented = False

    def __init__(self) -> None:
        self.book = Book()
        self.resting: dict[int, Resting] = {}
        self.left_lots = 0
        self.update_id = 0
        self._touch_id = 0
        self._touch = (0, 0, 0, 0)
        self._fills: list[FillRow] = []
        self._taken: dict[tuple[int, int], int] = {}
        self._traded: dict[tuple[int, int], int] = {}

    # -- what the recording says ----------------------------------------------------------------------------------

    def load(self, update_id: int, bids: list[tuple[int, int]], asks: list[tuple[int, int]]) -> None:
        """Begin from a snapshot."""
        self.book.reset()
        self.book.apply_levels(0, bids)
        self.book.apply_levels(1, asks)
        self.update_id = update_id

    def apply(self, update_id: int, bids: list[tuple[int, int]], asks: list[tuple[int, int]]) -> None:
        """A depth frame: absolute quantities."""
        for side, levels in enumerate((bids, asks)):
            if self.resting:
                self._shrink_queues(side, levels)
            if self._taken or self._traded:
                for price, _lots in levels:
                    self._taken.pop((side, price), None)
                    self._traded.pop((side, price), None)
            self.book.apply_levels(side, levels)
        self.update_id = update_id
        self._fill_crossed()

    def ticker(self, update_id: int, touch: tuple[int, int, int, int]) -> None:
        """A bookTicker frame: bid price and lots, ask price and lots."""
        before = self.best()
        if before[:2] != touch[:2]:
            self._taken.pop((0, touch[0]), None)
        if before[2:] != touch[2:]:
            self._taken.pop((1, touch[2]), None)
        self._touch_id, self._touch = update_id, touch
        if self.resting:
            for order in self.resting.values():
                price, lots = touch[2 * order.side], touch[2 * order.side + 1]
                if order.price_ticks == price:
                    order.ahead_lots = min(order.ahead_lots, lots)
            self._fill_crossed()

    def trade(self, price_ticks: int, qty_lots: int, taker_side: int) -> None:
        """A trade of the tape: it may fill our orders on the side that was hit."""
        side = 1 - taker_side
        self._traded[side, price_ticks] = self._traded.get((side, price_ticks), 0) + qty_lots
        if not self.resting:
            return
        given = 0
        for order in list(self.resting.values()):
            if order.side != side:
                continue
            beyond = order.price_ticks > price_ticks if side == 0 else order.price_ticks < price_ticks
            if beyond:
                self._fill(order, order.left_lots)
            elif order.price_ticks == price_ticks:
                reached = qty_lots - order.ahead_lots - given
                order.ahead_lots = max(0, order.ahead_lots - qty_lots)
                if reached > 0:
                    lots = min(reached, order.left_lots)
                    given += lots
                    self._fill(order, lots)

    def _shrink_queues(self, side: int, levels: list[tuple[int, int]]) -> None:
        changed: dict[int, int] | None = None
        for order in self.resting.values():
            if order.side != side or not order.ahead_lots:
                continue
            if changed is None:
                changed = dict(levels)
            now = changed.get(order.price_ticks)
            if now is None:
                continue
            after_trades = self.book.quantity(side, order.price_ticks) - self._traded.get((side, order.price_ticks), 0)
            canceled = after_trades - now
            if canceled > 0 and after_trades > 0:
                order.ahead_lots -= canceled * min(order.ahead_lots, after_trades) // after_trades
            order.ahead_lots = min(order.ahead_lots, now)

    def _fill_crossed(self) -> None:
        """Fill what the other side's touch has reached."""
        bid, _bid_lots, ask, _ask_lots = self.best()
        for order in list(self.resting.values()):
            if (order.side == 0 and ask and ask <= order.price_ticks) or (
                order.side == 1 and bid and bid >= order.price_ticks
            ):
                self._fill(order, order.left_lots)

    def _fill(self, order: Resting, lots: int) -> None:
        order.left_lots -= lots
        self._fills.append((order.order_id, order.owner, 0, 0, 1 - order.side, order.price_ticks, lots))
        if not order.left_lots:
            del self.resting[order.order_id]

    # -- orders ---------------------------------------------------------------------------------------------------

    def place(
        self,
        order_id: int,
        owner: int,
        side: int,
        price_ticks: int,
        qty_lots: int,
        *,
        time_in_force: int = 0,
        self_trade: int = 0,
    ) -> int:
        """Take what the limit reaches, then rest; see `MatchingEngine.place` (there is no self-trade here)."""
        del self_trade
        self._fills.clear()
        self.left_lots = qty_lots
        if order_id in self.resting:
            return Outcome.DUPLICATE_ID
        rows = self._reachable(side, price_ticks, qty_lots)
        if time_in_force == TimeInForce.GTX and rows:
            return Outcome.WOULD_CROSS
        if time_in_force == TimeInForce.FOK and sum(lots for _price, lots in rows) < qty_lots:
            return Outcome.KILLED
        for price, lots in rows:
            self._fills.append((0, 0, order_id, owner, side, price, lots))
            self._taken[1 - side, price] = self._taken.get((1 - side, price), 0) + lots
            self.left_lots -= lots
        if not self.left_lots:
            return Outcome.FILLED
        if not price_ticks or time_in_force in {TimeInForce.IOC, TimeInForce.FOK}:
            return Outcome.EXPIRED
        ahead = self._displayed(side, price_ticks)
        self.resting[order_id] = Resting(order_id, owner, side, price_ticks, self.left_lots, ahead)
        return Outcome.RESTING

    def _reachable(self, side: int, price_ticks: int, qty_lots: int) -> list[tuple[int, int]]:
        """(price, lots) that an incoming order would take, best first."""
        touch, touch_lots = self.best()[2 * (1 - side) :][:2]
        if not touch or (price_ticks and (touch > price_ticks if side == 0 else touch < price_ticks)):
            return []
        rows: list[tuple[int, int]] = []
        levels = [(touch, touch_lots)]
        depth = 20
        while qty_lots:
            for price, lots in levels:
                if price_ticks and (price > price_ticks if side == 0 else price < price_ticks):
                    return rows
                taken = min(qty_lots, lots - self._taken.get((1 - side, price), 0))
                if taken > 0:
                    rows.append((price, taken))
                    qty_lots -= taken
                if not qty_lots:
                    return rows
            seen = levels[-1][0]
            found = self.book.levels(1 - side, depth)
            levels = [row for row in found if (row[0] > seen if side == 0 else row[0] < seen)]
            if not levels:
                if len(found) < depth:
                    return rows
                levels = [(seen, 0)]
            depth *= 8
        return rows

    def _displayed(self, side: int, price_ticks: int) -> int:
        price, lots = self.best()[2 * side :][:2]
        if price == price_ticks:
            return lots
        better = price_ticks > price if side == 0 else price_ticks < price
        return 0 if better else self.book.quantity(side, price_ticks)

    def amend(
        self,
        order_id: int,
        price_ticks: int,
        left_lots: int,
        *,
        time_in_force: int = 0,
        self_trade: int = 0,
        keep_priority: bool = False,
    ) -> int:
        """See `MatchingEngine.amend`."""
        self._fills.clear()
        order = self.resting.get(order_id)
        if order is None:
            return Outcome.UNKNOWN_ID
        if keep_priority and price_ticks == order.price_ticks and left_lots <= order.left_lots:
            order.left_lots = self.left_lots = left_lots
            return Outcome.RESTING
        if time_in_force == TimeInForce.GTX and self._reachable(order.side, price_ticks, 1):
            return Outcome.WOULD_CROSS
        del self.resting[order_id]
        return self.place(
            order_id,
            order.owner,
            order.side,
            price_ticks,
            left_lots,
            time_in_force=time_in_force,
            self_trade=self_trade,
        )

    def cancel(self, order_id: int) -> int:
        """Remove a resting order; returns what it had left, 0 if there is none."""
        self._fills.clear()
        order = self.resting.pop(order_id, None)
        return order.left_lots if order is not None else 0

    # -- the rest of a matcher ------------------------------------------------------------------------------------

    @property
    def n_fills(self) -> int:
        """Fills of ours not taken yet."""
        return len(self._fills)

    @property
    def n_changes(self) -> int:
        """Our orders are not part of the recorded book: it never changes by them."""
        return 0

    def take_fills(self) -> list[FillRow]:
        """Fills of ours since the last call."""
        fills, self._fills = self._fills, []
        return fills

    def take_expiries(self) -> list[tuple[int, int, int]]:
        """There is no self-trade prevention here."""
        return []

    def take_changes(self, bids: dict[int, int], asks: dict[int, int], /) -> int:
        """There are none."""
        del bids, asks
        return 0

    def best(self) -> tuple[int, int, int, int]:
        """The recorded touch."""
        if self._touch_id > self.update_id:
            return self._touch
        book = self.book
        return book.best_bid_ticks, book.best_bid_lots, book.best_ask_ticks, book.best_ask_lots

    def levels(self, side: int, limit: int = 0) -> list[tuple[int, int]]:
        """The recorded levels of the last depth frame."""
        return self.book.levels(side, limit or ALL_LEVELS)
