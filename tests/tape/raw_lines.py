"""Lines of a made-up recording of BTCUSDT (tick 0.1, lot 0.001), in Binance's words."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

from mmbot._core.types import Instrument

MS = 1_000_000
T0 = 1_700_000_000_000
"""Milliseconds: where the exchange's clock of a test begins."""

Levels = list[tuple[str, str]]


def line(recv_ms: float, message: dict[str, Any], stream: str = "") -> bytes:
    """One line, received `recv_ms` after T0."""
    body = {"stream": stream, "data": message} if stream else message
    return f"{int((T0 + recv_ms) * MS)} {json.dumps(body, separators=(',', ':'))}\n".encode()


def depth(recv_ms: float, ms: int, ids: tuple[int, int, int], bids: Levels, asks: Levels) -> bytes:
    """A diff of USD-M: `ids` are U, u, pu."""
    first, last, prev = ids
    fields = {"e": "depthUpdate", "E": T0 + ms + 1, "T": T0 + ms, "s": "BTCUSDT", "U": first, "u": last, "pu": prev}
    return line(recv_ms, fields | {"b": bids, "a": asks}, "btcusdt@depth@0ms")


def spot_depth(recv_ms: float, ms: int, ids: tuple[int, int], bids: Levels, asks: Levels) -> bytes:
    """A diff of spot: `ids` are U, u."""
    fields = {"e": "depthUpdate", "E": T0 + ms, "s": "BTCUSDT", "U": ids[0], "u": ids[1], "b": bids, "a": asks}
    return line(recv_ms, fields, "btcusdt@depth@100ms")


def snapshot(recv_ms: float, ms: int | None, last_id: int, bids: Levels, asks: Levels) -> bytes:
    """A REST depth body; without `ms` as spot sends it."""
    times = {} if ms is None else {"E": T0 + ms + 1, "T": T0 + ms}
    return line(recv_ms, {"lastUpdateId": last_id} | times | {"bids": bids, "asks": asks})


def trade(
    recv_ms: float, ms: int, number: int, price: str, qty: str, *, sold: bool = False, kind: str = "MARKET"
) -> bytes:
    """A single trade of USD-M."""
    fields = {"e": "trade", "E": T0 + ms + 1, "T": T0 + ms, "s": "BTCUSDT", "t": number, "p": price, "q": qty}
    return line(recv_ms, fields | {"X": kind, "m": sold}, "btcusdt@trade")


def agg_trade(recv_ms: float, ms: int, number: int, price: str, qty: str) -> bytes:
    """An aggregated trade."""
    fields = {"e": "aggTrade", "E": T0 + ms + 1, "a": number, "s": "BTCUSDT", "p": price, "q": qty, "f": 1, "l": 2}
    return line(recv_ms, fields | {"T": T0 + ms, "m": False}, "btcusdt@aggTrade")


def ticker(recv_ms: float, ms: int, number: int, bid: tuple[str, str], ask: tuple[str, str]) -> bytes:
    """A book ticker of USD-M."""
    fields = {"e": "bookTicker", "u": number, "s": "BTCUSDT", "b": bid[0], "B": bid[1], "a": ask[0], "A": ask[1]}
    return line(recv_ms, fields | {"T": T0 + ms, "E": T0 + ms}, "btcusdt@bookTicker")


def mark(recv_ms: float, ms: int, prices: tuple[str, str], rate: str, next_ms: int) -> bytes:
    """A mark price: `prices` are mark and index."""
    price, index = prices
    fields = {"e": "markPriceUpdate", "E": T0 + ms, "s": "BTCUSDT", "p": price, "i": index, "P": price, "r": rate}
    return line(recv_ms, fields | {"T": T0 + next_ms}, "btcusdt@markPrice")


def session() -> list[bytes]:
    """A short one in which everything is as it should be: diff, snapshot that goes beyond it, diffs, trade."""
    return [
        depth(10, 0, (1, 5, 0), [("100.0", "1.000")], []),
        snapshot(20, 5, 8, [("100.0", "2.000"), ("99.9", "1.000")], [("100.2", "3.000")]),
        depth(30, 6, (6, 10, 5), [("99.8", "4.000")], [("100.3", "1.000")]),
        trade(31, 7, 1, "100.2", "0.500"),
        depth(40, 20, (11, 12, 10), [], [("100.2", "2.500")]),
    ]


def write(path: Path, lines: list[bytes]) -> Path:
    """A recording; gzipped when its name says so."""
    text = b"".join(lines)
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return path


def instrument(**changes: Any) -> Instrument:
    """BTCUSDT of USD-M."""
    fields: dict[str, Any] = {
        "venue": "binance_usdm",
        "symbol": "BTC/USDT:USDT",
        "venue_symbol": "BTCUSDT",
        "base_asset": "BTC",
        "quote_asset": "USDT",
        "settle_asset": "USDT",
        "tick_size": "0.1",
        "lot_size": "0.001",
    }
    return Instrument(**fields | changes)
