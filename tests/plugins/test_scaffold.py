"""What `mmbot new-strategy` writes: it loads, passes its own test, and is the example that the docs show."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mmbot.config import load as load_config
from mmbot.errors import ConfigError, PluginError
from mmbot.plugins import load
from mmbot.plugins.scaffold import scaffold, write_scaffold

ROOT = Path(__file__).resolve().parents[2]


def test_the_example_is_what_new_strategy_writes() -> None:
    assert scaffold("my_maker")["my_maker.py"] == (ROOT / "examples" / "my_maker.py").read_text(encoding="utf-8")


def test_its_config_finds_it_beside_itself(tmp_path: Path) -> None:
    plugin, _, config = write_scaffold("wide_one2", tmp_path / "bots")
    checked = load_config(config)
    found = load(checked.strategy.id, checked.strategy_folders)
    assert found.path == plugin
    assert (found.strategy_class.__name__, found.params_class.__name__) == ("WideOne2", "WideOne2Params")


def test_its_own_test_passes(tmp_path: Path) -> None:
    _, test, _ = write_scaffold("my_maker", tmp_path)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--rootdir={tmp_path}", str(test)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["", "MyMaker", "my-maker", "1st", "a__b", "../up", "pmm"])
def test_a_name_that_cannot_be_an_id_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="strategy"):
        scaffold(name)


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text("precious", encoding="utf-8")
    with pytest.raises(ConfigError, match="is there already"):
        write_scaffold("mine", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["test_mine.py"]


def test_a_file_is_looked_for_beside_the_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`strategy.id: ./my_maker.py` once meant the folder where the bot was started."""
    plugin, _, config = write_scaffold("my_maker", tmp_path / "bots")
    monkeypatch.chdir(tmp_path)
    for name in ("my_maker", "./my_maker.py", "bots/my_maker.py"):
        assert load(name, load_config(config).strategy_folders).path == plugin
    with pytest.raises(PluginError, match=r"other\.py: not found, looked for"):
        load("./other.py", load_config(config).strategy_folders)
