"""What surrounds the bot fails: disks, databases, readers of its output, a strategy that never returns."""

from __future__ import annotations

import fcntl
import os
import resource
import signal
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest
from processes import Bot, Exchange, until

MIB = 1 << 20


def test_output_that_nobody_reads_holds_nothing_up(exchange: Exchange, start_bot: Any) -> None:
    """A log shipper that hung filled the pipe, and the next line stopped quotes, hedges and the way to stop."""

    def talkative(config: dict[str, Any]) -> None:
        config["bot"]["log_level"] = "debug"

    bot: Bot = start_bot(exchange, changes=talkative)
    for stream in (bot.process.stdout, bot.process.stderr):
        fcntl.fcntl(stream, fcntl.F_SETPIPE_SZ, 4096)
        room = os.open(f"/proc/{bot.process.pid}/fd/{1 if stream is bot.process.stdout else 2}", os.O_WRONLY)
        os.write(room, b"x" * 4096)  # full from the start
        os.close(room)
    bot.quoting().fills(3)
    bot.process.send_signal(signal.SIGTERM)
    until((bot.run_dir / "summary.json").exists, "the end", 60)
    assert exchange.open_orders() == 0
    bot.process.communicate(timeout=40)  # its last words wait for a reader
    assert bot.process.returncode == 0
    assert bot.summary()["reconciled"] is True
    assert exchange.open_orders() == 0
    assert sum(event["event"] == "fill" for event in bot.log()) == bot.summary()["fills"]


def test_a_ledger_that_cannot_be_written_ends_the_run(exchange: Exchange, start_bot: Any) -> None:
    """It was noticed only in a socket's callback, which took it for a broken connection: trading went on unrecorded."""
    bot: Bot = start_bot(exchange)
    bot.quoting().fills(1)
    with sqlite3.connect(bot.run_dir.parent / "ledger.db") as database:
        database.execute("ALTER TABLE fills RENAME TO gone")
    assert bot.wait() == 1
    assert "ledger" in bot.stderr
    assert "JournalError" in bot.summary()["exit_reason"]
    assert exchange.open_orders() == 0
    assert bot.verify()["commands"] > 0


def test_a_journal_that_cannot_be_written_halts_the_bot(
    exchange: Exchange, start_bot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2 * MIB, before[1]))  # what is started now inherits it
    try:
        bot: Bot = start_bot(exchange)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert bot.wait(60) == 3
    assert "the journal cannot be written" in bot.stderr
    assert bot.summary()["exit_reason"].startswith("risk limit")
    assert exchange.open_orders() == 0
    assert bot.verify()["commands"] > 0  # to its torn end


def test_a_strategy_that_never_returns_can_be_ended(tmp_path: Path, start_bot: Any) -> None:
    """The loop's own signal handlers never ran while it was stuck: only kill -9 was left."""
    path = tmp_path / "stuck.py"
    path.write_text(
        "from mmbot.strategy import Params, Strategy\n\n\n"
        "class StuckParams(Params):\n    pass\n\n\n"
        "class Stuck(Strategy):\n    params: StuckParams\n\n"
        "    def on_start(self):\n        self.seen = 0\n\n"
        "    def on_book(self, market):\n        self.seen += 1\n"
        "        while self.seen > 5:\n            pass\n"
    )

    def own(config: dict[str, Any]) -> None:
        config["strategy"] = {"id": str(path), "markets": ["perp_btc"]}

    bot: Bot = start_bot(changes=own)
    until(lambda: (bot.folder / "runs" / "e2e").exists() and (bot.run_dir / "log.jsonl").exists(), "its log")
    until(lambda: any(event["event"] == "running" for event in bot.log()), "the start")
    time.sleep(2)
    bot.process.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    assert bot.process.poll() is None
    bot.process.send_signal(signal.SIGTERM)
    until(lambda: bot.process.poll() is not None, "the end", 20)
    bot.process.communicate()
    assert bot.process.returncode == -signal.SIGTERM


@pytest.mark.timeout(300)
def test_a_signal_at_any_moment_of_the_start_ends_in_good_order(exchange: Exchange, start_bot: Any) -> None:
    """Before the first quote it ended the process by the signal itself, with venues and journal open."""
    exchange.process.send_signal(signal.SIGSTOP)  # it does not answer: this one cannot begin
    try:
        bot: Bot = start_bot(exchange)
        until((bot.runtime / "e2e.sock").exists, "the control socket")
        bot.process.send_signal(signal.SIGTERM)
        assert bot.wait() == 0, bot.stderr
    finally:
        exchange.process.send_signal(signal.SIGCONT)
    assert not (bot.run_dir / "summary.json").exists()
    assert "stopped before anything was sent: signal SIGTERM" in bot.stderr

    ends = []
    moments = [0.0, 0.1, 0.3, 0.6, 1.0, None]  # seconds after the first sign of life; None: once it quotes
    for step, moment in enumerate(moments):
        number = (signal.SIGTERM, signal.SIGINT)[step % 2]
        bot = start_bot(exchange)
        until(lambda bot=bot: (bot.runtime / "e2e.sock").exists(), "the control socket")
        if moment is None:
            bot.quoting()
        else:
            time.sleep(moment)
        bot.process.send_signal(number)
        assert bot.wait() == 0, (step, bot.stderr)
        assert exchange.open_orders() == 0
        begun = (bot.run_dir / "summary.json").exists()
        assert begun != (f"stopped before anything was sent: signal {number.name}" in bot.stderr)
        if begun:
            assert bot.summary()["exit_reason"] == f"signal {number.name}"
            assert bot.verify()["stopped_in_order"] is True
        ends.append(begun)
    assert ends[-1] is True
