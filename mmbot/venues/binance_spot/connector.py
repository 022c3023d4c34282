"""The spot connector: account events over the order socket, balances as positions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from mmbot.errors import AuthError, DecodeError, Disconnected
from mmbot.venues.base import Balance, Position
from mmbot.venues.binance.connector import BinanceVenue
from mmbot.venues.binance.messages import NS_PER_MS, amount_e8, decimal
from mmbot.venues.binance_spot.auth import REQUEST_ID, subscription
from mmbot.venues.binance_spot.market_data import FEED_NAMES, plan_feeds
from mmbot.venues.binance_spot.rest import SpotRest
from mmbot.venues.binance_spot.trading import UserStream

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mmbot.venues.base import VenueSettings

_log = structlog.get_logger(__name__)


class BinanceSpot(BinanceVenue):
    """One account at Binance spot."""

    kind = "binance_spot"
    feed_names = FEED_NAMES
    futures = False
    _rest: SpotRest

    def __init__(self, settings: VenueSettings) -> None:
        super().__init__(settings)
        self._user: UserStream | None = None

    def _make_rest(self, settings: VenueSettings) -> SpotRest:
        return SpotRest(settings)

    def _plan_feeds(self) -> Sequence[tuple[str, Mapping[str, float]]]:
        return plan_feeds([market.symbol for market in self._markets], self._settings)

    async def _prepare_account(self) -> None:
        """Check that the account may trade.

        Raises:
            AuthError: it may not.
        """
        if not (await self._rest.account()).can_trade:
            raise AuthError(f"{self.name}: expected an account that may trade, found canTrade false")

    def _start_user_stream(self) -> None:
        self._user = UserStream(self._markets, self._ids, self._listener(), self._report, self._drop_user_stream)

    def _drop_user_stream(self, reason: str) -> None:
        if self._order_socket is not None:
            self._order_socket.reconnect(reason)

    def _user_stream_up(self) -> bool:
        return self._gateway is not None and self._gateway.up

    async def _log_on(self) -> None:
        """Subscribe to the account's events on this connection."""
        if self._gateway is None or self._rest.signer is None:
            raise Disconnected(f"{self.name}: not started")
        await self._gateway.call(subscription(self._rest.signer, self._rest.now_ms()), REQUEST_ID)

    def _pushed(self, event: bytes) -> None:
        if self._user is None:
            return
        try:
            self._user.on_event(event)
        except DecodeError as error:
            # The socket carries orders, too: it stays, and the account is looked at anew.
            _log.error("account event not understood", venue=self.name, error=str(error))
            self._doubt()

    async def positions(self) -> list[Position]:
        """The base asset's balance for every bound market: whole lots, and the rest as dust."""
        account = await self._rest.account()
        held = {each.asset: each for each in account.balances}
        found = []
        for market in self._markets:
            balance = held.get(market.instrument.base_asset)
            total = decimal(balance.free, "free") + decimal(balance.locked, "locked") if balance else decimal("0", "")
            lots = int(total // decimal(market.instrument.lot_size, "lot size"))
            dust = total - lots * decimal(market.instrument.lot_size, "lot size")
            found.append(
                Position(
                    market=market.index,
                    qty_lots=lots,
                    entry_price="0",
                    liquidation_price="0",
                    dust_e8=int(dust * 10**8),
                    unrealised_pnl_e8=0,
                    ts_ns=account.update_time * NS_PER_MS,
                )
            )
        return found

    async def balances(self) -> list[Balance]:
        """Every asset with a balance."""
        return [
            Balance(
                asset=each.asset,
                wallet_e8=amount_e8(each.free, "free") + amount_e8(each.locked, "locked"),
                free_e8=amount_e8(each.free, "free"),
            )
            for each in (await self._rest.account()).balances
        ]
