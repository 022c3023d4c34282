"""The soak of `soak.py`, short: kill -9 under faults loses nothing and duplicates nothing."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from types import ModuleType


def load_soak() -> ModuleType:
    path = Path(__file__).with_name("soak.py")
    spec = importlib.util.spec_from_file_location("mmbot_soak", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    import sys

    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.mark.timeout(300)
async def test_books_equal_the_exchanges_after_kills_under_faults(tmp_path: Path) -> None:
    soak = load_soak().Soak(tmp_path, seed=5)
    await soak.run(0.5)
    assert soak.kills >= 1
    assert soak.problems == []
