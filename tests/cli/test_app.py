"""The command line as a user meets it: help, usage errors, exit codes, data as JSON."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mmbot.cli import app
from mmbot.cli.app import COMMANDS
from mmbot.errors import AuthError, ConfigError, MmbotError, RiskHalt, TimedOut, VenueError

ROOT = Path(__file__).resolve().parents[2]
MODULES = {name: module for commands in COMMANDS.values() for name, module in commands.items()}


@pytest.fixture(autouse=True)
def own_runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MMBOT_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.setenv("COLUMNS", "160")


def run(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as ended:
        app.run([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


def test_help_lists_every_command_in_its_panel(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--help") == 0
    text = capsys.readouterr().out
    for panel, commands in COMMANDS.items():
        assert panel in text
        for name in commands:
            assert name in text


@pytest.mark.parametrize("name", MODULES)
def test_each_command_has_help_with_an_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(name, "--help") == 0
    text = capsys.readouterr().out
    assert "Example:" in text
    assert f"mmbot {name}" in text.split("Example:")[1]


def test_each_command_file_is_listed() -> None:
    files = {path.stem for path in (ROOT / "mmbot" / "cli").glob("*.py")} - {"__init__"}
    with_command = {stem for stem in files if hasattr(importlib.import_module(f"mmbot.cli.{stem}"), "command")}
    assert {module.rpartition(".")[2] for module in MODULES.values()} == with_command


def test_help_imports_nothing_heavy() -> None:
    """The core, the venues and pydantic are loaded by the command that needs them."""
    code = (
        "import sys; from mmbot.cli import app\n"
        "try: app.run(['--help'])\n"
        "except SystemExit: pass\n"
        "print(*(m for m in ('pydantic', 'aiohttp', 'numpy', 'uvloop') if m in sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True, check=True)
    assert done.stderr.split() == []


def test_a_command_line_imports_only_the_command_it_names() -> None:
    code = "import sys; from mmbot.cli.app import build; build(['check']); print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True, check=True)
    loaded = set(done.stdout.split())
    assert "mmbot.cli.check" in loaded
    assert "mmbot.cli.status" not in loaded


@pytest.mark.parametrize("arguments", [("nope",), ("check",), ("check", "--nope"), ("status", "--timeout", "x")])
def test_usage_errors_are_2(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*arguments) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    assert capsys.readouterr().out.startswith("mmbot 0.")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (MmbotError("x"), 1),
        (ConfigError("x"), 2),
        (RiskHalt("x"), 3),
        (VenueError("x"), 4),
        (AuthError("x"), 4),
        (TimedOut("x"), 5),
        (TimeoutError("x"), 5),
    ],
)
def test_exit_codes_follow_the_error_tree(
    error: Exception, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr("mmbot.cli.venues.command", fail)
    assert run("venues") == code
    assert capsys.readouterr().err == "mmbot: x\n"


def test_a_file_that_cannot_be_written_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`mmbot backtest --out` of a path that is a file once ended in a traceback."""

    def fail() -> None:
        raise FileExistsError(17, "File exists", "results")

    monkeypatch.setattr("mmbot.cli.venues.command", fail)
    assert run("venues") == 1
    assert capsys.readouterr().err == "mmbot: results: File exists\n"


def test_a_sweep_says_what_it_needs_before_it_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It once told after the last trial."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    assert run("sweep", str(ROOT / "configs" / "replay_btcusdt.yaml"), "--grid", "risk.max_position=1,2") == 1
    assert capsys.readouterr().err == (
        "mmbot: a sweep's results need the package pyarrow: pip install 'mmbot[sweep]'\n"
    )


@pytest.mark.parametrize("reconciled", [True, False])
def test_a_run_tells_what_came_of_it(reconciled: bool) -> None:
    """It once ended without a word."""
    from mmbot.cli.run import told

    lines = told({
        "exit_reason": "duration", "reconciled": reconciled, "fills": 3, "hedge_fills": 1,
        "journal": "runs/a/b/journal",
        "orders": {"sent": 5, "acked": 5, "rejected": 0, "canceled": 4, "unknown": 0},
        "positions": {"perp": "0.01", "spot": "-0.01"},
        "pnl": {"total": "1.5", "spread": "2", "inventory": "0", "hedge": "0", "fees": "-0.5", "funding": "0"},
    })  # fmt: skip
    assert lines[0].startswith("ended     duration; every order gone") == reconciled
    assert ("NOT CONFIRMED" in lines[0]) != reconciled
    assert lines[1:] == [
        "orders    5 sent, 4 canceled, 0 rejected, 0 unknown",
        "fills     3, 1 of them hedges",
        "position  perp 0.01, spot -0.01",
        "pnl       1.5 = spread 2 + inventory 0 + hedge 0 + fees -0.5 + funding 0",
        "results   runs/a/b",
    ]


def test_a_traceback_can_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise ConfigError("x")

    monkeypatch.setattr("mmbot.cli.venues.command", fail)
    monkeypatch.setenv("MMBOT_TRACEBACK", "1")
    with pytest.raises(ConfigError):
        app.run(["venues"])


def test_a_closed_pipe_is_no_error() -> None:
    command = f"{sys.executable} -m mmbot strategies --json | head -c 1"
    done = subprocess.run(["bash", "-c", command], text=True, capture_output=True, check=True, cwd=ROOT)
    assert "BrokenPipe" not in done.stderr


# -- check -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_config_passes_check(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", path) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{path}: ok")
    assert "paper: no real money" in out


def test_check_says_every_problem_with_its_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bot.yaml"
    path.write_text((ROOT / "configs" / "demo.yaml").read_text().replace("max_position", "max_positon"))
    assert run("check", path) == 2
    lines = capsys.readouterr().err.splitlines()
    assert any("risk.max_positon: unknown key; did you mean 'max_position'?" in line for line in lines)
    assert any("risk.max_position: is missing" in line for line in lines)
    assert all(line.startswith(f"{path}:") for line in lines)


def test_check_loads_the_strategy_for_its_params(capsys: pytest.CaptureFixture[str]) -> None:
    path = ROOT / "configs" / "demo.yaml"
    assert run("check", path, "--set", "strategy.params.lvels=3") == 2
    assert "strategy.params.lvels: unknown key; did you mean 'levels'?" in capsys.readouterr().err


def test_check_of_an_unknown_strategy_says_which_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", ROOT / "configs" / "demo.yaml", "--set", "strategy.id=pmmm") == 2
    assert "pmm" in capsys.readouterr().err


def test_check_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    path = ROOT / "configs" / "demo.yaml"
    assert run("check", path, "--json") == 0
    good: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert good["ok"] is True
    assert good["config"]["bot"]["name"] == "demo"
    assert run("check", path, "--json", "--set", "risk.max_position=-1") == 2
    bad = json.loads(capsys.readouterr().out)
    assert [problem["key"] for problem in bad["problems"]] == ["risk.max_position"]


# -- looking around --------------------------------------------------------------------------------------


def test_strategies_lists_the_shipped_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("strategies", "--json") == 0
    listed = {row["id"]: row for row in json.loads(capsys.readouterr().out)}
    assert {"pmm", "avellaneda_stoikov", "glft"} <= set(listed)
    assert all(row["summary"] for row in listed.values())
    assert all(param["meaning"] for row in listed.values() for param in row["params"])


def test_strategies_shows_the_parameters_of_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("strategies", "pmm") == 0
    assert "levels" in capsys.readouterr().out


def test_venues_shows_no_key(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("BINANCE_USDM_API_KEY", "hunter2")
    monkeypatch.setenv("BINANCE_USDM_API_SECRET", "hunter3")
    assert run("venues", "--json") == 0
    out = capsys.readouterr().out
    rows = {row["kind"]: row for row in json.loads(out)}
    assert rows["binance_usdm"]["key"] == "set"
    assert rows["binance_spot"]["key"] == "not set"
    assert "hunter" not in out


# -- a running bot ---------------------------------------------------------------------------------------


def test_control_of_a_bot_that_does_not_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("status", "demo") == 1
    assert "bot 'demo' is not running" in capsys.readouterr().err


def test_no_bot_named_and_none_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("pause") == 2
    assert "which bot?" in capsys.readouterr().err


def test_a_wrong_assignment_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("set", "demo", "levels") == 2
    assert "expected NAME=VALUE" in capsys.readouterr().err
