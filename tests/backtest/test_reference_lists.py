"""The shipped reference configs give, row for row, the fills that hftbacktest 2.4.4 makes of the same recordings."""

from __future__ import annotations

import csv
import os
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from mmbot.backtest import BacktestResult, run
from mmbot.config import load

CONFIGS = Path(__file__).resolve().parents[2] / "configs" / "reference"
SINGLE = "usdm_btcusdt_riskadverse_timer100ms_touch"
HALF_E8 = Decimal("0.5e-8")


class Row(NamedTuple):
    """What must be equal of a fill."""

    exch_ts_ns: int
    order_id: int
    market: str
    side: str
    price: Decimal
    qty: Decimal


@pytest.fixture(scope="module")
def lists(data_dir: Path) -> Path:
    """Folder of the lists."""
    folder = data_dir.parent / "reference" / "hftbacktest"
    if not folder.is_dir():
        if os.environ.get("CI"):
            pytest.fail(f"reference lists not found at {folder}")
        pytest.skip(f"reference lists not found at {folder}")
    return folder


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of tapes, so that each recording is converted once."""
    return tmp_path_factory.mktemp("tapes")


def rows(path: Path, market: str = "") -> list[Row]:
    """A list from its file; `market` where it has no such column."""
    with path.open(newline="", encoding="utf-8") as file:
        return [
            Row(
                int(row["exch_ts_ns"]), int(row["order_id"]), row.get("asset") or row.get("market") or market,
                row["side"], Decimal(row["price"]), Decimal(row["qty"]),
            )
            for row in csv.DictReader(file)
        ]  # fmt: skip


def play(name: str, cache: Path, out: Path | None = None, *overrides: str) -> BacktestResult:
    return run(load(CONFIGS / f"{name}.yaml", [f"backtest.cache={cache}", *overrides]), out=out)


@pytest.mark.parametrize("config", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_fills_are_those_of_the_list(config: Path, lists: Path, cache: Path, tmp_path: Path) -> None:
    result = play(config.stem, cache, tmp_path / "out")
    only = next(iter(result.summary["markets"]))
    expected = rows(lists / f"{config.stem}.csv", only)
    found = rows(tmp_path / "out" / "fills.csv")
    assert len(expected) > 400
    assert found == expected
    assert result.summary["fills"] == len(expected)


def test_every_list_has_its_config(lists: Path) -> None:
    assert {path.stem for path in lists.glob("*.csv")} == {path.stem for path in CONFIGS.glob("*.yaml")}


RISK, POWER = "backtest.queue={model: risk_averse}", "backtest.queue={model: power, n: 2}"
TIMER = ("strategy.params.on=timer", "strategy.wake=touch")
FEED = ("strategy.params.on=feed", "strategy.wake=message")
TOUCH = ("strategy.params.half=0", "strategy.params.skew=1")
WIDE = ("strategy.params.half=20", "strategy.params.skew=2")
# Queue model, when it decides, how it quotes: fills, position, PnL, fee, post-only orders expired.
TABLE: list[tuple[Any, ...]] = [
    (RISK, TIMER, TOUCH, 415, "-0.003", "-1.40131575", "-1.28053425", 33),
    (RISK, TIMER, WIDE, 286, "-0.006", "-0.53184179", "-0.88245821", 28),
    (RISK, FEED, TOUCH, 803, "0.001", "-3.23650898", "-2.47734102", 154),
    (RISK, FEED, WIDE, 510, "-0.002", "-2.39886919", "-1.57343081", 111),
    (POWER, TIMER, TOUCH, 442, "-0.002", "-1.302352075", "-1.363847925", 35),
    (POWER, TIMER, WIDE, 286, "-0.006", "-0.53184179", "-0.88245821", 28),
    (POWER, FEED, TOUCH, 823, "0.001", "-3.004492815", "-2.539057185", 160),
    (POWER, FEED, WIDE, 510, "-0.002", "-2.39886919", "-1.57343081", 111),
]


@pytest.mark.parametrize(
    ("queue", "decides", "quotes", "fills", "position", "pnl", "fee", "expired"),
    TABLE,
    ids=[
        f"{'risk' if row[0] is RISK else 'power2'}-{'timer' if row[1] is TIMER else 'feed'}-"
        f"{'touch' if row[2] is TOUCH else 'wide'}"
        for row in TABLE
    ],
)
def test_the_totals_are_those_of_the_table(  # noqa: PLR0917 - a row of the table
    queue: str, decides: tuple[str, ...], quotes: tuple[str, ...], fills: int, position: str, pnl: str, fee: str,
    expired: int, lists: Path, cache: Path,
) -> None:  # fmt: skip
    summary = play(SINGLE, cache, None, queue, *decides, *quotes).summary
    assert summary["fills"] == fills
    assert Decimal(summary["positions"]["usdm_btcusdt"]) == Decimal(position)
    assert summary["expired"] == expired
    # The table has fees as paid and all digits; the summary what they add to the PnL, in whole 1e-8.
    assert abs(Decimal(summary["pnl"]["fees"]) + Decimal(fee)) <= HALF_E8
    assert abs(Decimal(summary["pnl"]["total"]) - Decimal(pnl)) <= HALF_E8
