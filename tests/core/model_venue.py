"""A venue and a hostile network in plain Python, to test the order table against.

Requests and answers are delayed, reordered and lost; stream messages are delayed, reordered, repeated and lost. What
the connector owes (`orders.pxd`) is kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mmbot._core.types import (
    CommandKind,
    OrderEvent,
    OrderEventKind,
    OrderState,
    Owner,
)

GRACE_NS = 6_000_000_000


@dataclass
class VenueOrder:
    num: int
    venue_id: int
    side: int
    price: int
    qty: int
    filled: int = 0
    state: int = OrderState.LIVE
    updated_ns: int = 0

    @property
    def live(self) -> bool:
        return self.state in (OrderState.LIVE, OrderState.PARTIALLY_FILLED)

    @property
    def remaining(self) -> int:
        return self.qty - self.filled if self.live else 0


@dataclass
class Request:
    kind: int
    num: int
    sent_ns: int
    side: int = 0
    price: int = 0
    qty: int = 0


@dataclass
class Answer:
    request: Request
    event: OrderEvent


@dataclass
class ModelVenue:
    now_ns: int = 1_700_000_000_000_000_000
    orders: dict[int, VenueOrder] = field(default_factory=dict)
    fills: list[tuple[VenueOrder, int, int]] = field(default_factory=list)  # order, lots, trade id
    requests: list[Request] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    stream: list[OrderEvent] = field(default_factory=list)

    def stamp(self) -> int:
        return self.now_ns // 1_000_000 * 1_000_000

    def event(self, kind: int, order: VenueOrder, **fields: int) -> OrderEvent:
        return OrderEvent(
            kind=kind,
            market=0,
            owner=Owner.OURS,
            order_num=order.num,
            venue_order_id=order.venue_id,
            side=order.side,
            exch_ts_ns=order.updated_ns,
            price_ticks=order.price,
            qty_lots=order.qty,
            cum_filled_lots=order.filled,
            **fields,
        )

    def bare(self, kind: int, request: Request) -> OrderEvent:
        return OrderEvent(kind=kind, market=0, order_num=request.num, side=request.side, request=request.kind)

    def process(self, request: Request, *, refuse: bool) -> None:
        """The venue acts on a request and answers it."""
        order = self.orders.get(request.num)
        handler = {
            CommandKind.PLACE: self._place,
            CommandKind.AMEND_ORDER: self._amend,
            CommandKind.CANCEL_ORDER: self._cancel,
            CommandKind.QUERY_ORDER: self._query,
        }[CommandKind(request.kind)]
        self.answers.append(Answer(request, handler(request, order, refuse)))

    def _place(self, request: Request, order: VenueOrder | None, refuse: bool) -> OrderEvent:
        assert order is None, "an order number was used twice"
        if refuse:
            return self.bare(OrderEventKind.REJECT, request)
        order = VenueOrder(request.num, 1000 + len(self.orders), request.side, request.price, request.qty)
        order.updated_ns = self.stamp()
        self.orders[request.num] = order
        self.stream.append(self.event(OrderEventKind.ACK, order))
        return self.event(OrderEventKind.ACK, order, request=request.kind)

    def _amend(self, request: Request, order: VenueOrder | None, refuse: bool) -> OrderEvent:
        if order is None or not order.live:
            return self.bare(OrderEventKind.NOT_FOUND, request)
        if refuse:
            return self.bare(OrderEventKind.AMEND_REJECT, request)
        if request.qty <= order.filled:
            self.end(order, OrderState.CANCELED)
            return self.event(OrderEventKind.CANCEL, order, request=request.kind)
        order.price, order.qty, order.updated_ns = request.price, request.qty, self.stamp()
        self.stream.append(self.event(OrderEventKind.AMEND, order))
        return self.event(OrderEventKind.AMEND, order, request=request.kind)

    def _cancel(self, request: Request, order: VenueOrder | None, refuse: bool) -> OrderEvent:
        if order is None or not order.live:
            return self.bare(OrderEventKind.NOT_FOUND, request)
        if refuse:
            return self.bare(OrderEventKind.CANCEL_REJECT, request)
        self.end(order, OrderState.CANCELED)
        return self.event(OrderEventKind.CANCEL, order, request=request.kind)

    def _query(self, request: Request, order: VenueOrder | None, refuse: bool) -> OrderEvent:
        if order is None:
            return self.bare(OrderEventKind.NOT_FOUND, request)
        return self.event(OrderEventKind.STATUS, order, state=order.state, request=request.kind)

    def end(self, order: VenueOrder, state: int) -> None:
        order.state, order.updated_ns = state, self.stamp()
        kind = OrderEventKind.CANCEL if state == OrderState.CANCELED else OrderEventKind.EXPIRE
        self.stream.append(self.event(kind, order))

    def trade(self, order: VenueOrder, lots: int) -> None:
        order.filled += lots
        order.updated_ns = self.stamp()
        order.state = OrderState.FILLED if order.filled == order.qty else OrderState.PARTIALLY_FILLED
        self.fills.append((order, lots, len(self.fills) + 1))
        self.stream.append(
            self.event(
                OrderEventKind.FILL, order, last_price_ticks=order.price, last_qty_lots=lots, trade_id=len(self.fills)
            )
        )

    def fill_history(self) -> list[OrderEvent]:
        """What a REST query of past fills gives: no number of ours, no cumulative quantity."""
        return [
            OrderEvent(
                kind=OrderEventKind.FILL,
                market=0,
                owner=Owner.OURS,
                venue_order_id=order.venue_id,
                side=order.side,
                last_price_ticks=order.price,
                last_qty_lots=lots,
                trade_id=trade_id,
            )
            for order, lots, trade_id in self.fills
        ]

    def lost(self, request: Request) -> OrderEvent:
        return self.bare(OrderEventKind.LOST, request)

    def overdue(self) -> list[OrderEvent]:
        """Takes out every request and answer that is older than the grace time: the connector reports them lost."""
        late = [request for request in self.requests if self.now_ns - request.sent_ns >= GRACE_NS]
        late += [answer.request for answer in self.answers if self.now_ns - answer.request.sent_ns >= GRACE_NS]
        self.requests = [request for request in self.requests if self.now_ns - request.sent_ns < GRACE_NS]
        self.answers = [answer for answer in self.answers if self.now_ns - answer.request.sent_ns < GRACE_NS]
        return [self.lost(request) for request in late]

    def bought(self, side: int) -> int:
        return sum(lots for order, lots, _ in self.fills if order.side == side)

    def working(self, side: int) -> int:
        return sum(order.remaining for order in self.orders.values() if order.side == side)
