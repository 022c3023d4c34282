"""The futures venue apart from orders: wallets, positions, leverage, income, mark prices, and their streams."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mmbot.sim import futures_wire as wire
from mmbot.sim.events import Event, Refused
from mmbot.sim.futures_account import FuturesAccount, Income, Position
from mmbot.sim.instruments import E8, e8
from mmbot.sim.market import NS_PER_MS
from mmbot.sim.requests import count, in_window, need, text, whole
from mmbot.sim.venue import Answer, Venue

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mmbot.sim.futures_clearing import Clearing
    from mmbot.sim.schedule import Schedule
    from mmbot.sim.users import User

GLOBAL_STREAMS = frozenset(
    {
        "!markPrice@arr",
        "!markPrice@arr@1s",
        "!bookTicker",
        "!forceOrder@arr",
    }
)
SYMBOL_STREAMS = frozenset({"markPrice", "markPrice@1s", "forceOrder"})


class FuturesAccounts(Venue):
    """Everything of the futures venue that needs no order book; `FuturesVenue` adds the orders.

    Attributes:
        accounts: by user index.
        clearing: marks, funding and liquidation.
        listeners: of the mark price, forced order and all-market streams.
    """

    futures = True
    id_limits = (500, 1000)
    clearing: Clearing

    def __init__(self, name: str, outbox: list[Event], schedule: Schedule, *, first_order_id: int) -> None:
        super().__init__(name, outbox, schedule, first_order_id=first_order_id)
        self.accounts: dict[int, FuturesAccount] = {}
        self.listeners: dict[str, int] = {}
        self._tran_id = 9_000_000_000

    # -- users and streams ----------------------------------------------------------------------------------------

    def open_account(self, user: User, balances: Mapping[str, str]) -> None:
        """Give a user a wallet."""
        self.add_user(user)
        account = FuturesAccount(user, {"USDT": 0} | {asset: e8(amount) for asset, amount in balances.items()})
        for symbol, market in self.markets.items():
            account.positions[symbol] = Position(market.instrument, self.clearing.marks[symbol])
        self.accounts[user.index] = account

    def subscribe(self, stream: str) -> bool:
        """See `Venue.subscribe`; also mark prices, forced orders and the all-market streams."""
        symbol, _, suffix = stream.partition("@")
        if stream in GLOBAL_STREAMS or (suffix in SYMBOL_STREAMS and symbol in self._by_stream):
            self.listeners[stream] = self.listeners.get(stream, 0) + 1
            if stream == "!bookTicker":
                for market in self.markets.values():
                    market.subscribe("bookTicker")
            return True
        return super().subscribe(stream)

    def unsubscribe(self, stream: str) -> None:
        """See `Venue.unsubscribe`."""
        if stream not in self.listeners:
            super().unsubscribe(stream)
            return
        self.listeners[stream] -= 1
        if not self.listeners[stream]:
            del self.listeners[stream]
        if stream == "!bookTicker":
            for market in self.markets.values():
                market.unsubscribe("bookTicker")

    def _emit(self, stream: str, payload: str | bytes) -> None:
        super()._emit(stream, payload)
        if "!bookTicker" in self.listeners and stream.endswith("@bookTicker"):
            super()._emit("!bookTicker", payload)

    def emit_listened(self, stream: str, payload: str) -> None:
        """Announce on a stream of `listeners`, if there is one."""
        if stream in self.listeners:
            super()._emit(stream, payload)

    def record_income(
        self,
        account: FuturesAccount,
        kind: str,
        symbol: str,
        amount_e8: int,
        trade_id: str = "",
    ) -> None:
        """Write a line of the income history."""
        self._tran_id += 1
        time_ms = self._schedule.now_ns // NS_PER_MS
        account.income.append(Income(kind, symbol, amount_e8, account.asset, time_ms, self._tran_id, trade_id))
        if len(account.income) > 60_000:
            del account.income[:30_000]

    # -- account --------------------------------------------------------------------------------------------------

    def account(self, user: User, _params: Mapping[str, Any], now_ns: int) -> Answer:
        """GET /fapi/v2/account: every symbol."""
        account = self.accounts[user.index]
        return wire.account_answer(account, account.positions.values(), self._schedule.at(now_ns) // NS_PER_MS)

    def account_in_use(self, user: User, _params: Mapping[str, Any], now_ns: int) -> Answer:
        """GET /fapi/v3/account: no symbol that was never used."""
        account = self.accounts[user.index]
        return wire.account_answer(account, account.used.values(), self._schedule.at(now_ns) // NS_PER_MS)

    def balance(self, user: User, _params: Mapping[str, Any], now_ns: int) -> list[Answer]:
        """GET /fapi/v2|v3/balance, v2/account.balance."""
        account, time_ms = self.accounts[user.index], self._schedule.at(now_ns) // NS_PER_MS
        return [wire.balance_answer(account, asset, time_ms) for asset in account.wallets]

    def position_risk(self, user: User, params: Mapping[str, Any], now_ns: int) -> list[Answer]:
        """GET /fapi/v2/positionRisk, account.position: every symbol."""
        self._schedule.at(now_ns)
        account, markets = self.accounts[user.index], self.data.asked(params)[0]
        return [wire.position_answer(account, account.positions[market.instrument.symbol]) for market in markets]

    def position_risk_in_use(self, user: User, params: Mapping[str, Any], now_ns: int) -> list[Answer]:
        """GET /fapi/v3/positionRisk: no symbol that was never used."""
        self._schedule.at(now_ns)
        account = self.accounts[user.index]
        wanted = self.market_of(params).instrument.symbol if text(params, "symbol") else None
        return [
            wire.position_answer(account, each) for symbol, each in account.used.items() if wanted in {None, symbol}
        ]

    def income(self, user: User, params: Mapping[str, Any], now_ns: int) -> list[Answer]:
        """GET /fapi/v1/income, oldest first."""
        self._schedule.at(now_ns)
        symbol, kind = text(params, "symbol"), text(params, "incomeType")
        found = [
            income
            for income in self.accounts[user.index].income
            if symbol in {None, income.symbol} and kind in {None, income.kind} and in_window(params, income.time_ms)
        ]
        limit = count(params, "limit", 100, 1000)
        return [wire.income_answer(income) for income in (found[:limit] if "startTime" in params else found[-limit:])]

    def commission_rate(self, _user: User, params: Mapping[str, Any], now_ns: int) -> Answer:
        """GET /fapi/v1/commissionRate."""
        self._schedule.at(now_ns)
        instrument = self.market_of(params).instrument
        return {
            "symbol": instrument.symbol,
            "makerCommissionRate": instrument.maker_fee,
            "takerCommissionRate": instrument.taker_fee,
            "rpiCommissionRate": "0",
        }

    def leverage_brackets(self, _user: User, params: Mapping[str, Any], now_ns: int) -> list[Answer]:
        """GET /fapi/v1/leverageBracket."""
        self._schedule.at(now_ns)
        return [
            {
                "symbol": market.instrument.symbol,
                "brackets": [
                    {
                        "bracket": number,
                        "initialLeverage": tier.leverage,
                        "notionalCap": tier.cap_e8 // E8,
                        "notionalFloor": tier.floor_e8 // E8,
                        "maintMarginRatio": tier.maintenance_e8 / E8,
                        "cum": tier.deduction_e8 / E8,
                    }
                    for number, tier in enumerate(market.instrument.tiers, 1)
                ],
            }
            for market in self.data.asked(params)[0]
        ]

    def set_leverage(self, user: User, params: Mapping[str, Any], now_ns: int) -> Answer:
        """POST /fapi/v1/leverage."""
        time_ms = self._schedule.at(now_ns) // NS_PER_MS
        instrument = self.market_of(params).instrument
        leverage = whole(params, "leverage")
        if leverage is None or not 1 <= leverage <= instrument.tiers[0].leverage:
            raise Refused(-4028, f"Leverage {leverage} is not valid")
        account = self.accounts[user.index]
        position = account.positions[instrument.symbol]
        before, old = account.initial_e8 - position.initial_e8(), position.leverage
        cap = max(tier.cap_e8 for tier in instrument.tiers if tier.leverage >= leverage)
        if position.exposure_e8() > cap:
            raise Refused(-2027, "Exceeded the maximum allowable position at current leverage.")
        position.leverage = leverage
        if leverage < old and before + position.initial_e8() > account.margin_balance_e8:
            position.leverage = old
            raise Refused(-2028, "Leverage is smaller than permitted: insufficient margin balance.")
        if leverage != old:
            self.tell(
                user,
                {
                    "e": "ACCOUNT_CONFIG_UPDATE",
                    "E": time_ms,
                    "T": time_ms,
                    "ac": {"s": instrument.symbol, "l": leverage},
                },
            )
        return {"leverage": leverage, "maxNotionalValue": str(cap // E8), "symbol": instrument.symbol}

    def set_margin_type(self, _user: User, params: Mapping[str, Any], now_ns: int) -> Answer:
        """POST /fapi/v1/marginType: the exchange has cross margin only, so there is never a need to change."""
        self._schedule.at(now_ns)
        self.market_of(params)
        if need(params, "marginType") in {"CROSSED", "CROSS"}:
            raise Refused(-4046, "No need to change margin type.")
        raise Refused(-4047, "Margin type cannot be changed: the simulated exchange has cross margin only.")

    def change_position_margin(self, _user: User, params: Mapping[str, Any], now_ns: int) -> Answer:
        """POST /fapi/v1/positionMargin: there are no isolated positions."""
        self._schedule.at(now_ns)
        self.market_of(params)
        for name in ("amount", "type"):
            need(params, name)
        raise Refused(-4054, "Cannot add position margin: position is 0.")

    def position_mode(self, _user: User, _params: Mapping[str, Any], now_ns: int) -> Answer:
        """GET /fapi/v1/positionSide/dual."""
        self._schedule.at(now_ns)
        return {"dualSidePosition": False}

    def set_position_mode(self, _user: User, params: Mapping[str, Any], now_ns: int) -> Answer:
        """POST /fapi/v1/positionSide/dual: the exchange has one-way mode only."""
        self._schedule.at(now_ns)
        if need(params, "dualSidePosition").lower() == "false":
            raise Refused(-4059, "No need to change position side.")
        raise Refused(-4068, "Position side cannot be changed: the simulated exchange has one-way mode only.")

    def multi_assets_mode(self, user: User, _params: Mapping[str, Any], now_ns: int) -> Answer:
        """GET /fapi/v1/multiAssetsMargin."""
        self._schedule.at(now_ns)
        return {"multiAssetsMargin": self.accounts[user.index].multi_assets}

    def set_multi_assets_mode(self, user: User, params: Mapping[str, Any], now_ns: int) -> Answer:
        """POST /fapi/v1/multiAssetsMargin: off, and stays off."""
        self._schedule.at(now_ns)
        if need(params, "multiAssetsMargin").lower() == str(self.accounts[user.index].multi_assets).lower():
            raise Refused(-4171, "No need to change multi-assets mode.")
        raise Refused(-4167, "Multi-assets mode cannot be changed: the simulated exchange has single-asset margin.")

    # -- public ---------------------------------------------------------------------------------------------------

    def exchange_info(self, _params: Mapping[str, Any], now_ns: int) -> Answer:
        """GET /fapi/v1/exchangeInfo; the server puts its own ``rateLimits`` in."""
        assets = sorted({market.instrument.quote for market in self.markets.values()})
        return {
            "timezone": "UTC",
            "serverTime": self._schedule.at(now_ns) // NS_PER_MS,
            "futuresType": "U_MARGINED",
            "rateLimits": [],
            "exchangeFilters": [],
            "assets": [{"asset": asset, "marginAvailable": True, "autoAssetExchange": "-10000"} for asset in assets],
            "symbols": [wire.symbol_answer(market.instrument) for market in self.markets.values()],
        }

    def premium_index(self, params: Mapping[str, Any], now_ns: int) -> Answer | list[Answer]:
        """GET /fapi/v1/premiumIndex."""
        time_ms = self._schedule.at(now_ns) // NS_PER_MS
        markets, single = self.data.asked(params)
        answers = [wire.premium_answer(self.clearing.marks[market.instrument.symbol], time_ms) for market in markets]
        return answers[0] if single else answers

    def funding_rate(self, params: Mapping[str, Any], now_ns: int) -> list[Answer]:
        """GET /fapi/v1/fundingRate: settlements so far, oldest first."""
        self._schedule.at(now_ns)
        markets = self.data.asked(params)[0]
        return self.clearing.funding_history([market.instrument.symbol for market in markets], params)

    def funding_info(self, _params: Mapping[str, Any], now_ns: int) -> list[Answer]:
        """GET /fapi/v1/fundingInfo."""
        self._schedule.at(now_ns)
        return self.clearing.funding_info()

    def continuous_klines(self, params: Mapping[str, Any], now_ns: int) -> list[list[object]]:
        """GET /fapi/v1/continuousKlines: the perpetual's own, there are no other contracts."""
        if need(params, "contractType") != "PERPETUAL":
            raise Refused(-1130, "Data sent for parameter 'contractType' is not valid.")
        return self.data.klines({**params, "symbol": need(params, "pair")}, now_ns)

    def mark_klines(self, params: Mapping[str, Any], now_ns: int) -> list[list[object]]:
        """GET /fapi/v1/markPriceKlines."""
        return self._sampled("mark", params, now_ns)

    def index_klines(self, params: Mapping[str, Any], now_ns: int) -> list[list[object]]:
        """GET /fapi/v1/indexPriceKlines, which names its ``pair``."""
        return self._sampled("index", {**params, "symbol": need(params, "pair")}, now_ns)

    def premium_klines(self, params: Mapping[str, Any], now_ns: int) -> list[list[object]]:
        """GET /fapi/v1/premiumIndexKlines."""
        return self._sampled("premium", params, now_ns)

    def _sampled(self, series: str, params: Mapping[str, Any], now_ns: int) -> list[list[object]]:
        mark = self.clearing.marks[self.market_of(params).instrument.symbol]
        rows, interval = self.data.candles(mark.candles[series], params, now_ns)
        return [wire.sample_row(each, interval) for each in rows]

    def open_interest(self, params: Mapping[str, Any], now_ns: int) -> Answer:
        """GET /fapi/v1/openInterest: what users and the crowd hold of each other."""
        instrument = self.market_of(params).instrument
        holdings = [account.positions[instrument.symbol].lots for account in self.accounts.values()]
        holdings.append(self.clearing.crowd_lots[instrument.symbol])
        return {
            "symbol": instrument.symbol,
            "openInterest": instrument.qty_text(sum(lots for lots in holdings if lots > 0)),
            "time": now_ns // NS_PER_MS,
        }

    def adl_risk(self, params: Mapping[str, Any], now_ns: int) -> Answer | list[Answer]:
        """GET /fapi/v1/symbolAdlRisk: nobody is deleveraged here, the insurance fund pays."""
        markets, single = self.data.asked(params)
        answers = [
            {"symbol": market.instrument.symbol, "adlRisk": "low", "updateTime": now_ns // NS_PER_MS}
            for market in markets
        ]
        return answers[0] if single else answers

    def adl_quantiles(self, user: User, params: Mapping[str, Any], now_ns: int) -> list[Answer]:
        """GET /fapi/v1/adlQuantile: of symbols with a position; always the back of the queue."""
        self._schedule.at(now_ns)
        positions = self.accounts[user.index].positions
        return [
            {"symbol": market.instrument.symbol, "adlQuantile": {"LONG": 0, "SHORT": 0, "BOTH": 0}}
            for market in self.data.asked(params)[0]
            if positions[market.instrument.symbol].lots
        ]
