"""However a run ends: nothing of ours stays at the exchange, and the exit code says what happened."""

from __future__ import annotations

import signal
import socket
import time
from pathlib import Path
from typing import Any

import pytest
from processes import Bot, Exchange, mmbot, until


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_in_good_order(number: signal.Signals, exchange: Exchange, start_bot: Any) -> None:
    bot = start_bot(exchange).quoting()
    assert exchange.open_orders() > 0
    summary = bot.stop(number)
    assert summary["exit_reason"] == f"signal {number.name}"
    assert summary["reconciled"] is True
    assert exchange.open_orders() == 0
    assert bot.verify()["stopped_in_order"] is True


@pytest.mark.parametrize("after_s", [0.0, 0.2, 0.6])
@pytest.mark.parametrize("target", ["market", "user", "orders"])
def test_a_signal_while_it_reconnects(target: str, after_s: float, exchange: Exchange, start_bot: Any) -> None:
    bot = start_bot(exchange).quoting()
    exchange.fault(kind="abort", target=target, everywhere=True)
    time.sleep(after_s)
    summary = bot.stop()
    assert summary["exit_reason"] == "signal SIGTERM"
    assert summary["reconciled"] is True
    assert exchange.open_orders() == 0
    assert bot.verify()["stopped_in_order"] is True


@pytest.mark.parametrize(
    "swap", [("half_spread_bps=2",), ("half_spread_bps=2", "--shadow", "60")], ids=["at once", "shadow"]
)
def test_a_signal_while_it_swaps(swap: tuple[str, ...], exchange: Exchange, start_bot: Any) -> None:
    bot: Bot = start_bot(exchange).quoting()
    process = mmbot("swap", "e2e", "pmm", *swap, MMBOT_RUNTIME_DIR=str(bot.runtime))
    until(lambda: "swap" in " ".join(entry["event"] for entry in bot.log()), "the swap")
    summary = bot.stop()
    process.communicate(timeout=20)
    assert summary["exit_reason"] == "signal SIGTERM"
    assert exchange.open_orders() == 0
    assert bot.verify()["stopped_in_order"] is True


def test_the_stop_command_can_flatten_too(exchange: Exchange, start_bot: Any) -> None:
    bot: Bot = start_bot(exchange)
    bot.quoting().fills(3)
    process = mmbot("stop", "e2e", "--flatten", MMBOT_RUNTIME_DIR=str(bot.runtime))
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0, out + err
    assert bot.wait() == 0
    summary = bot.summary()
    assert summary["exit_reason"] == "operator"
    assert summary["reconciled"] is True
    assert float(summary["positions"]["perp_btc"]) == 0
    assert exchange.open_orders() == 0
    assert all(float(lots) == 0 for lots in exchange.ledger()["binance_usdm"]["positions"].values())
    bot.verify()


def test_a_second_signal_forces(exchange: Exchange, start_bot: Any) -> None:
    def slowly(config: dict[str, Any]) -> None:
        config["bot"]["shutdown_timeout_s"] = 60

    bot: Bot = start_bot(exchange, changes=slowly).quoting()
    exchange.process.send_signal(signal.SIGSTOP)  # it answers nothing: a stop cannot be confirmed
    try:
        bot.process.send_signal(signal.SIGTERM)
        until(lambda: "stopping on signal; once more forces" in {e["event"] for e in bot.log()}, "the first signal")
        time.sleep(0.5)
        assert bot.process.poll() is None
        began = time.monotonic()
        bot.process.send_signal(signal.SIGTERM)
        assert bot.wait() == -signal.SIGTERM
        assert time.monotonic() - began < 3
    finally:
        exchange.process.send_signal(signal.SIGCONT)


def test_an_exchange_that_does_not_answer_cannot_hold_a_stop_up(exchange: Exchange, start_bot: Any) -> None:
    def soon(config: dict[str, Any]) -> None:
        config["bot"]["shutdown_timeout_s"] = 2

    bot: Bot = start_bot(exchange, changes=soon).quoting()
    exchange.process.send_signal(signal.SIGSTOP)
    try:
        bot.process.send_signal(signal.SIGTERM)
        assert bot.wait(15) == 0
    finally:
        exchange.process.send_signal(signal.SIGCONT)
    assert bot.summary()["reconciled"] is False
    assert bot.verify()["stopped_in_order"] is True


def test_a_risk_limit_ends_the_run_with_3(exchange: Exchange, start_bot: Any) -> None:
    def poor(config: dict[str, Any]) -> None:
        config["risk"]["max_drawdown"] = 0.02

    bot: Bot = start_bot(exchange, changes=poor)
    assert bot.wait() == 3
    assert "risk limit" in bot.stderr
    assert bot.summary()["exit_reason"] == "risk limit: DRAWDOWN"
    assert bot.summary()["reconciled"] is True
    assert exchange.open_orders() == 0
    assert all(float(lots) == 0 for lots in exchange.ledger()["binance_usdm"]["positions"].values())
    bot.verify()


def test_a_wrong_key_ends_the_run_with_4(exchange: Exchange, start_bot: Any) -> None:
    bot: Bot = start_bot(exchange, secret="not-the-secret")
    assert bot.wait() == 4
    assert "not-the-secret" not in bot.stdout + bot.stderr
    assert "perp" in bot.stderr


def test_nobody_listening_ends_the_run_with_4(start_bot: Any) -> None:
    def nowhere(config: dict[str, Any]) -> None:
        port = free_port()
        del config["exchange"]
        for venue in config["venues"].values():
            venue["endpoint"] = {"rest": f"http://127.0.0.1:{port}", "ws": f"ws://127.0.0.1:{port}"}

    bot: Bot = start_bot(None, changes=nowhere)
    assert bot.wait() == 4
    assert "127.0.0.1" in bot.stderr


def test_a_config_error_ends_the_run_with_2_and_names_the_key(start_bot: Any) -> None:
    def wrong(config: dict[str, Any]) -> None:
        config["risk"]["max_positon"] = config["risk"].pop("max_position")

    bot: Bot = start_bot(None, changes=wrong)
    assert bot.wait() == 2
    assert "e2e.yaml" in bot.stderr
    assert "max_position" in bot.stderr
    assert not (bot.folder / "runs").exists()


def test_wrong_params_and_an_unknown_strategy_end_the_run_with_2(start_bot: Any) -> None:
    def no_such_param(config: dict[str, Any]) -> None:
        config["strategy"]["params"] = {"levls": 3}

    def no_such_strategy(config: dict[str, Any]) -> None:
        config["strategy"]["id"] = "nope"

    for wrong, word in ((no_such_param, "levls"), (no_such_strategy, "nope")):
        bot: Bot = start_bot(None, changes=wrong)
        assert bot.wait() == 2
        assert word in bot.stderr


def test_a_bot_that_does_not_answer_ends_a_command_with_5(start_bot: Any) -> None:
    bot: Bot = start_bot().quoting()
    bot.process.send_signal(signal.SIGSTOP)
    try:
        process = mmbot("status", "e2e", "--timeout", "0.5", MMBOT_RUNTIME_DIR=str(bot.runtime))
        _, err = process.communicate(timeout=20)
        assert process.returncode == 5, err
    finally:
        bot.process.send_signal(signal.SIGCONT)
    bot.stop()


def test_a_command_without_a_bot_ends_with_1(tmp_path: Path) -> None:
    process = mmbot("status", "nobody", MMBOT_RUNTIME_DIR=str(tmp_path / "rt"))
    _, err = process.communicate(timeout=20)
    assert process.returncode == 1
    assert b"not running" in err


def test_the_same_bot_does_not_run_twice(start_bot: Any) -> None:
    first: Bot = start_bot().quoting()
    second: Bot = start_bot()
    assert second.wait() == 2
    assert "'e2e' is already running" in second.stderr
    assert first.status()["state"] == "running"
    first.process.send_signal(signal.SIGTERM)
    assert first.wait() == 0
