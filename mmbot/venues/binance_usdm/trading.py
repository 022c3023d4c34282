"""The user data stream of USD-M futures as order, funding and balance events.

Docs: "Event: Order Update", "Event: Balance and Position Update". The stream has no sequence number: after every
reconnection the account has to be reconciled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from mmbot._core.types import OrderEvent, OrderEventKind
from mmbot.venues.binance.market_table import owner_of
from mmbot.venues.binance.messages import NS_PER_MS, StreamEnvelope, amount_e8, decode
from mmbot.venues.binance.order_events import reported
from mmbot.venues.binance.passed_over import PassedOver
from mmbot.venues.binance_usdm.messages import AccountUpdate, OrderUpdate

if TYPE_CHECKING:
    from collections.abc import Callable

    from mmbot.net.websocket import ManagedSocket
    from mmbot.venues.base import Sink
    from mmbot.venues.binance.market_table import BoundMarket, MarketTable
    from mmbot.venues.binance.messages import OrderReport
    from mmbot.venues.client_id import ClientIds

_log = structlog.get_logger(__name__)
_KINDS = {
    "NEW": OrderEventKind.ACK,
    "CANCELED": OrderEventKind.CANCEL,
    "EXPIRED": OrderEventKind.EXPIRE,
    "AMENDMENT": OrderEventKind.AMEND,
    "TRADE": OrderEventKind.FILL,
    "CALCULATED": OrderEventKind.FILL,  # liquidation or ADL
}


# TRADE_LITE repeats fills without fees; the others are about orders of kinds that we do not place.
_NOT_OURS = (
    "TRADE_LITE",
    "ACCOUNT_CONFIG_UPDATE",
    "ALGO_UPDATE",
    "CONDITIONAL_ORDER_TRIGGER_REJECT",
    "STRATEGY_UPDATE",
    "GRID_UPDATE",
    "serverShutdown",
)


class UserStream:
    """Reads account events; the handler of the user stream's websocket.

    Args:
        markets: the bound markets; events of others are passed over.
        ids: tells our orders from others'.
        sink: takes funding and balances.
        report: takes order events.
        state_changed: called when the stream comes up or goes down.
        funding_unclear: called with the time of a funding payment that names no market.
    """

    def __init__(
        self,
        markets: MarketTable,
        ids: ClientIds,
        sink: Sink,
        *,
        report: Callable[[OrderEvent], object],
        state_changed: Callable[[], object],
        funding_unclear: Callable[[int], object],
    ) -> None:
        self._markets = markets
        self._ids = ids
        self._sink = sink
        self._report = report
        self._state_changed = state_changed
        self._funding_unclear = funding_unclear
        self._socket: ManagedSocket | None = None
        self.passed_over = PassedOver(*_NOT_OURS)
        self.up = False

    async def on_open(self, socket: ManagedSocket) -> None:
        """Events arrive from now on; there is nothing to say."""
        self._socket = socket
        self.up = True
        self._state_changed()

    def on_close(self, _reason: str) -> None:
        """Events may be missed from now on."""
        self.up = False
        self._state_changed()

    def on_text(self, payload: memoryview | bytes, _recv_ns: int) -> None:
        """Take one account event."""
        body = bytes(payload)
        envelope = decode(StreamEnvelope, body, "user stream")
        if inner := bytes(envelope.data):
            body = inner
            envelope = decode(StreamEnvelope, body, "user stream")
        match envelope.e:
            case "ORDER_TRADE_UPDATE":
                self._order(decode(OrderUpdate, body, envelope.e))
            case "ACCOUNT_UPDATE":
                self._account(decode(AccountUpdate, body, envelope.e))
            case "listenKeyExpired":
                if self._socket is not None:
                    self._socket.reconnect("the listen key expired")
            case "MARGIN_CALL":
                _log.error("margin call")
            case "ACCOUNT_CONFIG_UPDATE":
                _log.warning("leverage or margin mode was changed at the venue", body=body[:200].decode())
                self.passed_over.note(envelope.e)
            case _:
                self.passed_over.note(envelope.e)

    def _order(self, update: OrderUpdate) -> None:
        market = self._markets.get(update.o.s)
        event = None if market is None else order_event(update.o, market, self._ids, self._sink, update.T or update.E)
        if event is not None:
            self._report(event)

    def _account(self, update: AccountUpdate) -> None:
        ts_ns = update.T * NS_PER_MS
        for balance in update.a.B:
            asset = self._sink.asset_index(balance.a)
            self._sink.on_balance(asset, amount_e8(balance.wb, "ACCOUNT_UPDATE wb"), ts_ns)
        if update.a.m == "FUNDING_FEE":
            self._funding(update, ts_ns)

    def _funding(self, update: AccountUpdate, ts_ns: int) -> None:
        """In cross mode the event has balances only: which market it was for is clear if there is but one."""
        named = [market for each in update.a.P if (market := self._markets.get(each.s)) is not None]
        candidates = named or list(self._markets)
        if len(candidates) != 1:
            self._funding_unclear(ts_ns)
            return
        for balance in update.a.B:
            amount = amount_e8(balance.bc, "ACCOUNT_UPDATE bc")
            if amount:
                self._sink.on_funding(candidates[0].index, amount, self._sink.asset_index(balance.a), ts_ns)


def order_event(
    report: OrderReport, market: BoundMarket, ids: ClientIds, sink: Sink, sent_ms: int
) -> OrderEvent | None:
    """Turn one ORDER_TRADE_UPDATE into an event; see `reported`."""
    return reported(report, _KINDS.get(report.x), owner_of(ids, report.c), market, sink, ts_ms=report.T or sent_ms)
