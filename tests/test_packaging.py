"""What is shipped: sdist, wheel, the debug build; and that a missing extension is not a silent slow path.

The wheel is built with two of the extensions, so that these tests take seconds; CI builds and tries the whole.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

import mmbot
import mmbot._core.types

ROOT = Path(__file__).resolve().parents[1]
SUBSET = "types,latency"

PLUGIN = """\
# cython: language_level=3
from mmbot._core.types cimport Level, SELL
from mmbot._core.latency cimport Histogram


cdef class Probe:
    cdef Histogram histogram

    def __init__(self):
        self.histogram = Histogram()

    def sell(self, long long price):
        cdef Level level
        level.price_ticks = price
        level.qty_lots = SELL
        self.histogram.record(price)
        return level.price_ticks, level.qty_lots
"""


def run(*command: str | Path, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "MMBOT_"))}
    return subprocess.run(
        [str(part) for part in command], cwd=cwd, env={**clean, **env}, text=True, capture_output=True, check=False
    )


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist of the tree and the wheel built from that sdist."""
    tree = tmp_path_factory.mktemp("tree")
    listed = run("git", "ls-files", "--cached", "--others", "--exclude-standard", cwd=ROOT)
    if listed.returncode == 0:
        files = listed.stdout.splitlines()
    else:  # an unpacked sdist is not a repository
        skip = {".venv", "build", "dist", "runs"}
        files = [
            str(p.relative_to(ROOT))
            for p in ROOT.rglob("*")
            if p.is_file() and p.relative_to(ROOT).parts[0] not in skip
        ]
    for name in files:
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tree / name)
    out = tmp_path_factory.mktemp("dist")
    built = run(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, cwd=tree, MMBOT_EXTENSIONS=SUBSET)
    assert built.returncode == 0, built.stdout + built.stderr
    return out


@pytest.fixture(scope="module")
def installed(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, installed into a folder of its own."""
    target = tmp_path_factory.mktemp("installed")
    (wheel,) = dist.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
    return target


def test_the_sdist_has_everything_to_build_and_nothing_built(dist: Path) -> None:
    (sdist,) = dist.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for source in (ROOT / "cext").glob("*.pyx"):
        assert f"cext/{source.name}" in names
    for header in (ROOT / "cext").glob("*.h"):
        assert f"cext/{header.name}" in names
    assert {"setup.py", "LICENSE", "README.md", "constraints.txt", "configs/demo.yaml"} <= names
    assert not [name for name in names if name.endswith((".so", ".pyc", ".o")) or name.startswith(("build/", ".venv"))]
    assert not [name for name in names if name.startswith("cext/") and name.endswith(".c")]


def test_the_wheel_ships_contracts_types_strategies_and_extensions(dist: Path) -> None:
    (wheel,) = dist.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    folders = {"mmbot/_core": ("*.pxd", "*.pyi"), "strategies": ("*.py",), "mmbot/report/assets": ("*",)}
    for folder, pattern in ((f, p) for f, patterns in folders.items() for p in patterns):
        for path in (ROOT / folder).glob(pattern):
            assert f"{folder}/{path.name}" in names
    assert {"mmbot/py.typed", "mmbot/__init__.pxd", "mmbot/_core/__init__.pxd"} <= names
    assert f"mmbot/_core/types{EXTENSION_SUFFIXES[0]}" in names
    assert not [name for name in names if name.startswith(("tests/", "cext/", "benchmarks/"))]


def test_the_wheel_is_for_this_platform_and_names_its_license(dist: Path) -> None:
    (wheel,) = dist.glob("*.whl")
    assert wheel.name.startswith(f"mmbot-{mmbot.__version__}-cp{sys.version_info.major}{sys.version_info.minor}-")
    assert "none-any" not in wheel.name
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = [archive.read(name).decode() for name in archive.namelist() if name.endswith("/METADATA")]
        assert any(name.endswith("/licenses/LICENSE") for name in archive.namelist())
    assert "License-Expression: Apache-2.0" in metadata


def test_a_user_cimports_the_core_from_the_installed_wheel(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "probe.pyx").write_text(PLUGIN)
    built = run(sys.executable, "-P", "-m", "cython", "-3", "probe.pyx", cwd=tmp_path, PYTHONPATH=str(installed))
    assert built.returncode == 0, built.stderr
    compiler = os.environ.get("CC", "cc")
    include = sysconfig.get_path("include")
    library = f"probe{EXTENSION_SUFFIXES[0]}"
    built = run(compiler, "-shared", "-fPIC", "-O1", f"-I{include}", "probe.c", "-o", library, cwd=tmp_path)
    assert built.returncode == 0, built.stderr
    used = run(
        sys.executable,
        "-P",
        "-c",
        "import mmbot, probe; print(mmbot.__file__, *probe.Probe().sell(42))",
        cwd=tmp_path,
        PYTHONPATH=f"{installed}:{tmp_path}",
    )
    assert used.returncode == 0, used.stderr
    assert used.stdout.split() == [str(installed / "mmbot" / "__init__.py"), "42", "1"]


def test_a_missing_extension_is_named_at_import(installed: Path) -> None:
    failed = run(sys.executable, "-P", "-c", "import mmbot._core.book", cwd=installed, PYTHONPATH=str(installed))
    assert failed.returncode != 0
    assert "ModuleNotFoundError: mmbot's compiled module mmbot._core.book is missing" in failed.stderr
    assert f"expected book{EXTENSION_SUFFIXES[0]}, found none" in failed.stderr
    assert "make install" in failed.stderr


def test_an_extension_of_another_python_is_told_apart(installed: Path, tmp_path: Path) -> None:
    shutil.copytree(installed / "mmbot", tmp_path / "mmbot")
    (tmp_path / "mmbot" / "_core" / "book.cpython-39-x86_64-linux-gnu.so").touch()
    failed = run(sys.executable, "-P", "-c", "import mmbot._core.book", cwd=tmp_path, PYTHONPATH=str(tmp_path))
    assert "found book.cpython-39-x86_64-linux-gnu.so" in failed.stderr


def test_a_tree_without_sources_is_not_built_as_a_slow_one(tmp_path: Path) -> None:
    for name in ("setup.py", "pyproject.toml", "LICENSE"):
        shutil.copy2(ROOT / name, tmp_path / name)
    (tmp_path / "README.md").touch()
    (tmp_path / "mmbot").mkdir()
    shutil.copy2(ROOT / "mmbot" / "__init__.py", tmp_path / "mmbot" / "__init__.py")
    built = run(sys.executable, "setup.py", "--quiet", "build", cwd=tmp_path)
    assert built.returncode != 0
    assert "found no cext/*.pyx" in built.stderr


def test_a_changed_contract_rebuilds_the_modules_that_use_it(tmp_path: Path) -> None:
    """Cython itself looks only beside the .pyx, and would keep a module with the old struct layout."""
    for folder in ("cext", "mmbot/_core"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("setup.py", "pyproject.toml", "LICENSE", "mmbot/__init__.py", "mmbot/__init__.pxd"):
        shutil.copy2(ROOT / name, tmp_path / name)
    (tmp_path / "README.md").touch()
    (tmp_path / "mmbot/_core/__init__.pxd").touch()
    (tmp_path / "mmbot/_core/__init__.py").touch()
    (tmp_path / "mmbot/_core/base.pxd").write_text("cdef enum:\n    ANSWER = 1\n")
    (tmp_path / "mmbot/_core/user.pxd").write_text("from mmbot._core.base cimport ANSWER\n")
    (tmp_path / "cext/user.pyx").write_text("def answer():\n    return ANSWER\n")

    def answer() -> str:
        built = run(sys.executable, "setup.py", "--quiet", "build_ext", "--inplace", cwd=tmp_path)
        assert built.returncode == 0, built.stderr
        command = "from mmbot._core.user import answer; print(answer())"
        return run(sys.executable, "-P", "-c", command, cwd=tmp_path, PYTHONPATH=str(tmp_path)).stdout.strip()

    assert answer() == "1"
    contract = tmp_path / "mmbot/_core/base.pxd"
    contract.write_text("cdef enum:\n    ANSWER = 2\n")
    generated = tmp_path / "build/release/c/cext/user.c"
    later = generated.stat().st_mtime + 5
    os.utime(contract, (later, later))
    assert answer() == "2"


def test_the_tests_run_on_the_build_they_are_meant_for() -> None:
    """`make test` runs them twice; the second time the debug build must really be the one imported."""
    core = Path(mmbot._core.types.__file__)
    debug = os.environ.get("MMBOT_TEST_BUILD") == "debug"
    assert (core.is_relative_to(ROOT / "build" / "debug")) == debug, core
