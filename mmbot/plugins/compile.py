"""Compiles a strategy plugin to an extension module, which loads and swaps like the file it was made from."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

import mmbot
from mmbot.errors import PluginError
from mmbot.plugins.typed import declare, is_pure_mode

# Python's own rules for division and indices; a None where a market should be is an exception, not a crash; no fused
# multiply-add, so that quotes are the same as interpreted on every processor.
SETUP = """\
from Cython.Build import cythonize
from setuptools import Extension, setup

setup(
    name={name!r},
    ext_modules=cythonize(
        [Extension({name!r}, [{source!r}], extra_compile_args=["-O3", "-g0", "-ffp-contract=off", "-fno-plt", "-w"])],
        include_path={include!r},
        compiler_directives={{"language_level": 3, "nonecheck": True, "embedsignature": True}},
        annotate={annotate!r},
        quiet=True,
    ),
)
"""
SCRIPT = "build-plugin.py"  # no plugin can have this name
TIMEOUT_S = 300.0


def compile_plugin(source: Path, out: Path | None = None, *, annotate: bool = False) -> Path:
    """Compile the plugin file `source` into the folder `out` (default: beside it).

    A plain ``.py`` gets its types from `mmbot.plugins.typed`; a ``.py`` in Cython's pure-Python mode and a ``.pyx`` are
    compiled as they stand, with a ``.pxd`` of the same name beside them.

    Args:
        source: the plugin, ``.py`` or ``.pyx``.
        out: an existing folder, or one to make.
        annotate: also write Cython's HTML report there.

    Returns:
        The extension module's file.

    Raises:
        PluginError: no such file, not Python, Cython or the C compiler refuse it; says where and why.
    """
    if source.suffix not in (".py", ".pyx") or not source.is_file():
        raise PluginError(f"compile {source}: expected a .py or .pyx file, found {_what(source)}")
    name = source.stem
    if not name.isidentifier():
        raise PluginError(f"compile {source}: expected a file name that is a Python name, found {name!r}")
    folder = source.resolve().parent if out is None else out
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    with tempfile.TemporaryDirectory(prefix="mmbot-compile-") as work_name:
        work = Path(work_name)
        _prepare(source, work)
        include = [str(Path(mmbot.__file__).resolve().parent.parent), str(source.resolve().parent)]
        setup = SETUP.format(name=name, source=source.name, include=include, annotate=annotate)
        (work / SCRIPT).write_text(setup, encoding="utf-8")
        _build(source, work)
        folder.mkdir(parents=True, exist_ok=True)
        if annotate:
            shutil.copyfile(work / f"{name}.html", folder / f"{name}.html")
        target = folder / f"{name}{suffix}"
        # Renamed into place: a bot that has the old one mapped keeps it.
        fresh = folder / f".{name}.{os.getpid()}.new"
        shutil.copy(work / f"{name}{suffix}", fresh)
        fresh.replace(target)
    return target


def _prepare(source: Path, work: Path) -> None:
    """Put what Cython reads into the folder `work`."""
    contract = source.with_suffix(".pxd")
    if contract.is_file():
        shutil.copyfile(contract, work / contract.name)
    elif source.suffix == ".py":
        try:
            text = source.read_text(encoding="utf-8")
            if not is_pure_mode(text, source.name):
                typed = declare(text, source.name)
                (work / source.name).write_text(typed.source, encoding="utf-8")
                (work / contract.name).write_text(typed.contract, encoding="utf-8")
                return
        except SyntaxError as error:
            raise PluginError(f"compile {source}: line {error.lineno}: {error.msg}") from error
        except UnicodeDecodeError as error:
            raise PluginError(f"compile {source}: expected UTF-8 text: {error}") from error
    shutil.copyfile(source, work / source.name)


def _build(source: Path, work: Path) -> None:
    command = [sys.executable, "-P", SCRIPT, "--quiet", "build_ext", "--inplace"]
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter, fixed arguments
            command, cwd=work, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise PluginError(f"compile {source}: no result after {TIMEOUT_S:.0f} s") from None
    if done.returncode:
        raise PluginError(f"compile {source}:\n{_reason(done.stdout + done.stderr, source.name)}")


def _reason(output: str, name: str) -> str:
    """What matters of the build's output: Cython's messages, each with the lines it speaks of."""
    if "Error compiling Cython file" not in output:
        return output.strip()[-2000:]
    wanted = [
        line
        for line in output.partition("Traceback (most recent call last)")[0].splitlines()
        if line.strip() and not line.startswith(("Error compiling", "----", "Compiling", "[", "warning:", "..."))
    ]
    # Cython names the file with its folder when it is given one; people know it by its name.
    return "\n".join(line[line.index(name) :] if f"{name}:" in line else line for line in wanted)


def _what(path: Path) -> str:
    if path.is_dir():
        return "a folder"
    return f"a {path.suffix or 'file without an ending'}" if path.exists() else "no such file"
