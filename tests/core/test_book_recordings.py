"""Every recorded message through decoder, sequence rule and book, against dicts of `Decimal` kept by the rule book."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from frames import RECORDINGS, Recording, payloads

from mmbot._core.book import Book
from mmbot._core.message import MessageKind
from mmbot._core.sync import BookSync, SyncResult

FULL_DEPTH_EVERY = 50


class Reference:
    """ "How to manage a local order book correctly", word by word."""

    def __init__(self, *, spot: bool) -> None:
        self.spot = spot
        self.bids: dict[Decimal, Decimal] = {}
        self.asks: dict[Decimal, Decimal] = {}
        self.buffer: list[dict] = []
        self.last_id: int | None = None
        self.fresh = False

    def take(self, data: dict) -> None:
        if "lastUpdateId" in data:
            self.last_id, self.fresh = data["lastUpdateId"], True
            self._set(data["bids"], data["asks"])
            for diff in self.buffer:
                self._diff(diff)
        elif self.last_id is None:
            self.buffer.append(data)
        else:
            self._diff(data)

    def _diff(self, data: dict) -> None:
        assert self.last_id is not None
        if data["u"] < self.last_id + self.spot:
            return
        if self.fresh:
            assert data["U"] <= self.last_id + self.spot <= data["u"]
        else:
            assert (data["U"] - 1 if self.spot else data["pu"]) == self.last_id
        self.fresh, self.last_id = False, data["u"]
        self._set(data["b"], data["a"])

    def _set(self, bids: list, asks: list) -> None:
        for side, levels in ((self.bids, bids), (self.asks, asks)):
            for price, qty in levels:
                amount = Decimal(qty)
                if amount:
                    side[Decimal(price)] = amount
                else:
                    side.pop(Decimal(price), None)


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda recording: recording.file)
def test_best_prices_and_depth_equal_the_reference_all_along(data_dir: Path, recording: Recording) -> None:
    spot = recording.kind == "binance_spot"
    decoder, book, reference = recording.decoder(), Book(), Reference(spot=spot)
    sync = BookSync(book, int(spot))
    tick, lot = Decimal(recording.tick), Decimal(recording.lot)
    applied = checked = 0
    for payload in payloads(data_dir, recording):
        frame = decoder.frame(payload)
        if frame.kind not in (MessageKind.DEPTH, MessageKind.SNAPSHOT):
            continue
        data = msgspec.json.decode(payload)
        reference.take(data.get("data", data))
        if sync.apply_frame(frame, 0) != SyncResult.APPLIED:
            continue
        applied += 1
        assert sync.last_id == reference.last_id
        bid, ask = book.best_bid_ticks * tick, book.best_ask_ticks * tick
        assert reference.bids[bid] == book.best_bid_lots * lot
        assert reference.asks[ask] == book.best_ask_lots * lot
        if applied % 10 == 0:  # a whole rescan of the dicts
            assert bid == max(reference.bids)
            assert ask == min(reference.asks)
        if applied % FULL_DEPTH_EVERY == 0:
            checked += 1
            for side, levels in enumerate((reference.bids, reference.asks)):
                exact = sorted(((int(p / tick), int(q / lot)) for p, q in levels.items()), reverse=not side)
                assert book.levels(side) == exact
    assert sync.trusted
    assert (sync.gaps, sync.crossed, sync.refused, sync.resyncs) == (0, 0, 0, 0)
    assert applied > 3000
    assert checked > 50
