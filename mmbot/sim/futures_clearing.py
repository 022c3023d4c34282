"""What happens to futures accounts by themselves: mark prices, funding settlements, liquidations.

The crowd (simulated traders, or the recorded market) is one account here, so that money is conserved exactly: over all
users and the crowd, positions sum to zero, and wallets less signed position cost, plus the crowd's cash, plus fees
collected, plus the insurance fund never change.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from mmbot.sim import futures_wire as wire
from mmbot.sim.instruments import e8, money, share
from mmbot.sim.market import NS_PER_MS
from mmbot.sim.marks import Mark
from mmbot.sim.orders import SimOrder
from mmbot.sim.requests import count, in_window

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mmbot.sim.futures import FuturesVenue
    from mmbot.sim.futures_account import FuturesAccount, Position
    from mmbot.sim.market import Market
    from mmbot.sim.schedule import Schedule

SECOND_NS = 1_000_000_000
AT_ONCE = 64
"""Markets marked at one moment; a thousand at once would keep everybody else waiting."""


class Clearing:
    """Marks, funding and liquidation of one futures venue.

    Attributes:
        fees_e8: commissions collected.
        insurance_e8: the insurance fund; negative after covering bankruptcies.
        crowd_lots, crowd_cash_e8: the crowd's positions, and its cash from trades and funding.
    """

    def __init__(self, venue: FuturesVenue, schedule: Schedule) -> None:
        self.marks: dict[str, Mark] = {}
        self.fees_e8 = 0
        self.insurance_e8 = 0
        self.crowd_lots: dict[str, int] = {}
        self.crowd_cash_e8 = 0
        self._venue = venue
        self._schedule = schedule
        self._ticks = 0
        self._first: list[Mark] = []

    def start(self, index_markets: Mapping[str, Market], interval_ns: int) -> None:
        """Begin to mark the listed markets, once a second: on the second, save where there are very many."""
        now_ns = self._schedule.now_ns
        for symbol, market in self._venue.markets.items():
            index = index_markets.get(symbol)
            self.marks[symbol] = Mark(market, index, interval_ns=interval_ns, start_ns=now_ns)
            self.crowd_lots[symbol] = 0
        marks = list(self.marks.values())
        self._first, rest = marks[:AT_ONCE], marks[AT_ONCE:]
        begin_ns = now_ns - now_ns % SECOND_NS + SECOND_NS
        self._schedule.call_at(begin_ns, self._tick)
        batches = [rest[at : at + AT_ONCE] for at in range(0, len(rest), AT_ONCE)]
        for number, batch in enumerate(batches, 1):
            offset_ns = number * SECOND_NS // (len(batches) + 1)
            self._schedule.call_at(begin_ns + offset_ns, partial(self._mark_again, batch, offset_ns))

    def _mark_again(self, batch: list[Mark], offset_ns: int, now_ns: int) -> None:
        """Mark some of very many markets; each batch has its own moment of the second."""
        self._mark(batch, now_ns)
        due_ns = now_ns - (now_ns - offset_ns) % SECOND_NS + SECOND_NS
        self._schedule.call_at(due_ns, partial(self._mark_again, batch, offset_ns))

    def _mark(self, marks: list[Mark], now_ns: int) -> None:
        for mark in marks:
            mark.update(now_ns)
            if now_ns >= mark.next_funding_ns:
                self._fund(mark, now_ns)

    def crowd_trade(self, symbol: str, side: int, lots: int, quote_e8: int) -> None:
        """Book the crowd's side of a trade with a user."""
        self.crowd_lots[symbol] += lots if side == 0 else -lots
        self.crowd_cash_e8 -= quote_e8 if side == 0 else -quote_e8

    def _tick(self, now_ns: int) -> None:
        self._ticks += 1
        self._mark(self._first, now_ns)
        self._announce(now_ns // NS_PER_MS)
        for account in list(self._venue.accounts.values()):
            needed = account.maintenance_e8
            if needed and account.margin_balance_e8 < needed:
                self._liquidate(account, now_ns)
        self._schedule.call_at(now_ns - now_ns % SECOND_NS + SECOND_NS, self._tick)

    def _announce(self, time_ms: int) -> None:
        if not self._venue.listeners:
            return
        texts = {symbol: wire.mark_text(mark, time_ms) for symbol, mark in self.marks.items()}
        every = f"[{','.join(texts.values())}]"
        for suffix in ("@1s", "") if self._ticks % 3 == 0 else ("@1s",):
            for symbol, line in texts.items():
                self._venue.emit_listened(f"{symbol.lower()}@markPrice{suffix}", line)
            self._venue.emit_listened(f"!markPrice@arr{suffix}", every)

    # -- funding --------------------------------------------------------------------------------------------------

    def _fund(self, mark: Mark, now_ns: int) -> None:
        """Longs pay shorts (or the other way round) the rate on their value at the mark; the crowd takes part."""
        record = mark.settle(now_ns)
        symbol = mark.market.instrument.symbol
        for account in self._venue.accounts.values():
            position = account.positions[symbol]
            if not position.lots:
                continue
            amount = -share(position.notional_e8, record.rate_e8)
            account.credit(amount)
            account.funding_e8 += amount
            self.crowd_cash_e8 -= amount
            self._venue.record_income(account, "FUNDING_FEE", symbol, amount)
            self._venue.tell(account.user, wire.account_update(account, "FUNDING_FEE", record.time_ms, (), amount))

    def funding_history(self, symbols: list[str], params: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Settlements so far, oldest first."""
        found = [
            {
                "symbol": symbol,
                "fundingRate": money(record.rate_e8),
                "fundingTime": record.time_ms,
                "markPrice": money(record.mark_e8),
            }
            for symbol in symbols
            for record in self.marks[symbol].history
            if in_window(params, record.time_ms)
        ]
        found.sort(key=lambda row: int(str(row["fundingTime"])))
        return found[-count(params, "limit", 100, 1000) :]

    def funding_info(self) -> list[dict[str, Any]]:
        """Cap, floor and interval of each symbol (the interval in hours, a fraction when it is shorter)."""
        return [
            {
                "symbol": symbol,
                "adjustedFundingRateCap": mark.market.instrument.funding_cap,
                "adjustedFundingRateFloor": f"-{mark.market.instrument.funding_cap}",
                "fundingIntervalHours": hours
                if (hours := mark.interval_ns // (3600 * SECOND_NS))
                else mark.interval_ns / (3600 * SECOND_NS),
                "disclaimer": False,
            }
            for symbol, mark in self.marks.items()
        ]

    # -- liquidation ----------------------------------------------------------------------------------------------

    def _liquidate(self, account: FuturesAccount, now_ns: int) -> None:
        """Cancel everything, close every position at market; the fund takes what nobody does, and any shortfall."""
        for symbol in list(account.used):
            self._venue.cancel_all_of(account.user, symbol, now_ns)
        for position in sorted(account.used.values(), key=lambda each: -abs(each.notional_e8)):
            if position.lots and account.margin_balance_e8 < account.maintenance_e8:
                self._close(account, position, now_ns)
        if account.wallet_e8 < 0 and not any(position.lots for position in account.used.values()):
            shortfall = -account.wallet_e8
            self._transfer(account, shortfall, "", now_ns)

    def _close(self, account: FuturesAccount, position: Position, now_ns: int) -> None:
        instrument, lots = position.instrument, abs(position.lots)
        order_id = self._venue.next_order_id()
        time_ms = now_ns // NS_PER_MS
        order = SimOrder(
            order_id=order_id,
            client_id=f"autoclose-{time_ms}{order_id}",
            user=account.user,
            instrument=instrument,
            side=1 if position.lots > 0 else 0,
            kind="LIMIT",
            time_in_force="IOC",
            price_ticks=0,
            qty_lots=lots,
            time_ms=time_ms,
            update_ms=time_ms,
            reduce_only=True,
            self_trade="NONE",
            liquidation=True,
        )
        self._venue.force(order, position.mark.mark_e8 // instrument.tick_e8, now_ns)
        fee = share(order.quote_e8, e8(instrument.liquidation_fee))
        self._transfer(account, -min(fee, max(0, account.wallet_e8)), instrument.symbol, now_ns)

    def _transfer(self, account: FuturesAccount, amount_e8: int, symbol: str, now_ns: int) -> None:
        """Between the insurance fund and a user (> 0: to the user)."""
        if not amount_e8:
            return
        account.credit(amount_e8)
        self.insurance_e8 -= amount_e8
        self._venue.record_income(account, "INSURANCE_CLEAR", symbol, amount_e8)
        update = wire.account_update(account, "INSURANCE_CLEAR", now_ns // NS_PER_MS, (), amount_e8)
        self._venue.tell(account.user, update)
