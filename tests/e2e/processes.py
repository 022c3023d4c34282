"""The programs of an end-to-end test as a user starts them: `mmbot exchange` and `mmbot run`, each a process."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from mmbot.ops import control

ROOT = Path(__file__).resolve().parents[2]
# As the tests were started, so that tests of another build (`python -P -m pytest`) run that build.
MMBOT = (sys.executable, *(["-P"] if sys.flags.safe_path else []), "-m", "mmbot")
KEY, SECRET = "e2e-key", "e2e-secret-that-must-show-nowhere"
BUSY = {"levels": 3, "half_spread_bps": 0.05, "volatility_factor": 0.0, "qty": 0.002}


def mmbot(*arguments: object, **environment: str) -> subprocess.Popen[bytes]:
    """Start a command of mmbot, its output to pipes."""
    return subprocess.Popen(
        [*MMBOT, *map(str, arguments)],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ | environment,
    )  # fmt: skip


def until(condition: Callable[[], Any], what: str, timeout_s: float = 20.0) -> Any:
    """Wait for something to be true and return it."""
    deadline = time.monotonic() + timeout_s
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {timeout_s} s: {what}"
        time.sleep(0.02)
    return found


class Exchange:
    """`mmbot exchange` on free ports."""

    def __init__(self, folder: Path, *arguments: object) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        activity = () if "--activity" in arguments else ("--activity", 3)
        self.process = mmbot(
            "exchange", "--symbol", "BTCUSDT", "--seed", 3, "--json", "--futures-port", 0, "--spot-port", 0,
            "--api-key", KEY, "--secret", SECRET, *activity, *arguments,
        )  # fmt: skip
        assert self.process.stdout is not None
        self.facts: dict[str, Any] = json.loads(self.process.stdout.readline())

    def endpoints(self) -> dict[str, dict[str, str]]:
        """What a config's venues have as `endpoint`."""
        found = {}
        for venue, name in (("perp", "futures"), ("spot", "spot")):
            found[venue] = {key: self.facts[f"{name}_{key}"] for key in ("rest", "ws", "ws_api")}
            if self.facts["ca_file"]:
                found[venue]["ca_file"] = self.facts["ca_file"]
        return found

    def ledger(self) -> dict[str, Any]:
        """The exchange's own books, by kind of venue."""
        with urllib.request.urlopen(f"{self.facts['futures_rest']}/sim/ledger", timeout=10) as answer:
            return dict(json.load(answer))

    def fault(self, **fault: Any) -> None:
        """Inject a fault now."""
        body = json.dumps({"at_s": 0, **fault}).encode()
        urllib.request.urlopen(f"{self.facts['futures_rest']}/sim/faults", body, timeout=10).close()

    def open_orders(self) -> int:
        """How many orders of ours stand on both venues."""
        return sum(venue["openOrders"] for venue in self.ledger().values())

    def order_ids(self) -> set[int]:
        """The venue's numbers of our open orders on the futures market, as the API tells them."""
        query = f"symbol=BTCUSDT&timestamp={time.time_ns() // 1_000_000}"
        signature = hmac.new(SECRET.encode(), query.encode(), hashlib.sha256).hexdigest()
        url = f"{self.facts['futures_rest']}/fapi/v1/openOrders?{query}&signature={signature}"
        with urllib.request.urlopen(urllib.request.Request(url, headers={"X-MBX-APIKEY": KEY}), timeout=10) as answer:
            return {int(order["orderId"]) for order in json.load(answer)}

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.communicate(timeout=20)


class Bot:
    """`mmbot run` with the demo's config, changed by `changes`; on `exchange`, or on one inside its own process."""

    def __init__(
        self,
        folder: Path,
        exchange: Exchange | None = None,
        *arguments: object,
        changes: Callable[[dict[str, Any]], None] | None = None,
        base: str = "demo",
        secret: str = SECRET,
    ) -> None:
        self.folder, self.exchange = folder, exchange
        folder.mkdir(parents=True, exist_ok=True)
        config = yaml.safe_load((ROOT / "configs" / f"{base}.yaml").read_text())
        config["bot"]["name"] = "e2e"
        config["journal"] = {"dir": str(folder / "runs")}
        config["metrics"] = {"listen": "127.0.0.1:0"}
        config["strategy"]["params"] = dict(BUSY)
        if exchange is not None:
            del config["exchange"]
            for venue, endpoint in exchange.endpoints().items():
                config["venues"][venue]["endpoint"] = endpoint
        if changes is not None:
            changes(config)
        self.config = folder / "e2e.yaml"
        self.config.write_text(yaml.safe_dump(config))
        keys = {f"{kind}_{what}": value for kind in ("BINANCE_USDM", "BINANCE_SPOT")
                for what, value in (("API_KEY", KEY), ("API_SECRET", secret))}  # fmt: skip
        self.runtime = folder / "rt"
        self.started_ns = time.time_ns()
        self.process = mmbot("run", self.config, *arguments, MMBOT_RUNTIME_DIR=str(self.runtime), **keys)
        self.stdout = self.stderr = ""

    @property
    def run_dir(self) -> Path:
        """The newest run's folder."""
        return max((self.folder / "runs" / "e2e").glob("2*Z"))

    def ask(self, command: str, timeout_s: float = 20.0, **args: Any) -> Any:
        """Send a control command, as `mmbot status` and its kin do."""
        return control.call(self.runtime / "e2e.sock", command, args, timeout_s=timeout_s)

    def status(self) -> dict[str, Any]:
        """The answer to `status`; {} while it does not answer."""
        assert self.process.poll() is None, self.process.communicate()[1].decode()
        try:
            return dict(self.ask("status"))
        except control.MmbotError:
            return {}

    def quotes(self, market: str = "perp_btc") -> list[dict[str, Any]]:
        """Working orders of a market."""
        markets = {m["id"]: m for m in self.status().get("markets", ())}
        return [q for q in markets.get(market, {}).get("quotes", ()) if q["purpose"] == "quote"]

    def quoting(self) -> Bot:
        """Wait until it quotes."""
        until(lambda: [q for q in self.quotes() if q["state"] == "live"], "a live quote")
        return self

    def fills(self, at_least: int) -> dict[str, Any]:
        """Wait for fills; the status that has them."""
        return dict(until(lambda: (s := self.status()).get("counters", {}).get("fills", 0) >= at_least and s, "fills"))

    def wait(self, timeout_s: float = 40.0) -> int:
        """Wait for its end; the exit code."""
        out, err = self.process.communicate(timeout=timeout_s)
        self.stdout, self.stderr = out.decode(), err.decode()
        for trouble in ("Traceback", "never awaited", "Exception ignored"):
            assert trouble not in self.stdout + self.stderr, self.stdout[-3000:] + self.stderr[-3000:]
        return int(self.process.returncode)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> dict[str, Any]:
        """Stop it by a signal and return its summary."""
        self.process.send_signal(number)
        assert self.wait() == 0, self.stdout[-3000:] + self.stderr[-3000:]
        return self.summary()

    def summary(self) -> dict[str, Any]:
        """``summary.json`` of the newest run."""
        return dict(json.loads((self.run_dir / "summary.json").read_text()))

    def log(self) -> list[dict[str, Any]]:
        """The structured log of the newest run."""
        return [json.loads(line) for line in (self.run_dir / "log.jsonl").read_text().splitlines()]

    def url(self) -> str:
        """Base URL of its metrics endpoint."""
        line = until(lambda: [e for e in self.log() if e["event"] == "serving metrics"], "the endpoint's address")
        return str(line[0]["url"]).removesuffix("/metrics")

    def verify(self) -> dict[str, Any]:
        """Replay its newest journal; every command must be identical."""
        process = mmbot("replay", self.run_dir, "--verify", "--json")
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, out.decode() + err.decode()
        return dict(json.loads(out))

    def end(self) -> None:
        """Make sure that it is gone."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()
