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
        return [o for o in self.side(1 - side) if price == 0 or (o.price <= price if side == 0 else o.price >= price)]

    def place(self, order_id: int, owner: int, side: int, price: int, qty: int, *, tif: int, stp: int) -> int:
        self.fills, self.expiries, self.left = [], [], qty
        if self.find(order_id):
            return DUPLICATE_ID
        makers = self.reachable(side, price)
        if tif == GTX and makers:
            return WOULD_CROSS
        if tif == FOK and self.available(owner, makers, stp) < qty:
            return KILLED
        taker = PlainOrder(order_id, owner, side, price, qty, 0)
        stopped = self.trade(taker, makers, stp)
        self.left = taker.left
        if not self.left:
            return FILLED
        if stopped or price == 0 or tif in {IOC, FOK}:
            return EXPIRED
        self.seq += 1
        taker.seq = self.seq
        self.orders.append(taker)
        return RESTING

    @staticmethod
    def available(owner: int, makers: list[PlainOrder], stp: int) -> int:
        total = 0
        for maker in makers:
            own = owner and stp != ALLOW and maker.owner == owner
            if own and stp != EXPIRE_MAKER:
                break
            total += 0 if own else maker.left
        return total

    def trade(self, taker: PlainOrder, makers: list[PlainOrder], stp: int) -> bool:
        """Whether self-trade prevention stopped the incoming order."""
        for maker in makers:
            if not taker.left:
                break
            if taker.owner and stp != ALLOW and maker.owner == taker.owner:
                if stp != EXPIRE_TAKER:
                    self.expiries.append((maker.order_id, maker.owner, maker.left))
                    self.orders.remove(maker)
                if stp != EXPIRE_MAKER:
                    return True
                continue
            lots = min(taker.left, maker.left)
            taker.left -= lots
            maker.left -= lots
            self.fills.append(
                (
                    maker.order_id,
                    maker.owner,
                    taker.order_id,
                    taker.owner,
                    taker.side,
                    maker.price,
                    lots,
                )
            )
            if not maker.left:
                self.orders.remove(maker)
        return False

    def amend(self, order_id: int, price: int, left: int, *, tif: int, stp: int, keep: bool) -> int:
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
        return self.place(order_id, order.owner, order.side, price, left, tif=tif, stp=stp)

    def cancel(self, order_id: int) -> int:
        order = self.find(order_id)
        if order is None:
            return 0
        self.orders.remove(order)
        return order.left
