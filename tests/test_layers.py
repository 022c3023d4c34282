"""Imports point downwards only.

Each layer may import itself and those below it::

    cli
    ops  bench
    engine (the shell)  recorder  assembly  backtest  sweep  inspect_recording  testing
    venues                               sim
    net  plugins  config  journal  ledger  listings  recordings  tape
    strategy (what a plugin imports)
    _core, errors
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

LAYERS: tuple[frozenset[str], ...] = (
    frozenset({"", "errors", "types", "clock", "_core"}),
    frozenset({"strategy"}),
    frozenset({"net", "plugins", "config", "journal", "ledger", "listings", "recordings", "tape"}),
    frozenset({"venues", "sim"}),
    frozenset({"assembly", "engine", "recorder", "backtest", "report", "sweep", "inspect_recording", "testing"}),
    frozenset({"ops", "bench"}),
    frozenset({"cli", "__main__"}),
)
"""Lowest first; the names are modules and packages directly in `mmbot`, the empty one is `mmbot` itself."""
HEIGHT = {name: height for height, names in enumerate(LAYERS) for name in names}
SIDEWAYS_FORBIDDEN = {("venues", "sim"), ("sim", "venues")}
"""Neighbours that must not know each other: the simulated exchange is tested through the real protocol."""

SOURCES = sorted(
    path for path in (ROOT / "mmbot").rglob("*.py") if "_core" not in path.parts[:-1] or path.stem == "__init__"
)
CYTHON = sorted([*(ROOT / "cext").glob("*.pyx"), *(ROOT / "mmbot" / "_core").glob("*.pxd")])


def top(module: str) -> str:
    """The layer name of a dotted module: ``mmbot.venues.base`` -> ``venues``."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and dotted name of every import of mmbot in a file, also those inside functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names if alias.name.split(".")[0] == "mmbot")
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "mmbot":
            if node.module == "mmbot":
                yield from (
                    (node.lineno, f"mmbot.{alias.name}") for alias in node.names if not alias.name.startswith("__")
                )
            else:
                yield node.lineno, str(node.module)


def test_every_part_of_the_package_has_a_layer() -> None:
    parts = {path.relative_to(ROOT / "mmbot").parts[0].removesuffix(".py") for path in SOURCES} - {"__init__"}
    assert parts <= set(HEIGHT), f"say in LAYERS where {sorted(parts - set(HEIGHT))} belongs"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_downwards(path: Path) -> None:
    own = path.relative_to(ROOT / "mmbot").parts[0].removesuffix(".py")
    own = "" if own == "__init__" else own
    wrong = []
    for line, module in imports(path):
        name = top(module)
        if HEIGHT[name] > HEIGHT[own] or (own, name) in SIDEWAYS_FORBIDDEN:
            wrong.append(f"{path.relative_to(ROOT)}:{line}: {own or 'mmbot'} imports {module}, which is not below it")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("path", CYTHON, ids=lambda path: path.name)
def test_the_core_imports_only_the_core(path: Path) -> None:
    """At the top of a file; what it needs of Python objects it is handed."""
    pattern = re.compile(r"^(?:from|cimport|import)\s+(mmbot(?:\.[\w.]+)?)", re.MULTILINE)
    wrong = [name for name in pattern.findall(path.read_text(encoding="utf-8")) if HEIGHT[top(name)] > 0]
    assert not wrong, f"{path.name} imports {wrong}"


def test_the_core_does_no_input_or_output() -> None:
    pattern = re.compile(
        r"^\s*(?:import|from)\s+(asyncio|socket|ssl|aiohttp|picows|subprocess|requests|yaml)\b", re.MULTILINE
    )
    wrong = {path.name: found for path in CYTHON if (found := pattern.findall(path.read_text(encoding="utf-8")))}
    assert not wrong


@pytest.mark.parametrize("path", sorted((ROOT / "strategies").glob("*.py")), ids=lambda path: path.stem)
def test_a_strategy_imports_only_the_strategy_interface(path: Path) -> None:
    wrong = [module for _, module in imports(path) if module != "mmbot.strategy"]
    assert not wrong, f"{path.name} imports {wrong}"


def test_a_venue_does_not_know_another() -> None:
    """What two venues share lies in `net`, in `venues` itself, or in the folder of their family (`binance`)."""
    folders = [
        path for path in (ROOT / "mmbot" / "venues").iterdir() if path.is_dir() and not path.name.startswith("_")
    ]
    families = {path.name.split("_")[0] for path in folders}
    wrong = []
    for folder in folders:
        for path in folder.rglob("*.py"):
            for line, module in imports(path):
                parts = module.split(".")
                if parts[1] != "venues" or len(parts) < 3 or parts[2] not in {other.name for other in folders}:
                    continue
                if parts[2] not in {folder.name, *(families & {folder.name.split("_")[0]})}:
                    wrong.append(f"{path.name}:{line} imports {module}")
    assert not wrong
