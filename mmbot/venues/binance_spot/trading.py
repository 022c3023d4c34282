"""Account events of spot as order and balance events.

Docs: ``user-data-stream.md``. Events come over the order socket, wrapped in ``{"subscriptionId", "event"}``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from mmbot._core.types import OrderEvent, OrderEventKind, Owner
from mmbot.venues.binance.market_table import owner_of
from mmbot.venues.binance.messages import NS_PER_MS, StreamEnvelope, amount_e8, decode, side_of
from mmbot.venues.binance.order_events import state_of
from mmbot.venues.binance_spot.messages import AccountPosition, ExecutionReport

if TYPE_CHECKING:
    from collections.abc import Callable

    from mmbot.venues.base import Sink
    from mmbot.venues.binance.market_table import BoundMarket, MarketTable
    from mmbot.venues.client_id import ClientIds

_log = structlog.get_logger(__name__)
_KINDS = {
    "NEW": OrderEventKind.ACK,
    "CANCELED": OrderEventKind.CANCEL,
    "EXPIRED": OrderEventKind.EXPIRE,
    "REJECTED": OrderEventKind.REJECT,
    "REPLACED": OrderEventKind.AMEND,  # the order was amended
}


class UserStream:
    """Reads account events.

    Args:
        markets: the bound markets; events of others are passed over.
        ids: tells our orders from others'.
        sink: takes balances.
        report: takes order events.
        ended: called when the venue ends the subscription.
    """

    def __init__(
        self,
        markets: MarketTable,
        ids: ClientIds,
        sink: Sink,
        report: Callable[[OrderEvent], object],
        ended: Callable[[str], object],
    ) -> None:
        self._markets = markets
        self._ids = ids
        self._sink = sink
        self._report = report
        self._ended = ended

    def on_event(self, body: bytes) -> None:
        """Take one account event, unwrapped."""
        name = decode(StreamEnvelope, body, "user stream").e
        match name:
            case "executionReport":
                report = decode(ExecutionReport, body, name)
                market = self._markets.get(report.s)
                event = None if market is None else order_event(report, market, self._ids, self._sink)
                if event is not None:
                    self._report(event)
            case "outboundAccountPosition":
                self._balances(decode(AccountPosition, body, name))
            case "eventStreamTerminated":
                self._ended("the user stream was ended by the venue")
            case _:
                pass  # balanceUpdate is followed by an outboundAccountPosition; order lists are none of ours

    def _balances(self, update: AccountPosition) -> None:
        for balance in update.B:
            wallet = amount_e8(balance.f, "free") + amount_e8(balance.l, "locked")
            self._sink.on_balance(self._sink.asset_index(balance.a), wallet, (update.u or update.E) * NS_PER_MS)


def order_event(report: ExecutionReport, market: BoundMarket, ids: ClientIds, sink: Sink) -> OrderEvent | None:
    """Turn one executionReport into an event; None: it says nothing about an order of ours or a position.

    Raises:
        DecodeError: a number is not whole ticks, lots or 1e-8, or the status is not documented.
    """
    owner, number = owner_of(ids, report.C, report.c)
    executed = report.x == "TRADE" and market.lots(report.l) > 0
    kind = OrderEventKind.FILL if executed else _KINDS.get(report.x)
    if report.x == "TRADE_PREVENTION" and report.X == "EXPIRED_IN_MATCH":
        kind = OrderEventKind.EXPIRE
    if report.X == "PENDING_CANCEL":
        kind = None  # on its way out, not gone
    if kind is None:
        if owner is Owner.OTHER:
            return None
        kind = OrderEventKind.STATUS
    price = market.ticks(report.L) if executed else 0
    if executed and price == 0:
        kind = OrderEventKind.STATUS  # an execution without a price cannot be booked: it has to be looked up
    return OrderEvent(
        kind=kind,
        market=market.index,
        exch_ts_ns=(report.T or report.E) * NS_PER_MS,
        order_num=number,
        owner=owner,
        venue_order_id=report.i,
        side=side_of(report.S),
        state=state_of(report.X) if owner is not Owner.OTHER else 0,
        price_ticks=market.ticks(report.p) if owner is not Owner.OTHER else 0,
        qty_lots=market.lots(report.q) if owner is not Owner.OTHER else 0,
        cum_filled_lots=market.lots(report.z),
        last_price_ticks=price,
        last_qty_lots=market.lots(report.l) if executed else 0,
        trade_id=report.t if executed else 0,
        fee_e8=amount_e8(report.n, "commission") if executed and report.n is not None else 0,
        fee_asset=sink.asset_index(report.N) if executed and report.N is not None else 0,
        maker=int(report.m) if executed else -1,
    )
