"""Account events of spot as order and balance events.

Docs: ``user-data-stream.md``. Events come over the order socket, wrapped in ``{"subscriptionId", "event"}``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from mmbot._core.types import OrderEvent, OrderEventKind
from mmbot.venues.binance.market_table import owner_of
from mmbot.venues.binance.messages import NS_PER_MS, StreamEnvelope, amount_e8, decode
from mmbot.venues.binance.order_events import reported
from mmbot.venues.binance.passed_over import PassedOver
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
    "TRADE": OrderEventKind.FILL,
}


# balanceUpdate is followed by an outboundAccountPosition; order lists are none of ours.
_NOT_OURS = ("balanceUpdate", "listStatus", "externalLockUpdate", "listenKeyExpired", "serverShutdown")


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
        self.passed_over = PassedOver(*_NOT_OURS)

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
                self.passed_over.note(name)

    def _balances(self, update: AccountPosition) -> None:
        for balance in update.B:
            wallet = amount_e8(balance.f, "free") + amount_e8(balance.l, "locked")
            self._sink.on_balance(self._sink.asset_index(balance.a), wallet, (update.u or update.E) * NS_PER_MS)


def order_event(report: ExecutionReport, market: BoundMarket, ids: ClientIds, sink: Sink) -> OrderEvent | None:
    """Turn one executionReport into an event; see `reported`."""
    kind = _KINDS.get(report.x)
    if report.x == "TRADE_PREVENTION" and report.X == "EXPIRED_IN_MATCH":
        kind = OrderEventKind.EXPIRE
    if report.X == "PENDING_CANCEL":
        kind = None  # on its way out, not gone
    who = owner_of(ids, report.C, report.c)
    return reported(report, kind, who, market, sink, ts_ms=report.T or report.E)
