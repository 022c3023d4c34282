"""Extension list and compiler directives; everything else is in pyproject.toml.

``cext/<concept>.pyx`` compiles to ``mmbot._core.<concept>``.  Two environment variables steer a build:

* ``MMBOT_DEBUG=1``        bounds, None and initialisation checks on (the tests run on this build too);
* ``MMBOT_EXTENSIONS=a,b`` build only these modules, for a quick edit-compile-test loop.
"""

import os
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

DEBUG = os.environ.get("MMBOT_DEBUG") == "1"
ONLY = {name for name in os.environ.get("MMBOT_EXTENSIONS", "").split(",") if name}

DIRECTIVES = {
    "language_level": 3,
    "embedsignature": True,
    # These two change results, so they are the same in every build.
    "cdivision": True,
    "wraparound": False,
    "boundscheck": DEBUG,
    "initializedcheck": DEBUG,
    "nonecheck": DEBUG,
}
# No -ffast-math: NaN means "no price".
COMPILE_ARGS = ["-O1", "-g", "-UNDEBUG"] if DEBUG else ["-O3", "-g0", "-fno-plt"]

sources = sorted(Path("cext").glob("*.pyx"))
if not sources:
    raise SystemExit("setup.py: found no cext/*.pyx; run it from a complete source tree (MANIFEST.in must graft cext)")
headers = sorted(Path("cext").glob("*.h"))

extensions = []
for source in sources:
    if ONLY and source.stem not in ONLY:
        continue
    generated = source.with_suffix(".c")
    # cythonize does not see a header that is not beside its .pyx change.
    if generated.exists() and any(header.stat().st_mtime > generated.stat().st_mtime for header in headers):
        os.utime(source)
    extensions.append(
        Extension(
            f"mmbot._core.{source.stem}",
            [str(source)],
            include_dirs=["cext"],
            depends=[str(header) for header in headers],
            extra_compile_args=COMPILE_ARGS,
        )
    )

setup(
    ext_modules=cythonize(
        extensions,
        compiler_directives=DIRECTIVES,
        include_path=["."],
        annotate=os.environ.get("MMBOT_ANNOTATE") == "1",
        nthreads=0 if ONLY else os.cpu_count() or 1,
    )
)
