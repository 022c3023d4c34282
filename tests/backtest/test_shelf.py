"""What backtests in one process share, and what they must not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from backtest_desk import book, instrument, write_tape

from mmbot.backtest import shelf as shelf_module
from mmbot.backtest.shelf import Shelf
from mmbot.config import Config, load
from mmbot.plugins import Plugin
from mmbot.plugins import load as load_plugin

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def config() -> Config:
    return load(ROOT / "configs" / "demo.yaml")


def test_a_tape_is_mapped_once_until_another_takes_its_place(tmp_path: Path) -> None:
    path, shelf = tmp_path / "a.tape", Shelf()
    write_tape(path, instrument(), [book(0, bid=99, ask=101)])
    first = shelf.tape(path)
    assert shelf.tape(path) is first
    write_tape(path, instrument(), [book(0, bid=99, ask=101), book(5, bid=98, ask=101)])
    second = shelf.tape(path)
    assert second is not first
    assert (first.batches, second.batches) == (4, 8)


def test_a_file_is_converted_again_only_when_it_has_changed(tmp_path: Path) -> None:
    source, made, shelf, asked = tmp_path / "a.gz", tmp_path / "a.tape", Shelf(), []
    source.write_text("first")
    made.write_text("tape")

    def make() -> Path:
        asked.append(source.read_text())
        return made

    for _ in range(3):
        assert shelf.made(source, ("mmbot",), make) == made
    assert asked == ["first"]
    shelf.made(source, ("hftbacktest",), make)
    source.write_text("another")
    shelf.made(source, ("mmbot",), make)
    assert asked == ["first", "first", "another"]
    made.unlink()
    shelf.made(source, ("mmbot",), make)
    shelf.made(tmp_path, ("mmbot",), lambda: asked.append("folder") or made)
    shelf.made(tmp_path, ("mmbot",), lambda: asked.append("folder") or made)
    assert asked[3:] == ["another", "folder", "folder"]


def test_a_plain_plugin_is_run_anew_each_time_and_leaves_nothing_behind(config: Config) -> None:
    shelf = Shelf()
    modules = [shelf.plugin(config).strategy_class.__module__ for _ in range(3)]
    assert len(set(modules)) == 3
    assert [name in sys.modules for name in modules] == [False, False, True]


def test_a_compiled_plugin_is_loaded_once(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, asked = load_plugin("pmm"), []
    compiled = Plugin("pmm", plain.code_hash, "", plain.path, plain.strategy_class, plain.params_class)
    monkeypatch.setattr(shelf_module, "load", lambda *key: asked.append(key) or compiled)
    shelf = Shelf()
    assert shelf.plugin(config) is shelf.plugin(config) is compiled
    assert len(asked) == 1
