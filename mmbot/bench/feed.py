"""What the benchmarks are fed: a recorded market, or a generated one of the same shape."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from mmbot._core.decode import Decoder
from mmbot._core.types import Instrument
from mmbot.errors import MmbotError
from mmbot.recordings import Reading, read

if TYPE_CHECKING:
    from pathlib import Path

START_NS = 1_723_161_255_000_000_000
MAX_FRAMES = 120_000
_KIND = re.compile(rb'"e":"(\w+)"|@(bookTicker)')
_SYMBOL = re.compile(rb'"s":"(\w+)"')
_LEVEL = re.compile(rb'\["(\d+)\.?(\d*)","(\d+)\.?(\d*)"')


@dataclass(frozen=True)
class Feed:
    """One market's frames with their receive times; the snapshot is among them."""

    name: str
    instrument: Instrument
    frames: list[tuple[int, bytes]]

    def decoder(self) -> Decoder:
        """A new decoder for these frames."""
        return Decoder(self.instrument.venue, {self.instrument.venue_symbol: (0, self.instrument)})

    def of(self, kind: str) -> list[bytes]:
        """Payloads of the kind ``depthUpdate`` or ``bookTicker``; the snapshot stands first among depth."""
        chosen = [payload for _, payload in self.frames if _kind(payload) == kind]
        return [self.snapshot, *chosen] if kind == "depthUpdate" else chosen

    @cached_property
    def snapshot(self) -> bytes:
        """The REST depth body."""
        found = next((payload for _, payload in self.frames if b"lastUpdateId" in payload[:40]), None)
        if found is None:
            raise MmbotError(f"bench: {self.name} has no depth snapshot among its first {MAX_FRAMES} lines")
        return found

    def levels(self) -> list[tuple[list[tuple[int, int]], list[tuple[int, int]]]]:
        """The depth messages as (bids, asks) of (ticks, lots); the snapshot first."""
        decoder = self.decoder()
        messages = [decoder.frame(payload).as_dict() for payload in self.of("depthUpdate")]
        return [(message["bids"], message["asks"]) for message in messages]


def recorded(path: Path) -> Feed:
    """The first `MAX_FRAMES` lines of a recording of one Binance market.

    Raises:
        MmbotError: it is no such recording.
    """
    frames = []
    try:
        for entry in read([path], Reading()):
            frames.append((entry.recv_ns, entry.payload))
            if len(frames) == MAX_FRAMES:
                break
    except OSError as error:
        raise MmbotError(f"bench: cannot read {path}: {error.strerror}") from error
    depth = [payload for _, payload in frames if _kind(payload) == "depthUpdate"][:300]
    symbol = _SYMBOL.search(depth[0]) if depth else None
    levels = [match.groups() for payload in depth for match in _LEVEL.finditer(payload)]
    if symbol is None or not levels:
        raise MmbotError(f"bench: {path}: expected a recording of a Binance depth stream, found no depth message")
    # A recording names no units. Some quantities rest from a time of finer lots, so not all are whole ones.
    tick, lot = _unit([level[:2] for level in levels], 1.0), _unit([level[2:] for level in levels], 0.98)
    instrument = _instrument(symbol[1].decode(), futures=b'"pu":' in depth[0], tick=tick, lot=lot)
    return Feed(path.name, instrument, frames)


def generated(seed: int = 7, messages: int = 2500) -> Feed:
    """A random walk in the shape of USD-M BTCUSDT: 67 levels a depth message, ten book tickers between two of them."""
    return Feed(
        f"generated, seed {seed}",
        _instrument("BTCUSDT", futures=True, tick="0.10", lot="0.001"),
        _Walk(random.Random(seed)).frames(messages),  # noqa: S311 - a made-up market is no secret
    )


class _Walk:
    """A market that moves at random; every message follows from the one before."""

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice
        self.middle, self.last_id, self.depth_id, self.now_ns = 618_000, 1_000, 1_000, START_NS
        self.book: tuple[dict[int, int], dict[int, int]] = ({}, {})

    def frames(self, messages: int) -> list[tuple[int, bytes]]:
        """The snapshot, then `messages` depth messages with book tickers and trades between them."""
        made = [(self.now_ns, self._snapshot())]
        for _ in range(messages):
            for _ in range(10):
                self.now_ns += self.dice.randrange(1_000_000, 9_000_000)
                made.append((self.now_ns, self._ticker()))
                if self.dice.random() < 0.3:
                    made.append((self.now_ns, self._trade()))
            made.append((self.now_ns, self._depth()))
        return made

    def _snapshot(self) -> bytes:
        for side in (0, 1):
            for i in range(1000):
                self.book[side][self.middle + (1 + i if side else -i)] = self.dice.randrange(1, 5000)
        sides = [[(ticks, lots) for ticks, lots in self.book[side].items()] for side in (0, 1)]
        bids, asks = (",".join(_level(*level) for level in side) for side in sides)
        return f'{{"lastUpdateId":{self.last_id},"E":1,"T":1,"bids":[{bids}],"asks":[{asks}]}}'.encode()

    def _times(self) -> str:
        return f'"E":{self.now_ns // 1_000_000},"T":{self.now_ns // 1_000_000 - 1}'

    def _ticker(self) -> bytes:
        if self.dice.random() < 0.2:
            self.middle += self.dice.choice((-3, -2, -1, 1, 2, 3))
        self.last_id += 1
        bid, ask = _price(self.middle), _price(self.middle + 1)
        bid_qty, ask_qty = (f"{self.dice.randrange(1, 9000) / 1000:.3f}" for _ in range(2))
        ms = self.now_ns // 1_000_000
        times = f'"T":{ms - 1},"E":{ms}'  # the other way round than in the other messages, as the venue has it
        prices = f'"b":"{bid}","B":"{bid_qty}","a":"{ask}","A":"{ask_qty}"'
        body = f'"e":"bookTicker","u":{self.last_id},"s":"BTCUSDT",{prices},{times}'
        return f'{{"stream":"btcusdt@bookTicker","data":{{{body}}}}}'.encode()

    def _trade(self) -> bytes:
        body = f'"s":"BTCUSDT","t":{self.last_id},"p":"{_price(self.middle)}","q":"0.006","X":"MARKET","m":true'
        return f'{{"stream":"btcusdt@trade","data":{{"e":"trade",{self._times()},{body}}}}}'.encode()

    def _depth(self) -> bytes:
        previous, self.depth_id = self.depth_id, self.last_id + 9
        self.last_id = self.depth_id
        changed: tuple[dict[int, int], dict[int, int]] = ({}, {})
        for side in (0, 1):
            crossed = [t for t in self.book[side] if (t <= self.middle if side else t > self.middle)]
            changed[side].update(dict.fromkeys(crossed, 0))
            changed[side][self.middle + side] = self.dice.randrange(1, 5000)
            for _ in range(self.dice.randrange(4, 90)):
                away = int(8 * self.dice.paretovariate(0.7)) % 20_000 - 8
                ticks = self.middle + (1 + away if side else -away)
                changed[side][ticks] = self.dice.choice((0, self.dice.randrange(1, 5000))) if away else 5
            self.book[side].update(changed[side])
            for ticks, lots in changed[side].items():
                if not lots:
                    del self.book[side][ticks]
        bids, asks = (",".join(_level(*level) for level in sorted(side.items())) for side in changed)
        body = f'"U":{previous},"u":{self.depth_id},"pu":{previous},"b":[{bids}],"a":[{asks}]'
        head = f'{{"stream":"btcusdt@depth@0ms","data":{{"e":"depthUpdate",{self._times()},"s":"BTCUSDT"'
        return f"{head},{body}}}}}".encode()


def _kind(payload: bytes) -> str:
    match = _KIND.search(payload, 0, 120)
    return (match[1] or match[2]).decode() if match else ""


def _level(ticks: int, lots: int) -> str:
    return f'["{_price(ticks)}","{lots / 1000:.3f}"]'


def _price(ticks: int) -> str:
    return f"{ticks // 10}.{ticks % 10}0"


def _unit(numbers: list[tuple[bytes, ...]], share: float) -> str:
    """The coarsest power of ten that at least `share` of the `numbers` (whole, fraction) are multiples of."""
    decimals = max(len(fraction) for _, fraction in numbers)
    scaled = [int(whole + fraction.ljust(decimals, b"0")) for whole, fraction in numbers]
    coarser = 1
    while decimals > 0 and sum(number % (10 * coarser) == 0 for number in scaled) >= share * len(scaled):
        coarser, decimals = coarser * 10, decimals - 1
    return f"{10**-decimals:.{decimals}f}"


def _instrument(symbol: str, *, futures: bool, tick: str, lot: str) -> Instrument:
    base, quote = (symbol.removesuffix("USDT"), "USDT") if symbol.endswith("USDT") else (symbol[:3], symbol[3:])
    return Instrument(
        venue="binance_usdm" if futures else "binance_spot",
        symbol=f"{base}/{quote}:{quote}" if futures else f"{base}/{quote}",
        venue_symbol=symbol, base_asset=base, quote_asset=quote, settle_asset=quote,
        tick_size=tick, lot_size=lot, perpetual=futures,
    )  # fmt: skip
