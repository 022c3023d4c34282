"""Logs: JSON lines, nothing secret, nothing that grows."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from mmbot.ops.logging import RECENT_LINES, LogSetup


@pytest.fixture
def setup(tmp_path: Path) -> Iterator[LogSetup]:
    setup = LogSetup("info", tmp_path / "run.log", console=False)
    yield setup
    setup.close()


def lines(setup: LogSetup, tmp_path: Path) -> list[dict[str, object]]:
    setup.flush()
    return [json.loads(line) for line in (tmp_path / "run.log").read_text().splitlines()]


def test_events_are_json_lines_with_time_level_and_logger(setup: LogSetup, tmp_path: Path) -> None:
    structlog.get_logger("mmbot.engine").info("order lost", market="perp_btc", order_num=7)
    (line,) = lines(setup, tmp_path)
    assert line["event"] == "order lost"
    assert (line["market"], line["order_num"]) == ("perp_btc", 7)
    assert (line["level"], line["logger"]) == ("info", "mmbot.engine")
    assert str(line["timestamp"]).endswith("Z")


def test_what_libraries_log_goes_the_same_way(setup: LogSetup, tmp_path: Path) -> None:
    logging.getLogger("aiohttp.client").warning("slow %s", "answer")
    (line,) = lines(setup, tmp_path)
    assert (line["event"], line["logger"]) == ("slow answer", "aiohttp.client")


def test_less_severe_events_are_left_out(setup: LogSetup, tmp_path: Path) -> None:
    structlog.get_logger("mmbot").debug("noise")
    assert lines(setup, tmp_path) == []


def test_exceptions_are_one_line_with_their_traceback(setup: LogSetup, tmp_path: Path) -> None:
    try:
        _ = 1 / 0
    except ZeroDivisionError:
        structlog.get_logger("mmbot").exception("plugin raised")
    (line,) = lines(setup, tmp_path)
    assert "ZeroDivisionError: division by zero" in str(line["exception"])


@pytest.mark.parametrize(
    "event",
    [
        {"api_secret": "hunter2"},
        {"headers": {"X-API-KEY": "a", "signature": "hunter2"}},
        {"url": "/fapi/v1/order?symbol=BTCUSDT&signature=hunter2&x=1"},
        {"error": "refused: apiKey: hunter2"},
        {"listenKey": "hunter2"},
        {"list": ["token=hunter2"]},
        {"error": "ValueError: api_secret='hunter2' is wrong"},
        {"error": "X-MBX-APIKEY: hunter2, SECRET_KEY=hunter2, PGPASSWORD=hunter2"},
    ],
)
def test_secrets_are_masked_wherever_they_stand(setup: LogSetup, tmp_path: Path, event: dict[str, object]) -> None:
    structlog.get_logger("mmbot").warning("request failed", **event)
    assert "***" in str(lines(setup, tmp_path))
    assert "hunter2" not in (tmp_path / "run.log").read_text()
    assert "hunter2" not in "".join(setup.recent.lines)


def test_secrets_are_masked_in_tracebacks_and_library_lines(setup: LogSetup, tmp_path: Path) -> None:
    api_secret = "hunter2"
    try:
        int(f"GET /order?signature={api_secret}")
    except ValueError:
        structlog.get_logger("mmbot").exception("failed")
    logging.getLogger("aiohttp").error("GET /order?signature=hunter2")
    assert "***" in str(lines(setup, tmp_path))
    assert "hunter2" not in (tmp_path / "run.log").read_text()
    assert "hunter2" not in "".join(setup.recent.lines)


def test_the_recent_lines_do_not_grow(setup: LogSetup) -> None:
    log = structlog.get_logger("mmbot")
    for i in range(RECENT_LINES + 50):
        log.info("event", i=i)
    setup.flush()
    assert len(setup.recent.lines) == RECENT_LINES
    assert f"i={RECENT_LINES + 49}" in setup.recent.lines[-1]


def test_closing_leaves_no_handler_behind(tmp_path: Path) -> None:
    before = list(logging.getLogger().handlers)
    setup = LogSetup("info", tmp_path / "run.log")
    setup.close()
    assert logging.getLogger().handlers == before


def test_a_full_disk_is_said_once_and_does_not_end_the_lines(tmp_path: Path) -> None:
    setup = LogSetup("info", Path("/dev/full"), console=False)
    log = structlog.get_logger("mmbot")
    for i in range(5):
        log.info("event", i=i)
    setup.flush()
    setup.flush()
    shown = "".join(setup.recent.lines)
    assert "i=4" in shown
    assert shown.count("log lines are lost") == 1
    setup.close()


def test_a_console_that_nobody_reads_holds_nobody_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A full pipe behind stderr stopped the event loop, and with it quotes, hedges and the answer to signals."""
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as full:
        monkeypatch.setattr(sys, "stderr", full)
        setup = LogSetup("info", tmp_path / "run.log")
        began = time.monotonic()
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
        for i in range(200):
            structlog.get_logger("mmbot").info("x" * 100, i=i)
        setup.close()
        assert time.monotonic() - began < 20  # and not for ever
        assert len((tmp_path / "run.log").read_text().splitlines()) == 200
        os.close(reader)
