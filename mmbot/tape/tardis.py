"""Tardis' CSV files as a source of tapes: the book, the trades and the ticker of one market, merged by local time.

Give all files of a market together (``incremental_book_L2``, ``trades``, ``derivative_ticker``; several days of each);
which is which stands in their first line. Microseconds become nanoseconds. Where messages of two files came in the same
microsecond, trades come first, then the book, then the ticker: a trade is what the book's change tells of.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mmbot._core.tardis import KINDS, TardisRows
from mmbot.errors import TapeError
from mmbot.tape.lines import Intact, head_of, line_blocks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from mmbot._core.types import Instrument
    from mmbot.tape.spool import Spool

VENUES: Final = {
    "binance-futures": "binance_usdm",
    "binance-delivery": "binance_coinm",
    "binance": "binance_spot",
}
"""Our name of a venue by Tardis' of an exchange; any other keeps its own."""
_HEAD_BYTES: Final = 4096
_FINGERPRINT: Final = b"exchange,symbol,timestamp,local_timestamp,"
_RANK: Final = {"trades": 0, "incremental_book_L2": 1, "derivative_ticker": 2}
_TELLING: Final = {
    "incremental_book_L2": "is_snapshot",
    "trades": "id",
    "derivative_ticker": "funding_rate",
}

Columns = dict[str, "NDArray[Any]"]


@dataclass(frozen=True, slots=True)
class Survey:
    """What the files show of their market."""

    venue: str
    venue_symbol: str
    tick_size: str
    lot_size: str


def is_tardis(path: Path) -> bool:
    """Whether a file begins as Tardis' do.

    Raises:
        OSError: it cannot be read.
    """
    return head_of(path, _HEAD_BYTES).startswith(_FINGERPRINT)


def survey(paths: Iterable[Path], *, symbol: str = "") -> Survey:
    """Look through the files for their market, and for the finest price and amount, which tick and lot are taken from.

    Args:
        paths: of one market.
        symbol: as Tardis names it; needed when a file holds several.

    Raises:
        TapeError: a file is not one of these, is damaged, or is of another market.
        OSError: a file cannot be read.
    """
    price_decimals = qty_decimals = 0
    found: dict[tuple[str, str], Path] = {}
    for path in paths:
        rows = _rows(path, "1", "1", symbol)
        for block in _blocks(path, None):
            if not rows.survey(block):
                raise _fault(path, rows)
        if rows.exchange:
            found[rows.exchange.decode(errors="replace"), rows.symbol.decode(errors="replace")] = path
        price_decimals = max(price_decimals, rows.price_decimals)
        qty_decimals = max(qty_decimals, rows.qty_decimals)
    if not found:
        raise TapeError(f"{', '.join(map(str, paths))}: expected rows{f' of {symbol}' if symbol else ''}, found none")
    if len(found) > 1:
        named = ", ".join(f"{exchange} {name} in {path}" for (exchange, name), path in found.items())
        raise TapeError(f"expected files of one market, found {named}")
    [(exchange, name)] = found
    return Survey(VENUES.get(exchange, exchange), name, _size(price_decimals), _size(qty_decimals))


def read_tardis(
    paths: Iterable[Path],
    spool: Spool,
    instrument: Instrument,
    *,
    symbol: str = "",
    progress: Callable[[int], None] | None = None,
) -> dict[str, Any]:
    """Put the batches of all files into a spool, merged by local time.

    Args:
        paths: of one market.
        spool: takes the batches.
        instrument: its tick and lot are what prices and amounts are counted in.
        symbol: as Tardis names it; needed when a file holds several.
        progress: told the bytes that were read, each time.

    Returns:
        What was seen of each file, for the tape's quality report.

    Raises:
        TapeError: a file is not one of these or is damaged; file, line, what was expected and what was found are named.
        OSError: a file cannot be read, or the disk is full.
    """
    readers = [(path, _rows(path, instrument.tick_size, instrument.lot_size, symbol)) for path in paths]
    ranked = sorted(readers, key=lambda each: _RANK[each[1].kind])
    for columns in merged([_batches(path, rows, progress) for path, rows in ranked]):
        spool.append(columns)
    return {
        "files": {
            str(path): {
                "kind": rows.kind,
                "rows": rows.lines,
                "of_other_symbols": rows.others,
                "before_first_snapshot": rows.skipped,
                "snapshots": rows.snapshots,
                "trades_without_side": rows.sideless,
                "amounts_cut_to_lots": rows.dust,
                "exch_time_back": rows.exch_back,
                "local_time_back": rows.local_back,
            }
            for path, rows in readers
        }
    }


def merged(streams: list[Iterator[Columns]]) -> Iterator[Columns]:
    """Batches of several streams in the order of their local times; at a tie the earlier stream's come first.

    A stream whose time goes back keeps its own order: such a batch counts as of the latest time before it.
    """
    heads = [_Head(stream) for stream in streams]
    while True:
        for head in heads:
            head.fill()
        waiting = [head for head in heads if head.columns is not None]
        if not waiting:
            return
        # What is before the least time up to which every stream is known can be given.
        known = [int(head.keys[-1]) for head in waiting if not head.ended]
        taken = [head.take_before(min(known) if known else None) for head in waiting]
        parts = [(keys, columns) for keys, columns in taken if len(keys)]
        if not parts:
            for head in waiting:
                if not head.ended and int(head.keys[-1]) == min(known):
                    head.extend()
            continue
        yield _in_order(parts)


class _Head:
    """What is read of a stream and not given yet."""

    def __init__(self, stream: Iterator[Columns]) -> None:
        self._stream = stream
        self.columns: Columns | None = None
        self.keys = np.empty(0, np.int64)
        self.ended = False
        self._latest = np.iinfo(np.int64).min

    def fill(self) -> None:
        """Have something, unless the stream has ended."""
        if self.columns is None and not self.ended:
            self.extend()

    def extend(self) -> None:
        """Read on."""
        columns = next(self._stream, None)
        if columns is None:
            self.ended = True
            return
        keys = np.maximum.accumulate(np.maximum(columns["local_ns"], self._latest))
        self._latest = int(keys[-1])
        if self.columns is not None:
            columns = {name: np.concatenate((self.columns[name], column)) for name, column in columns.items()}
            keys = np.concatenate((self.keys, keys))
        self.columns, self.keys = columns, keys

    def take_before(self, time_ns: int | None) -> tuple[NDArray[Any], Columns]:
        """Give what is before a time; None: everything."""
        columns, keys = self.columns, self.keys
        if columns is None:
            raise ValueError("take_before: expected something to take")
        n = len(keys) if time_ns is None else int(np.searchsorted(keys, time_ns))
        if n == len(keys):
            self.columns, self.keys = None, keys[:0]
            return keys, columns
        n_levels = int(columns["count"][:n].sum())
        self.columns, self.keys = _cut(columns, n, None, n_levels, None), keys[n:]
        return keys[:n], _cut(columns, 0, n, 0, n_levels)


def _cut(columns: Columns, start: int, stop: int | None, first_level: int, end_level: int | None) -> Columns:
    return {
        name: column[first_level:end_level] if name == "levels" else column[start:stop]
        for name, column in columns.items()
    }


def _in_order(parts: list[tuple[NDArray[Any], Columns]]) -> Columns:
    if len(parts) == 1:
        return parts[0][1]
    keys = np.concatenate([keys for keys, _ in parts])
    joined = {name: np.concatenate([columns[name] for _, columns in parts]) for name in parts[0][1]}
    order = np.argsort(keys, kind="stable")
    count = joined["count"].astype(np.int64)
    start = np.cumsum(count) - count
    moved = count[order]
    # Each level's place: its batch's start, and its number within the batch.
    within = np.arange(int(moved.sum())) - np.repeat(np.cumsum(moved) - moved, moved)
    levels = joined.pop("levels")[np.repeat(start[order], moved) + within]
    return {name: column[order] for name, column in joined.items()} | {"levels": levels}


def _batches(path: Path, rows: TardisRows, progress: Callable[[int], None] | None) -> Iterator[Columns]:
    for block in _blocks(path, progress):
        if not rows.feed(block):
            raise _fault(path, rows)
        columns = rows.take()
        if len(columns["kind"]):
            yield columns
    columns = rows.take(final=True)
    if len(columns["kind"]):
        yield columns


def _blocks(path: Path, progress: Callable[[int], None] | None) -> Iterator[bytes]:
    """The lines behind the header."""
    blocks = line_blocks(path, Intact(), keep_going=False, progress=progress)
    first = next(blocks, b"")
    yield first.partition(b"\n")[2]
    yield from blocks


def _rows(path: Path, tick_size: str, lot_size: str, symbol: str) -> TardisRows:
    head = head_of(path, _HEAD_BYTES)
    if not head.startswith(_FINGERPRINT):
        wanted = _FINGERPRINT.decode()
        raise TapeError(f"{path}: line 1: expected {wanted}…, found {head[:60].decode(errors='replace')!r}")
    header = head.partition(b"\n")[0].decode(errors="replace").strip().split(",")
    kind = next((kind for kind, column in _TELLING.items() if column in header), "")
    try:
        return TardisRows(kind, header, tick_size, lot_size, symbol)
    except ValueError as error:
        what = f"one of {', '.join(KINDS)}: {error}" if kind else f"one of {', '.join(KINDS)}, found {','.join(header)}"
        raise TapeError(f"{path}: line 1: expected the columns of {what}") from None


def _fault(path: Path, rows: TardisRows) -> TapeError:
    line, expected, found = rows.fault or (0, "", "")
    return TapeError(f"{path}: line {line + 1}: expected {expected}, found {found}")


def _size(decimals: int) -> str:
    return f"0.{'1'.zfill(decimals)}" if decimals else "1"
