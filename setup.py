"""Extension list and compiler directives; everything else is in pyproject.toml.

``cext/<concept>.pyx`` compiles to ``mmbot._core.<concept>``.  Environment variables steer a build:

* ``MMBOT_DEBUG=1``        bounds, None and initialisation checks on; kept apart from the release build, in
                           ``build/debug`` (``make debug``), and the tests run on both;
* ``MMBOT_EXTENSIONS=a,b`` build only these modules, for a quick edit-compile-test loop;
* ``MMBOT_ANNOTATE=1``     write Cython's HTML report beside the generated C.
"""

import os
import re
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

DEBUG = os.environ.get("MMBOT_DEBUG") == "1"
ONLY = {name for name in os.environ.get("MMBOT_EXTENSIONS", "").split(",") if name}
BUILD = Path("build") / ("debug" if DEBUG else "release")
GENERATED = BUILD / "c"

DIRECTIVES = {
    "language_level": 3,
    "embedsignature": True,
    # These two change results, so they are the same in every build.
    "cdivision": True,
    "wraparound": False,
    "boundscheck": DEBUG,
    "initializedcheck": DEBUG,
    # nonecheck stays off: Cython refuses `self.x += 1` in nogil code with it.
    "nonecheck": False,
}
# No -ffast-math: NaN means "no price".
COMPILE_ARGS = ["-O1", "-g", "-UNDEBUG"] if DEBUG else ["-O3", "-g0", "-fno-plt"]
COMPILE_ARGS += ["-Wno-unused-function"]  # Cython writes conversions that nobody calls
CIMPORT = re.compile(r"^\s*(?:from\s+(mmbot\.[\w.]+)\s+cimport\s+([\w, ()]+)|cimport\s+(mmbot\.[\w.]+))", re.MULTILINE)


def contracts(source: Path, seen: set[Path]) -> set[Path]:
    """Every ``.pxd`` of this project that `source` sees: its own and what it cimports, all the way."""
    for package, names, module in CIMPORT.findall(source.read_text(encoding="utf-8")):
        parts = [module or package, *(f"{package}.{name.strip(' ()')}" for name in names.split(","))]
        for part in parts:
            contract = Path(*part.split(".")).with_suffix(".pxd")
            if contract not in seen and contract.exists():
                seen.add(contract)
                contracts(contract, seen)
    return seen


def extension(source: Path) -> Extension:
    """The extension of one ``.pyx``; drops its generated C when that is older than a header it was made from."""
    own = Path("mmbot/_core", source.stem).with_suffix(".pxd")
    seen = contracts(source, set())
    if own.exists():
        seen = contracts(own, {own, *seen})
    headers = [*sorted(seen), *sorted(Path("cext").glob("*.h"))]
    # cythonize does not notice a changed contract that is not beside its .pyx.
    generated = GENERATED / source.with_suffix(".c")
    if generated.exists() and any(header.stat().st_mtime > generated.stat().st_mtime for header in headers):
        generated.unlink()
    return Extension(
        f"mmbot._core.{source.stem}",
        [str(source)],
        include_dirs=["cext"],
        depends=[str(header) for header in headers],
        extra_compile_args=COMPILE_ARGS,
    )


sources = sorted(Path("cext").glob("*.pyx"))
if not sources:
    raise SystemExit("setup.py: found no cext/*.pyx; run it from a complete source tree (MANIFEST.in must graft cext)")
if unknown := ONLY - {source.stem for source in sources}:
    raise SystemExit(f"setup.py: MMBOT_EXTENSIONS names {', '.join(sorted(unknown))}, which cext/ does not have")
chosen = [extension(source) for source in sources if not ONLY or source.stem in ONLY]

setup(
    ext_modules=cythonize(
        chosen,
        build_dir=str(GENERATED),
        compiler_directives=DIRECTIVES,
        include_path=["."],
        annotate=os.environ.get("MMBOT_ANNOTATE") == "1",
        nthreads=0 if len(chosen) == 1 else min(len(chosen), os.cpu_count() or 1),
    ),
    options={"build": {"build_base": str(BUILD)}, "build_ext": {"parallel": os.cpu_count()}},
)
