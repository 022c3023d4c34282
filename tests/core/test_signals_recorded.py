"""Signals on a recorded market against the same quantities computed at leisure with numpy."""

from __future__ import annotations

import gzip
import json
import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from mmbot._core.signals import Signals
from mmbot._core.types import Side

if TYPE_CHECKING:
    from pathlib import Path

SAMPLE_NS = 100_000_000


def ticks(price: str) -> int:
    """Tick 0.1."""
    return round(float(price) * 10)


def test_btcusdt_perpetual_of_2024_08_08(data_dir: Path) -> None:
    signals = Signals()
    mid, last_interval = 0, 0
    mids: list[int] = []  # at the end of each interval, half ticks
    deepest: list[int] = []  # of each interval, half ticks
    depth = 0
    with gzip.open(data_dir / "recordings/binance/usdm/btcusdt_20240808.gz", "rt") as lines:
        for line in lines:
            stamp, _, message = line.partition(" ")
            if '"bookTicker"' not in message and '"trade"' not in message:
                continue
            data, ts_ns = json.loads(message)["data"], int(stamp)
            interval = ts_ns // SAMPLE_NS
            while mid and last_interval < interval:
                mids.append(mid)
                deepest.append(depth)
                depth = 0
                last_interval += 1
            last_interval = interval
            if data["e"] == "bookTicker":
                bid, ask = ticks(data["b"]), ticks(data["a"])
                signals.on_book(bid, round(float(data["B"]) * 1000), ask, round(float(data["A"]) * 1000), ts_ns)
                mids = mids or [bid + ask]
                mid = bid + ask
            elif ticks(data["p"]) > 0:
                side, sign = (Side.SELL, -1) if data["m"] else (Side.BUY, 1)
                signals.on_trade(side, ticks(data["p"]), round(float(data["q"]) * 1000), ts_ns)
                depth = max(depth, sign * (2 * ticks(data["p"]) - mid) if mid else 0)
    changes = np.diff(mids)
    assert signals.samples == len(changes) == len(deepest)
    assert signals.realised_volatility == pytest.approx(0.5 * np.std(changes) * math.sqrt(10), rel=1e-9)
    fitted = len(deepest) // 50 * 50  # the last fit
    beyond = {h: sum(d > h for d in deepest[:fitted]) for h in range(1, 71)}
    x, y = zip(*((h / 2, math.log(n / (fitted / 10))) for h, n in beyond.items() if n >= 5), strict=True)
    slope, log_intensity = np.polyfit(x, y, 1)
    assert signals.k == pytest.approx(-slope, rel=1e-6)
    assert signals.intensity == pytest.approx(math.exp(log_intensity), rel=1e-6)
    # What an expert expects of BTC that afternoon: about 1.4 bps per root second, a market order a second.
    assert 50 < signals.volatility < 120
    assert 0.5 < signals.intensity < 1.5
    assert 0.02 < signals.k < 0.05
