"""REST calls of spot, with their weights."""

from __future__ import annotations

import asyncio
from decimal import ROUND_CEILING, ROUND_FLOOR
from typing import TYPE_CHECKING, ClassVar

from mmbot._core.types import Instrument
from mmbot.errors import VenueError
from mmbot.venues.binance.account_rest import AccountRest, asked_for_fees, pick, whole
from mmbot.venues.binance.errors import Outcome
from mmbot.venues.binance.messages import OrderAnswer, amount_e8, decode
from mmbot.venues.binance_spot.errors import CODES
from mmbot.venues.binance_spot.messages import (
    Account,
    Commission,
    CommissionRates,
    ExchangeInfo,
    SpotSymbol,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmbot.venues.base import VenueSettings

_WEIGHT_PER_MIN = 6000
_AT_ONCE = 10
_FEE = "0.001"  # maker and taker of an account without discounts; used when there are no credentials


class SpotRest(AccountRest):
    """One account's REST access to spot."""

    prefix = "/api/v3"
    trades_path = "myTrades"
    trades_weight = 20
    depth_weight = 50
    open_orders_weight = 6
    all_open_orders_weight = 80
    order_weight = 4
    amend_path = "order/amend/keepPriority"
    kind: ClassVar[str] = "binance_spot"

    def __init__(self, settings: VenueSettings) -> None:
        super().__init__(settings, codes=CODES, weight_limit=_WEIGHT_PER_MIN, time_path="/api/v3/time")

    async def instruments(self, symbols: Sequence[str]) -> list[Instrument]:
        """Describe markets, with this account's fees where there are credentials."""
        info = decode(ExchangeInfo, await self.public("/api/v3/exchangeInfo", {}, weight=20), "exchangeInfo")
        self.take_limits(info.rate_limits)
        listed = {each.symbol: each for each in info.symbols if each.status == "TRADING"}
        picked = pick(symbols, {name: unified(each) for name, each in listed.items()}, self.kind)
        rates: dict[str, CommissionRates] = {}
        found = []
        like = asked_for_fees({symbol: listed[symbol].quote_asset for symbol in picked})
        for symbol in picked:
            same = like[symbol]
            if same not in rates:
                rates[same] = await self._commission(same)
            found.append(instrument(listed[symbol], rates[same]))
        return found

    async def _commission(self, symbol: str) -> CommissionRates:
        if self.signer is None:
            return CommissionRates(_FEE, _FEE)
        body = await self.signed("GET", "/api/v3/account/commission", {"symbol": symbol}, weight=20)
        return decode(Commission, body, "account/commission").standard_commission

    async def cancel_orders(self, symbol: str, order_ids: Sequence[int]) -> list[OrderAnswer]:
        """Cancel orders by the venue's ids, ten at a time; those that were gone already are left out of the answer.

        Spot has no batch of cancels but "all orders of the symbol", which would hit those of others.
        """
        done: list[OrderAnswer] = []
        for start in range(0, len(order_ids), _AT_ONCE):
            chunk = order_ids[start : start + _AT_ONCE]
            answers = await asyncio.gather(*(self._cancel(symbol, each) for each in chunk), return_exceptions=True)
            done += [each for each in answers if isinstance(each, OrderAnswer)]
            for each in answers:
                if isinstance(each, BaseException):
                    raise each
        return done

    async def _cancel(self, symbol: str, order_id: int) -> OrderAnswer | None:
        try:
            body = await self.signed(
                "DELETE", "/api/v3/order", {"symbol": symbol, "orderId": order_id}, weight=1, urgent=True
            )
        except VenueError as error:
            if self.codes.get(error.code) is Outcome.GONE:
                return None
            raise
        return decode(OrderAnswer, body, "order")

    async def account(self) -> Account:
        """Fetch balances and permissions."""
        body = await self.signed("GET", "/api/v3/account", {"omitZeroBalances": "true"}, weight=20)
        return decode(Account, body, "account")


def unified(info: SpotSymbol) -> str:
    """Write the unified name, such as ``BTC/USDT``."""
    return f"{info.base_asset}/{info.quote_asset}"


def instrument(info: SpotSymbol, rates: CommissionRates) -> Instrument:
    """Read an instrument from its filters.

    Raises:
        ConfigError: a filter that is needed is missing.
    """
    price, lot = info.filter("PRICE_FILTER"), info.filter("LOT_SIZE")
    return Instrument(
        venue=SpotRest.kind,
        symbol=unified(info),
        venue_symbol=info.symbol,
        base_asset=info.base_asset,
        quote_asset=info.quote_asset,
        settle_asset=info.quote_asset,
        tick_size=price.tick_size,
        lot_size=lot.step_size,
        perpetual=False,
        amend_keeps_priority=info.amend_allowed,
        amend_any=False,
        min_qty_lots=whole(lot.min_qty, lot.step_size, ROUND_CEILING),
        max_qty_lots=whole(lot.max_qty, lot.step_size, ROUND_FLOOR),
        min_price_ticks=whole(price.min_price, price.tick_size, ROUND_CEILING),
        max_price_ticks=whole(price.max_price, price.tick_size, ROUND_FLOOR),
        min_notional_e8=amount_e8(info.filter_or("NOTIONAL", "MIN_NOTIONAL").min_notional, "NOTIONAL"),
        max_open_orders=info.filter_or("MAX_NUM_ORDERS").max_num_orders or 200,
        maker_fee=float(rates.maker),
        taker_fee=float(rates.taker),
    )
