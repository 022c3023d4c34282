"""Fixtures shared by every test."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import uvloop

ROOT = Path(__file__).resolve().parent.parent
# Bots that tests start look there too, also when they run the debug build, which does not lie in the checkout.
os.environ.setdefault("MMBOT_DATA", str(ROOT.parent / "shared" / "data"))


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder of recorded data: ``MMBOT_DATA``, or the one beside the checkout. Required in CI, else a reasoned skip."""
    path = Path(os.environ["MMBOT_DATA"])
    if not path.is_dir():
        if os.environ.get("CI"):
            pytest.fail(f"recorded data not found at {path}; set MMBOT_DATA")
        pytest.skip(f"recorded data not found at {path}; set MMBOT_DATA to run this test")
    return path


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Every async test runs on the loop that the bot runs on: asyncio's own forgives what uvloop does not."""
    return {"uvloop": uvloop.new_event_loop}
