"""Tapes as Parquet, for every tool that reads it, and back: exactly, row group by row group.

One row is one level; its batch's times, kind, side and flags stand in every row, and `batch` numbers the batches from
0. A batch without levels (GAP, an empty DEPTH) is one row without price and quantity. Prices are ticks and quantities
lots, exact integers; tick and lot sizes are in the instrument, which with the tape's source and quality report stands
in the schema's metadata under ``mmbot.tape`` (JSON). The two rows of a MARK hold (mark price, index price) in 1e-8 and
(funding rate in 1e-12, next funding time in ns), as on the tape.

Needs pyarrow: ``pip install "mmbot[data]"``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from mmbot._core.tape import open_tape
from mmbot._core.types import Instrument
from mmbot.errors import ConfigError, TapeError
from mmbot.tape.instruments import instrument_fields
from mmbot.tape.part import part_file
from mmbot.tape.writer import TapeWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from mmbot.tape.request import Request

METADATA = b"mmbot.tape"
VERSION = 1
COLUMNS = {
    "exch_ns": "int64",
    "local_ns": "int64",
    "seq": "int64",
    "kind": "uint8",
    "side": "uint8",
    "flags": "uint8",
    "price_ticks": "int64",
    "qty_lots": "int64",
    "batch": "int64",
}
_SHARED = ("exch_ns", "local_ns", "seq", "kind", "side", "flags")
_ROWS = 262_144

Columns = dict[str, "NDArray[Any]"]


def convert(request: Request) -> dict[str, Any]:
    """Make a tape of a Parquet file; see `mmbot.tape.sources.convert`."""
    if len(request.sources) > 1:
        raise ConfigError(f"{request.sources[1]}: expected one Parquet file, found {len(request.sources)}")
    read_parquet(
        request.source,
        request.out,
        instrument=request.instrument,
        overrides=request.overrides,
        progress=request.report,
    )
    quality: dict[str, Any] = open_tape(request.out).footer["quality"]
    return quality


def write_parquet(tape: Path, out: Path, *, progress: Callable[[float], object] | None = None) -> int:
    """Write a tape as Parquet, one chunk a row group.

    Args:
        tape: the tape.
        out: the Parquet file; appears when it is whole.
        progress: called with the fraction that is done.

    Returns:
        How many rows it has.

    Raises:
        TapeError: the tape is damaged.
        ConfigError: pyarrow is not installed.
        OSError: the file cannot be written.
    """
    pa, pq = _pyarrow()
    source = open_tape(tape)
    about = {
        "version": VERSION,
        "instrument": instrument_fields(source.instrument),
        "source": source.footer["source"],
        "quality": source.footer["quality"],
        "batches": source.batches,
    }
    schema = pa.schema(
        [pa.field(name, kind, nullable=name in ("price_ticks", "qty_lots")) for name, kind in COLUMNS.items()],
        metadata={METADATA: msgspec.json.encode(about)},
    )
    rows = batches = 0
    with (
        part_file(out) as file,
        pq.ParquetWriter(
            file, schema, compression="zstd", write_page_checksum=True, use_dictionary=["kind", "side", "flags"]
        ) as writer,
    ):
        for index in range(source.n_chunks):
            chunk = source.arrays(index)
            columns, empty = _rows_of(chunk, batches)
            arrays = [
                pa.array(columns[name], mask=empty if name in ("price_ticks", "qty_lots") else None) for name in COLUMNS
            ]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
            batches += len(chunk["kind"])
            rows += len(empty)
            if progress is not None:
                progress((index + 1) / source.n_chunks)
    return rows


def read_parquet(
    path: Path,
    out: Path,
    *,
    instrument: Instrument | None = None,
    overrides: dict[str, Any] | None = None,
    progress: Callable[[float], object] | None = None,
) -> dict[str, Any]:
    """Make a tape of a Parquet file with these columns; of one that `write_parquet` made, the very same tape.

    Args:
        path: the Parquet file.
        out: the tape; appears when it is whole.
        instrument: needed when the file does not say which it is; else it takes the place of what the file says.
        overrides: fields of it that are set whatever the rest says.
        progress: called with the fraction that is done.

    Returns:
        The tape's totals.

    Raises:
        TapeError: the file is damaged, has other columns, or its rows make no tape: which row, and why.
        ConfigError: pyarrow is not installed.
        OSError: the tape cannot be written.
    """
    pa, pq = _pyarrow()
    try:
        file = pq.ParquetFile(path, page_checksum_verification=True)
    except (pa.ArrowException, OSError) as error:
        raise TapeError(f"{path}: expected a Parquet file: {_one_line(error)}") from error
    with file:
        about = _about(path, file.schema_arrow, pa)
        if instrument is None:
            if "instrument" not in about:
                raise TapeError(f"{path}: expected an instrument in its metadata, found none; name one")
            instrument = _instrument(path, about["instrument"])
        if overrides:
            instrument = _instrument(path, instrument_fields(instrument) | overrides)
        source = about.get("source", {"format": "parquet", "files": [str(path)]})
        with TapeWriter(out, instrument, source) as writer:
            rows = batches = 0
            for columns, empty in _groups(path, file, pa):
                batches += _append(path, writer, columns, empty, rows)
                rows += len(empty)
                if progress is not None and file.metadata.num_rows:
                    progress(rows / file.metadata.num_rows)
            if about.get("batches", batches) != batches:
                raise TapeError(f"{path}: expected {about['batches']} batches as its metadata says, found {batches}")
            writer.close(about.get("quality", {}))
            return writer.totals


def _rows_of(chunk: Columns, batches: int) -> tuple[Columns, NDArray[np.bool_]]:
    """A chunk as rows, and which of them have no level."""
    count = chunk["count"].astype(np.int64)
    rows = np.maximum(count, 1)
    which = np.repeat(np.arange(len(rows)), rows)
    columns = {name: chunk[name][which] for name in _SHARED}
    empty = (count == 0)[which]
    # The place of each row's level: rows of empty batches take none.
    levels = chunk["levels"]
    place = np.cumsum(~empty) - 1
    for number, name in enumerate(("price_ticks", "qty_lots")):
        values = np.zeros(len(which), np.int64)
        values[~empty] = levels[place[~empty], number]
        columns[name] = values
    columns["batch"] = which + batches
    return columns, empty


def _groups(path: Path, file: Any, pa: Any) -> Iterator[tuple[Columns, NDArray[np.bool_]]]:
    """Rows of whole batches, bounded in number but for a batch that is larger."""
    held: list[tuple[Columns, NDArray[np.bool_]]] = []
    row = 0
    try:
        for piece in file.iter_batches(batch_size=_ROWS, columns=list(COLUMNS)):
            columns, empty = _columns(path, piece, row)
            row += len(empty)
            held.append((columns, empty))
            joined, nothing = _join(held)
            last = np.searchsorted(joined["batch"], joined["batch"][-1]) if len(nothing) else 0
            if last:
                yield {name: column[:last] for name, column in joined.items()}, nothing[:last]
            held = [({name: column[last:] for name, column in joined.items()}, nothing[last:])]
    except (pa.ArrowException, OSError) as error:
        raise TapeError(f"{path}: damaged behind row {row}: {_one_line(error)}") from error
    if held and len(held[0][1]):
        yield held[0]


def _join(held: list[tuple[Columns, NDArray[np.bool_]]]) -> tuple[Columns, NDArray[np.bool_]]:
    if len(held) == 1:
        return held[0]
    columns = {name: np.concatenate([each[0][name] for each in held]) for name in COLUMNS}
    return columns, np.concatenate([each[1] for each in held])


def _columns(path: Path, piece: Any, row: int) -> tuple[Columns, NDArray[np.bool_]]:
    """A record batch as numpy columns, and which rows have no level."""
    columns: Columns = {}
    empty = np.zeros(piece.num_rows, np.bool_)
    for name, kind in COLUMNS.items():
        column = piece.column(name)
        if column.null_count:
            missing = column.is_null().to_numpy(zero_copy_only=False)
            if name == "price_ticks":
                empty = missing
            elif name != "qty_lots" or not (missing == empty).all():
                raise TapeError(f"{path}: row {row + int(np.argmax(missing))}: expected {name}, found none")
            column = column.fill_null(0)
        elif name == "qty_lots" and empty.any():
            raise TapeError(f"{path}: row {row + int(np.argmax(empty))}: expected price_ticks, found none")
        values = column.to_numpy(zero_copy_only=False)
        columns[name] = values.astype(kind, copy=False)
        if values.dtype != columns[name].dtype and not (same := values == columns[name]).all():
            at = int(np.argmin(same))
            raise TapeError(f"{path}: row {row + at}: {name}: expected {kind}, found {values[at]}")
    steps = np.diff(columns["batch"])
    if (steps < 0).any():
        at = row + 1 + int(np.argmax(steps < 0))
        raise TapeError(f"{path}: row {at}: expected batches in ascending order, found one that goes back")
    return columns, empty


def _append(path: Path, writer: TapeWriter, columns: Columns, empty: NDArray[np.bool_], row: int) -> int:
    """Add rows of whole batches to the tape; how many batches they were."""
    batch = columns["batch"]
    starts = np.flatnonzero(np.diff(batch, prepend=batch[0] - 1))
    which = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(batch)))
    for name in _SHARED:
        same = columns[name] == columns[name][starts][which]
        if not same.all():
            at = row + int(np.argmin(same))
            raise TapeError(f"{path}: row {at}: expected the {name} of its batch, found {columns[name][at - row]}")
    counts = np.diff(starts, append=len(batch))
    lone = empty & (counts[which] > 1)
    if lone.any():
        raise TapeError(
            f"{path}: row {row + int(np.argmax(lone))}: expected a level, found none in a batch that has some"
        )
    counts = counts - np.add.reduceat(empty.astype(np.int64), starts)
    levels = np.column_stack((columns["price_ticks"][~empty], columns["qty_lots"][~empty]))
    try:
        exch_ns, local_ns, seq, kind, side, flags = (columns[name][starts] for name in _SHARED)
        writer.append(exch_ns, local_ns, seq, kind, side, flags, counts, levels)
    except TapeError as error:
        raise TapeError(f"{path}: rows {row} to {row + len(batch)}: {error}") from error
    return len(starts)


def _about(path: Path, schema: Any, pa: Any) -> dict[str, Any]:
    """What the metadata says; the columns checked."""
    found = {field.name: field.type for field in schema}
    for name, kind in COLUMNS.items():
        if name not in found:
            raise TapeError(f"{path}: expected the columns {', '.join(COLUMNS)}; {name} is missing")
        if not pa.types.is_integer(found[name]):
            raise TapeError(f"{path}: column {name}: expected {kind}, found {found[name]}")
    text = (schema.metadata or {}).get(METADATA)
    if text is None:
        return {}
    try:
        about: dict[str, Any] = msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise TapeError(f"{path}: metadata {METADATA.decode()}: expected JSON: {error}") from error
    if about.get("version") != VERSION:
        raise TapeError(f"{path}: expected version {VERSION} of {METADATA.decode()}, found {about.get('version')}")
    return about


def _instrument(path: Path, fields: Any) -> Instrument:
    try:
        return Instrument(**fields)
    except (TypeError, ValueError, OverflowError) as error:
        raise TapeError(f"{path}: metadata {METADATA.decode()}: expected an instrument: {error}") from error


def _one_line(error: Exception) -> str:
    """What pyarrow says, which it may do in several lines."""
    return " ".join(str(error).split())


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow as pa  # noqa: PLC0415 - an extra
        import pyarrow.parquet as pq  # noqa: PLC0415 - an extra
    except ImportError:
        raise ConfigError('Parquet: needs pyarrow, which is not installed: pip install "mmbot[data]"') from None
    return pa, pq
