"""Which recorded latencies a market gets, and what is said about it."""

from __future__ import annotations

from pathlib import Path

import pytest
from backtest_desk import ASIDE, BUY, Desk, book, depth, instrument, latency_file, spot

from mmbot.errors import ConfigError

END = depth(ASIDE / 1e6, BUY, (1, 1))


def two_markets(tmp_path: Path, *recorded: str) -> Desk:
    """Two markets that both quote at 1 ms; latencies of 2 ms there for m0 and 5 for m1, as far as they are recorded."""
    folder = tmp_path / "latencies"
    folder.mkdir()
    for name in recorded:
        there = {"m0": 2, "m1": 5}[name]
        latency_file(folder / f"{name}.npz", (0, there, 9))
    desk = Desk(tmp_path, instrument(), spot(), latency={"model": "recorded", "file": str(folder)})
    for market in range(2):
        desk.tape(book(0, bid=99, ask=101), END, market=market)
        desk.script((1, market, [(98, 1)], []))
    return desk


def test_each_market_has_its_own(tmp_path: Path) -> None:
    played = two_markets(tmp_path, "m0", "m1").play()
    assert played.times("arrived_ns") == [3.0, 6.0]
    assert not any("latencies" in text for text in played.notes)


def test_a_market_without_orders_has_those_of_another_and_it_is_said(tmp_path: Path) -> None:
    # A market that a session never hedged on has no file: the folder was an error.
    played = two_markets(tmp_path, "m0").play()
    assert played.times("arrived_ns") == [3.0, 3.0]
    folder = tmp_path / "latencies"
    assert played.notes[:1] == [f"m1: {folder} has no order on it: latencies are those of m0"]


def test_a_folder_without_any_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"expected m0\.npz, or that of another market; found neither"):
        two_markets(tmp_path).play()
