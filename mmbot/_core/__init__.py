"""The compiled core. A missing extension is an error here and now, never a silent slow path."""

try:
    from mmbot._core import types as types
except ImportError as error:  # pragma: no cover - needs a broken install
    raise ImportError(
        "mmbot's compiled core is missing or was built for another Python: run `pip install -e .` "
        f"(or `make build`) in the source tree, or reinstall the wheel. Cause: {error}"
    ) from error
