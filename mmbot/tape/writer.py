"""Writes tapes, chunk by chunk; see ``mmbot/_core/tape.pxd`` for the format."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np

from mmbot._core.eventlog import checksum
from mmbot._core.tape import BYTE_ORDER, HEAD, TAIL, VERSION, TapeFlag, TapeKind
from mmbot.errors import TapeError
from mmbot.tape.instruments import instrument_fields
from mmbot.tape.part import PartFile

if TYPE_CHECKING:
    from types import TracebackType

    from numpy.typing import ArrayLike, NDArray

    from mmbot._core.types import Instrument

CHUNK_BATCHES: Final = 65_536
CHUNK_LEVELS: Final = 262_144
"""A chunk is closed at the first of these: about 2 MB of columns and 4 MB of levels."""
VALUE_LIMIT: Final = 1 << 62
"""Ticks and lots stay below it, as everywhere in the core."""

_NEEDS: Final = np.full(256, 1 << 30, np.int64)
_NEEDS[[TapeKind.DEPTH, TapeKind.SNAPSHOT, TapeKind.GAP, TapeKind.L3_CANCEL]] = 0
_NEEDS[[TapeKind.TRADE, TapeKind.CLEAR, TapeKind.L3_ADD, TapeKind.L3_MODIFY, TapeKind.L3_FILL]] = 1
_NEEDS[[TapeKind.TICKER, TapeKind.MARK]] = 2

Columns = dict[str, "NDArray[Any]"]


class TapeWriter:
    """Writes one tape; under its name it appears only when it is whole.

    Used as a context manager; leaving it with an exception, or without `close`, removes what was written::

        with TapeWriter(path, instrument, {"from": "btcusdt.gz"}) as writer:
            writer.append(...)
            writer.close({"gaps": 0})

    Args:
        path: where the tape goes. See `mmbot.tape.part`.
        instrument: of every batch.
        source: where the data is from, for the footer; JSON-able.

    Raises:
        OSError: the file cannot be created.
    """

    def __init__(self, path: Path, instrument: Instrument, source: dict[str, Any]) -> None:
        self.path = Path(path)
        self.instrument, self.source = instrument, source
        self.batches = self.levels = 0
        self.kinds: dict[str, int] = {}
        self._pending: list[Columns] = []
        self._pending_batches = self._pending_levels = 0
        self._chunks: list[list[int]] = []
        self._last = {TapeFlag.EXCH: -VALUE_LIMIT, TapeFlag.LOCAL: -VALUE_LIMIT}
        self._part = PartFile(self.path)
        self._file = self._part.file
        self._offset = self._file.write(HEAD + struct.pack("<II", VERSION, BYTE_ORDER))
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._closed:
            self.discard()

    def append(  # noqa: PLR0917 - the columns of the format, in its order
        self,
        exch_ns: ArrayLike,
        local_ns: ArrayLike,
        seq: ArrayLike,
        kind: ArrayLike,
        side: ArrayLike,
        flags: ArrayLike,
        counts: ArrayLike,
        levels: ArrayLike,
    ) -> None:
        """Add a run of batches.

        Args:
            exch_ns: times at the exchange; those of EXCH batches must not go back.
            local_ns: times here; those of LOCAL batches must not go back.
            seq: the venue's ids, 0 for none.
            kind: `TapeKind`.
            side: 0 bid or buy, 1 ask or sell.
            flags: `TapeFlag`, one or both.
            counts: levels of each batch.
            levels: all of them, in order, shape [m, 2]: ticks, lots.

        Raises:
            TapeError: lengths, order or values are not as the format demands; nothing of the run is added.
            OSError: writing failed.
        """
        run: Columns = {
            "exch_ns": np.asarray(exch_ns, np.int64),
            "local_ns": np.asarray(local_ns, np.int64),
            "seq": np.asarray(seq, np.int64),
            "count": np.asarray(counts, np.int64),
            "kind": np.asarray(kind, np.uint8),
            "side": np.asarray(side, np.uint8),
            "flags": np.asarray(flags, np.uint8),
            "levels": np.asarray(levels, np.int64).reshape(-1, 2),
        }
        self._demand(run)
        start = taken = 0
        ends = np.cumsum(run["count"])
        while start < len(ends):  # cut where a chunk is full
            room_batches = CHUNK_BATCHES - self._pending_batches
            room_levels = CHUNK_LEVELS - self._pending_levels
            stop = int(np.searchsorted(ends, taken + room_levels, side="right"))
            stop = min(max(stop, start), start + room_batches)
            if stop == start:
                if self._pending_batches:
                    self._write_chunk()
                    continue
                stop = start + 1  # a batch larger than a chunk is a chunk of its own
            upto = int(ends[stop - 1])
            part = {name: column[start:stop] for name, column in run.items() if name != "levels"}
            part["levels"] = run["levels"][taken:upto]
            self._pending.append(part)
            self._pending_batches += stop - start
            self._pending_levels += upto - taken
            start, taken = stop, upto

    def close(self, quality: dict[str, Any]) -> None:
        """Finish the tape: footer, fsync, rename.

        Args:
            quality: the report on the data, for the footer; JSON-able.

        Raises:
            OSError: writing failed; nothing is left behind.
        """
        try:
            if self._pending_batches:
                self._write_chunk()
            footer = json.dumps(
                {
                    "version": VERSION,
                    "instrument": instrument_fields(self.instrument),
                    "source": self.source,
                    "totals": self.totals,
                    "quality": quality,
                    "chunks": self._chunks,
                },
                separators=(",", ":"),
            ).encode()
            self._file.write(footer + struct.pack("<II", len(footer), checksum(footer)) + TAIL)
            self._part.publish()
        except BaseException:
            self.discard()
            raise
        self._closed = True

    def discard(self) -> None:
        """Remove what was written."""
        self._closed = True
        self._part.discard()

    @property
    def totals(self) -> dict[str, Any]:
        """Batches, levels, batches by kind, and the time it spans, of all chunks written."""
        chunks = np.array(self._chunks or [[0] * 7], np.int64)
        return {
            "batches": self.batches,
            "levels": self.levels,
            "kinds": self.kinds,
            "exch_from_ns": int(chunks[:, 3].min()),
            "exch_to_ns": int(chunks[:, 4].max()),
            "local_from_ns": int(chunks[:, 5].min()),
            "local_to_ns": int(chunks[:, 6].max()),
        }

    def _demand(self, run: Columns) -> None:
        lengths = {name: len(column) for name, column in run.items() if name != "levels"}
        if len(set(lengths.values())) > 1:
            raise TapeError(f"{self.path}: expected columns of one length, found {lengths}")
        count, flags, levels = run["count"], run["flags"], run["levels"]
        if int(count.sum()) != len(levels):
            raise TapeError(f"{self.path}: expected {int(count.sum())} levels as the counts say, found {len(levels)}")
        self._demand_all(count >= _NEEDS[run["kind"]], "a known kind with its levels", run["kind"])
        self._demand_all(run["side"] <= 1, "side 0 or 1", run["side"])
        self._demand_all((flags > 0) & (flags <= (TapeFlag.EXCH | TapeFlag.LOCAL)), "flags 1 to 3", flags)
        if len(levels) and int(np.abs(levels).max()) >= VALUE_LIMIT:
            raise TapeError(f"{self.path}: expected ticks and lots within 2**62, found one beyond")
        last = dict(self._last)
        for flag, name in ((TapeFlag.EXCH, "exch_ns"), (TapeFlag.LOCAL, "local_ns")):
            times = run[name][(flags & flag) != 0]
            if len(times):
                in_order = times >= np.concatenate(([self._last[flag]], times[:-1]))  # a difference may not fit
                self._demand_all(in_order, f"{name} that does not go back", times)
                last[flag] = int(times[-1])
        self._last = last

    def _demand_all(self, good: NDArray[Any], expected: str, found: NDArray[Any]) -> None:
        if not good.all():
            at = int(np.argmin(good))
            raise TapeError(f"{self.path}: batch {self.appended + at}: expected {expected}, found {found[at]}")

    @property
    def appended(self) -> int:
        """Batches so far, also those not written yet."""
        return self.batches + self._pending_batches

    def _write_chunk(self) -> None:
        whole = {name: np.concatenate([part[name] for part in self._pending]) for name in self._pending[0]}
        count = whole["count"]
        first = np.cumsum(count) - count
        columns = (
            whole["exch_ns"].astype("<i8"),
            whole["local_ns"].astype("<i8"),
            whole["seq"].astype("<i8"),
            first.astype("<u4"),
            count.astype("<u4"),
            whole["kind"],
            whole["side"],
            whole["flags"],
            whole["levels"].astype("<i8"),
        )
        body = b"".join(column.tobytes() + b"\0" * (-column.nbytes % 8) for column in columns)
        size = self._file.write(struct.pack("<IIII", len(count), len(whole["levels"]), checksum(body), 0))
        size += self._file.write(body)
        exch, local = whole["exch_ns"], whole["local_ns"]
        self._chunks.append(
            [self._offset, len(count), len(whole["levels"]), *_span(exch), *_span(local)],
        )
        for number, batches in enumerate(np.bincount(whole["kind"]).tolist()):
            if batches:
                name = TapeKind(number).name
                self.kinds[name] = self.kinds.get(name, 0) + batches
        self._offset += size
        self.batches += len(count)
        self.levels += len(whole["levels"])
        self._pending.clear()
        self._pending_batches = self._pending_levels = 0


def _span(times: NDArray[Any]) -> tuple[int, int]:
    return int(times.min()), int(times.max())
