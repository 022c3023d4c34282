"""`mmbot report` as a person calls it, on results that lie on disk."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from made_up_runs import stormy

from mmbot.assembly import instrument_fields
from mmbot.report import RunData


def save(run: RunData, folder: Path) -> Path:
    """A backtest's results folder of a run."""
    folder.mkdir(parents=True)
    for name in ("fills", "orders", "terms", "state"):
        np.save(folder / f"{name}.npy", getattr(run, name))
    (folder / "config.json").write_text(json.dumps(run.config))
    summary = {
        "bot": run.bot, "mode": "backtest", "assets": run.assets,
        "markets": {m.id: instrument_fields(m.instrument) for m in run.markets},
    }  # fmt: skip
    (folder / "summary.json").write_text(json.dumps(summary))
    return folder


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    base = tmp_path_factory.mktemp("results")
    return [save(stormy(seed, steps=200)[0], base / str(seed)) for seed in (1, 2)]


def mmbot(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mmbot", "report", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_it_writes_page_and_figures_into_the_run(results: list[Path]) -> None:
    done = mmbot(results[0])
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("desk, backtest, ")
    assert f"report: {results[0] / 'report.html'}" in done.stdout
    assert (results[0] / "report.html").read_text().startswith("<!doctype html>")
    assert json.loads((results[0] / "report.json").read_text())["checks"]["parts_add_up"]


def test_json_alone_writes_nothing(results: list[Path]) -> None:
    done = mmbot(results[1], "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["run"]["bot"] == "desk"
    assert not (results[1] / "report.html").exists()


def test_out_says_where(results: list[Path], tmp_path: Path) -> None:
    done = mmbot(results[1], "--out", tmp_path / "page.html", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)
    assert [p.name for p in tmp_path.iterdir()] == ["page.html"]


def test_compare_has_figures_and_page(results: list[Path]) -> None:
    done = mmbot("--compare", *results)
    assert done.returncode == 0, done.stderr
    assert "PnL, USDT" in done.stdout
    assert "matched" in done.stdout
    found = json.loads((results[0] / "comparison.json").read_text())
    assert [run["label"] for run in found["runs"]] == ["A", "B"]
    assert (results[0] / "comparison.html").exists()


@pytest.mark.parametrize("wrong", ["two", "one"])
def test_how_many_runs_is_a_question_of_usage(results: list[Path], wrong: str) -> None:
    done = mmbot(*results) if wrong == "two" else mmbot("--compare", results[0])
    assert done.returncode == 2
    assert "--compare" in done.stderr


def test_a_folder_that_is_no_run_is_one_line(tmp_path: Path) -> None:
    done = mmbot(tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith(f"mmbot: {tmp_path}: expected a run's folder")
    assert "Traceback" not in done.stderr


def test_a_place_that_cannot_be_written_is_told(results: list[Path], tmp_path: Path) -> None:
    done = mmbot(results[0], "--out", tmp_path / "no" / "page.html")
    assert done.returncode == 1
    assert "--out" in done.stderr
