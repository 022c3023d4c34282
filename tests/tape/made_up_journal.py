"""A session's journal, written down event by event."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import raw_lines

from mmbot._core.eventlog import EventKind
from mmbot._core.tape import open_tape
from mmbot._core.types import CommandKind, CommandView, OrderEvent
from mmbot._core.types import OrderEventKind as Told
from mmbot.journal import JournalWriter
from mmbot.testing import INSTRUMENTS

MS = 1_000_000
T0 = raw_lines.T0 * MS
START = {
    "config": {
        "venues": {"perp": {"kind": "binance_usdm", "endpoint": "live"}, "spot": {"kind": "binance_spot"}},
        "markets": {
            "perp_btc": {"venue": "perp", "symbol": "BTC/USDT:USDT", "role": "maker"},
            "spot_btc": {"venue": "spot", "symbol": "BTC/USDT", "role": "hedge"},
        },
    },
    "instruments": INSTRUMENTS,
    "feeds": [0, 0, 1],
    "more": "that nobody here needs",
}  # fmt: skip


class Journal:
    """A session's journal in the making."""

    def __init__(self, run: Path, start: dict[str, Any] | None = None) -> None:
        self.run = run
        self._writer = JournalWriter(run / "journal")
        self._writer.start()
        self._seq = 0
        if start is not None:
            self.add(EventKind.START, 0, T0, json.dumps(start).encode())

    def add(self, kind: EventKind, source: int, ts_ns: int, body: bytes) -> None:
        self._seq += 1
        self._writer.ring.append(kind, 0, source, ts_ns, self._seq, body)

    def lines(self, feed: int, market: int, *lines: bytes) -> list[bytes]:
        """Journal the lines of a raw recording: snapshots as such, the rest as frames."""
        for line in lines:
            time, _, body = line.strip().partition(b" ")
            if b"lastUpdateId" in body:
                self.add(EventKind.SNAPSHOT, market, int(time), body)
            else:
                self.add(EventKind.FRAME, feed, int(time), body)
        return list(lines)

    def clock(self, venue: int, offset_ns: int) -> None:
        command = {"op": "clock", "venue": venue, "offset_ns": offset_ns}
        self.add(EventKind.COMMAND, 0, T0, json.dumps(command).encode())

    def command(self, kind: CommandKind, at_ms: float, order_num: int = 1, market: int = 0) -> None:
        view = CommandView(kind=kind, market=market, ts_ns=T0 + int(at_ms * MS), order_num=order_num)
        self.add(EventKind.OUT_COMMAND, 0, view.ts_ns, view.raw())

    def told(
        self, kind: Told, at_ms: float, *, exch_ms: float = 0, order_num: int = 1, request: int = 0, **more: int
    ) -> None:
        fields = {
            "kind": kind, "market": 0, "exch_ts_ns": T0 + int(exch_ms * MS) if exch_ms else 0,
            "order_num": order_num, "request": request,
        } | more  # fmt: skip
        self.add(EventKind.ORDER, 0, T0 + int(at_ms * MS), raw_event(OrderEvent(**fields)))

    def close(self) -> Path:
        self._writer.stop()
        return self.run


def raw_event(event: Any) -> bytes:
    """The bytes that `OrderEvent.from_raw` takes: an `OrderUpdate` as the compiler lays it out."""
    d = event.as_dict()
    head = [d[name] for name in (
        "exch_ts_ns", "order_num", "venue_order_id", "price_ticks", "qty_lots", "cum_filled_lots", "last_price_ticks",
        "last_qty_lots", "trade_id", "fee_e8",
    )]  # fmt: skip
    small = [d[name] for name in ("kind", "side", "state", "maker", "owner", "request")]
    body = np.array(head, "<i8").tobytes() + np.array([d["market"], d["reason"]], "<i4").tobytes()
    return body + np.array([d["fee_asset"]], "<i2").tobytes() + np.array(small, "i1").tobytes()


def columns(path: Path) -> dict[str, list[Any]]:
    tape = open_tape(path)
    assert tape.n_chunks == 1
    return {name: column.tolist() for name, column in tape.arrays(0).items()}
