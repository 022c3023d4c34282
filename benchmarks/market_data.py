"""What the benchmarks are fed: the recorded USD-M BTCUSDT market, or, without recordings, a generated one."""

from __future__ import annotations

import functools
import os
from pathlib import Path

from mmbot.bench.feed import Feed, generated, recorded

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("MMBOT_DATA", ROOT.parent / "shared" / "data"))
RECORDING = DATA / "recordings" / "binance" / "usdm" / "btcusdt_20240808.gz"
MESSAGES = 3000
"""How many messages of a kind a benchmark of one module takes."""


@functools.cache
def feed() -> Feed:
    """All of it."""
    return recorded(RECORDING) if RECORDING.exists() else generated()


def frames(kind: str) -> list[bytes]:
    """The first payloads of one kind; for ``depthUpdate`` the snapshot stands first."""
    return feed().of(kind)[:MESSAGES]


@functools.cache
def messages() -> list[tuple[list[tuple[int, int]], list[tuple[int, int]]]]:
    """The same of depth as (bids, asks) in ticks and lots."""
    return feed().levels()[:MESSAGES]
