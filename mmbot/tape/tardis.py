"""Tardis' CSV files as a source of tapes: the book, the trades and the ticker of one market, merged by local time.

Give all files of a market together (``incremental_book_L2``, ``trades``, ``derivative_ticker``; several days of each);
which is which stands in their first line. Microseconds become nanoseconds. Where messages of two files came in the same
microsecond, trades come first, then the book, then the ticker: a trade is what the book's change tells of.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mmbot._core.tardis import KINDS, TardisRows
from mmbot._core.types import Instrument
from mmbot.errors import ConfigError, TapeError
from mmbot.listings import known_instrument
from mmbot.tape.instruments import instrument_fields
from mmbot.tape.lines import Intact, head_of, line_blocks
from mmbot.tape.spool import Spool
from mmbot.tape.survey import Survey
from mmbot.tape.writer import TapeWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from mmbot.tape.request import Request

READING_SHARE: Final = 0.8
"""Of a conversion's time, for the progress bar; the rest is sorting and writing."""
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


def convert(request: Request) -> dict[str, Any]:
    """Convert all files of one market; see `mmbot.tape.sources.convert`.

    The rules of the request change nothing: the files hold what their recorder made of the messages.
    """
    paths = [path for source in request.sources for path in _files(source)]
    symbol = (request.symbol or "").partition(":")[0].replace("/", "").upper()
    instrument, how = _instrument(request, paths, symbol)
    source = {"kind": "tardis", "files": [str(path) for path in paths], "instrument_from": how}
    intact = Intact()
    total = sum(path.stat().st_size for path in paths) or 1
    share = READING_SHARE if how == "given" else READING_SHARE / 2
    with Spool(request.out.parent) as spool, TapeWriter(request.out, instrument, source) as writer:
        readers = [
            (path, _rows(path, instrument.tick_size, instrument.lot_size, symbol, strict=not request.keep_going))
            for path in paths
        ]

        def progress(_bytes: int) -> None:
            request.report(READING_SHARE - share + share * intact.read_bytes / total)

        ranked = sorted(readers, key=lambda each: _RANK[each[1].kind])
        streams = [_batches(path, rows, intact, progress, keep_going=request.keep_going) for path, rows in ranked]
        for columns in merged(streams):
            spool.append(columns)
        if not spool.batches:
            raise TapeError(f"{paths[0]}: expected market data of {instrument.venue_symbol}, found none")
        least = spool.least_latency_ns or 0
        shift_ns = max(0, -least)
        latency = spool.pour(
            writer,
            shift_ns=shift_ns,
            progress=lambda done: request.report(READING_SHARE + (1 - READING_SHARE) * done),
        )
        report = {
            **_quality([rows for _, rows in readers]),
            "least_latency_ns": least,
            "shift_ns": shift_ns,
            "negative_latency": least < 0,
            "latency_ms": latency,
            "cut": intact.cut,
            "files": {str(path): _seen(rows) for path, rows in readers},
        }
        writer.close(report)
    return report


def demand_book(path: Path) -> None:
    """See that one file is enough to play.

    Raises:
        TapeError: it is one without a book.
    """
    header = head_of(path, _HEAD_BYTES).partition(b"\n")[0].decode(errors="replace").strip().split(",")
    if _TELLING["incremental_book_L2"] not in header:
        kind = next((kind for kind, column in _TELLING.items() if column in header), "a file of no known kind")
        raise TapeError(
            f"{path}: expected Tardis' incremental_book_L2, found {kind} alone: give the folder with all files of the "
            "market, which are merged"
        )


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


def _instrument(request: Request, paths: list[Path], symbol: str) -> tuple[Instrument, str]:
    """The instrument, and where it is from: ``given``, ``listed`` or ``inferred``.

    Raises:
        ConfigError: a field that was set is wrong.
        TapeError: a file is not one of these, is damaged, or is of another market.
    """
    if request.instrument is not None:
        found, how = request.instrument, "given"
    else:
        exchange, name, price_decimals, qty_decimals = survey(request, paths, symbol)
        venue = request.venue or VENUES.get(exchange, exchange)
        listed = (request.listing or known_instrument)(venue, name)
        if listed is not None:
            found, how = listed, "listed"
        else:
            seen = Survey(price_decimals=Counter({name: price_decimals}), qty_decimals=Counter({name: qty_decimals}))
            found, how = seen.infer(venue, name), "inferred"
    if request.overrides:
        try:
            found = Instrument(**instrument_fields(found) | request.overrides)
        except (TypeError, ValueError) as error:
            raise ConfigError(f"instrument: {error}") from None
    return found, how


def survey(request: Request, paths: list[Path], symbol: str) -> tuple[str, str, int, int]:
    """Look through the files: exchange and symbol as Tardis names them, finest decimals of prices and of amounts.

    Raises:
        TapeError: a file is not one of these, is damaged, or is of another market.
        OSError: a file cannot be read.
    """
    price_decimals = qty_decimals = 0
    found: dict[tuple[str, str], Path] = {}
    intact = Intact()
    total = sum(path.stat().st_size for path in paths) or 1
    for path in paths:
        rows = _rows(path, "1", "1", symbol, strict=not request.keep_going)
        for block in _blocks(path, intact, None, keep_going=request.keep_going):
            if not rows.survey(block):
                raise _fault(path, rows)
            request.report(READING_SHARE / 2 * intact.read_bytes / total)
        if rows.exchange:
            found[rows.exchange.decode(errors="replace"), rows.symbol.decode(errors="replace")] = path
        price_decimals = max(price_decimals, rows.price_decimals)
        qty_decimals = max(qty_decimals, rows.qty_decimals)
    if not found:
        raise TapeError(f"{paths[0]}: expected rows{f' of {symbol}' if symbol else ''}, found none")
    if len(found) > 1:
        named = ", ".join(f"{exchange} {name} in {path}" for (exchange, name), path in found.items())
        raise TapeError(f"{paths[0]}: expected files of one market, found {named}")
    [(exchange, name)] = found
    return exchange, name, price_decimals, qty_decimals


def _files(source: Path) -> list[Path]:
    return sorted([*source.glob("*.csv"), *source.glob("*.csv.gz")]) if source.is_dir() else [source]


def _quality(files: list[TardisRows]) -> dict[str, Any]:
    """The counts that other sources have too, of all files together."""
    first = next((rows.fault for rows in files if rows.fault is not None), None)
    return {
        "lines": sum(rows.lines for rows in files),
        "undecodable": sum(rows.wrong for rows in files),
        "first_undecodable": f"line {first[0] + 1}: expected {first[1]}, found {first[2]}" if first else "",
        "dust": sum(rows.dust for rows in files),
        "snapshots": sum(rows.snapshots for rows in files),
        "missing_snapshot": any(rows.skipped for rows in files) and not any(rows.snapshots for rows in files),
        "exch_back": sum(rows.exch_back for rows in files),
        "local_back": sum(rows.local_back for rows in files),
    }


def _seen(rows: TardisRows) -> dict[str, Any]:
    return {
        "kind": rows.kind,
        "rows": rows.lines,
        "of_other_symbols": rows.others,
        "before_first_snapshot": rows.skipped,
        "snapshots": rows.snapshots,
        "trades_without_side": rows.sideless,
    }


def _batches(
    path: Path, rows: TardisRows, intact: Intact, progress: Callable[[int], None], *, keep_going: bool
) -> Iterator[Columns]:
    for block in _blocks(path, intact, progress, keep_going=keep_going):
        if not rows.feed(block):
            raise _fault(path, rows)
        columns = rows.take()
        if len(columns["kind"]):
            yield columns
    columns = rows.take(final=True)
    if len(columns["kind"]):
        yield columns


def _blocks(path: Path, intact: Intact, progress: Callable[[int], None] | None, *, keep_going: bool) -> Iterator[bytes]:
    """The lines behind the header."""
    blocks = line_blocks(path, intact, keep_going=keep_going, progress=progress)
    first = next(blocks, b"")
    yield first.partition(b"\n")[2]
    yield from blocks


def _rows(path: Path, tick_size: str, lot_size: str, symbol: str, *, strict: bool) -> TardisRows:
    head = head_of(path, _HEAD_BYTES)
    if not head.startswith(_FINGERPRINT):
        wanted = _FINGERPRINT.decode()
        raise TapeError(f"{path}: line 1: expected {wanted}…, found {head[:60].decode(errors='replace')!r}")
    header = head.partition(b"\n")[0].decode(errors="replace").strip().split(",")
    kind = next((kind for kind, column in _TELLING.items() if column in header), "")
    try:
        return TardisRows(kind, header, tick_size, lot_size, symbol, strict=strict)
    except ValueError as error:
        what = f"one of {', '.join(KINDS)}: {error}" if kind else f"one of {', '.join(KINDS)}, found {','.join(header)}"
        raise TapeError(f"{path}: line 1: expected the columns of {what}") from None


def _fault(path: Path, rows: TardisRows) -> TapeError:
    line, expected, found = rows.fault or (0, "", "")
    hint = "--keep-going leaves such lines out and counts them"
    return TapeError(f"{path}: line {line + 1}: expected {expected}, found {found} ({hint})")
