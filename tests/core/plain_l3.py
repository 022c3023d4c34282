"""A book of single orders kept as plain queues: the oracle of the compiled one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Order:
    """An order in its queue; `own` orders are ours."""

    order_id: int
    side: int
    price: int
    qty: int
    own: bool = False


class PlainL3:
    """Every queue is a list of all orders in it, ours among the market's."""

    def __init__(self) -> None:
        self.queues: dict[tuple[int, int], list[Order]] = {}
        self.orders: dict[int, Order] = {}
        self.own: dict[int, Order] = {}

    def _enter(self, order: Order) -> None:
        self.queues.setdefault((order.side, order.price), []).append(order)
        (self.own if order.own else self.orders)[order.order_id] = order

    def _leave(self, order: Order) -> None:
        queue = self.queues[order.side, order.price]
        del queue[next(place for place, other in enumerate(queue) if other is order)]
        del (self.own if order.own else self.orders)[order.order_id]

    def level(self, side: int, price: int) -> int:
        return sum(order.qty for order in self.queues.get((side, price), ()) if not order.own)

    def add(self, order_id: int, side: int, price: int, qty: int, *, own: bool = False) -> bool:
        if order_id in (self.own if own else self.orders):
            return False
        self._enter(Order(order_id, side, price, qty, own))
        return True

    def cancel(self, order_id: int, *, own: bool = False) -> bool:
        order = (self.own if own else self.orders).get(order_id)
        if order is not None:
            self._leave(order)
        return order is not None

    def modify(self, order_id: int, price: int, qty: int, *, own: bool = False) -> bool:
        order = (self.own if own else self.orders).get(order_id)
        if order is None:
            return False
        if price != order.price or qty > order.qty:
            self._leave(order)
            order.price = price
            self._enter(order)
        order.qty = qty
        return True

    def fill(self, order_id: int, price: int, qty: int, *, reduces: bool) -> list[int] | None:
        """The own orders that the trade executes; None: no such order."""
        filled = self.orders.get(order_id)
        if filled is None:
            return None
        queue = self.queues[filled.side, filled.price]
        before = queue[: next(place for place, other in enumerate(queue) if other is filled)]
        executed = [
            order
            for order in self.own.values()
            if order.side == filled.side
            and (order.price > price if order.side == 0 else order.price < price) | any(order is one for one in before)
        ]
        for order in executed:
            self._leave(order)
        if reduces and qty >= filled.qty:
            self._leave(filled)
        elif reduces:
            filled.qty -= qty
        return [order.order_id for order in executed]

    def clear(self, side: int) -> None:
        for order in [order for order in self.orders.values() if order.side == side]:
            self._leave(order)

    def ahead(self, order_id: int) -> int:
        """Lots of the market's orders before an own order; -1: no such order."""
        own = self.own.get(order_id)
        if own is None:
            return -1
        lots = 0
        for order in self.queues[own.side, own.price]:
            if order is own:
                break
            lots += 0 if order.own else order.qty
        return lots
