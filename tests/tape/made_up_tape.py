"""Tapes out of thin air, valid and of every kind of batch."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from mmbot._core.tape import TapeFlag, TapeKind
from mmbot._core.types import Instrument
from mmbot.tape.writer import TapeWriter
from mmbot.testing import INSTRUMENTS

NOW_NS = 1_723_161_256_000_000_000
PERP = Instrument(**INSTRUMENTS["perp_btc"])
LEVELS = {
    TapeKind.DEPTH: (0, 4), TapeKind.TRADE: (1, 1), TapeKind.CLEAR: (1, 1), TapeKind.SNAPSHOT: (0, 6),
    TapeKind.TICKER: (2, 2), TapeKind.MARK: (2, 2), TapeKind.GAP: (0, 0), TapeKind.L3_ADD: (1, 1),
    TapeKind.L3_CANCEL: (0, 0), TapeKind.L3_MODIFY: (1, 1), TapeKind.L3_FILL: (1, 1),
}  # fmt: skip


def made_up_tape(path: Path, seed: int, batches: int, *, runs: int = 1) -> Path:
    """Write a tape of so many batches, handed over in so many runs."""
    rng = random.Random(seed)
    with TapeWriter(path, PERP, {"format": "made up", "seed": seed}) as writer:
        for run in range(runs):
            columns: list[list[Any]] = [[] for _ in range(7)]
            levels: list[tuple[int, int]] = []
            share = batches // runs + (run < batches % runs)
            for _ in range(share):
                kind = rng.choice(list(LEVELS))
                count = rng.randint(*LEVELS[kind])
                exch = NOW_NS + run * 10**12 + len(columns[0]) * 1000
                row = (exch, exch + rng.choice((500, 500, 0)), rng.randrange(1 << 62), kind, rng.randrange(2))
                for column, value in zip(columns, (*row, rng.choice([1, 2, 3, 3, 3]), count), strict=True):
                    column.append(value)
                levels += [(rng.randrange(-(1 << 61), 1 << 61), rng.randrange(1 << 61)) for _ in range(count)]
            writer.append(*columns, levels)
        writer.close({"gaps": seed, "flags": int(TapeFlag.EXCH)})
    return path
