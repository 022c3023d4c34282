"""``mmbot bench`` as a whole: every promised name, and plausible figures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mmbot.bench import bot
from mmbot.bench.feed import generated
from mmbot.cli import app
from mmbot.plugins import load_file

NAMES = {
    "book.level.c", "book.level.python", "decode.depth.ns_per_byte", "decode.depth.message",
    "decode.book_ticker.message", "quote.ladder", "quote.avellaneda_stoikov", "quote.glft", "orders.diff", "risk.gate",
    "sign.order", "stamp", "feed_to_order.depth.compiled", "feed_to_order.depth.python",
    "feed_to_order.book_ticker.compiled", "feed_to_order.book_ticker.python", "loopback.over_floor.compiled",
    "loopback.over_floor.python", "loopback.send", "swap.gap", "floor.book.level", "floor.decode.depth.ns_per_byte",
    "floor.sign.order", "floor.loopback",
}  # fmt: skip


def bench(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        app.run(["bench", *arguments])
    return int(ended.value.code or 0)


@pytest.mark.timeout(120)
def test_the_report_has_every_figure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench("--quick", "--json") == 0
    text = capsys.readouterr().out
    report = json.loads(text)
    assert set(report) == {"commit", "cpu", "python", "results"}
    assert {result["name"] for result in report["results"]} == NAMES
    for result in report["results"]:
        assert set(result) == {"name", "unit", "p50", "p99", "min", "n"}
        assert result["min"] <= result["p50"] <= result["p99"]
        assert result["n"] > 0
    (tmp_path / "text.json").write_text("no json")
    assert bench("--compare", str(tmp_path / "text.json")) == 1
    assert bench("--fail-above", "10") == 2
    capsys.readouterr()


def test_every_change_of_the_touch_makes_an_order() -> None:
    feed = generated(messages=60)
    times = bot.feed_to_order(feed, {"python": load_file(bot.MAKER)}, "bookTicker", limit=700, rounds=1)["python"]
    assert len(times) > 200  # of 600; the venue allows 300 messages in 10 s, and answers come at once
    assert all(time > 0 for time in times)


def test_a_swap_takes_no_frame_with_it() -> None:
    feed = generated(messages=30)
    gaps = bot.swap_gap(feed, load_file(bot.MAKER), 10)
    assert len(gaps) == 10
    assert min(gaps) < 1000
