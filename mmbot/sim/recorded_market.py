"""A market whose data are recorded frames: passed on as they were, while the book behind them is rebuilt."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from mmbot.sim.market import NS_PER_MS, AggTrade, Market, Trade

if TYPE_CHECKING:
    from mmbot.sim.instruments import SimInstrument
    from mmbot.sim.recorded_book import RecordedBook

Levels = list[tuple[int, int]]
FIRST_USER_TRADE = 9_000_000_000_000
"""Users' own trades are not on the recorded tape; their ids begin far above its ids."""
_TIMES = re.compile(rb'"([ET])":(\d{13})')
_IDS = re.compile(rb'"(U|u|pu|t|a|f|l)":(\d+)')


class DepthFrame(msgspec.Struct):
    """``depthUpdate`` and the REST snapshot, as far as the book needs them."""

    U: int = 0
    u: int = 0
    pu: int = 0
    lastUpdateId: int = 0  # noqa: N815 - the wire's name
    b: list[tuple[str, str]] = []
    a: list[tuple[str, str]] = []
    bids: list[tuple[str, str]] = []
    asks: list[tuple[str, str]] = []


class TickerFrame(msgspec.Struct):
    """``bookTicker``."""

    u: int
    b: str
    B: str
    a: str
    A: str


class TradeFrame(msgspec.Struct):
    """``trade``."""

    t: int
    p: str
    q: str
    T: int
    m: bool
    X: str = "MARKET"


decode_depth = msgspec.json.Decoder(DepthFrame).decode
decode_ticker = msgspec.json.Decoder(TickerFrame).decode
decode_trade = msgspec.json.Decoder(TradeFrame).decode


class Units:
    """Wire texts to ticks and lots, quickly: the recorded texts have a fixed number of decimals."""

    def __init__(self, instrument: SimInstrument) -> None:
        self._instrument = instrument
        self._price = self._divisor(instrument.tick_e8, instrument.price_decimals)
        self._qty = self._divisor(instrument.lot_e8, instrument.qty_decimals)

    @staticmethod
    def _divisor(unit_e8: int, decimals: int) -> int:
        return int(unit_e8 * 10**decimals // 10**8)

    def ticks(self, text: str) -> int:
        """A price text in ticks; ValueError when it is not a whole number of them."""
        whole, _, fraction = text.partition(".")
        if len(fraction) == self._instrument.price_decimals:
            ticks, rest = divmod(int(whole + fraction), self._price)
            if not rest:
                return ticks
        return self._instrument.ticks(text)

    def lots(self, text: str) -> int:
        """A quantity text in lots, rounded down: real books hold remainders from before a lot size was made larger."""
        whole, _, fraction = text.partition(".")
        if len(fraction) == self._instrument.qty_decimals:
            return int(whole + fraction) // self._qty
        return int(Decimal(text) / Decimal(self._instrument.lot))

    def levels(self, rows: list[tuple[str, str]]) -> Levels:
        """Levels of a depth frame."""
        ticks, lots = self.ticks, self.lots
        return [(ticks(price), lots(qty)) for price, qty in rows]


class RecordedMarket(Market):
    """See the module."""

    matcher: RecordedBook

    def __init__(self, instrument: SimInstrument, matcher: RecordedBook, **kwargs: Any) -> None:
        super().__init__(instrument, matcher, **kwargs)
        self.units = Units(instrument)
        self.next_first_id = 0
        """``U`` of the coming depth frame: what a snapshot may claim, so that this frame brackets it."""

    # -- frames ---------------------------------------------------------------------------------------------------

    def snapshot(self, body: bytes) -> int:
        """Begin from a recorded REST snapshot; returns its update id."""
        frame = decode_depth(body)
        self.matcher.load(frame.lastUpdateId, self.units.levels(frame.bids), self.units.levels(frame.asks))
        self.update_id = frame.lastUpdateId
        return frame.lastUpdateId

    def play(self, stream: str, data: bytes, now_ns: int, *, ids: int = 0, time_ms: int = 0) -> None:
        """Pass a recorded frame on to its listeners, after the book and our orders have seen it.

        Args:
            stream: its recorded stream name, such as ``btcusdt@depth@0ms``.
            data: the message itself.
            now_ns: the exchange's time.
            ids: added to all update and trade ids (a later round of a loop).
            time_ms: written over the recorded times, 0 leaves them.
        """
        kind = stream.split("@", 2)[1]
        if ids:
            data = _IDS.sub(lambda match: b'"%s":%d' % (match[1], int(match[2]) + ids), data)
        if time_ms:
            data = _TIMES.sub(lambda match: b'"%s":%d' % (match[1], time_ms), data)
        if kind == "depth":
            self._depth_frame(data, now_ns)
        elif kind == "bookTicker":
            frame = decode_ticker(data)
            units = self.units
            self.matcher.ticker(
                frame.u,
                (units.ticks(frame.b), units.lots(frame.B), units.ticks(frame.a), units.lots(frame.A)),
            )
            if "bookTicker" in self._plain:
                self._emit(f"{self._prefix}@bookTicker", data)
        elif kind == "trade":
            self._trade_frame(data, now_ns)
        elif kind == "aggTrade" and kind in self._plain:
            self._emit(f"{self._prefix}@aggTrade", data)
        self.publish(now_ns)

    def apply(self, frame: DepthFrame) -> bool:
        """Apply a depth frame to the book; False when it is older than the book."""
        if frame.u <= self.update_id:
            return False
        self.matcher.apply(frame.u, self.units.levels(frame.b), self.units.levels(frame.a))
        self.update_id = frame.u
        return True

    def _depth_frame(self, data: bytes, now_ns: int) -> None:
        if not self.apply(decode_depth(data)):
            return
        for stream in list(self._depth.values()):
            if not stream.levels:
                self._emit(stream.name, data)
        self._schedule_depth(now_ns)

    def _schedule_depth(self, now_ns: int) -> None:
        """Only partial streams are batched here; the diff streams get the recorded frames."""
        for stream in self._depth.values():
            if stream.levels and not stream.scheduled:
                stream.scheduled = True
                interval_ns = max(1, stream.interval_ms) * NS_PER_MS
                self._schedule(now_ns - now_ns % interval_ns + interval_ns, partial(self._flush, stream))

    def _trade_frame(self, data: bytes, now_ns: int) -> None:
        frame = decode_trade(data)
        if "trade" in self._plain:
            self._emit(f"{self._prefix}@trade", data)
        price, lots = self.units.ticks(frame.p), self.units.lots(frame.q)
        if frame.X != "MARKET" or not price or not lots:
            return
        self.matcher.trade(price, lots, 1 if frame.m else 0)
        trade = Trade(frame.t, price, lots, now_ns // NS_PER_MS, frame.m)
        self._record(trade)
        self.agg_id += 1
        self._aggregate(AggTrade(self.agg_id, price, lots, frame.t, frame.t, trade.time_ms, frame.m))

    # -- what a recorded market does differently ------------------------------------------------------------------

    def publish(self, now_ns: int) -> None:
        """Book fills of ours; they are not part of the recorded tape and nobody else sees them."""
        if not self.matcher.n_fills or self.on_fill is None:
            return
        for row in self.matcher.take_fills():
            self.trade_id += 1
            self.on_fill(self, self.trade_id, row, now_ns)

    def snapshot_id(self) -> int:
        """The ``lastUpdateId`` of a snapshot taken now, such that the coming depth frame brackets it."""
        return max(self.update_id, self.next_first_id) if self.futures else self.update_id
