"""A bot is changed while it trades: parameters, code, pauses; nothing is lost, and what is wrong changes nothing."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from processes import Bot, Exchange, mmbot, until

from mmbot._core.eventlog import EventKind
from mmbot.journal import JournalReader
from mmbot.ops.control import RemoteFailure

STEADY = '''
"""Quotes far from the market that stay where they are, and a count of every trade."""
from mmbot.strategy import Params, Strategy, field


class SteadyParams(Params):
    away: int = field(60, gt=0)
    lots: int = field(2, gt=0)


class Steady(Strategy):
    params: SteadyParams

    def __init__(self):
        self.anchor, self.seen = 0, 0

    def on_book(self, market):
        if not self.anchor:
            self.anchor = round(market.mid_ticks / 1000) * 1000
        away = self.params.away * 100
        self.quote(market, bids=[(self.anchor - away, self.params.lots)], asks=[(self.anchor + away, self.params.lots)])

    def on_trade(self, market, side, price_ticks, qty_lots):
        self.seen += 1

    def on_stop(self):
        self.note(f"seen {self.seen}")

    def export_state(self):
        return {"anchor": self.anchor, "seen": self.seen}

    def import_state(self, state):
        self.anchor, self.seen = state["anchor"], state["seen"]
'''


@pytest.fixture
def steady(tmp_path: Path, start_bot: Any, start_exchange: Any) -> tuple[Bot, Exchange, Path]:
    """A bot that runs the steady strategy from a file of its own, on an exchange of its own."""
    path = tmp_path / "steady.py"
    path.write_text(STEADY)

    def own(config: dict[str, Any]) -> None:
        config["strategy"] = {"id": str(path), "markets": ["perp_btc"]}
        config["risk"]["price_band_bps"] = 1000

    exchange = start_exchange()
    bot: Bot = start_bot(exchange, changes=own)
    bot.quoting()
    until(lambda: len(exchange.order_ids()) == 2, "both quotes at the exchange")
    return bot, exchange, path


def swap(bot: Bot, *arguments: object) -> tuple[int, str]:
    process = mmbot("swap", "e2e", *arguments, "--json", MMBOT_RUNTIME_DIR=str(bot.runtime))
    out, err = process.communicate(timeout=30)
    return process.returncode, out.decode() + err.decode()


def test_a_swap_under_load_loses_no_event_and_touches_no_order(steady: tuple[Bot, Exchange, Path]) -> None:
    bot, exchange, path = steady
    before, ids, gaps = bot.status(), exchange.order_ids(), []
    for version in range(8):
        path.write_text(f"{STEADY}\nVERSION = {version}\n")
        code, answer = swap(bot, path)
        assert code == 0, answer
        gaps.append(json.loads(answer)["gap_us"])
        time.sleep(0.3)
    after = bot.status()
    assert exchange.order_ids() == ids
    for counter in ("orders_placed", "orders_amended", "orders_canceled", "bad_frames", "rollbacks"):
        assert after["counters"][counter] == before["counters"][counter]
    assert after["strategy_hash"] != before["strategy_hash"]
    # The quickest one saw least of what else this machine does; it holds what is promised of a quiet one.
    assert min(gaps) < 1_000, gaps
    summary = bot.stop()
    assert summary["swaps"] == 8
    bot.verify()

    trades = 0
    for record in JournalReader(bot.run_dir / "journal"):
        body = bytes(record.body)
        trades += record.kind == EventKind.FRAME and b'"e":"aggTrade"' in body
        if record.kind == EventKind.COMMAND and b'"stop"' in body:
            break
    told = [event["event"] for event in bot.log() if "seen" in event["event"]]
    assert told == [f"steady: seen {trades}"]
    assert trades > 10


def test_a_broken_file_changes_nothing(steady: tuple[Bot, Exchange, Path]) -> None:
    bot, exchange, path = steady
    before, ids = bot.status(), exchange.order_ids()
    forgetful = STEADY.replace('return {"anchor": self.anchor', 'return {"anchor": 0').replace(
        "if not self.anchor", "if True"
    )
    wrong = {
        "syntax": STEADY + "\ndef (:\n",
        "import": "import no_such_module\n" + STEADY,
        "two strategies": STEADY + "\nclass Other(Strategy):\n    pass\n",
        "raises at once": forgetful.replace("self.anchor = round", "raise ValueError('no')  # "),
        "raises in state": STEADY.replace('self.anchor, self.seen = state["anchor"], state["seen"]', "1 / 0"),
        "too large": STEADY.replace("self.params.lots)", "1_000_000)"),
    }
    for what, text in wrong.items():
        path.write_text(text)
        code, answer = swap(bot, path)
        assert code == 2, (what, answer)
        assert "steady" in answer
    with pytest.raises(RemoteFailure, match="away"):
        bot.ask("set", params={"away": -1})
    with pytest.raises(RemoteFailure, match="awy"):
        bot.ask("set", params={"awy": 1})
    after = bot.status()
    assert exchange.order_ids() == ids
    assert after["strategy_hash"] == before["strategy_hash"]
    assert after["params"] == before["params"]
    assert after["level"] == "normal"
    bot.stop()
    bot.verify()


def test_a_plugin_that_raises_is_rolled_back(steady: tuple[Bot, Exchange, Path]) -> None:
    bot, exchange, path = steady
    before, ids = bot.status(), exchange.order_ids()
    path.write_text(STEADY.replace("self.seen += 1", "raise RuntimeError('in the middle of it')"))
    code, answer = swap(bot, path)
    assert code == 0, answer
    after = until(lambda: (s := bot.status())["counters"]["rollbacks"] == 1 and s, "the rollback")
    assert after["strategy_hash"] == before["strategy_hash"]
    assert exchange.order_ids() == ids
    assert any("in the middle of it" in event["event"] for event in bot.log())
    bot.stop()
    bot.verify()


def test_set_pause_and_resume_act_on_the_quotes(steady: tuple[Bot, Exchange, Path]) -> None:
    bot, exchange, _ = steady
    bot.ask("set", params={"lots": 3})
    until(lambda: {q["qty"] for q in bot.quotes()} == {"0.003"}, "the new size")
    bot.ask("pause", market="perp_btc")
    until(lambda: not exchange.order_ids(), "no quote while paused")
    assert bot.status()["state"] == "paused"
    bot.ask("resume")
    until(lambda: len(exchange.order_ids()) == 2, "quotes again")
    with pytest.raises(RemoteFailure, match="perp_btc"):
        bot.ask("pause", market="nope")
    assert bot.stop()["swaps"] == 1
    bot.verify()


def test_another_strategy_takes_over_after_its_shadow_time(steady: tuple[Bot, Exchange, Path]) -> None:
    bot, _, _ = steady
    code, answer = swap(bot, "pmm", "levels=1", "half_spread_bps=0.5", "--shadow", "4")
    assert code == 0, answer
    assert bot.status()["strategy"] == "steady"
    until(lambda: bot.status()["strategy"] == "pmm", "the end of the shadow time")
    bot.quoting()
    assert bot.stop()["swaps"] == 1
    bot.verify()


def test_watch_swaps_when_the_file_changes(tmp_path: Path, start_bot: Any) -> None:
    path = tmp_path / "plugins" / "steady.py"
    path.parent.mkdir()
    path.write_text(STEADY)

    def own(config: dict[str, Any]) -> None:
        config["strategy"] = {"id": str(path), "markets": ["perp_btc"]}
        config["risk"]["price_band_bps"] = 1000

    bot: Bot = start_bot(None, "--watch", changes=own)
    bot.quoting()
    first = bot.status()["strategy_hash"]
    time.sleep(1)  # the watch begins beside the run
    path.write_text(STEADY + "\ndef (:\n")
    until(lambda: any(e["event"] == "plugin file changed, not swapped" for e in bot.log()), "the broken file reported")
    assert bot.status()["strategy_hash"] == first
    path.write_text(STEADY.replace("field(2, gt=0)", "field(2, gt=0, description='size')"))
    until(lambda: bot.status()["strategy_hash"] != first, "the swap")
    assert bot.stop()["swaps"] == 1
