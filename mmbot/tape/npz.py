"""hftbacktest's event arrays (``.npz``, ``.npy``) to tapes and back.

A row has 64 bytes: u8 ev, i8 exch_ts, i8 local_ts, f8 px, f8 qty, u8 order_id, i8 ival, f8 fval. The low byte of ev is
the kind: 1 depth, 2 trade, 3 clear, 4 snapshot level, 5 best price, 10 to 13 an order added, cancelled, modified,
filled. Bits: 31 seen at the exchange, 30 seen locally, 29 buy or bid, 28 sell or ask. Rows of one time, kind and side
that follow each other are one batch of a tape, unless a price comes twice.
"""

from __future__ import annotations

import os
import zipfile
import zlib
from contextlib import contextmanager
from decimal import Decimal
from typing import IO, TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from numpy.lib import format as npy

from mmbot._core.tape import TapeFlag, TapeKind, open_tape
from mmbot._core.types import Instrument
from mmbot.errors import ConfigError, TapeError
from mmbot.listings import known_instrument
from mmbot.tape.instruments import instrument_fields
from mmbot.tape.part import part_file
from mmbot.tape.request import Request, Rules
from mmbot.tape.writer import VALUE_LIMIT, TapeWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from mmbot._core.tape import Tape

    Columns = dict[str, NDArray[Any]]

ROW: Final = np.dtype(
    [
        ("ev", "<u8"),
        ("exch_ts", "<i8"),
        ("local_ts", "<i8"),
        ("px", "<f8"),
        ("qty", "<f8"),
        ("order_id", "<u8"),
        ("ival", "<i8"),
        ("fval", "<f8"),
    ]
)
EXCH, LOCAL, BUY, SELL = (1 << bit for bit in (31, 30, 29, 28))
MEMBER: Final = "data"
"""The array's name in an ``.npz``."""
ROWS: Final = 1 << 16
"""Read and written at once."""

_GROUPED: Final = (TapeKind.DEPTH, TapeKind.SNAPSHOT)
_KINDS: Final = {
    1: TapeKind.DEPTH,
    2: TapeKind.TRADE,
    3: TapeKind.CLEAR,
    4: TapeKind.SNAPSHOT,
    10: TapeKind.L3_ADD,
    11: TapeKind.L3_CANCEL,
    12: TapeKind.L3_MODIFY,
    13: TapeKind.L3_FILL,
}
_BEST: Final = 5
"""Best bid or best ask alone, for live use: hftbacktest's own backtest passes over such rows, and so do we."""
_CUSTOM_FROM: Final = 100
"""Kinds from here on are the user's own: hftbacktest itself ignores them."""


def convert(request: Request) -> dict[str, Any]:
    """Convert an event array, which must be in order; see `mmbot.tape.sources.convert`."""
    instrument = _instrument(request)
    source = {"kind": "npz", "files": [str(path) for path in request.sources], "rules": str(request.rules)}
    report: dict[str, Any] = {"rows": 0, "batches": 0, "best_price_rows": 0, "unsupported_rows": 0, "rounded": 0}
    with TapeWriter(request.out, instrument, source) as writer:
        for path in request.sources:
            rest = np.empty(0, ROW)
            for rows, share in _rows(path):
                joined = np.concatenate([rest, rows])
                whole = len(joined) if share >= 1 else _last_group(joined)
                _append(request, path, writer, joined[:whole], report)
                rest = joined[whole:].copy()
                request.report(share)
            _append(request, path, writer, rest, report)
        if not report["rows"]:
            raise TapeError(f"{request.source}: expected rows, found none")
        report["batches"] = writer.appended
        writer.close(report)
    return report


def export(tape: Path | Tape, out: Path, *, progress: Callable[[float], object] | None = None) -> int:
    """Write a tape as an event array: ``.npy`` plain, else a compressed ``.npz`` with the member ``data``.

    Book tickers, mark prices and gaps have no row there and are left out.

    Returns:
        How many rows it has.

    Raises:
        TapeError: the tape is damaged.
        OSError: the file cannot be written; nothing is left behind.
    """
    source = tape if not isinstance(tape, os.PathLike) else open_tape(tape)
    total = sum(len(rows) for rows in _exported(source))
    with part_file(out) as whole, _opened(whole, plain=out.suffix == ".npy") as file:
        header = {"descr": npy.dtype_to_descr(ROW), "fortran_order": False, "shape": (total,)}
        npy.write_array_header_1_0(file, header)
        for index, rows in enumerate(_exported(source)):
            file.write(rows.tobytes())
            if progress is not None:
                progress((index + 1) / source.n_chunks)
    return total


def event_rows(tape: Tape, index: int) -> NDArray[Any]:
    """One chunk of a tape as rows of an event array."""
    chunk = tape.arrays(index)
    kept = (chunk["kind"] <= TapeKind.SNAPSHOT) | (chunk["kind"] >= TapeKind.L3_ADD)
    count = np.where(kept, chunk["count"], 0).astype(np.int64)
    bare = kept & (chunk["count"] == 0) & (chunk["kind"] == TapeKind.L3_CANCEL)
    count += bare  # an order cancelled has a row without a level
    of_batch = np.repeat(np.arange(len(count)), count)
    offset = np.arange(len(of_batch)) - np.repeat(np.cumsum(count) - count, count)
    rows = np.zeros(len(of_batch), ROW)
    kind, flags = chunk["kind"].astype(np.uint64), chunk["flags"]
    ev = kind | np.where(flags & TapeFlag.EXCH, np.uint64(EXCH), np.uint64(0))
    ev |= np.where(flags & TapeFlag.LOCAL, np.uint64(LOCAL), np.uint64(0))
    ev |= np.where(chunk["side"] == 0, np.uint64(BUY), np.uint64(SELL))
    rows["ev"], rows["exch_ts"], rows["local_ts"] = (
        ev[of_batch],
        chunk["exch_ns"][of_batch],
        chunk["local_ns"][of_batch],
    )
    order_ids = np.where(chunk["kind"] >= TapeKind.L3_ADD, chunk["seq"], 0)
    rows["order_id"] = order_ids[of_batch].astype(np.uint64)
    leveled = ~bare[of_batch]
    at = (chunk["first"].astype(np.int64)[of_batch] + offset)[leveled]
    levels = chunk["levels"][at]
    rows["px"][leveled] = _values(levels[:, 0], tape.instrument.tick_size)
    rows["qty"][leveled] = _values(levels[:, 1], tape.instrument.lot_size)
    return rows


def _exported(tape: Tape) -> Iterator[NDArray[Any]]:
    for index in range(tape.n_chunks):
        yield event_rows(tape, index)


def _values(units: NDArray[Any], size: str) -> NDArray[Any]:
    """Ticks or lots to the doubles nearest to the decimals that they stand for, while those fit 2**53."""
    exponent = int(Decimal(size).normalize().as_tuple().exponent)
    mantissa = int(Decimal(size).scaleb(max(0, -exponent)))
    return (units * mantissa) / 10.0 ** max(0, -exponent)


@contextmanager
def _opened(file: IO[bytes], *, plain: bool) -> Iterator[IO[bytes]]:
    """The array within its file."""
    if plain:
        yield file
        return
    with (
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open(f"{MEMBER}.npy", "w", force_zip64=True) as member,
    ):
        yield member


def _rows(path: Path) -> Iterator[tuple[NDArray[Any], float]]:
    """The rows of a file in blocks, each with the share of the file that is read then."""
    with path.open("rb") as file:
        try:
            if file.read(4) == b"PK\x03\x04":
                with zipfile.ZipFile(file) as archive:
                    names = [name for name in archive.namelist() if name.endswith(".npy")]
                    if not names:
                        raise TapeError(f"{path}: expected an array {MEMBER}, found {archive.namelist()}")
                    chosen = f"{MEMBER}.npy" if f"{MEMBER}.npy" in names else names[0]
                    with archive.open(chosen) as member:
                        yield from _array_rows(path, member)
            else:
                file.seek(0)
                yield from _array_rows(path, file)
        except (zipfile.BadZipFile, EOFError, ValueError, RuntimeError, OSError, OverflowError) as error:
            # Whatever zipfile and numpy say of files that are none: a seek to before the start is an OSError.
            raise TapeError(f"{path}: expected an npz or npy file, found a damaged one: {error}") from None
        except zlib.error as error:
            raise TapeError(f"{path}: expected an npz file, found damaged compression: {error}") from None


def _array_rows(path: Path, file: IO[bytes]) -> Iterator[tuple[NDArray[Any], float]]:
    version = npy.read_magic(file)
    read_header = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}.get(version)
    if read_header is None:
        raise TapeError(f"{path}: expected an npy file of version 1 or 2, found {version}")
    shape, _, dtype = read_header(file)
    if dtype.itemsize != ROW.itemsize or len(shape) != 1 or dtype.names != ROW.names:
        raise TapeError(f"{path}: expected one dimension of rows {ROW.names}, found {dtype} of shape {shape}")
    total, done = shape[0], 0
    while done < total:
        wanted = min(ROWS, total - done)
        data = file.read(wanted * ROW.itemsize)
        if len(data) < wanted * ROW.itemsize:
            found = done + len(data) // ROW.itemsize
            raise TapeError(f"{path}: expected {total} rows as its header says, found {found}: it is cut off")
        done += wanted
        yield np.frombuffer(data, dtype).astype(ROW, copy=False), done / total


def _starts(rows: NDArray[Any]) -> NDArray[np.bool_]:
    """Where a batch begins: with each row that is not of the same time, flags, kind and side as the one before."""
    starts = np.ones(len(rows), np.bool_)
    same = np.isin(rows["ev"][1:] & np.uint64(0xFF), [int(kind) for kind in _GROUPED])
    for name in ("ev", "exch_ts", "local_ts"):
        same &= rows[name][1:] == rows[name][:-1]
    starts[1:] = ~same
    return starts


def _last_group(rows: NDArray[Any]) -> int:
    """Where the last batch of a block begins, which may go on in the next."""
    return int(np.flatnonzero(_starts(rows))[-1]) if len(rows) else 0


def _append(
    request: Request,
    path: Path,
    writer: TapeWriter,
    rows: NDArray[Any],
    report: dict[str, Any],
) -> None:
    """Write rows that begin and end with a batch."""
    row = report["rows"]
    report["rows"] += len(rows)
    number = (rows["ev"] & np.uint64(0xFF)).astype(np.int64)
    known = np.isin(number, list(_KINDS))
    best = number == _BEST
    strange = ~known & ~best & (number < _CUSTOM_FROM)
    if strange.any():
        at = int(np.argmax(strange))
        raise TapeError(
            f"{path}: row {row + at}: expected an event of {sorted([*_KINDS, _BEST])}, found {int(number[at])}"
        )
    report["best_price_rows"] += int(best.sum())
    report["unsupported_rows"] += int((~known & ~best).sum())
    origin = row + np.flatnonzero(known)  # of each row that is left, for errors
    rows, origin = _both_sides(rows[known], origin)
    if not len(rows):
        return
    number = (rows["ev"] & np.uint64(0xFF)).astype(np.int64)
    buy = (rows["ev"] & np.uint64(BUY)) != 0
    flags = np.where(rows["ev"] & np.uint64(EXCH), int(TapeFlag.EXCH), 0)
    flags |= np.where(rows["ev"] & np.uint64(LOCAL), int(TapeFlag.LOCAL), 0)
    sided = buy != ((rows["ev"] & np.uint64(SELL)) != 0)
    for good, what in (
        (flags > 0, "an exchange or local flag"),
        (sided, "one side"),
        (rows["order_id"] < np.uint64(1 << 63), "an order id below 2**63"),
    ):
        if not good.all():
            at = int(np.argmin(good))
            raise TapeError(f"{path}: row {origin[at]}: expected {what}, found {rows[at]}")
    place = _Place(path, origin, request.rules)
    ticks, off_tick = _units(rows["px"], writer.instrument.tick_size, place, "px")
    lots, off_lot = _units(rows["qty"], writer.instrument.lot_size, place, "qty")
    report["rounded"] += off_tick + off_lot
    levels = np.column_stack([ticks, lots])
    starts = _starts(rows)
    _split_repeats(starts, levels[:, 0])
    first = np.flatnonzero(starts)
    l3 = number[first] >= TapeKind.L3_ADD
    try:
        writer.append(
            rows["exch_ts"][first],
            rows["local_ts"][first],
            np.where(l3, rows["order_id"][first].astype(np.int64), 0),
            number[first],
            np.where(buy[first], 0, 1),
            flags[first],
            np.diff(first, append=len(rows)),
            levels,
        )
    except TapeError as error:
        raise TapeError(f"{path}: rows {row} to {origin[-1] + 1}: {error}") from None


class _Place(NamedTuple):
    """Where values are from, and how they become units."""

    path: Path
    origin: NDArray[Any]
    rules: Rules


def _both_sides(rows: NDArray[Any], origin: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """A clear row of no side clears both sides whole: it becomes one of each."""
    ev = rows["ev"]
    sideless = ((ev & np.uint64(0xFF)) == TapeKind.CLEAR) & ((ev & np.uint64(BUY | SELL)) == 0)
    if not sideless.any():
        return rows, origin
    rows, origin = (np.repeat(each, np.where(sideless, 2, 1)) for each in (rows, origin))
    second = np.flatnonzero((rows["ev"] & np.uint64(BUY | SELL)) == 0)[1::2]
    rows["px"][second - 1] = rows["px"][second] = 0
    rows["ev"][second - 1] |= np.uint64(BUY)
    rows["ev"][second] |= np.uint64(SELL)
    return rows, origin


def _units(values: NDArray[Any], size: str, place: _Place, name: str) -> tuple[NDArray[Any], int]:
    """Doubles in ticks or lots, and how many were not whole."""
    path, origin, rules = place
    scaled = values / float(size)
    fits = np.isfinite(scaled) & (np.abs(scaled) < VALUE_LIMIT)
    if not fits.all():
        at = int(np.argmin(fits))
        raise TapeError(f"{path}: row {origin[at]}: expected {name} within 2**62 units of {size}, found {values[at]}")
    whole = np.trunc(scaled)
    whole += np.copysign(np.abs(scaled - whole) >= 0.5, scaled)  # half away from zero
    units = whole.astype(np.int64)
    off = np.abs(_values(units, size) - values) > 1e-9 * np.maximum(np.abs(values), float(size))
    if off.any() and rules is Rules.MMBOT:
        at = int(np.argmax(off))
        raise TapeError(
            f"{path}: row {origin[at]}: expected {name} in whole units of {size}, found {values[at]} "
            "(is --tick or --lot right? --rules hftbacktest rounds)"
        )
    return units, int(off.sum())


def _split_repeats(starts: NDArray[np.bool_], prices: NDArray[Any]) -> None:
    """Begin a batch anew where it would name a price twice."""
    batch = np.cumsum(starts)
    order = np.lexsort((prices, batch))
    twice = (np.diff(batch[order]) == 0) & (np.diff(prices[order]) == 0)
    for number in np.unique(batch[order][1:][twice]):
        begin, end = np.searchsorted(batch, [number, number + 1])
        seen: set[int] = set()
        for at in range(int(begin), int(end)):
            price = int(prices[at])
            if price in seen:
                starts[at] = True
                seen = set()
            seen.add(price)


def _instrument(request: Request) -> Instrument:
    found = request.instrument
    if found is None and request.venue and request.symbol:
        found = (request.listing or known_instrument)(request.venue, request.symbol)
    if found is None:
        if not {"tick_size", "lot_size"} <= request.overrides.keys():
            raise ConfigError(f"{request.source}: an event array does not say its units: expected --tick and --lot")
        symbol = request.symbol or request.source.name.split(".")[0]
        blank = {"venue": request.venue or "", "symbol": symbol, "venue_symbol": symbol}
        fields: dict[str, Any] = blank | dict.fromkeys(("base_asset", "quote_asset", "settle_asset"), "")
    else:
        fields = instrument_fields(found)
    try:
        return Instrument(**fields | request.overrides)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"instrument: {error}") from None
