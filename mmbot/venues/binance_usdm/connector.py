"""The USD-M futures connector: listen key, position mode, dead-man switch, funding."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import TYPE_CHECKING

import structlog

from mmbot._core.types import CommandKind
from mmbot.errors import ConfigError, VenueError
from mmbot.net.websocket import ManagedSocket
from mmbot.venues.base import Balance, Funding, Position
from mmbot.venues.binance.connector import BinanceVenue
from mmbot.venues.binance.messages import NS_PER_MS, amount_e8
from mmbot.venues.binance_usdm.auth import ListenKey
from mmbot.venues.binance_usdm.market_data import FEED_NAMES, plan_feeds
from mmbot.venues.binance_usdm.rest import UsdmRest
from mmbot.venues.binance_usdm.trading import UserStream

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mmbot._core.types import CommandView, Instrument
    from mmbot.venues.base import VenueSettings

_log = structlog.get_logger(__name__)
_LEAVE_S = 5.0
_ALL_GUARDED = 20  # markets; of more, only those that have orders: each renewal costs request weight
_SAME_NS = 1_000_000_000  # payments of one settlement are not further apart
_INCOME_DELAY_S = 2.0  # the income history lags the event a little


def _floor(tier: tuple[str, str]) -> Decimal:
    return Decimal(tier[0])


class BinanceUsdm(BinanceVenue):
    """One account at Binance USD-M futures."""

    kind = "binance_usdm"
    feed_names = FEED_NAMES
    futures = True
    _rest: UsdmRest

    def __init__(self, settings: VenueSettings) -> None:
        super().__init__(settings)
        self._user: UserStream | None = None
        self._user_socket: ManagedSocket | None = None
        self._guarded: set[int] = set()  # markets whose dead-man switch we hold

    def _make_rest(self, settings: VenueSettings) -> UsdmRest:
        return UsdmRest(settings)

    def _plan_feeds(self) -> Sequence[tuple[str, Mapping[str, float]]]:
        return plan_feeds([market.symbol for market in self._markets], self._settings)

    async def _prepare_account(self) -> None:
        """Check that positions are one-way; set margin mode and leverage where the settings say so.

        Raises:
            ConfigError: the account is in hedge mode, which is left to its owner to change.
        """
        if await self._rest.hedge_mode():
            raise ConfigError(
                f"{self.name}: expected one-way position mode, found hedge mode; close positions and orders, then "
                "switch it off in the venue's settings (Preferences, Position Mode)"
            )
        for market in self._markets:
            if self._settings.margin_mode is not None:
                await self._rest.set_margin_mode(market.symbol, self._settings.margin_mode)
            if self._settings.leverage is not None:
                await self._rest.set_leverage(market.symbol, self._settings.leverage)

    def _start_user_stream(self) -> None:
        self._user = UserStream(
            self._markets,
            self._ids,
            self._listener(),
            report=self._report,
            state_changed=self._state_changed,
            funding_unclear=self._funding_unclear,
        )
        endpoint = self._settings.endpoint
        key = ListenKey(self._rest, endpoint.ws, self._drop_user_stream, routed=endpoint.routed)
        context = self._rest.ssl_context if endpoint.ws.startswith("wss") else None
        self._user_socket = ManagedSocket(f"{self.name} user", key.address, self._user, ssl_context=context)
        self._spawn(self._user_socket.run(), "user stream")
        self._spawn(key.keep_alive(), "listen key")
        if len(self._markets) <= _ALL_GUARDED:
            for market in self._markets:
                self._guard(market.index)

    def submit(self, command: CommandView) -> None:
        """Send one order request now; a market's first order sets its dead-man switch where that is not on yet."""
        super().submit(command)
        if command.kind == CommandKind.PLACE and command.market not in self._guarded:
            self._guard(command.market)

    def _guard(self, market: int) -> None:
        self._guarded.add(market)
        if self._settings.countdown_ms:
            self._spawn(self._renew_countdown(self._markets.at(market).symbol), "dead-man switch")

    def _drop_user_stream(self, reason: str) -> None:
        if self._user_socket is not None:
            self._user_socket.reconnect(reason)

    def _user_stream_up(self) -> bool:
        return self._user is not None and self._user.up

    async def _log_on(self) -> None:
        """HMAC keys cannot log on: every request is signed."""

    def _pushed(self, event: bytes) -> None:
        _log.warning("unexpected event on the order socket", venue=self.name, size=len(event))

    async def _renew_countdown(self, symbol: str) -> None:
        """Tell the venue three times per period that we live."""
        period_s = self._settings.countdown_ms / 1000
        while True:
            wait_s = period_s / 3
            try:
                await self._rest.countdown(symbol, self._settings.countdown_ms)
            except VenueError as error:
                _log.warning("dead-man switch not renewed", venue=self.name, symbol=symbol, error=str(error))
                wait_s = min(1.0, period_s / 10)
            await asyncio.sleep(wait_s)

    async def _leave(self, *, clean: bool) -> None:
        """Switch the dead man off, unless orders may be left: then he is to act."""
        if self._user is None:
            return
        try:
            async with asyncio.timeout(_LEAVE_S):
                if clean and self._settings.countdown_ms:
                    for task in [each for each in self._owned if each.get_name().endswith("dead-man switch")]:
                        task.cancel()
                    guarded = [self._markets.at(market).symbol for market in self._guarded]
                    await asyncio.gather(*(self._rest.countdown(symbol, 0) for symbol in guarded))
                await self._rest.close_listen_key()
        except (VenueError, TimeoutError) as error:
            _log.warning("not all was undone at the venue", venue=self.name, error=str(error))

    def _funding_unclear(self, ts_ns: int) -> None:
        self._spawn(self._look_up_funding(ts_ns), "funding")

    async def _look_up_funding(self, ts_ns: int) -> None:
        """Ask the income history which markets a funding payment was for."""
        sink = self._listener()
        try:
            await asyncio.sleep(_INCOME_DELAY_S)
            payments = await self.funding_since(ts_ns - _SAME_NS)
        except VenueError as error:
            _log.error("funding not looked up", venue=self.name, error=str(error))
            return
        for each in payments:
            if abs(each.ts_ns - ts_ns) <= _SAME_NS:
                sink.on_funding(each.market, each.amount_e8, each.asset, each.ts_ns)

    async def margin_tiers(self, instruments: Sequence[Instrument]) -> list[list[tuple[str, str]]]:
        """Leverage brackets of the account; none without credentials."""
        if self._rest.signer is None:
            return [[] for _ in instruments]
        listed = {each.symbol: each.brackets for each in await self._rest.leverage_brackets()}
        return [
            sorted(
                ((str(b.notional_floor), str(b.maint_margin_ratio)) for b in listed.get(i.venue_symbol, [])), key=_floor
            )
            for i in instruments
        ]

    async def funding_since(self, ts_ns: int) -> list[Funding]:
        """Funding payments of the bound markets since a time, oldest first (at most 1000)."""
        sink = self._listener()
        return [
            Funding(
                market=market.index,
                amount_e8=amount_e8(each.income, "income"),
                asset=sink.asset_index(each.asset),
                payment_id=str(each.tran_id),
                ts_ns=each.time * NS_PER_MS,
            )
            for each in await self._rest.funding_since(ts_ns)
            if (market := self._markets.get(each.symbol)) is not None
        ]

    async def positions(self) -> list[Position]:
        """One position for every bound market, flat ones too.

        Raises:
            ConfigError: a position of hedge mode is there.
        """
        held = {}
        for each in await self._rest.position_risk():
            if each.position_side != "BOTH" and float(each.position_amt) != 0:
                where = f"{self.name} {each.symbol}"
                raise ConfigError(f"{where}: expected one-way mode, found a {each.position_side} position")
            held[each.symbol] = each
        found = []
        for market in self._markets:
            risk = held.get(market.symbol)
            found.append(
                Position(
                    market=market.index,
                    qty_lots=market.lots(risk.position_amt) if risk else 0,
                    entry_price=risk.entry_price if risk else "0",
                    liquidation_price=risk.liquidation_price if risk else "0",
                    dust_e8=0,
                    unrealised_pnl_e8=round(float(risk.unRealizedProfit) * 1e8) if risk else 0,
                    ts_ns=risk.update_time * NS_PER_MS if risk else 0,
                )
            )
        return found

    async def balances(self) -> list[Balance]:
        """Every asset with a balance."""
        return [
            Balance(
                asset=each.asset,
                wallet_e8=amount_e8(each.balance, "balance"),
                free_e8=amount_e8(each.available_balance, "availableBalance"),
            )
            for each in await self._rest.balances()
            if float(each.balance) != 0
        ]
