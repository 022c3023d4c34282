"""The answers to public requests about a venue's markets: book, trades, candles, statistics.

Shapes are those of the venues' "Market Data Endpoints" pages; both venues have them, with a few fields of their own.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from mmbot.sim.candles import INTERVALS, begin_of
from mmbot.sim.events import Refused
from mmbot.sim.instruments import E8, fixed
from mmbot.sim.market import NS_PER_MS
from mmbot.sim.requests import count, in_window, listed, need, text, whole
from mmbot.sim.statistics_streams import candle_row

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mmbot.sim.candles import Candle, Candles
    from mmbot.sim.market import Market
    from mmbot.sim.venue import Venue

Answer = dict[str, Any]
FUTURES_CANDLES, SPOT_CANDLES = 1500, 1000
"""Most candles an answer may have; both venues give 500 by default."""
AVERAGE_MINUTES = 5


class MarketData:
    """What anybody may ask about a venue's markets.

    Args:
        venue: the venue.
    """

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._futures = venue.futures

    def asked(self, params: Mapping[str, Any]) -> tuple[list[Market], bool]:
        """The markets asked for, and whether it was one ``symbol`` (then the answer is no list)."""
        venue = self._venue
        if text(params, "symbol"):
            if not self._futures and text(params, "symbols"):
                raise Refused(-1128, "Combination of optional parameters invalid.")
            return [venue.market_of(params)], True
        if not self._futures and text(params, "symbols"):
            return [venue.market_of({"symbol": symbol}) for symbol in listed(params, "symbols")], False
        return list(venue.markets.values()), False

    def ping(self, _params: Mapping[str, Any], _now_ns: int) -> Answer:
        """Nothing."""
        return {}

    def time(self, _params: Mapping[str, Any], now_ns: int) -> Answer:
        """The exchange's clock."""
        return {"serverTime": now_ns // NS_PER_MS}

    # -- book and trades ------------------------------------------------------------------------------------------

    def depth(self, params: Mapping[str, Any], now_ns: int) -> Answer:
        """A book snapshot."""
        limit = count(params, "limit", *((500, 1000) if self._futures else (100, 5000)))
        return self._venue.market_of(params).depth_answer(limit, now_ns)

    def trades(self, params: Mapping[str, Any], _now_ns: int) -> list[Answer]:
        """The latest trades, or from ``fromId`` on (historicalTrades)."""
        market, first = self._venue.market_of(params), whole(params, "fromId")
        limit = count(params, "limit", 500, 1000)
        found = [trade for trade in market.tape if first is None or trade.trade_id >= first]
        return [market.trade_answer(trade) for trade in (found[-limit:] if first is None else found[:limit])]

    def agg_trades(self, params: Mapping[str, Any], _now_ns: int) -> list[Answer]:
        """Aggregated trades: from ``fromId`` or ``startTime`` on, or the latest ones."""
        market, first = self._venue.market_of(params), whole(params, "fromId")
        limit = count(params, "limit", 500, 1000)
        found = [
            trade
            for trade in market.agg_tape
            if (first is None or trade.agg_id >= first) and in_window(params, trade.time_ms)
        ]
        forward = first is not None or text(params, "startTime") is not None
        return [market.agg_answer(trade) for trade in (found[:limit] if forward else found[-limit:])]

    # -- candles --------------------------------------------------------------------------------------------------

    def klines(self, params: Mapping[str, Any], now_ns: int) -> list[list[object]]:
        """Candles of the trades: from ``startTime`` on, or the latest ones."""
        market = self._venue.market_of(params)
        rows, interval = self.candles(market.candles, params, now_ns)
        return [candle_row(market.instrument, each, interval) for each in rows]

    def candles(self, series: Candles, params: Mapping[str, Any], now_ns: int) -> tuple[list[Candle], str]:
        """The part of a series that was asked for, and the interval."""
        interval = need(params, "interval")
        if interval not in INTERVALS or (interval == "1s" and self._futures):
            raise Refused(-1120, "Invalid interval.")
        limit = count(params, "limit", 500, FUTURES_CANDLES if self._futures else SPOT_CANDLES)
        now_ms = now_ns // NS_PER_MS
        start, end = whole(params, "startTime"), whole(params, "endTime")
        last_ms = now_ms if end is None else min(end, now_ms)
        if start is not None:
            return series.history(interval, start, last_ms)[:limit], interval
        earliest = begin_of(last_ms, interval) - (limit + 1) * INTERVALS[interval]
        return series.history(interval, max(0, earliest), last_ms)[-limit:], interval

    # -- tickers --------------------------------------------------------------------------------------------------

    def book_ticker(self, params: Mapping[str, Any], now_ns: int) -> Answer | list[Answer]:
        """Best bid and ask."""
        markets, single = self.asked(params)
        answers = []
        for market in markets:
            bid, bid_lots, ask, ask_lots = market.matcher.best()
            instrument = market.instrument
            answer: Answer = {
                "symbol": instrument.symbol,
                "bidPrice": instrument.price_text(bid),
                "bidQty": instrument.qty_text(bid_lots),
                "askPrice": instrument.price_text(ask),
                "askQty": instrument.qty_text(ask_lots),
            }
            if self._futures:
                answer |= {"time": now_ns // NS_PER_MS, "lastUpdateId": market.update_id}
            answers.append(answer)
        return answers[0] if single else answers

    def ticker_price(self, params: Mapping[str, Any], now_ns: int) -> Answer | list[Answer]:
        """Last traded price."""
        markets, single = self.asked(params)
        answers: list[Answer] = [
            {"symbol": market.instrument.symbol, "price": market.instrument.price_text(market.last_ticks)}
            | ({"time": now_ns // NS_PER_MS} if self._futures else {})
            for market in markets
        ]
        return answers[0] if single else answers

    def ticker_24h(self, params: Mapping[str, Any], now_ns: int) -> Answer | list[Answer]:
        """Statistics of the day (here: since the start)."""
        markets, single = self.asked(params)
        kind = text(params, "type") or "FULL"
        if kind not in {"FULL", "MINI"}:
            raise Refused(-1130, "Data sent for parameter 'type' is not valid.")
        answers = [self._day_answer(market, now_ns // NS_PER_MS) for market in markets]
        if kind == "MINI" and not self._futures:
            answers = [{name: answer[name] for name in MINI} for answer in answers]
        return answers[0] if single else answers

    def ticker_window(self, params: Mapping[str, Any], now_ns: int) -> Answer | list[Answer]:
        """Statistics of a window or of the trading day (here: since the start, too); symbols must be named."""
        if text(params, "symbol") is None and text(params, "symbols") is None:
            raise Refused(-1128, "Combination of optional parameters invalid.")
        answer = self.ticker_24h(params, now_ns)
        return [_windowed(each) for each in answer] if isinstance(answer, list) else _windowed(answer)

    def average_price(self, params: Mapping[str, Any], now_ns: int) -> Answer:
        """Volume-weighted price of the last five minutes' trades, or the last price when there were none."""
        market, now_ms = self._venue.market_of(params), now_ns // NS_PER_MS
        recent = [trade for trade in market.tape if trade.time_ms >= now_ms - AVERAGE_MINUTES * 60_000]
        lots = sum(trade.qty_lots for trade in recent)
        traded = sum(trade.price_ticks * trade.qty_lots for trade in recent)
        ticks = Decimal(traded) / lots if lots else Decimal(market.last_ticks)
        price = ticks * Decimal(market.instrument.tick)
        return {
            "mins": AVERAGE_MINUTES,
            "price": f"{price:.8f}",
            "closeTime": recent[-1].time_ms if recent else now_ms,
        }

    def _day_answer(self, market: Market, time_ms: int) -> Answer:
        day, instrument = market.day, market.instrument
        opened = day.open_ticks or market.last_ticks
        change = market.last_ticks - opened
        average = day.quote_e8 * E8 // (day.lots * instrument.lot_e8) if day.lots else 0
        bid, bid_lots, ask, ask_lots = market.matcher.best()
        answer: Answer = {
            "symbol": instrument.symbol,
            "priceChange": instrument.price_text(change),
            "priceChangePercent": fixed(change * 100_000 // opened, 3),
            "weightedAvgPrice": fixed(average, 8),
            "lastPrice": instrument.price_text(market.last_ticks),
            "lastQty": instrument.qty_text(day.last_lots),
            "openPrice": instrument.price_text(opened),
            "highPrice": instrument.price_text(day.high_ticks or opened),
            "lowPrice": instrument.price_text(day.low_ticks or opened),
            "volume": instrument.qty_text(day.lots),
            "quoteVolume": fixed(day.quote_e8, 8),
            "openTime": time_ms - 86_400_000,
            "closeTime": time_ms,
            "firstId": day.first_id,
            "lastId": market.trade_id,
            "count": day.count,
        }
        if not self._futures:
            answer |= {
                "bidPrice": instrument.price_text(bid),
                "bidQty": instrument.qty_text(bid_lots),
                "askPrice": instrument.price_text(ask),
                "askQty": instrument.qty_text(ask_lots),
                "prevClosePrice": instrument.price_text(opened),
            }
        return answer


MINI = (
    "symbol",
    "openPrice",
    "highPrice",
    "lowPrice",
    "lastPrice",
    "volume",
    "quoteVolume",
    "openTime",
    "closeTime",
    "firstId",
    "lastId",
    "count",
)
ONLY_OF_THE_DAY = ("prevClosePrice", "lastQty", "bidPrice", "bidQty", "askPrice", "askQty")


def _windowed(answer: Answer) -> Answer:
    return {name: value for name, value in answer.items() if name not in ONLY_OF_THE_DAY}
