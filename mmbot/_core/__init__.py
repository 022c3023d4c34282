"""The compiled core. A missing extension is an error here and now, never a silent slow path."""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from types import ModuleType


class _Missing(MetaPathFinder):
    """Last to be asked for a module of the core, so only when there is none: says why."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        del path, target
        if not name.startswith(f"{__name__}."):
            return
        module = name.removeprefix(f"{__name__}.")
        others = sorted(file.name for file in Path(__file__).parent.glob(f"{module}.*.so"))
        cause = f"expected {module}{EXTENSION_SUFFIXES[0]}, found {', '.join(others) or 'none'}"
        raise ModuleNotFoundError(
            f"mmbot's compiled module {name} is missing or was built for another Python ({cause}): "
            "run `make install` in the source tree, or reinstall the wheel",
            name=name,
        )


sys.meta_path.append(_Missing())
