"""Plays a recording through decoder, sequence rule and book, and tells how the book fared.

A row is written after each message that changed the book: the snapshot, every buffered diff that it lets apply (with
the diff's own receive time), and every diff in sequence after that. While the book is not in sync there are no rows.
"""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO
from urllib.parse import parse_qs, urlsplit

import msgspec

from mmbot._core.book import Book
from mmbot._core.decimal import Unit, from_units
from mmbot._core.decode import Decoder
from mmbot._core.message import Frame, MessageKind
from mmbot._core.sync import BookSync, SequenceRule, SyncResult, Trust
from mmbot._core.types import Instrument
from mmbot.errors import ConfigError
from mmbot.recordings import Entry, EntryKind, Reading, read
from mmbot.tape.survey import choose_symbol, decimal_size, survey

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

VENUES = {
    "binance_usdm": SequenceRule.BINANCE_USDM,
    "binance_coinm": SequenceRule.BINANCE_USDM,
    "binance_spot": SequenceRule.BINANCE_SPOT,
}
COLUMNS = ("recv_ts_ns", "exch_ts_ms", "update_id", "bid_px", "bid_qty", "ask_px", "ask_qty")


@dataclass(slots=True)
class Outcome:
    """The summary of an inspection; `kept` says whether the book was in sync at the end."""

    recording: list[str]
    venue: str
    symbol: str
    tick_size: str
    lot_size: str
    lines: int
    unreadable_lines: int
    truncated_files: list[str]
    messages: dict[str, int]
    undecoded: int
    undecoded_reasons: dict[str, int]
    last_undecoded: str
    full_parser: int
    rows: int
    applied: int
    dropped: int
    snapshots: int
    snapshots_refused: int
    gaps: int
    crossed: int
    resyncs: int
    checksum_failures: int
    book: str
    kept: bool


def inspect(
    paths: list[Path],
    *,
    venue: str | None = None,
    symbol: str | None = None,
    depth: int = 0,
    out: TextIO | None = None,
) -> Outcome:
    """Play the recording in `paths` (merged by receive time) and write the book's rows to `out`.

    Args:
        paths: recordings of one time, such as a websocket file and the REST snapshots taken meanwhile.
        venue: a key of `VENUES`; by default as the messages show.
        symbol: unified (``BTC/USDT:USDT``) or the venue's own (``BTCUSDT``); needed when several were recorded.
        depth: levels a side in further columns.
        out: where the CSV goes; None: nowhere.

    Raises:
        ConfigError: no depth messages, an unknown venue, or a symbol that is missing or ambiguous.
        OSError: a file cannot be read.
    """
    seen = survey(paths, most=None)
    books = +seen.depth
    if not books:
        raise ConfigError(f"{paths[0]}: expected Binance depth updates, found none")
    name = choose_symbol(books, symbol, paths[0])
    venue = venue or seen.venue_of(name)
    if venue not in VENUES:
        raise ConfigError(f"--venue: expected one of {', '.join(VENUES)}, found {venue!r}")
    units = decimal_size(seen.price_decimals[name]), decimal_size(seen.qty_decimals[name])
    player = Player(venue, name, *units, depth=depth, out=out)
    reading = Reading()
    for entry in read(paths, reading):
        player.play(entry)
    return player.outcome([str(path) for path in paths], reading)


class Player:
    """One market's recording, entry by entry, into its book and the CSV rows."""

    def __init__(
        self,
        venue: str,
        symbol: str,
        tick_size: str,
        lot_size: str,
        *,
        depth: int = 0,
        out: TextIO | None = None,
    ) -> None:
        instrument = Instrument(
            venue=venue,
            symbol=symbol,
            venue_symbol=symbol,
            base_asset="",
            quote_asset="",
            settle_asset="",
            tick_size=tick_size,
            lot_size=lot_size,
        )
        self.venue, self.symbol, self.depth = venue, symbol, depth
        self.tick, self.lot = Unit(tick_size), Unit(lot_size)
        kind = "binance_spot" if venue == "binance_spot" else "binance_usdm"
        self.decoder = Decoder(kind, {symbol: (0, instrument)})
        self.book = Book()
        self.sync = BookSync(self.book, VENUES[venue])
        self.rows = 0
        self.others: Counter[str] = Counter()
        self._csv = csv.writer(out, lineterminator="\n") if out is not None else None
        if self._csv is not None:
            self._csv.writerow(columns(depth))

    def play(self, entry: Entry) -> None:
        """Take one entry of the recording."""
        if entry.kind is EntryKind.FRAME:
            frame = self.decoder.frame(entry.payload)
        elif entry.kind is EntryKind.REST and self._is_our_depth(entry.url):
            frame = self.decoder.snapshot(0, entry.payload)
        else:
            self.others[entry.kind.name] += 1
            return
        if frame.kind == MessageKind.DEPTH:
            if self.sync.apply_frame(frame, entry.recv_ns) == SyncResult.APPLIED:
                self._row(entry.recv_ns)
        elif frame.kind == MessageKind.SNAPSHOT:
            self._snapshot(frame, entry.recv_ns)

    def outcome(self, recording: list[str], reading: Reading) -> Outcome:
        """The summary so far."""
        sync, decoder = self.sync, self.decoder
        messages = decoder.kinds
        undecoded = messages.pop("BAD", 0)
        reasons = {name: count for name, count in decoder.refusals.items() if undecoded or name == "REASON_SYMBOL"}
        return Outcome(
            recording=recording,
            venue=self.venue,
            symbol=self.symbol,
            tick_size=self.tick.size,
            lot_size=self.lot.size,
            lines=reading.lines,
            unreadable_lines=reading.unreadable,
            truncated_files=reading.truncated,
            messages=messages | dict(self.others),
            undecoded=undecoded,
            undecoded_reasons=reasons,
            last_undecoded=decoder.last_bad.decode(errors="replace"),
            full_parser=decoder.fallbacks,
            rows=self.rows,
            applied=sync.applied,
            dropped=sync.dropped,
            snapshots=sync.snapshots,
            snapshots_refused=sync.refused,
            gaps=sync.gaps,
            crossed=sync.crossed,
            resyncs=sync.resyncs,
            checksum_failures=0,  # Binance sends none
            book=Trust(sync.status).name.lower(),
            kept=sync.trusted,
        )

    def _is_our_depth(self, url: str) -> bool:
        parts = urlsplit(url)
        asked = parse_qs(parts.query).get("symbol", [self.symbol])[0]
        return parts.path.endswith("/depth") and asked.upper() == self.symbol

    def _snapshot(self, frame: Frame, recv_ns: int) -> None:
        if self.sync.load_frame(frame, recv_ns) != SyncResult.APPLIED:
            return
        self._row(recv_ns)
        while self.sync.replay_step() == SyncResult.APPLIED:
            self._row(self.sync.replayed_ts_ns)

    def _row(self, recv_ns: int) -> None:
        self.rows += 1
        if self._csv is None:
            return
        book, sync = self.book, self.sync
        row = [str(recv_ns), str(sync.event_ts_ns // 1_000_000), str(sync.last_id)]
        row += self._level(book.best_bid_ticks, book.best_bid_lots)
        row += self._level(book.best_ask_ticks, book.best_ask_lots)
        if self.depth:
            bids, asks = book.levels(0, self.depth), book.levels(1, self.depth)
            for rank in range(self.depth):
                for side in (bids, asks):
                    row += self._level(*side[rank]) if rank < len(side) else ("", "")
        self._csv.writerow(row)

    def _level(self, ticks: int, lots: int) -> tuple[str, str]:
        return (from_units(ticks, self.tick), from_units(lots, self.lot)) if lots else ("", "")


def columns(depth: int) -> list[str]:
    """Header of the CSV: `COLUMNS`, then for rank 1 (the best) to `depth` price and quantity of bid and ask."""
    ranks = range(1, depth + 1)
    further = [f"{name}_{rank}" for rank in ranks for name in ("bid_px", "bid_qty", "ask_px", "ask_qty")]
    return [*COLUMNS, *further]


def describe(outcome: Outcome) -> Iterator[str]:
    """The summary in lines for people."""
    data = msgspec.to_builtins(outcome)
    kinds = ", ".join(f"{kind.lower()} {count}" for kind, count in data["messages"].items())
    yield f"{outcome.venue} {outcome.symbol}, tick {outcome.tick_size}, lot {outcome.lot_size}"
    yield f"lines {outcome.lines}, unreadable {outcome.unreadable_lines}; messages: {kinds or 'none'}"
    yield f"undecoded {outcome.undecoded}, by the full parser {outcome.full_parser}"
    if outcome.undecoded:
        yield f"last undecoded: {outcome.last_undecoded}"
    yield (
        f"applied {outcome.applied} (rows {outcome.rows}), older than the book {outcome.dropped}, "
        f"snapshots {outcome.snapshots} (too old {outcome.snapshots_refused})"
    )
    yield (
        f"gaps {outcome.gaps}, crossed {outcome.crossed}, resyncs {outcome.resyncs}, "
        f"checksum failures {outcome.checksum_failures}"
    )
    for name in outcome.truncated_files:
        yield f"{name}: the file ends early; what it holds was used"
    yield f"the book was {'kept: in sync at the end' if outcome.kept else f'NOT kept: {outcome.book} at the end'}"
