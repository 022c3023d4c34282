"""The oracle: a matching engine of sorted lists, slow and obvious."""

from __future__ import annotations

from dataclasses import dataclass

GTC, IOC, FOK, GTX = range(4)
ALLOW, EXPIRE_TAKER, EXPIRE_MAKER, EXPIRE_BOTH = range(4)
RESTING, FILLED, EXPIRED, KILLED, WOULD_CROSS, UNKNOWN_ID, DUPLICATE_ID = range(7)


@dataclass
class PlainOrder:
    order_id: int
    owner: int
    side: int
    price: int
    left: int
    seq: int


class PlainMatching:
    """Every order in one list; every question answered by looking through it."""

    def __init__(self) -> None:
        self.orders: list[PlainOrder] = []
        self.fills: list[tuple[int, int, int, int, int, int, int]] = []
        self.expiries: list[tuple[int, int, int]] = []
        self.left = 0
        self.seq = 0

    def side(self, side: int) -> list[PlainOrder]:
        sign = -1 if side == 0 else 1
        return sorted((o for o in self.orders if o.side == side), key=lambda o: (sign * o.price, o.seq))

    def levels(self, side: int) -> list[tuple[int, int]]:
        found: dict[int, int] = {}
        for order in self.side(side):
            found[order.price] = found.get(order.price, 0) + order.left
        return list(found.items())

    def find(self, order_id: int) -> PlainOrder | None:
        return next((o for o in self.orders if o.order_id == order_id), None)

    def reachable(self, side: int, price: int) -> list[PlainOrder]:
        return [
            o for o in self.side(1 - side) if price == 0 or (o.price <= price if side == 0 else o.price >= price)
        ]

    def place(self, order_id: int, owner: int, side: int, price: int, qty: int, tif: int, stp: int) -> int:
        self.fills, self.expiries, self.left = [], [], qty
        if self.find(order_id):
            return DUPLICATE_ID
        makers = self.reachable(side, price)
        if tif == GTX and makers:
            return WOULD_CROSS
        if tif == FOK:
            available = 0
            for maker in makers:
                if owner and stp != ALLOW and maker.owner == owner:
                    if stp == EXPIRE_MAKER:
                        continue
                    break
                available += maker.left
            if available < qty:
                return KILLED
        stopped = False
        for maker in makers:
            if not self.left:
                break
            if owner and stp != ALLOW and maker.owner == owner:
                if stp != EXPIRE_TAKER:
                    self.expiries.append((maker.order_id, maker.owner, maker.left))
                    self.orders.remove(maker)
                if stp != EXPIRE_MAKER:
                    stopped = True
                    break
                continue
            lots = min(self.left, maker.left)
            self.left -= lots
            maker.left -= lots
            self.fills.append((maker.order_id, maker.owner, order_id, owner, side, maker.price, lots))
            if not maker.left:
                self.orders.remove(maker)
        if not self.left:
            return FILLED
        if stopped or price == 0 or tif in {IOC, FOK}:
            return EXPIRED
        self.seq += 1
        self.orders.append(PlainOrder(order_id, owner, side, price, self.left, self.seq))
        return RESTING

    def amend(self, order_id: int, price: int, left: int, tif: int, stp: int, *, keep: bool) -> int:
        self.fills, self.expiries = [], []
        order = self.find(order_id)
        if order is None:
            return UNKNOWN_ID
        if keep and price == order.price and left <= order.left:
            order.left = self.left = left
            return RESTING
        if tif == GTX and self.reachable(order.side, price):
            return WOULD_CROSS
        self.orders.remove(order)
        return self.place(order_id, order.owner, order.side, price, left, tif, stp)

    def cancel(self, order_id: int) -> int:
        order = self.find(order_id)
        if order is None:
            return 0
        self.orders.remove(order)
        return order.left
