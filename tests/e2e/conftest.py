"""Processes of end-to-end tests, each ended whatever happens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from processes import Bot, Exchange

Start = Callable[..., Any]


@pytest.fixture
def start_exchange(tmp_path: Path) -> Iterator[Start]:
    """Start an exchange of one's own, with options of `mmbot exchange`."""
    started: list[Exchange] = []

    def start(*arguments: object) -> Exchange:
        started.append(Exchange(tmp_path / "exchange", *arguments))
        return started[-1]

    yield start
    for exchange in started:
        exchange.stop()


@pytest.fixture
def exchange(start_exchange: Start) -> Exchange:
    """An exchange of one's own."""
    return start_exchange()  # type: ignore[no-any-return]


@pytest.fixture
def start_bot(tmp_path: Path) -> Iterator[Start]:
    """Start a bot; see `Bot`."""
    started: list[Bot] = []

    def start(*arguments: object, **options: Any) -> Bot:
        started.append(Bot(tmp_path, *arguments, **options))
        return started[-1]

    yield start
    for bot in started:
        bot.end()
