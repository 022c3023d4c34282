"""``mmbot exchange`` as a process: serves until a signal, ends cleanly, and says what is wrong with its options."""

from __future__ import annotations

import json
import signal
import ssl
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def start(*options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "mmbot", "exchange", "--futures-port", "0", "--spot-port", "0", *options],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serves_over_tls_until_a_signal(tmp_path: Path, number: signal.Signals):
    process = start("--json", "--tls", "--tls-dir", str(tmp_path), "--api-key", "k" * 64)
    try:
        assert process.stdout is not None
        facts = json.loads(process.stdout.readline())
        assert facts["api_key"] == "k" * 64
        assert len(facts["api_secret"]) == 64
        trust = ssl.create_default_context(cafile=facts["ca_file"])
        for url in (f"{facts['futures_rest']}/fapi/v1/time", f"{facts['spot_rest']}/api/v3/time"):
            with urllib.request.urlopen(url, context=trust, timeout=10) as answer:
                assert "serverTime" in json.load(answer)
    finally:
        process.send_signal(number)
        out, err = process.communicate(timeout=10)
    assert (process.returncode, err) == (0, "")
    assert out == ""


def test_wrong_options_are_named(tmp_path: Path):
    plan = tmp_path / "faults.yaml"
    plan.write_text("per_minute: {abrt: 1}\n")
    for options, said in (
        (("--faults", str(plan)), "abrt"),
        (("--source", "recording", "--file", "binance:BTCUSDT=x"), "VENUE:SYMBOL=PATH"),
    ):
        process = start(*options)
        _, err = process.communicate(timeout=20)
        assert process.returncode == 2
        assert said in err
