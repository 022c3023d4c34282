"""Answers to order requests, and reports of the user stream, as order events: pure functions for both venues."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmbot._core.types import CommandKind, OrderEvent, OrderEventKind, OrderState, Owner
from mmbot.errors import DecodeError
from mmbot.venues.base import Fill, OpenOrder
from mmbot.venues.binance.market_table import owner_of
from mmbot.venues.binance.messages import NS_PER_MS, ORDER_STATES, amount_e8, side_of

if TYPE_CHECKING:
    from mmbot._core.types import CommandView
    from mmbot.venues.base import Sink
    from mmbot.venues.binance.market_table import BoundMarket
    from mmbot.venues.binance.messages import OrderAnswer, OrderReport, TradeAnswer
    from mmbot.venues.client_id import ClientIds

# An answer whose status is one of these says more than "done": the order ended at once.
_ENDED = {
    "CANCELED": OrderEventKind.CANCEL,
    "EXPIRED": OrderEventKind.EXPIRE,
    "EXPIRED_IN_MATCH": OrderEventKind.EXPIRE,
    "REJECTED": OrderEventKind.REJECT,
}
_DONE = {
    CommandKind.PLACE: OrderEventKind.ACK,
    CommandKind.AMEND_ORDER: OrderEventKind.AMEND,
    CommandKind.CANCEL_ORDER: OrderEventKind.CANCEL,
    CommandKind.QUERY_ORDER: OrderEventKind.STATUS,
}


def answered(command: CommandView, market: BoundMarket, order: OrderAnswer, answer_ms: int = 0) -> OrderEvent:
    """Turn a positive answer into the event it means.

    Raises:
        DecodeError: the answer is of another order, or holds a status or number that cannot be.
    """
    if order.symbol != market.symbol:
        raise DecodeError(f"order answer: expected {market.symbol}, found {order.symbol}")
    kind = _DONE[CommandKind(command.kind)]
    if command.kind in {CommandKind.PLACE, CommandKind.AMEND_ORDER}:
        kind = _ENDED.get(order.status, kind)
    if command.kind == CommandKind.CANCEL_ORDER and order.status == "FILLED":
        kind = OrderEventKind.STATUS
    qty = order.orig_qty or order.qty
    stands = command.kind in {CommandKind.PLACE, CommandKind.AMEND_ORDER}
    return OrderEvent(
        kind=kind,
        market=market.index,
        owner=Owner.OURS if command.order_num else Owner.OURS_BEFORE,
        order_num=command.order_num,
        venue_order_id=order.order_id,
        side=side_of(order.side) if order.side else command.side,
        state=state_of(order.status) if order.status else OrderState.NONE,
        price_ticks=market.ticks(order.price) if order.price else command.price_ticks * stands,
        qty_lots=market.lots(qty) if qty else command.qty_lots * stands,
        cum_filled_lots=market.lots(order.executed_qty) if order.executed_qty else -1,
        exch_ts_ns=(order.update_time or order.transact_time or answer_ms or order.time) * NS_PER_MS,
        request=command.kind,
    )


def refused(command: CommandView, kind: int, code: int) -> OrderEvent:
    """Make the event for a request that was refused, got lost, or found no order."""
    return OrderEvent(
        kind=kind,
        market=command.market,
        owner=Owner.OURS if command.order_num else Owner.OURS_BEFORE,
        order_num=command.order_num,
        venue_order_id=command.venue_order_id,
        side=command.side,
        reason=code,
        request=command.kind,
    )


def canceled(order: OpenOrder, market: BoundMarket, answer: OrderAnswer) -> OrderEvent:
    """Make the event for a listed order that the venue says it has canceled."""
    return OrderEvent(
        kind=OrderEventKind.CANCEL,
        market=market.index,
        owner=order.owner,
        order_num=order.order_num,
        venue_order_id=order.venue_order_id,
        side=order.side,
        price_ticks=order.price_ticks,
        qty_lots=order.qty_lots,
        cum_filled_lots=market.lots(answer.executed_qty) if answer.executed_qty else -1,
        exch_ts_ns=(answer.update_time or answer.transact_time) * NS_PER_MS,
    )


def reported(
    report: OrderReport, kind: int | None, who: tuple[Owner, int], market: BoundMarket, sink: Sink, *, ts_ms: int
) -> OrderEvent | None:
    """Turn one report of the user stream into an event; None: it says nothing about an order of ours or a position.

    Args:
        report: what the venue says.
        kind: what its execution type means, None: nothing by itself.
        who: whose order it is, and its number.
        market: the order's.
        sink: knows the assets that fees are paid in.
        ts_ms: when it happened.

    Raises:
        DecodeError: a number is not whole ticks, lots or 1e-8, or the status is not documented.
    """
    owner, number = who
    ours = owner is not Owner.OTHER
    executed = kind == OrderEventKind.FILL and market.lots(report.l) > 0
    if kind is None or (kind == OrderEventKind.FILL and not executed):
        if not ours:
            return None
        kind = OrderEventKind.STATUS
    price = market.ticks(report.L) if executed else 0
    if executed and price == 0:
        kind = OrderEventKind.STATUS  # an execution without a price cannot be booked: it has to be looked up
    return OrderEvent(
        kind=kind,
        market=market.index,
        exch_ts_ns=ts_ms * NS_PER_MS,
        order_num=number,
        owner=owner,
        venue_order_id=report.i,
        side=side_of(report.S),
        state=state_of(report.X) if ours else 0,
        # Orders of others (market, conditional, liquidation) may have prices that are no whole ticks.
        price_ticks=market.ticks(report.p) if ours else 0,
        qty_lots=market.lots(report.q) if ours else 0,
        cum_filled_lots=market.lots(report.z),
        last_price_ticks=price,
        last_qty_lots=market.lots(report.l) if executed else 0,
        trade_id=report.t if executed else 0,
        fee_e8=amount_e8(report.n, "commission") if executed and report.n is not None else 0,
        fee_asset=sink.asset_index(report.N) if executed and report.N is not None else 0,
        maker=int(report.m) if executed else -1,
    )


def state_of(status: str) -> OrderState:
    """Read an order status; raises DecodeError for one that is not documented."""
    state = ORDER_STATES.get(status)
    if state is None:
        raise DecodeError(f"order status: expected one of {sorted(ORDER_STATES)}, found {status!r}")
    return state


def open_order(order: OrderAnswer, market: BoundMarket, ids: ClientIds) -> OpenOrder:
    """Read one entry of a list of open orders."""
    owner, number = owner_of(ids, order.client_order_id)
    return OpenOrder(
        market=market.index,
        owner=owner,
        order_num=number,
        client_order_id=order.client_order_id,
        venue_order_id=order.order_id,
        side=side_of(order.side),
        state=state_of(order.status),
        price_ticks=market.ticks(order.price) if owner is not Owner.OTHER else 0,
        qty_lots=market.lots(order.orig_qty),
        cum_filled_lots=market.lots(order.executed_qty),
        reduce_only=order.reduce_only,
        ts_ns=(order.update_time or order.time) * NS_PER_MS,
    )


def fill(trade: TradeAnswer, market: BoundMarket, sink: Sink, owner: tuple[int, int]) -> Fill:
    """Read one entry of the account's trade history; `owner` is (Owner, order_num) of its order."""
    side = side_of(trade.side or ("BUY" if trade.is_buyer else "SELL"))
    return Fill(
        market=market.index,
        owner=owner[0],
        order_num=owner[1],
        venue_order_id=trade.order_id,
        trade_id=trade.id,
        side=side,
        price_ticks=market.ticks(trade.price),
        qty_lots=market.lots(trade.qty),
        fee_e8=amount_e8(trade.commission, f"{market.symbol} commission"),
        fee_asset=sink.asset_index(trade.commission_asset),
        maker=trade.maker or trade.is_maker,
        ts_ns=trade.time * NS_PER_MS,
    )
