"""A small exchange at a standstill, and short words for trading on it."""

from __future__ import annotations

from typing import Any

import pytest

from mmbot.sim.events import Refused, UserEvent
from mmbot.sim.exchange import ExchangeConfig, SimExchange, User

START = 1_700_000_000_000_000_000
SECOND = 1_000_000_000


class Desk:
    """One exchange with two users; `now` moves only when told."""

    def __init__(self, **config: Any) -> None:
        config = {"seed": 7, "symbols": ("BTCUSDT",), "activity": 1e-9} | config
        self.exchange = SimExchange(ExchangeConfig(**config), start_ns=START)
        self.now = START
        self.ann = self.open("ann")
        self.bob = self.open("bob")

    def open(self, name: str, usdt: str = "100000", btc: str = "2") -> User:
        return self.exchange.add_user(
            name,
            key=f"{name}-key",
            secret=f"{name}-secret",
            futures={"USDT": usdt},
            spot={"USDT": usdt, "BTC": btc},
        )

    def wait(self, seconds: float) -> None:
        self.now += round(seconds * SECOND)
        while self.exchange.advance(self.now) <= self.now:
            pass

    def best(self, venue: str = "futures") -> tuple[int, int, int, int]:
        return getattr(self.exchange, venue).markets["BTCUSDT"].matcher.best()

    def widen(self) -> str:
        """Take the crowd's best asks away; returns a price inside the spread this leaves."""
        market = self.exchange.futures.markets["BTCUSDT"]
        bid, _, ask, _ = market.matcher.best()
        while market.matcher.best()[2] < bid + 3:
            for order_id, _, _ in market.matcher.queue(1, market.matcher.best()[2]):
                market.matcher.cancel(order_id)
        market.publish(self.now)
        assert ask
        return self.price(bid + 1)

    def limit(
        self,
        user: User,
        side: str,
        price: str,
        quantity: str,
        venue: str = "futures",
        /,
        **more: Any,
    ) -> dict[str, Any]:
        params = {
            "symbol": "BTCUSDT",
            "side": side,
            "type": "LIMIT",
            "timeInForce": "GTC",
            "price": price,
            "quantity": quantity,
            "newOrderRespType": "RESULT",
        } | more
        return getattr(self.exchange, venue).new_order(user, params, self.now)

    def market(
        self,
        user: User,
        side: str,
        quantity: str,
        venue: str = "futures",
        /,
        **more: Any,
    ) -> dict[str, Any]:
        params = {
            "symbol": "BTCUSDT",
            "side": side,
            "type": "MARKET",
            "quantity": quantity,
            "newOrderRespType": "RESULT",
        } | more
        return getattr(self.exchange, venue).new_order(user, params, self.now)

    def ask(self, method: str, user: User, venue: str = "futures", /, **params: Any) -> Any:
        return getattr(getattr(self.exchange, venue), method)(user, {"symbol": "BTCUSDT"} | params, self.now)

    def refused(self, code: int, call: Any, /, *args: Any, **params: Any) -> Refused:
        with pytest.raises(Refused) as caught:
            call(*args, **params)
        assert caught.value.code == code, caught.value
        return caught.value

    def told(self, user: User, kind: str | None = None) -> list[dict[str, Any]]:
        """Private messages since the last look."""
        return [
            event.payload
            for event in self.exchange.take_events()
            if isinstance(event, UserEvent) and event.user == user.name and kind in {None, event.payload["e"]}
        ]

    def price(self, ticks: int, venue: str = "futures") -> str:
        return getattr(self.exchange, venue).markets["BTCUSDT"].instrument.price_text(ticks)
