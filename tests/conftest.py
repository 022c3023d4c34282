"""Fixtures shared by every test."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder of recorded data: ``MMBOT_DATA``, or the one beside the checkout. Required in CI, else a reasoned skip."""
    path = Path(os.environ.get("MMBOT_DATA", ROOT.parent / "shared" / "data"))
    if not path.is_dir():
        if os.environ.get("CI"):
            pytest.fail(f"recorded data not found at {path}; set MMBOT_DATA")
        pytest.skip(f"recorded data not found at {path}; set MMBOT_DATA to run this test")
    return path
