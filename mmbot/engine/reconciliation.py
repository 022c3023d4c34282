"""Asks each venue what it holds, at start, after every reconnect and periodically; the answer is an event."""

from __future__ import annotations

import asyncio
import contextlib
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import structlog

from mmbot.engine.inbox import encode
from mmbot.errors import AuthError, RateLimited, VenueError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mmbot._core.types import Instrument
    from mmbot.engine.inbox import Inbox
    from mmbot.venues.base import OpenOrder, Position, Venue

_log = structlog.get_logger("mmbot.reconcile")
RETRY_S = 0.25


class Reconciliation:
    """One task a venue; a picture that was overtaken by events is asked for again at once.

    Args:
        inbox: where the pictures go.
        venues: connectors, by venue index.
        since_ns: how far back fills and funding may have gone unseen.
        every_s: pause between two pictures when nothing asks for one.
        earlier_funding: takes market, amount, asset and time of a payment that belongs to an earlier run; called on a
            thread, for it may ask a database.
    """

    def __init__(
        self,
        inbox: Inbox,
        venues: Sequence[Venue],
        since_ns: int,
        every_s: float,
        earlier_funding: Callable[[int, int, int, int], None],
    ) -> None:
        self._inbox = inbox
        self._venues = venues
        self._since_ns = since_ns
        self._every_s = every_s
        self._last_trades: dict[int, int] = {}
        self._begun_ns = inbox.clock()
        self._earlier_funding = earlier_funding
        self._asked_funding = [0 for _ in venues]
        self.done = [asyncio.Event() for _ in venues]
        self._wanted = [asyncio.Event() for _ in venues]
        inbox.reconcile_wanted = self.want

    def want(self, venue: int) -> None:
        """Ask for a picture soon; -1: of every venue."""
        for index, event in enumerate(self._wanted):
            if venue in (-1, index):
                event.set()

    async def run(self, index: int) -> None:
        """Keep one venue reconciled; ends by cancellation, or with an `AuthError`."""
        wanted, pause_s = self._wanted[index], RETRY_S
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._every_s):  # `wait_for` of Python 3.11 can lose a cancellation
                    await wanted.wait()
            wanted.clear()
            if not self._inbox.trading_up[index]:
                continue
            conclusive = False
            try:
                conclusive = await self._picture(index)
            except AuthError:
                raise
            except RateLimited as error:
                _log.warning("reconciliation has to wait", venue=self._venues[index].name, error=str(error))
                pause_s = max(pause_s, error.retry_after_s)
            except VenueError as error:
                _log.warning("reconciliation failed, trying again", venue=self._venues[index].name, error=str(error))
            # A picture costs request weight: the more often it is inconclusive, the longer the pause.
            pause_s = RETRY_S if conclusive else min(2 * pause_s, max(self._every_s, pause_s))
            if not conclusive:
                wanted.set()
            await asyncio.sleep(pause_s)

    async def _picture(self, index: int) -> bool:
        inbox, venue = self._inbox, self._venues[index]
        asked_seq, asked_ns = inbox.engine.seq, inbox.engine.now_ns
        orders = await venue.open_orders()
        positions = await venue.positions()
        wallets = await self._wallets(index)
        for position in positions:
            await self._missed_fills(venue, position.market)
        await self._missed_funding(index)
        if not inbox.trading_up[index]:
            return False
        instruments = [m.instrument for m in inbox.engine.markets]
        picture = {
            "venue": index,
            "asked_seq": asked_seq,
            "asked_ns": asked_ns,
            "orders": [_order_fields(order) for order in orders],
            "holdings": [[p.market, holding(instruments[p.market], p), p.entry_price] for p in positions],
            "wallets": wallets,
        }
        inbox.after(inbox.engine.on_reconcile(encode(picture), inbox.clock()))
        conclusive = inbox.engine.venue_states.was_conclusive(index)
        if conclusive:
            self.done[index].set()
        return conclusive

    async def _missed_funding(self, index: int) -> None:
        """After each connection, ask for the payments before it: there may have been a settlement in the meantime."""
        times_up = self._inbox.times_up[index]
        if times_up > self._asked_funding[index]:
            since_ns = self._begun_ns if self._asked_funding[index] else self._since_ns
            for each in await self._venues[index].funding_since(since_ns):
                payment = each.market, each.amount_e8, each.asset, each.ts_ns
                if each.ts_ns >= self._begun_ns:
                    self._inbox.funding(*payment)
                else:
                    await asyncio.to_thread(self._earlier_funding, *payment)
            self._asked_funding[index] = times_up

    async def _wallets(self, index: int) -> list[tuple[int, int]]:
        """Asset and amount of every wallet that backs perpetuals of this venue: what the margin check is about."""
        engine, assembly = self._inbox.engine, self._inbox.assembly
        name = assembly.venue_ids[index]
        backing = {
            m.instrument.settle_asset
            for m in engine.markets
            if m.instrument.perpetual and assembly.config.markets[m.id].venue == name
        }
        if not backing:
            return []
        held = {b.asset: b.wallet_e8 for b in await self._venues[index].balances() if b.asset in backing}
        return [(assembly.asset_index(asset), held.get(asset, 0)) for asset in sorted(backing)]

    async def _missed_fills(self, venue: Venue, market: int) -> None:
        last = self._last_trades.get(market, 0)
        fills = await venue.fills_since(market, trade_id=last, ts_ns=0 if last else self._since_ns)
        for fill in fills:
            self._inbox.after(self._inbox.engine.on_order(fill.event(), self._inbox.clock()))
            self._last_trades[market] = max(self._last_trades.get(market, 0), fill.trade_id)


def holding(instrument: Instrument, position: Position) -> int:
    """What the venue holds, in the reconciler's unit: 1e-8 base units, or contracts of an inverse market."""
    if instrument.inverse:
        return position.qty_lots
    lot_e8 = int(Decimal(instrument.lot_size) * Decimal(instrument.contract_size) * 10**8)
    return position.qty_lots * lot_e8 + position.dust_e8


def _order_fields(order: OpenOrder) -> dict[str, Any]:
    return dict(order.event().as_dict())
