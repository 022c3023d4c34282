"""The user data stream of USD-M futures as order, funding and balance events.

Docs: "Event: Order Update", "Event: Balance and Position Update". The stream has no sequence number: after every
reconnection the account has to be reconciled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from mmbot._core.types import OrderEvent, OrderEventKind, Owner
from mmbot.venues.binance.market_table import owner_of
from mmbot.venues.binance.messages import NS_PER_MS, StreamEnvelope, amount_e8, decode, side_of
from mmbot.venues.binance.order_events import state_of
from mmbot.venues.binance_usdm.messages import AccountUpdate, OrderUpdate, OrderUpdateBody

if TYPE_CHECKING:
    from collections.abc import Callable

    from mmbot.net.websocket import ManagedSocket
    from mmbot.venues.base import Sink
    from mmbot.venues.binance.market_table import BoundMarket, MarketTable
    from mmbot.venues.client_id import ClientIds

_log = structlog.get_logger(__name__)
_KINDS = {
    "NEW": OrderEventKind.ACK,
    "CANCELED": OrderEventKind.CANCEL,
    "EXPIRED": OrderEventKind.EXPIRE,
    "AMENDMENT": OrderEventKind.AMEND,
}
_EXECUTIONS = {"TRADE", "CALCULATED"}  # CALCULATED: liquidation or ADL


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
            case _:
                pass  # TRADE_LITE repeats fills without fees; config and algo events are none of ours

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
    body: OrderUpdateBody, market: BoundMarket, ids: ClientIds, sink: Sink, sent_ms: int
) -> OrderEvent | None:
    """Turn one ORDER_TRADE_UPDATE into an event; None: it says nothing about an order or position.

    Raises:
        DecodeError: a number is not whole ticks, lots or 1e-8, or the status is not documented.
    """
    owner, number = owner_of(ids, body.c)
    executed = body.x in _EXECUTIONS and market.lots(body.l) > 0
    kind = OrderEventKind.FILL if executed else _KINDS.get(body.x)
    if kind is None:
        if owner is Owner.OTHER:
            return None
        kind = OrderEventKind.STATUS
    price = market.ticks(body.L) if executed else 0
    if executed and price == 0:
        kind = OrderEventKind.STATUS  # an execution without a price cannot be booked: it has to be looked up
    return OrderEvent(
        kind=kind,
        market=market.index,
        exch_ts_ns=(body.T or sent_ms) * NS_PER_MS,
        order_num=number,
        owner=owner,
        venue_order_id=body.i,
        side=side_of(body.S),
        state=state_of(body.X) if owner is not Owner.OTHER else 0,
        # Orders of others (market, conditional, liquidation) may have prices that are no whole ticks.
        price_ticks=market.ticks(body.p) if owner is not Owner.OTHER else 0,
        qty_lots=market.lots(body.q),
        cum_filled_lots=market.lots(body.z),
        last_price_ticks=price,
        last_qty_lots=market.lots(body.l) if executed else 0,
        trade_id=body.t if executed else 0,
        fee_e8=amount_e8(body.n, "commission") if executed and body.n is not None else 0,
        fee_asset=sink.asset_index(body.N) if executed and body.N is not None else 0,
        maker=int(body.m) if executed else -1,
    )
