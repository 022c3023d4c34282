"""One symbol of one venue: its matcher, its tape, and the market data streams that somebody listens to.

Only subscribed streams are rendered. Frames have the key order and digits of recorded ones. A depth stream batches
level changes until the next multiple of its interval; update ids count level changes, and batches are contiguous
(``U`` = the previous ``u`` + 1, and ``pu`` = the previous ``u`` on futures), so that both venues' documented book
synchronisation holds. A snapshot consumes an id of its own, as the ids of other symbols do on the real venue: the next
batch therefore always brackets it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from mmbot.sim.candles import Candles
from mmbot.sim.instruments import money

if TYPE_CHECKING:
    from collections.abc import Callable

    from mmbot.sim.instruments import SimInstrument
    from mmbot.sim.matcher import FillRow, Matcher

    Emit = Callable[[str, str | bytes], None]
    Schedule = Callable[[int, Callable[[int], None]], None]
    OnFill = Callable[["Market", int, FillRow, int], None]
    OnExpiry = Callable[[int, int], None]

NS_PER_MS = 1_000_000
FUTURES_INTERVALS = {"": 250, "@0ms": 0, "@100ms": 100, "@250ms": 250, "@500ms": 500}
SPOT_INTERVALS = {"": 1000, "@100ms": 100, "@1000ms": 1000}


class Trade(NamedTuple):
    """One line of the tape."""

    trade_id: int
    price_ticks: int
    qty_lots: int
    time_ms: int
    buyer_maker: bool


class AggTrade(NamedTuple):
    """Trades of one incoming order at one price."""

    agg_id: int
    price_ticks: int
    qty_lots: int
    first_id: int
    last_id: int
    time_ms: int
    buyer_maker: bool


@dataclass(slots=True)
class DepthStream:
    """What has changed since the last message of one diff stream, or how deep a partial one looks."""

    name: str
    interval_ms: int
    listeners: int
    last_update_id: int
    levels: int = 0
    scheduled: bool = False
    bids: dict[int, int] = field(default_factory=dict)
    asks: dict[int, int] = field(default_factory=dict)


@dataclass(slots=True)
class DayStatistics:
    """Of all trades since the start (the real venue's rolling 24 hours)."""

    open_ticks: int = 0
    high_ticks: int = 0
    low_ticks: int = 0
    last_ticks: int = 0
    last_lots: int = 0
    lots: int = 0
    quote_e8: int = 0
    count: int = 0
    first_id: int = 0

    def add(self, trade: Trade, quote_e8: int) -> None:
        """Count one trade."""
        if not self.count:
            self.open_ticks = self.high_ticks = self.low_ticks = trade.price_ticks
            self.first_id = trade.trade_id
        self.high_ticks = max(self.high_ticks, trade.price_ticks)
        self.low_ticks = min(self.low_ticks, trade.price_ticks)
        self.last_ticks, self.last_lots = trade.price_ticks, trade.qty_lots
        self.lots += trade.qty_lots
        self.quote_e8 += quote_e8
        self.count += 1


class Market:
    """A symbol that trades.

    Args:
        instrument: its units.
        matcher: matches its orders.
        futures: which venue's message shapes.
        emit: takes (stream, JSON text).
        schedule: calls back at a time.
        first_update_id, first_trade_id: where the ids begin.
    """

    def __init__(
        self,
        instrument: SimInstrument,
        matcher: Matcher,
        *,
        futures: bool,
        emit: Emit,
        schedule: Schedule,
        first_update_id: int,
        first_trade_id: int,
    ) -> None:
        self.instrument = instrument
        self.matcher = matcher
        self.futures = futures
        self.update_id = first_update_id
        self.trade_id = first_trade_id
        self.agg_id = first_trade_id // 3
        self.tape: deque[Trade] = deque(maxlen=1000)
        self.agg_tape: deque[AggTrade] = deque(maxlen=1000)
        self.day = DayStatistics()
        self.candles = Candles(seconds=not futures)
        self.on_fill: OnFill | None = None
        self.on_expiry: OnExpiry | None = None
        self._emit = emit
        self._schedule = schedule
        self._prefix = instrument.symbol.lower()
        self._plain: dict[str, int] = {}
        self._depth: dict[str, DepthStream] = {}
        self._best = (0, 0, 0, 0)
        self._intervals = FUTURES_INTERVALS if futures else SPOT_INTERVALS

    # -- subscriptions --------------------------------------------------------------------------------------------

    def subscribe(self, suffix: str) -> bool:
        """One more listener of ``<symbol>@<suffix>``; False if there is no such stream."""
        if suffix in {"bookTicker", "trade", "aggTrade"}:
            self._plain[suffix] = self._plain.get(suffix, 0) + 1
            return True
        stream = self._depth.get(suffix)
        if stream is not None:
            stream.listeners += 1
            return True
        parsed = self._parse_depth(suffix)
        if parsed is None:
            return False
        levels, interval_ms = parsed
        self._collect_changes()
        self._depth[suffix] = DepthStream(f"{self._prefix}@{suffix}", interval_ms, 1, self.update_id, levels)
        return True

    def unsubscribe(self, suffix: str) -> None:
        """One listener less."""
        if suffix in self._plain:
            self._plain[suffix] -= 1
            if not self._plain[suffix]:
                del self._plain[suffix]
        stream = self._depth.get(suffix)
        if stream is not None:
            stream.listeners -= 1
            if not stream.listeners:
                del self._depth[suffix]

    def _parse_depth(self, suffix: str) -> tuple[int, int] | None:
        if not suffix.startswith("depth"):
            return None
        count, at, speed = suffix[5:].partition("@")
        if count not in {"", "5", "10", "20"} or at + speed not in self._intervals:
            return None
        return int(count or 0), self._intervals[at + speed]

    # -- after something happened ---------------------------------------------------------------------------------

    def publish(self, now_ns: int) -> None:
        """Book and announce what the last operation did: trades, private fills, touch and level changes."""
        if self.matcher.n_fills:
            self._trades(now_ns)
        if self.matcher.n_changes:
            if self._collect_changes():
                self._schedule_depth(now_ns)
            if "bookTicker" in self._plain:
                self._book_ticker(now_ns)

    def expire(self) -> None:
        """Tell the venue about orders that self-trade prevention removed in the last operation."""
        if self.on_expiry is not None:
            for order_id, owner, _left in self.matcher.take_expiries():
                self.on_expiry(order_id, owner)

    def snapshot_id(self) -> int:
        """The ``lastUpdateId`` of a snapshot taken now (consumes one)."""
        self._collect_changes()
        self.update_id += 1
        return self.update_id

    def _trades(self, now_ns: int) -> None:
        time_ms = now_ns // NS_PER_MS
        run: AggTrade | None = None
        for row in self.matcher.take_fills():
            _maker, maker_owner, _taker, taker_owner, taker_side, price, lots = row
            self.trade_id += 1
            trade = Trade(self.trade_id, price, lots, time_ms, taker_side == 1)
            self._record(trade)
            if "trade" in self._plain:
                self._emit(f"{self._prefix}@trade", self._trade_text(trade))
            if run is not None and run.price_ticks == price:
                run = run._replace(qty_lots=run.qty_lots + lots, last_id=trade.trade_id)
            else:
                self._aggregate(run)
                self.agg_id += 1
                run = AggTrade(self.agg_id, price, lots, trade.trade_id, trade.trade_id, time_ms, taker_side == 1)
            if (maker_owner or taker_owner) and self.on_fill is not None:
                self.on_fill(self, trade.trade_id, row, now_ns)
        self._aggregate(run)

    def _record(self, trade: Trade) -> None:
        """Enter a trade into the tape and all that is counted from it."""
        quote_e8 = self.instrument.notional_e8(trade.price_ticks, trade.qty_lots)
        self.tape.append(trade)
        self.day.add(trade, quote_e8)
        self.candles.trade(
            trade.time_ms,
            trade.price_ticks,
            trade.qty_lots,
            quote_e8,
            trade_id=trade.trade_id,
            buy=not trade.buyer_maker,
        )

    def _aggregate(self, run: AggTrade | None) -> None:
        if run is not None:
            self.agg_tape.append(run)
            if "aggTrade" in self._plain:
                self._emit(f"{self._prefix}@aggTrade", self._agg_text(run))

    def _collect_changes(self) -> bool:
        """Move level changes into every diff stream's batch; True if there was any."""
        bids: dict[int, int] = {}
        asks: dict[int, int] = {}
        count = self.matcher.take_changes(bids, asks)
        if not count:
            return False
        self.update_id += count
        for stream in self._depth.values():
            if not stream.levels:
                stream.bids.update(bids)
                stream.asks.update(asks)
        return True

    def _schedule_depth(self, now_ns: int) -> None:
        for stream in list(self._depth.values()):
            if not stream.interval_ms:
                self._flush(stream, now_ns)
            elif not stream.scheduled:
                stream.scheduled = True
                interval_ns = stream.interval_ms * NS_PER_MS
                self._schedule(now_ns - now_ns % interval_ns + interval_ns, partial(self._flush, stream))

    # -- messages -------------------------------------------------------------------------------------------------

    def _flush(self, stream: DepthStream, now_ns: int) -> None:
        stream.scheduled = False
        if self._depth.get(stream.name.partition("@")[2]) is not stream:
            return
        if stream.levels:
            self._emit(stream.name, self._partial_text(stream, now_ns // NS_PER_MS))
        elif stream.bids or stream.asks:
            self._emit(stream.name, self._diff_text(stream, now_ns // NS_PER_MS))
            stream.bids, stream.asks = {}, {}
        stream.last_update_id = self.update_id

    def _levels_text(self, levels: list[tuple[int, int]]) -> str:
        price_text, qty_text = self.instrument.price_text, self.instrument.qty_text
        return ",".join([f'["{price_text(price)}","{qty_text(lots)}"]' for price, lots in levels])

    def _diff_text(self, stream: DepthStream, time_ms: int) -> str:
        symbol, before, last = self.instrument.symbol, stream.last_update_id, self.update_id
        bids, asks = self._levels_text(list(stream.bids.items())), self._levels_text(list(stream.asks.items()))
        if self.futures:
            return (
                f'{{"e":"depthUpdate","E":{time_ms},"T":{time_ms},"s":"{symbol}","U":{before + 1},"u":{last},'
                f'"pu":{before},"b":[{bids}],"a":[{asks}]}}'
            )
        return (
            f'{{"e":"depthUpdate","E":{time_ms},"s":"{symbol}","U":{before + 1},"u":{last},"b":[{bids}],"a":[{asks}]}}'
        )

    def _partial_text(self, stream: DepthStream, time_ms: int) -> str:
        symbol, before, last = self.instrument.symbol, stream.last_update_id, self.update_id
        bids = self._levels_text(self.matcher.levels(0, stream.levels))
        asks = self._levels_text(self.matcher.levels(1, stream.levels))
        if self.futures:
            return (
                f'{{"e":"depthUpdate","E":{time_ms},"T":{time_ms},"s":"{symbol}","U":{before + 1},"u":{last},'
                f'"pu":{before},"b":[{bids}],"a":[{asks}]}}'
            )
        return f'{{"lastUpdateId":{last},"bids":[{bids}],"asks":[{asks}]}}'

    def _book_ticker(self, now_ns: int) -> None:
        best = self.matcher.best()
        if best == self._best:
            return
        self._best = best
        self._emit(f"{self._prefix}@bookTicker", self.book_ticker_text(now_ns // NS_PER_MS))

    def book_ticker_text(self, time_ms: int) -> str:
        """The touch as a bookTicker frame."""
        bid, bid_lots, ask, ask_lots = self.matcher.best()
        instrument = self.instrument
        tail = f',"T":{time_ms},"E":{time_ms}' if self.futures else ""
        head = '"e":"bookTicker",' if self.futures else ""
        return (
            f'{{{head}"u":{self.update_id},"s":"{instrument.symbol}","b":"{instrument.price_text(bid)}",'
            f'"B":"{instrument.qty_text(bid_lots)}","a":"{instrument.price_text(ask)}",'
            f'"A":"{instrument.qty_text(ask_lots)}"{tail}}}'
        )

    def _trade_text(self, trade: Trade) -> str:
        instrument, time_ms = self.instrument, trade.time_ms
        price, qty = instrument.price_text(trade.price_ticks), instrument.qty_text(trade.qty_lots)
        maker = "true" if trade.buyer_maker else "false"
        if self.futures:
            return (
                f'{{"e":"trade","E":{time_ms},"T":{time_ms},"s":"{instrument.symbol}","t":{trade.trade_id},'
                f'"p":"{price}","q":"{qty}","X":"MARKET","m":{maker}}}'
            )
        return (
            f'{{"e":"trade","E":{time_ms},"s":"{instrument.symbol}","t":{trade.trade_id},"p":"{price}","q":"{qty}",'
            f'"T":{time_ms},"m":{maker},"M":true}}'
        )

    def _agg_text(self, trade: AggTrade) -> str:
        instrument, time_ms = self.instrument, trade.time_ms
        best_match = "" if self.futures else ',"M":true'
        return (
            f'{{"e":"aggTrade","E":{time_ms},"a":{trade.agg_id},"s":"{instrument.symbol}",'
            f'"p":"{instrument.price_text(trade.price_ticks)}","q":"{instrument.qty_text(trade.qty_lots)}",'
            f'"f":{trade.first_id},"l":{trade.last_id},"T":{time_ms},"m":{"true" if trade.buyer_maker else "false"}'
            f"{best_match}}}"
        )

    # -- answers --------------------------------------------------------------------------------------------------

    def depth_answer(self, limit: int, now_ns: int) -> dict[str, object]:
        """A snapshot of `limit` levels a side, as REST answers it."""
        time_ms = now_ns // NS_PER_MS
        instrument = self.instrument
        answer: dict[str, object] = {"lastUpdateId": self.snapshot_id()}
        if self.futures:
            answer |= {"E": time_ms, "T": time_ms}
        for side, name in enumerate(("bids", "asks")):
            levels = self.matcher.levels(side, limit)
            answer[name] = [[instrument.price_text(price), instrument.qty_text(lots)] for price, lots in levels]
        return answer

    def trade_answer(self, trade: Trade) -> dict[str, object]:
        """One trade, as REST answers it."""
        instrument = self.instrument
        answer: dict[str, object] = {
            "id": trade.trade_id,
            "price": instrument.price_text(trade.price_ticks),
            "qty": instrument.qty_text(trade.qty_lots),
            "quoteQty": money(instrument.notional_e8(trade.price_ticks, trade.qty_lots)),
            "time": trade.time_ms,
            "isBuyerMaker": trade.buyer_maker,
        }
        answer["isRPITrade" if self.futures else "isBestMatch"] = not self.futures
        return answer

    def agg_answer(self, trade: AggTrade) -> dict[str, object]:
        """One aggregated trade, as REST answers it."""
        answer: dict[str, object] = {
            "a": trade.agg_id,
            "p": self.instrument.price_text(trade.price_ticks),
            "q": self.instrument.qty_text(trade.qty_lots),
            "f": trade.first_id,
            "l": trade.last_id,
            "T": trade.time_ms,
            "m": trade.buyer_maker,
        }
        if self.futures:
            answer["nq"] = answer["q"]  # all of it: there are no retail price improvement orders
        else:
            answer["M"] = True
        return answer

    @property
    def last_ticks(self) -> int:
        """Last traded price; the start price before the first trade."""
        return self.day.last_ticks or self.instrument.ticks(self.instrument.start_price)

    @property
    def mid_e8(self) -> int:
        """Mid price in 1e-8 quote; the last trade (or the start price) when a side is empty."""
        bid, _bid_lots, ask, _ask_lots = self.matcher.best()
        if bid and ask:
            return (bid + ask) * self.instrument.tick_e8 // 2
        return self.last_ticks * self.instrument.tick_e8


def first_ids(index: int) -> tuple[int, int]:
    """Where the update and trade ids of the exchange's `index`-th market begin; far apart, so that a mix-up shows."""
    return 5_000_000_000_000 + index * 100_000_000_000, 5_000_000_000 + index * 400_000_000
