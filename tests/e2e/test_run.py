"""What a run does and leaves behind, seen from outside."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
import urllib.error
import urllib.request
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from processes import MMBOT, ROOT, Bot, Exchange, mmbot, until

LOADED = ("uvloop", "mmbot.cli.run", "mmbot.config", "mmbot.ops.service")
SUMMARY = {
    "bot", "started", "ended", "exit_reason", "events", "orders", "fills", "hedge_fills", "swaps", "pnl", "net_delta",
    "positions", "latency_us", "first_quote_ms", "reconciled", "journal",
}  # fmt: skip


def get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_a_run_leaves_its_folder_and_a_complete_summary(start_bot: Any) -> None:
    bot = start_bot(None, "--for", "5s", "--json")
    assert bot.wait() == 0
    printed, summary = json.loads(bot.stdout), bot.summary()
    assert set(summary) == SUMMARY
    assert set(summary["orders"]) == {"sent", "acked", "rejected", "canceled", "unknown"}
    assert set(summary["pnl"]) == {"total", "spread", "inventory", "hedge", "fees", "funding"}
    assert all(set(hop) == {"p50", "p99", "p999", "max"} for hop in summary["latency_us"].values())
    assert printed.keys() == summary.keys()
    assert printed["events"] == summary["events"] > 100
    assert summary["exit_reason"] == "duration"
    assert summary["reconciled"] is True
    assert summary["orders"]["sent"] > 0
    assert summary["first_quote_ms"] < 10_000
    assert {"journal", "ledger.db", "log.jsonl", "summary.json"} <= {path.name for path in bot.run_dir.iterdir()}
    assert Path(summary["journal"]) == bot.run_dir / "journal"
    assert bot.verify()["stopped_in_order"] is True


def test_metrics_and_health_follow_the_run(start_bot: Any) -> None:
    bot = start_bot().quoting()
    url = bot.url()
    until(lambda: get(f"{url}/readyz")[0] == 200, "ready")
    assert get(f"{url}/healthz")[0] == 200
    bot.fills(1)
    _, text = get(f"{url}/metrics")
    values = {
        line.rpartition(" ")[0]: float(line.rpartition(" ")[2])
        for line in text.splitlines()
        if not line.startswith("#")
    }
    assert values["mmbot_ready"] == 1
    assert values["mmbot_fills_total"] >= 1
    assert values['mmbot_book_trusted{market="perp_btc"}'] == 1
    assert values['mmbot_working_orders{market="perp_btc",side="buy"}'] >= 1
    assert values["mmbot_frames_total"] > 100
    feeds = [
        values[f'mmbot_feed_messages_total{{feed="{name}"}}'] for name in ("perp/public", "perp/market", "spot/public")
    ]
    assert min(feeds) > 0
    assert abs(sum(feeds) - values["mmbot_frames_total"]) < 10  # a snapshot counts too
    assert values['mmbot_feed_reconnects_total{feed="perp/public"}'] == 0
    assert (
        values['mmbot_best_price{market="perp_btc",side="bid"}']
        < values['mmbot_best_price{market="perp_btc",side="ask"}']
    )
    assert bot.stop()["fills"] >= 1


def test_trading_works_over_tls(start_bot: Any) -> None:
    def with_tls(config: dict[str, Any]) -> None:
        config["exchange"]["tls"] = True

    bot: Bot = start_bot(None, "--for", "6s", changes=with_tls)
    assert bot.wait() == 0
    assert bot.summary()["orders"]["acked"] > 0
    assert bot.summary()["reconciled"] is True


@pytest.mark.parametrize("how", ["order_entry", "ws_api"])
def test_orders_go_over_rest_when_asked_to(how: str, exchange: Exchange, start_bot: Any) -> None:
    def by_rest(config: dict[str, Any]) -> None:
        for venue in config["venues"].values():
            if how == "order_entry":
                venue["order_entry"] = "rest"
            elif venue["kind"] == "binance_usdm":  # spot's user stream comes over the same socket
                del venue["endpoint"]["ws_api"]

    bot: Bot = start_bot(exchange, changes=by_rest)
    bot.quoting().fills(2)
    summary = bot.stop()
    assert summary["orders"]["acked"] > 0
    assert summary["reconciled"] is True
    assert exchange.open_orders() == 0


def test_the_status_command_shows_the_running_bot(start_bot: Any) -> None:
    bot: Bot = start_bot().quoting()
    process = mmbot("status", "e2e", "--json", MMBOT_RUNTIME_DIR=str(bot.runtime))
    out, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    status = json.loads(out)
    assert status["state"] == "running"
    assert status["paper"] is True
    assert [market["id"] for market in status["markets"]] == ["perp_btc", "spot_btc"]
    assert all(feed["up"] for feed in status["feeds"])
    bot.stop()


def imports() -> tuple[float, float]:
    """Wall and CPU seconds of a process that does nothing but load what a run needs: the floor of any start."""
    before, began = spent(), time.monotonic()
    subprocess.run([sys.executable, *MMBOT[1:-2], "-c", f"import {', '.join(LOADED)}"], cwd=ROOT, check=True)
    return time.monotonic() - began, spent() - before


def spent() -> float:
    """CPU seconds of the children that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def test_the_first_quote_comes_soon_after_the_command(start_bot: Any) -> None:
    """Beside the imports there is room for as much again: exchange, connections, first orders, a little trade."""
    ratios = []
    for _ in range(3):
        floor_s, floor_cpu_s = imports()
        before = spent()
        bot: Bot = start_bot(None, "--for", "0.5s")
        assert bot.wait() == 0
        cpu_s, summary = spent() - before, bot.summary()
        assert summary["orders"]["acked"] > 0
        quoted_ns = datetime.fromisoformat(summary["started"]).timestamp() * 1e9 + summary["first_quote_ms"] * 1e6
        assert quoted_ns > bot.started_ns
        ratios.append((cpu_s / floor_cpu_s, (quoted_ns - bot.started_ns) / 1e9 / floor_s))
    # Of what other processes do to the clock, the best of three sees the least.
    assert min(cpu for cpu, _ in ratios) < 2, ratios
    assert min(wall for _, wall in ratios) < 2.5, ratios
