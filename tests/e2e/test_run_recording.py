"""The bot on recorded markets: at full speed through the whole recording, to its end."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
import yaml
from processes import ROOT, Bot


@pytest.mark.timeout(300)
def test_a_recording_is_played_to_its_end_at_full_speed(data_dir: Path, start_bot: Any) -> None:
    def fast(config: dict[str, Any]) -> None:
        config["exchange"]["speed"] = "max"
        config["strategy"]["params"] = {"levels": 3}

    bot: Bot = start_bot(None, base="replay_btcusdt", changes=fast)
    assert bot.wait(240) == 0
    files = yaml.safe_load((ROOT / "configs" / "replay_btcusdt.yaml").read_text())["exchange"]["files"].values()
    frames = sum(gzip.decompress((data_dir / file).read_bytes()).count(b"\n") for file in files)
    summary = bot.summary()
    assert summary["exit_reason"] == "end of recording"
    assert summary["reconciled"] is True
    assert summary["orders"]["acked"] > 10
    assert summary["events"] > 0.98 * frames
    counters = bot.verify()
    assert counters["events"] >= summary["events"] - 1
