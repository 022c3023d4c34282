"""How plugins are found and loaded: ids, files, classes of packages; and what is said when one is wrong."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

import pytest

from mmbot.errors import PluginError
from mmbot.plugins import find, load, load_file, load_source
from mmbot.plugins.loader import EXTENSION_SUFFIXES
from mmbot.strategy import Params, Strategy

PLUGIN = """
from mmbot.strategy import Params, Strategy, field

class MakerParams(Params):
    size: int = field(3, ge=1, le=9)

class Maker(Strategy):
    params: MakerParams
"""


@pytest.fixture
def maker(tmp_path: Path) -> Path:
    path = tmp_path / "maker.py"
    path.write_text(PLUGIN)
    return path


def test_a_plugin_says_which_code_it_is(maker: Path) -> None:
    plugin = load(str(maker))
    assert (plugin.id, plugin.path, plugin.source, plugin.compiled) == ("maker", maker, PLUGIN, False)
    assert plugin.code_hash == hashlib.sha256(PLUGIN.encode()).hexdigest()
    assert issubclass(plugin.strategy_class, Strategy)
    assert issubclass(plugin.params_class, Params)
    assert plugin.params({}).model_dump() == {"size": 3}


def test_every_load_has_a_module_of_its_own(maker: Path) -> None:
    first, second = load_file(maker), load_file(maker)
    assert first.code_hash == second.code_hash
    assert first.strategy_class is not second.strategy_class
    assert first.strategy_class.__module__ != second.strategy_class.__module__
    assert {first.strategy_class.__module__, second.strategy_class.__module__} <= set(sys.modules)


def test_ids_are_looked_up_in_the_search_folders_first(tmp_path: Path) -> None:
    (tmp_path / "pmm.py").write_text(PLUGIN)
    assert find("pmm", [tmp_path]) == tmp_path / "pmm.py"
    assert find("glft", [tmp_path]).parent.name == "strategies"
    assert load("pmm", [tmp_path]).strategy_class.__name__ == "Maker"


def test_of_source_and_extension_the_newer_is_meant(maker: Path) -> None:
    extension = maker.with_name(f"maker{EXTENSION_SUFFIXES[0]}")
    extension.touch()
    os.utime(maker, ns=(1_000, 1_000))
    os.utime(extension, ns=(2_000, 2_000))
    assert find("maker", [maker.parent]) == extension
    os.utime(maker, ns=(3_000, 3_000))
    assert find("maker", [maker.parent]) == maker


def test_an_unknown_id_says_which_there_are(maker: Path) -> None:
    with pytest.raises(PluginError, match=r"'makr': not found in .*; known there: .*glft, maker, pmm"):
        load("makr", [maker.parent])
    with pytest.raises(PluginError, match=r"gone\.py: not found"):
        load("./gone.py")


def test_a_class_of_a_package_is_loaded_with_its_relative_imports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "firm_of_makers"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "sizes.py").write_text("SIZE = 4\n")
    both = PLUGIN.replace("field(3,", "field(SIZE,") + "\nclass Other(Strategy):\n    params: MakerParams\n"
    (package / "makers.py").write_text("from .sizes import SIZE\n" + both)
    monkeypatch.syspath_prepend(str(tmp_path))
    plugin = load("firm_of_makers.makers:Other")
    assert plugin.strategy_class.__name__ == "Other"
    assert plugin.params({}).model_dump() == {"size": 4}
    with pytest.raises(PluginError, match="expected exactly one Strategy subclass, found Maker, Other"):
        load_file(package / "makers.py", package="firm_of_makers")
    with pytest.raises(PluginError, match="module firm_of_makers\\.gone is not installed"):
        load("firm_of_makers.gone:Other")


@pytest.mark.parametrize(("source", "message"), [
    ("x = (\n", r"maker\.py: line 1: SyntaxError"),
    ("x = 1\n\ny = x / 0\n", r"maker\.py: line 3: ZeroDivisionError"),
    ("x = 1\n", "expected exactly one Strategy subclass, found none"),
    (PLUGIN + "class Second(Strategy): pass\n", "found Maker, Second"),
    (PLUGIN.replace("    params: MakerParams", "    pass") + "class More(Params): pass\n", "several Params subclasses"),
])  # fmt: skip
def test_what_is_wrong_with_the_code_is_said(source: str, message: str) -> None:
    with pytest.raises(PluginError, match=message):
        load_source(source, Path("maker.py"))


def test_a_derived_strategy_is_the_one_meant() -> None:
    source = PLUGIN + "class Wider(Maker):\n    params: MakerParams\n"
    assert load_source(source, Path("maker.py")).strategy_class.__name__ == "Wider"


def test_wrong_params_are_named_with_what_is_allowed(maker: Path) -> None:
    with pytest.raises(PluginError) as caught:
        load_file(maker).params({"size": 10, "sise": 1})
    text = str(caught.value)
    assert "size: Input should be less than or equal to 9, found 10" in text
    assert "sise: Extra inputs are not permitted, found 1" in text
    assert text.endswith("known params: size")


def test_a_constructor_that_raises_is_the_plugins_fault() -> None:
    source = PLUGIN + "    def __init__(self):\n        raise KeyError('x')\n"
    with pytest.raises(PluginError, match=r"strategy maker: constructor failed: KeyError\('x'\)"):
        load_source(source, Path("maker.py")).create()


def test_an_extension_that_is_none_is_said(tmp_path: Path) -> None:
    path = tmp_path / f"maker{EXTENSION_SUFFIXES[0]}"
    path.write_bytes(b"not an extension")
    with pytest.raises(PluginError, match="could not be loaded: ImportError"):
        load_file(path)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import sys\nsys.exit(3)", r"line 3: SystemExit: 3"),
        ("class P(Params):\n    x: Nope = field(1)", r"P: name 'Nope' is not defined"),
        (
            "class P(Params):\n    x: float = field('wide', gt=0)",
            r"P: x: default 'wide': Input should be a valid number",
        ),
        ("class P(Params):\n    x: float = field(0, gt=0)", r"P: x: default 0: Input should be greater than 0"),
        (
            "class P(Params):\n    x: float = field(1.0, gte=0)",
            r"line 3: TypeError: field\(\): no bound gte; .*ge",
        ),
        (
            "class S(Strategy):\n    def on_boook(self, market): pass",
            r"S.on_boook\(\) is never called; did you mean on_book\(\)\?",
        ),
        (
            "class S(Strategy):\n    def on_fill(self, fill): pass",
            r"S.on_fill\(\): expected \(self, market, fill\), found \(self, fill\)",
        ),
        ("class S(Strategy):\n    async def on_book(self, market): pass", r"expected a plain function, found an async"),
    ],
)
def test_what_could_never_work_is_an_error_when_it_is_loaded(source: str, message: str) -> None:
    """Each of these once loaded: constraints and callbacks without effect, defaults that no replay could repeat."""
    text = f"from mmbot.strategy import Params, Strategy, field\n{source}\n"
    if "(Strategy)" not in source:
        text += "class S(Strategy):\n    pass\n"
    with pytest.raises(PluginError, match=message):
        load_source(text, Path("maker.py"))


def test_a_parameter_may_be_required_and_a_callback_may_name_its_arguments_as_it_likes() -> None:
    plugin = load_source(
        "from mmbot.strategy import Params, Strategy, field\n"
        "class P(Params):\n    x: float = field(gt=0)\n"
        "class S(Strategy):\n"
        "    def on_book(self, m): pass\n"
        "    def on_trade(self, *args): pass\n"
        "    def on_fill(self, market, fill, extra=None): pass\n",
        Path("maker.py"),
    )
    assert plugin.params({"x": 1}).model_dump() == {"x": 1.0}
    with pytest.raises(PluginError, match="x: Field required"):
        plugin.params({})


def test_a_constructor_that_exits_is_an_error() -> None:
    text = "from mmbot.strategy import Strategy\nclass S(Strategy):\n    def __init__(self): raise SystemExit\n"
    with pytest.raises(PluginError, match=r"constructor failed: SystemExit\(\)"):
        load_source(text, Path("maker.py")).create()
