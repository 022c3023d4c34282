"""Tapes: converting a recording, writing one, the check of every checksum, and mapping one for a backtest.

`extra_info` has batches, or lines, a second.

Run with ``pytest benchmarks/bench_tape.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from market_data import RECORDING

from mmbot._core.tape import Tape, TapeFlag, TapeKind, open_tape
from mmbot._core.types import Instrument
from mmbot.tape import Request, Rules, convert
from mmbot.tape.writer import TapeWriter
from mmbot.testing import INSTRUMENTS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray
    from pytest_benchmark.fixture import BenchmarkFixture

BATCHES, START_NS = 200_000, 1_723_161_256_000_000_000
PERP = Instrument(**INSTRUMENTS["perp_btc"])
Columns = dict[str, "NDArray[Any]"]


@pytest.fixture(scope="module")
def columns() -> Columns:
    """Depth messages of one to seven levels, a trade after every third."""
    rng = np.random.default_rng(9)
    trades = np.arange(BATCHES) % 4 == 3
    counts = np.where(trades, 1, rng.integers(1, 8, BATCHES))
    exch_ns = START_NS + np.cumsum(rng.integers(0, 2_000_000, BATCHES))
    total = int(counts.sum())
    return {
        "exch_ns": exch_ns,
        "local_ns": exch_ns + 3_000_000,
        "seq": np.arange(BATCHES),
        "kind": np.where(trades, TapeKind.TRADE, TapeKind.DEPTH),
        "side": rng.integers(0, 2, BATCHES),
        "flags": np.full(BATCHES, TapeFlag.EXCH | TapeFlag.LOCAL),
        "counts": counts,
        "levels": np.column_stack((rng.integers(617_000, 619_000, total), rng.integers(1, 5000, total))),
    }


@pytest.fixture(scope="module")
def tape(columns: Columns, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tapes") / "made_up.tape"
    write(columns, path)
    return path


def write(columns: Columns, path: Path) -> None:
    with TapeWriter(path, PERP, {"format": "made up"}) as writer:
        writer.append(**columns)
        writer.close({})


def measure(benchmark: BenchmarkFixture, work: Callable[[], object]) -> None:
    benchmark.pedantic(work, rounds=10, warmup_rounds=1)
    if benchmark.stats is not None:  # None with --benchmark-disable
        benchmark.extra_info["batches_per_s"] = round(BATCHES / benchmark.stats.stats.median)


def test_write(benchmark: BenchmarkFixture, columns: Columns, tmp_path: Path) -> None:
    measure(benchmark, lambda: write(columns, tmp_path / "again.tape"))


def test_check(benchmark: BenchmarkFixture, tape: Path) -> None:
    """Freshly opened each time: what was checked once is known to be good."""
    measure(benchmark, lambda: open_tape(tape).check())
    assert open_tape(tape).batches == BATCHES


def test_open(benchmark: BenchmarkFixture, tape: Path) -> None:
    """What every backtest begins with."""
    benchmark.pedantic(open_tape, (tape,), rounds=100, warmup_rounds=3)


def test_floor_sum_of_what_is_mapped(benchmark: BenchmarkFixture, tape: Path) -> None:
    """Reading every byte of the columns once: no reader can be faster."""

    def read(opened: Tape) -> int:
        return sum(int(column.sum()) for i in range(opened.n_chunks) for column in opened.arrays(i).values())

    opened = open_tape(tape)
    measure(benchmark, lambda: read(opened))


@pytest.mark.skipif(not RECORDING.exists(), reason="needs the recordings")
@pytest.mark.parametrize("rules", Rules)
def test_convert(benchmark: BenchmarkFixture, tmp_path: Path, rules: Rules) -> None:
    """From the gzipped recording to the tape on disk; unpacking alone is about a third of it."""
    request = Request(sources=(RECORDING,), out=tmp_path / "converted.tape", rules=rules)
    report = benchmark.pedantic(convert, (request,), rounds=5, warmup_rounds=1)
    if benchmark.stats is not None:
        benchmark.extra_info["lines_per_s"] = round(report["lines"] / benchmark.stats.stats.median)
