"""Neither key, secret, signature nor listen key shows anywhere, also when things go wrong."""

from __future__ import annotations

import json
import re
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from processes import KEY, SECRET, Bot, Exchange, until

SIGNED = re.compile(rb"signature[\"']?[=:]\s*[\"']?[0-9a-f]{8}")


def hold(bot: Bot, *shown: str | bytes) -> None:
    """Nothing secret in what was shown, or in any file of the bot."""
    files = {str(path): path.read_bytes() for path in bot.folder.rglob("*") if path.is_file()}
    texts = {f"output {i}": text.encode() if isinstance(text, str) else text for i, text in enumerate(shown)}
    assert texts
    for name, text in (files | texts).items():
        for secret in (SECRET.encode(), KEY.encode(), b"not-the-secret"):
            assert secret not in text, f"{name} holds {secret!r}"
        assert not SIGNED.search(text), f"{name}: {SIGNED.search(text)}"


def test_of_a_run_in_good_order(exchange: Exchange, start_bot: Any) -> None:
    bot: Bot = start_bot(exchange)
    bot.quoting()
    with urllib.request.urlopen(f"{bot.url()}/metrics", timeout=10) as answer:
        metrics = answer.read()
    assert b"mmbot_ready" in metrics
    status = json.dumps(bot.status())
    bot.stop()
    assert len(list(bot.run_dir.iterdir())) >= 3
    hold(bot, bot.stdout, bot.stderr, metrics, status)


@pytest.mark.parametrize("entry", ["websocket", "rest"])
def test_of_a_run_whose_exchange_dies(entry: str, exchange: Exchange, start_bot: Any) -> None:
    def by(config: dict[str, Any]) -> None:
        config["bot"] |= {"log_level": "debug", "shutdown_timeout_s": 2}
        for venue in config["venues"].values():
            venue["order_entry"] = entry

    bot: Bot = start_bot(exchange, changes=by).quoting()
    exchange.process.kill()
    until(lambda: sum(event["level"] in ("warning", "error") for event in bot.log()) >= 3, "trouble in the log")
    bot.process.terminate()
    assert bot.wait(60) == 0
    hold(bot, bot.stdout, bot.stderr)


def test_of_a_refused_signature_with_its_traceback(
    exchange: Exchange, start_bot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MMBOT_TRACEBACK", "1")
    bot: Bot = start_bot(exchange, secret="not-the-secret")
    out, err = bot.process.communicate(timeout=40)
    assert bot.process.returncode == 1
    assert b"Traceback" in err
    hold(bot, out, err)


def test_of_an_exchange_that_is_not_there_with_its_traceback(
    exchange: Exchange, start_bot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange.process.kill()
    exchange.process.communicate()
    monkeypatch.setenv("MMBOT_TRACEBACK", "1")
    bot: Bot = start_bot(exchange)
    out, err = bot.process.communicate(timeout=40)
    assert b"Traceback" in err
    hold(bot, out, err)


def test_of_a_strategy_that_looks_around(exchange: Exchange, start_bot: Any, tmp_path: Path) -> None:
    """What a plugin raises goes to log and status; its locals and the environment must not."""
    path = tmp_path / "nosy.py"
    path.write_text(
        "from mmbot.strategy import Params, Strategy\n\n\n"
        "class NosyParams(Params):\n    pass\n\n\n"
        "class Nosy(Strategy):\n    params: NosyParams\n\n"
        "    def on_book(self, market):\n        raise ValueError(f'api_secret={market.id!r} in trouble')\n"
    )

    def own(config: dict[str, Any]) -> None:
        config["strategy"] = {"id": str(path), "markets": ["perp_btc"]}

    bot: Bot = start_bot(exchange, changes=own)
    until(lambda: bot.status().get("level") == "pull_quotes", "quotes pulled")
    status = json.dumps(bot.status())
    bot.process.terminate()
    assert bot.process.communicate(timeout=40)[0] is not None
    assert any("in trouble" in event["event"] for event in bot.log())
    assert not any("perp_btc' in trouble" in event["event"] for event in bot.log()), (
        "what looks like a secret is masked"
    )
    hold(bot, status)
