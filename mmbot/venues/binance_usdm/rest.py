"""REST calls of USD-M futures, with their weights."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR
from typing import TYPE_CHECKING, ClassVar

import msgspec

from mmbot._core.types import Instrument
from mmbot.errors import VenueError
from mmbot.venues.binance.account_rest import AccountRest, asked_for_fees, pick, whole
from mmbot.venues.binance.errors import Outcome
from mmbot.venues.binance.messages import ApiError, OrderAnswer, amount_e8, decode
from mmbot.venues.binance_usdm.errors import CODES
from mmbot.venues.binance_usdm.messages import (
    AssetBalance,
    CommissionRate,
    Contract,
    ExchangeInfo,
    Income,
    ListenKeyAnswer,
    PositionMode,
    PositionRisk,
    SymbolBrackets,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmbot.venues.base import VenueSettings

_WEIGHT_PER_MIN = 2400
_CANCEL_BATCH = 10
_PERPETUALS = {"PERPETUAL", "TRADIFI_PERPETUAL"}  # of crypto-assets; of shares and metals
_MAKER_FEE, _TAKER_FEE = "0.0002", "0.0005"  # of an account without discounts; used when there are no credentials


class UsdmRest(AccountRest):
    """One account's REST access to USD-M futures."""

    prefix = "/fapi/v1"
    trades_path = "userTrades"
    trades_weight = 5
    depth_weight = 20
    open_orders_weight = 1
    all_open_orders_weight = 40
    order_weight = 1
    amend_path = "order"
    kind: ClassVar[str] = "binance_usdm"

    def __init__(self, settings: VenueSettings) -> None:
        super().__init__(settings, codes=CODES, weight_limit=_WEIGHT_PER_MIN, time_path="/fapi/v1/time")

    async def instruments(self, symbols: Sequence[str]) -> list[Instrument]:
        """Describe perpetuals, with this account's fees where there are credentials."""
        info = decode(ExchangeInfo, await self.public("/fapi/v1/exchangeInfo", {}, weight=1), "exchangeInfo")
        self.take_limits(info.rate_limits)
        listed = {each.symbol: each for each in info.symbols if _trades(each)}
        picked = pick(symbols, {name: unified(each) for name, each in listed.items()}, self.kind)
        rates: dict[str, CommissionRate] = {}
        found = []
        like = asked_for_fees({symbol: listed[symbol].quote_asset for symbol in picked})
        for symbol in picked:
            same = like[symbol]
            if same not in rates:
                rates[same] = await self._commission(same)
            found.append(instrument(listed[symbol], rates[same]))
        return found

    async def _commission(self, symbol: str) -> CommissionRate:
        if self.signer is None:
            return CommissionRate(_MAKER_FEE, _TAKER_FEE)
        body = await self.signed("GET", "/fapi/v1/commissionRate", {"symbol": symbol}, weight=20)
        return decode(CommissionRate, body, "commissionRate")

    async def cancel_orders(self, symbol: str, order_ids: Sequence[int]) -> list[OrderAnswer]:
        """Cancel orders by the venue's ids, ten a request; those that were gone already are left out of the answer."""
        done: list[OrderAnswer] = []
        for start in range(0, len(order_ids), _CANCEL_BATCH):
            ids = ",".join(str(each) for each in order_ids[start : start + _CANCEL_BATCH])
            params: dict[str, str | int] = {"symbol": symbol, "orderIdList": f"[{ids}]"}
            body = await self.signed("DELETE", "/fapi/v1/batchOrders", params, weight=1, urgent=True)
            for raw in decode(list[msgspec.Raw], body, "batchOrders"):
                if b'"orderId"' in bytes(raw):
                    done.append(decode(OrderAnswer, raw, "batchOrders"))
                elif self.codes.get(decode(ApiError, raw, "batchOrders").code) is not Outcome.GONE:
                    raise VenueError(f"batchOrders {symbol}: cancel refused: {bytes(raw)!r}")
        return done

    async def position_risk(self) -> list[PositionRisk]:
        """List positions; symbols without a position or order are left out by the venue."""
        body = await self.signed("GET", "/fapi/v3/positionRisk", {}, weight=5)
        return decode(list[PositionRisk], body, "positionRisk")

    async def balances(self) -> list[AssetBalance]:
        """List wallet balances."""
        return decode(list[AssetBalance], await self.signed("GET", "/fapi/v3/balance", {}, weight=5), "balance")

    async def leverage_brackets(self) -> list[SymbolBrackets]:
        """List the maintenance margin tiers of every symbol."""
        body = await self.signed("GET", "/fapi/v1/leverageBracket", {}, weight=1)
        return decode(list[SymbolBrackets], body, "leverageBracket")

    async def hedge_mode(self) -> bool:
        """Tell whether the account keeps long and short positions apart."""
        body = await self.signed("GET", "/fapi/v1/positionSide/dual", {}, weight=30)
        return decode(PositionMode, body, "positionSide/dual").dual_side_position

    async def set_leverage(self, symbol: str, leverage: int) -> None:
        """Set the leverage of a symbol."""
        await self.signed("POST", "/fapi/v1/leverage", {"symbol": symbol, "leverage": leverage}, weight=1)

    async def set_margin_mode(self, symbol: str, mode: str) -> None:
        """Set ``cross`` or ``isolated``; it being so already is fine."""
        wire = {"cross": "CROSSED", "isolated": "ISOLATED"}[mode]
        try:
            await self.signed("POST", "/fapi/v1/marginType", {"symbol": symbol, "marginType": wire}, weight=1)
        except VenueError as error:
            if self.codes.get(error.code) is not Outcome.UNCHANGED:
                raise

    async def countdown(self, symbol: str, milliseconds: int) -> None:
        """Have the venue cancel every order of the symbol after this time, unless called again; 0: never."""
        params: dict[str, str | int] = {"symbol": symbol, "countdownTime": milliseconds}
        await self.signed("POST", "/fapi/v1/countdownCancelAll", params, weight=10, urgent=True)

    async def funding_since(self, ts_ns: int, symbol: str | None = None) -> list[Income]:
        """List funding payments since a time, oldest first (at most 1000)."""
        params: dict[str, str | int] = {"incomeType": "FUNDING_FEE", "startTime": ts_ns // 1_000_000, "limit": 1000}
        if symbol is not None:
            params["symbol"] = symbol
        body = await self.signed("GET", "/fapi/v1/income", params, weight=30)
        return sorted(decode(list[Income], body, "income"), key=lambda each: each.time)

    async def start_listen_key(self) -> str:
        """Get the account's listen key, made or extended."""
        return decode(ListenKeyAnswer, await self.keyed("POST", "/fapi/v1/listenKey"), "listenKey").listen_key

    async def extend_listen_key(self) -> None:
        """Keep the listen key alive for another hour."""
        await self.keyed("PUT", "/fapi/v1/listenKey")

    async def close_listen_key(self) -> None:
        """End the user stream."""
        await self.keyed("DELETE", "/fapi/v1/listenKey")


def _trades(info: Contract) -> bool:
    return info.status == "TRADING" and info.contract_type in _PERPETUALS


def unified(info: Contract) -> str:
    """Write the unified name, such as ``BTC/USDT:USDT``."""
    return f"{info.base_asset}/{info.quote_asset}:{info.margin_asset}"


def instrument(info: Contract, rate: CommissionRate) -> Instrument:
    """Read an instrument from its filters (pricePrecision and quantityPrecision are not tick and lot).

    Raises:
        ConfigError: a filter that is needed is missing.
    """
    price, lot = info.filter("PRICE_FILTER"), info.filter("LOT_SIZE")
    return Instrument(
        venue=UsdmRest.kind,
        symbol=unified(info),
        venue_symbol=info.symbol,
        base_asset=info.base_asset,
        quote_asset=info.quote_asset,
        settle_asset=info.margin_asset,
        tick_size=price.tick_size,
        lot_size=lot.step_size,
        perpetual=True,
        amend_keeps_priority=False,
        amend_any=True,
        min_qty_lots=whole(lot.min_qty, lot.step_size, ROUND_CEILING),
        max_qty_lots=whole(lot.max_qty, lot.step_size, ROUND_FLOOR),
        min_price_ticks=whole(price.min_price, price.tick_size, ROUND_CEILING),
        max_price_ticks=whole(price.max_price, price.tick_size, ROUND_FLOOR),
        min_notional_e8=amount_e8(info.filter_or("MIN_NOTIONAL").notional, "MIN_NOTIONAL"),
        max_open_orders=info.filter_or("MAX_NUM_ORDERS").limit or 200,
        maker_fee=float(rate.maker_commission_rate),
        taker_fee=float(rate.taker_commission_rate),
    )
