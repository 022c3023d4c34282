"""`mmbot sweep` as it is typed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sweep_desk import LEVELS, SPREAD, config_file

from mmbot.cli import app


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return config_file(tmp_path_factory.mktemp("swept"), seconds=60)


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        app.run(["sweep", *map(str, arguments)])
    return int(ended.value.code or 0)


def test_a_sweep_shows_its_best_and_goes_on_where_it_was(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    arguments = (config, "--grid", f"{SPREAD}=0.1,0.2,0.4", "--split", "0.6", "--gap", "2s", "--workers", "1")
    assert run(*arguments) == 0
    shown = capsys.readouterr().out
    for text in ("half_spread_bps", "pnl.total in", "pnl.total out", "6 runs in", "M rows/s", "rank correlation"):
        assert text in shown
    assert run(*arguments, "--json") == 0
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert (answer["trials"], answer["runs"], answer["failed"]) == (3, 0, 0)
    assert Path(answer["folder"]).parent == config.parent / "runs" / "swept"
    assert Path(answer["results"]).is_file()
    assert Path(answer["page"]).is_file()
    assert len(answer["best"]) == 3
    assert run(answer["folder"], "--json", "--pareto", "min:turnover,pnl.spread") == 0
    assert json.loads(capsys.readouterr().out)["best"] == answer["best"]
    assert "pnl.spread against turnover" in Path(answer["page"]).read_text()


def test_figures_of_risk_are_there(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("--grid", f"{LEVELS}=1,2", "--objective", "min:drawdown", "--folder", tmp_path, "--workers", "1")
    assert run(config, *arguments, "--json") == 0
    best = json.loads(capsys.readouterr().out)["best"][0]
    assert best["fills"] > 0
    assert best["turnover"] > 0
    assert best["drawdown"] >= 0
    assert best["position.perp_btc.max_abs"] > 0
    assert isinstance(best["sharpe"], float)
    parts = (best[f"pnl.{part}"] for part in ("spread", "inventory", "hedge", "funding"))
    assert best["pnl.total"] == pytest.approx(sum(parts) + best["pnl.fees"])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "expected one of --grid, --random N and --optuna N"),
        (("--grid", "strategy.params.levls=1"), "--grid strategy.params.levls: strategy.params.levls: unknown key"),
        (("--grid", f"{LEVELS}=1", "--gap", "soon", "--split", "0.5"), "--gap soon: expected a duration"),
        (("--grid", f"{LEVELS}=1", "--pareto", "fills"), "--pareto fills: expected two metrics"),
        (("--grid", f"{LEVELS}=1", "--heat", "a,b,c"), "--heat a,b,c: expected two varied keys"),
        (("--random", "0"), "--random 0"),
    ],
)
def test_mistakes_are_2_and_leave_nothing_behind(
    config: Path, tmp_path: Path, arguments: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(config, *arguments, "--folder", tmp_path / "none") == 2
    captured = capsys.readouterr()
    assert says in captured.err
    assert captured.out == ""
    assert not (tmp_path / "none").exists()


def test_another_sweep_in_the_same_folder_is_2(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(config, "--grid", f"{LEVELS}=1", "--folder", tmp_path, "--workers", "1") == 0
    assert run(config, "--grid", f"{LEVELS}=1,2", "--folder", tmp_path, "--workers", "1") == 2
    assert f"search.space.{LEVELS}: is" in capsys.readouterr().err


def test_a_sweep_of_which_nothing_works_is_1(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("--grid", "strategy.params.qty=1e-9,2e-9", "--folder", tmp_path, "--workers", "1")
    assert run(config, *arguments) == 1
    assert "all 2 trials failed: " in capsys.readouterr().err


def test_a_folder_without_a_sweep_is_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path) == 1
    assert "is not a sweep's journal" in capsys.readouterr().err
