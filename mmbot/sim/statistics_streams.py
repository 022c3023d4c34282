"""Streams that look at a market at fixed times: candles and the statistics of the day.

Samples: the venues' pages "Kline/Candlestick Streams", "Individual Symbol Ticker Streams" and "All Market ... Streams".
Speeds are the venues': candles every 250 ms on futures, every 1 s (1s candles) or 2 s on spot, and once more when they
close; tickers every second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mmbot.sim.candles import INTERVALS, Candle, end_of
from mmbot.sim.instruments import E8, fixed, money
from mmbot.sim.market import NS_PER_MS

if TYPE_CHECKING:
    from mmbot.sim.candles import Candles
    from mmbot.sim.instruments import SimInstrument
    from mmbot.sim.market import Market
    from mmbot.sim.venue import Venue

ALL_MARKETS: Final = {"!ticker@arr": "ticker", "!miniTicker@arr": "miniTicker"}
STEP_MS: Final = 250
SECOND_MS: Final = 1000
CONTRACT: Final = "_perpetual@continuousKline_"


def candle_row(instrument: SimInstrument, candle: Candle, interval: str) -> list[object]:
    """One candle, as REST answers it."""
    price, qty = instrument.price_text, instrument.qty_text
    return [
        candle.open_ms,
        price(candle.open),
        price(candle.high),
        price(candle.low),
        price(candle.close),
        qty(candle.lots),
        end_of(candle.open_ms, interval) - 1,
        money(candle.quote_e8),
        candle.count,
        qty(candle.buy_lots),
        money(candle.buy_quote_e8),
        "0",
    ]


def candle_text(instrument: SimInstrument, candle: Candle, interval: str, *, closed: bool) -> str:
    """The ``k`` object of a candle stream, without the symbol."""
    price, qty = instrument.price_text, instrument.qty_text
    return (
        f'"i":"{interval}","f":{candle.first_id},"L":{candle.last_id},"o":"{price(candle.open)}",'
        f'"c":"{price(candle.close)}","h":"{price(candle.high)}","l":"{price(candle.low)}","v":"{qty(candle.lots)}",'
        f'"n":{candle.count},"x":{"true" if closed else "false"},"q":"{money(candle.quote_e8)}",'
        f'"V":"{qty(candle.buy_lots)}","Q":"{money(candle.buy_quote_e8)}","B":"0"'
    )


class _CandleStream:
    """One subscribed candle stream."""

    __slots__ = ("candles", "continuous", "interval", "last", "market", "name", "running_ms", "step_ms")

    def __init__(self, name: str, market: Market, interval: str, *, continuous: bool) -> None:
        self.name = name
        self.market = market
        self.interval = interval
        self.continuous = continuous
        self.step_ms = STEP_MS if market.futures else SECOND_MS if interval == "1s" else 2 * SECOND_MS
        self.candles: Candles = market.candles
        self.running_ms = -1
        self.last: tuple[int, int] = (-1, -1)

    def texts(self, time_ms: int) -> list[str]:
        """What is to be said now: the candle that has closed, and the running one if it has changed."""
        found: list[str] = []
        candle = self.candles.at(self.interval, time_ms)
        if candle is None:
            return found
        if 0 <= self.running_ms < candle.open_ms:
            closed = self.candles.at(self.interval, self.running_ms)
            if closed is not None:
                found.append(self._text(closed, time_ms, closed=True))
        self.running_ms = candle.open_ms
        seen = (candle.open_ms, candle.last_id)
        if seen != self.last and time_ms % self.step_ms == 0:
            self.last = seen
            found.append(self._text(candle, time_ms, closed=False))
        return found

    def _text(self, candle: Candle, time_ms: int, *, closed: bool) -> str:
        symbol = self.market.instrument.symbol
        times = f'"t":{candle.open_ms},"T":{end_of(candle.open_ms, self.interval) - 1}'
        body = candle_text(self.market.instrument, candle, self.interval, closed=closed)
        if self.continuous:
            return f'{{"e":"continuous_kline","E":{time_ms},"ps":"{symbol}","ct":"PERPETUAL","k":{{{times},{body}}}}}'
        return f'{{"e":"kline","E":{time_ms},"s":"{symbol}","k":{{{times},"s":"{symbol}",{body}}}}}'


class StatisticsStreams:
    """The candle and ticker streams of one venue; nothing is made while nobody listens.

    Args:
        venue: whose markets they show.
    """

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._listeners: dict[str, int] = {}
        self._candles: dict[str, _CandleStream] = {}
        self._tickers: dict[str, tuple[str, Market | None]] = {}
        self._told: dict[str, dict[str, int]] = {}
        self._ticking = False

    def subscribe(self, stream: str) -> bool:
        """One more listener; False when there is no such stream."""
        if stream not in self._listeners and not self._open(stream):
            return False
        self._listeners[stream] = self._listeners.get(stream, 0) + 1
        if not self._ticking:
            self._ticking = True
            self._venue.call_every(STEP_MS, self._tick)
        return True

    def unsubscribe(self, stream: str) -> bool:
        """One listener less; False when the stream is none of these."""
        if stream not in self._listeners:
            return False
        self._listeners[stream] -= 1
        if not self._listeners[stream]:
            for table in (self._listeners, self._candles, self._tickers, self._told):
                table.pop(stream, None)
        return True

    def _open(self, stream: str) -> bool:
        if stream in ALL_MARKETS:
            self._tickers[stream] = (ALL_MARKETS[stream], None)
            self._told[stream] = {}
            return True
        continuous = CONTRACT in stream and self._venue.futures
        symbol, _, suffix = (stream.replace(CONTRACT, "@kline_") if continuous else stream).partition("@")
        market = self._venue.market_of_stream(symbol)
        if market is None:
            return False
        if suffix in ("ticker", "miniTicker"):
            self._tickers[stream] = (suffix, market)
            return True
        kind, _, interval = suffix.partition("_")
        if kind != "kline" or interval not in INTERVALS or (interval == "1s" and self._venue.futures):
            return False
        self._candles[stream] = _CandleStream(stream, market, interval, continuous=continuous)
        return True

    def _tick(self, now_ns: int) -> bool:
        """What is due; False ends the ticking."""
        time_ms = now_ns // NS_PER_MS
        for stream in self._candles.values():
            for text in stream.texts(time_ms):
                self._venue.emit(stream.name, text)
        if time_ms % SECOND_MS == 0:
            for name, (kind, market) in self._tickers.items():
                if market is not None:
                    self._venue.emit(name, self._ticker_text(market, kind, time_ms))
                else:
                    self._tell_all(name, kind, time_ms)
        self._ticking = bool(self._listeners)
        return self._ticking

    def _tell_all(self, name: str, kind: str, time_ms: int) -> None:
        """Only the markets that have traded since the last message."""
        told = self._told[name]
        changed = [
            market
            for symbol, market in self._venue.markets.items()
            if market.day.count and told.get(symbol) != market.day.count
        ]
        if changed:
            told |= {market.instrument.symbol: market.day.count for market in changed}
            self._venue.emit(name, f"[{','.join([self._ticker_text(each, kind, time_ms) for each in changed])}]")

    def _ticker_text(self, market: Market, kind: str, time_ms: int) -> str:
        day, instrument = market.day, market.instrument
        price, qty = instrument.price_text, instrument.qty_text
        last = market.last_ticks
        opened = day.open_ticks or last
        prices = f'"o":"{price(opened)}","h":"{price(day.high_ticks or opened)}","l":"{price(day.low_ticks or opened)}"'
        volume = f'"v":"{qty(day.lots)}","q":"{money(day.quote_e8)}"'
        if kind == "miniTicker":
            head = f'"e":"24hrMiniTicker","E":{time_ms},"s":"{instrument.symbol}","c":"{price(last)}"'
            return f"{{{head},{prices},{volume}}}"
        average = day.quote_e8 * E8 // (day.lots * instrument.lot_e8) if day.lots else 0
        touch = ""
        if not market.futures:
            bid, bid_lots, ask, ask_lots = market.matcher.best()
            touch = (
                f'"x":"{price(opened)}","b":"{price(bid)}","B":"{qty(bid_lots)}",'
                f'"a":"{price(ask)}","A":"{qty(ask_lots)}",'
            )
        return (
            f'{{"e":"24hrTicker","E":{time_ms},"s":"{instrument.symbol}","p":"{price(last - opened)}",'
            f'"P":"{fixed((last - opened) * 100_000 // opened, 3)}","w":"{fixed(average, 8)}",{touch}'
            f'"c":"{price(last)}","Q":"{qty(day.last_lots)}",{prices},{volume},"O":{time_ms - 86_400_000},'
            f'"C":{time_ms},"F":{day.first_id},"L":{market.trade_id},"n":{day.count}}}'
        )
