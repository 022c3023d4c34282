"""Batches on their way to a tape: kept in unnamed files in the order they came, given back in the order of a tape.

Memory stays bounded whatever the size: columns lie in mapped files, sorting is done in runs that are merged.
"""

from __future__ import annotations

import mmap
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, Self

import numpy as np

from mmbot._core.intake import AGG_TRADE_KIND, record_latencies
from mmbot._core.latency import Histogram
from mmbot._core.reorder import Merge
from mmbot._core.tape import TapeKind
from mmbot.tape.writer import CHUNK_BATCHES, CHUNK_LEVELS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from numpy.typing import NDArray

    from mmbot.tape.writer import TapeWriter

RUN: Final = 1 << 18
"""Batches sorted at once."""
MOST_MAPPED_BYTES: Final = 160 << 20
"""Of files, this process's code included, in memory at once; beyond it less is read at once."""
LEAST_AT_ONCE: Final = 512
_COLUMNS: Final = {
    "exch_ns": "<i8",
    "local_ns": "<i8",
    "seq": "<i8",
    "start": "<i8",
    "count": "<u4",
    "kind": "u1",
    "side": "u1",
    "flags": "u1",
    "levels": "<i8",
}


class Spool:
    """Batches in the order they came; use it as a context manager, which frees its files.

    Attributes:
        batches: so far.
        levels: of them.
        least_latency_ns: the least local - exchange time; None while there is no batch.

    Args:
        folder: where the unnamed files lie, which take as much room as the tape.
    """

    def __init__(self, folder: Path) -> None:
        self.batches = self.levels = 0
        self.least_latency_ns: int | None = None
        self.kinds = np.zeros(256, np.int64)
        self._folder = folder
        self._files: dict[str, IO[bytes]] = {name: self._file() for name in _COLUMNS}
        self._maps: list[mmap.mmap] = []
        self._sorted = {"exch_ns": True, "local_ns": True}
        self._last: dict[str, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in self._files.values():
            file.close()

    def append(self, columns: dict[str, NDArray[Any]]) -> None:
        """Add batches, as `Intake.take` gives them.

        Raises:
            OSError: the disk is full.
        """
        count = columns["count"].astype(np.int64)
        if not len(count):
            return
        start = self.levels + np.cumsum(count) - count
        for name in _COLUMNS:
            column = start if name == "start" else columns[name]
            self._files[name].write(np.ascontiguousarray(column).data)
        for name in self._sorted:
            times = columns[name]
            before = self._last.get(name, int(times[0]))
            self._sorted[name] &= bool(times[0] >= before and (np.diff(times) >= 0).all())
            self._last[name] = int(times[-1])
        least = int((columns["local_ns"] - columns["exch_ns"]).min())
        if self.least_latency_ns is None or least < self.least_latency_ns:
            self.least_latency_ns = least
        self.kinds += np.bincount(columns["kind"], minlength=256)
        self.batches += len(count)
        self.levels += len(columns["levels"])

    def pour(
        self, writer: TapeWriter, *, shift_ns: int, progress: Callable[[float], None] | None = None
    ) -> dict[str, float | None]:
        """Give everything to a writer, in order.

        Aggregated trades become trades if there are no single ones, else they are left out.

        Args:
            writer: of the tape.
            shift_ns: added to every local time.
            progress: told the share done.

        Returns:
            Percentiles of local - exchange time, with the shift, in milliseconds.

        Raises:
            TapeError: the writer does not take it.
            OSError: the disk is full.
        """
        latencies = Histogram()
        if self.batches:
            columns = {name: self._mapped(name) for name in _COLUMNS}
            columns["levels"] = columns["levels"].reshape(-1, 2)
            to_kind = 0 if self.kinds[TapeKind.TRADE] else TapeKind.TRADE
            merge = Merge(
                columns,
                self._order(columns["exch_ns"], sorted_already=self._sorted["exch_ns"]),
                self._order(columns["local_ns"], sorted_already=self._sorted["local_ns"]),
                run=RUN,
                shift_ns=shift_ns,
                renamed=(AGG_TRADE_KIND, int(to_kind)),
            )
            for taken in self._blocks(merge):
                writer.append(
                    taken["exch_ns"],
                    taken["local_ns"],
                    taken["seq"],
                    taken["kind"],
                    taken["side"],
                    taken["flags"],
                    taken["count"],
                    taken["levels"],
                )
                if progress is not None:
                    progress(min(1.0, writer.appended / self.batches))
            for at in range(0, self.batches, RUN):
                part = slice(at, at + RUN)
                record_latencies(
                    columns["exch_ns"][part], columns["local_ns"][part], columns["flags"][part], shift_ns, latencies
                )
                self._release()
        return _percentiles(latencies)

    def _blocks(self, merge: Merge) -> Iterator[dict[str, NDArray[Any]]]:
        """Batches in order, fewer at once when they lie far apart in the files and so bring many pages into memory."""
        size = CHUNK_BATCHES
        while len((taken := merge.take(size, CHUNK_LEVELS))["kind"]):
            mapped = _mapped_bytes()
            self._release()
            if mapped > MOST_MAPPED_BYTES:
                size = max(size // 2, LEAST_AT_ONCE)
            elif mapped < MOST_MAPPED_BYTES // 2:
                size = min(2 * size, CHUNK_BATCHES)
            yield taken

    def _order(self, keys: NDArray[Any], *, sorted_already: bool) -> tuple[NDArray[Any], NDArray[Any]] | None:
        """Rows sorted by key, stably, within each run of `RUN`, and the least key of each run.

        None when they are sorted throughout.
        """
        if sorted_already:
            return None
        name = f"order {len(self._files)}"
        file = self._files[name] = self._file()
        heads = []
        for at in range(0, self.batches, RUN):
            rows = np.argsort(keys[at : at + RUN], kind="stable").astype(np.int64) + at
            file.write(rows.data)
            heads.append(int(keys[rows[0]]))
            self._release()
        return self._mapped(name, "<i8"), np.array(heads, np.int64)

    def _file(self) -> IO[bytes]:
        return tempfile.TemporaryFile(dir=self._folder, prefix=".tape-")

    def _mapped(self, name: str, kind: str = "") -> NDArray[Any]:
        """A column as an array over its file."""
        file = self._files[name]
        file.flush()
        if not file.tell():
            return np.empty(0, kind or _COLUMNS[name])
        mapping = mmap.mmap(file.fileno(), file.tell(), access=mmap.ACCESS_READ)
        self._maps.append(mapping)
        return np.frombuffer(mapping, kind or _COLUMNS[name])

    def _release(self) -> None:
        """Gives the pages back that the maps have touched; they are still in the files."""
        for mapping in self._maps:
            mapping.madvise(mmap.MADV_DONTNEED)


def _mapped_bytes() -> int:
    """How much of files this process has in memory."""
    pages = Path("/proc/self/statm").read_bytes().split()[2]
    return int(pages) * mmap.PAGESIZE


def _percentiles(latencies: Histogram) -> dict[str, float | None]:
    names = {"p1": 1.0, "p50": 50.0, "p90": 90.0, "p99": 99.0, "p999": 99.9}
    if not latencies.count:
        return dict.fromkeys([*names, "max"])
    found: dict[str, float | None] = {name: latencies.percentile(at) / 1e6 for name, at in names.items()}
    return found | {"max": latencies.max_ns / 1e6}
