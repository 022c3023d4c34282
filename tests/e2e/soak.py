"""Kills a trading bot again and again on a faulty exchange, then holds its books against the exchange's own.

    python tests/e2e/soak.py --minutes 60 --seed 3

Two processes, as in real life: `mmbot exchange` lives through it all, `mmbot run` is killed at random moments and
started again. At the end the faults stop, one run starts and ends in good order, and position, open orders and every
fill, fee and funding payment in the bot's ledger must equal the exchange's, each journal must replay, and no log may
hold an unhandled error.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import sys
import tempfile
import time
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from mmbot.ledger import Ledger, open_database  # noqa: E402 - from this checkout

KEY, SECRET = "soak-key", "soak-secret"
# As this process was started, so that tests of another build (`python -P -m pytest`) run that build.
MMBOT = (sys.executable, *(["-P"] if sys.flags.safe_path else []), "-m", "mmbot")
FAULTS_PER_MINUTE = {
    "disconnect": 4, "abort": 4, "drop_frame": 6, "duplicate_frame": 6, "reorder_frames": 6, "sequence_gap": 4,
    "slow_ack": 6, "lost_ack": 8, "duplicate_fill": 10, "reject": 6, "slow_matching": 1, "clock_skew": 0.5,
    "rate_limit": 0.3, "stale": 0.5,
}  # fmt: skip


@dataclass
class Soak:
    """One soak: its folder, its processes, what it found."""

    folder: Path
    seed: int
    kills: int = 0
    problems: list[str] = field(default_factory=list)
    ports: dict[str, int] = field(default_factory=dict)

    def config(self) -> Path:
        """Write the bot's config: the demo's, pointed at the exchange outside."""
        config = yaml.safe_load((ROOT / "configs" / "demo.yaml").read_text())
        del config["exchange"]
        for venue, port, api in (
            ("perp", self.ports["futures"], "ws-fapi/v1"),
            ("spot", self.ports["spot"], "ws-api/v3"),
        ):
            config["venues"][venue]["endpoint"] = {
                "rest": f"http://127.0.0.1:{port}", "ws": f"ws://127.0.0.1:{port}", "ws_api": f"ws://127.0.0.1:{port}/{api}",
            }  # fmt: skip
        config["bot"]["name"] = "soak"
        config["bot"]["reconcile_s"] = 5
        config["journal"] = {"dir": str(self.folder / "runs")}
        config["metrics"] = {"enabled": False}
        config["strategy"]["params"] = {"levels": 3, "half_spread_bps": 0.05, "volatility_factor": 0.0}
        config["risk"]["max_daily_loss"] = config["risk"]["max_drawdown"] = 1_000_000
        path = self.folder / "soak.yaml"
        path.write_text(yaml.safe_dump(config))
        return path

    async def exchange(self) -> asyncio.subprocess.Process:
        """Start the exchange and learn its ports."""
        faults = self.folder / "faults.yaml"
        faults.write_text(yaml.safe_dump({"seed": self.seed, "start_s": 5, "per_minute": FAULTS_PER_MINUTE}))
        with (self.folder / "exchange.log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                *MMBOT, "exchange", "--symbol", "BTCUSDT", "--seed", str(self.seed), "--json", "--faults", str(faults),
                "--futures-port", "0", "--spot-port", "0", "--api-key", KEY, "--secret", SECRET,
                "--funding-interval", "20", stdout=asyncio.subprocess.PIPE, stderr=log, cwd=ROOT,
            )  # fmt: skip
        assert process.stdout is not None
        hello = json.loads(await asyncio.wait_for(process.stdout.readline(), 60))
        for venue in ("futures", "spot"):
            self.ports[venue] = int(hello[f"{venue}_rest"].rsplit(":", 1)[1])
        return process

    async def bot(self, config: Path, *arguments: str) -> asyncio.subprocess.Process:
        """Start the bot."""
        keys = {f"{kind}_{what}": value for kind in ("BINANCE_USDM", "BINANCE_SPOT")
                for what, value in (("API_KEY", KEY), ("API_SECRET", SECRET))}  # fmt: skip
        with (self.folder / "bot.log").open("ab") as log:
            return await asyncio.create_subprocess_exec(
                *MMBOT, "run", str(config), *arguments, stdout=log, stderr=log, cwd=ROOT,
                env=os.environ | keys | {"MMBOT_RUNTIME_DIR": str(self.folder / "rt")},
            )  # fmt: skip

    async def side_door(self, method: str, path: str, body: Any = None) -> Any:
        """Ask the exchange's control endpoint."""
        url = f"http://127.0.0.1:{self.ports['futures']}{path}"
        async with aiohttp.ClientSession() as session, session.request(method, url, json=body) as answer:
            return await answer.json(content_type=None)

    async def run(self, minutes: float) -> None:
        """The whole soak."""
        rng = random.Random(self.seed)
        exchange = await self.exchange()
        config = self.config()
        end = time.monotonic() + minutes * 60
        try:
            while time.monotonic() < end:
                bot = await self.bot(config)
                await asyncio.sleep(min(rng.uniform(4, 25), max(end - time.monotonic(), 4)))
                if bot.returncode is not None:
                    self.problems.append(f"the bot ended by itself with exit code {bot.returncode}")
                    continue
                bot.send_signal(signal.SIGKILL)
                await bot.wait()
                self.kills += 1
            last = await self.bot(config, "--for", "15s", "--set", "bot.flatten_on_stop=true")  # no funding afterwards
            code = await asyncio.wait_for(last.wait(), 120)
            if code != 0:
                self.problems.append(f"the last run ended with exit code {code}")
            await self.compare()
        finally:
            exchange.send_signal(signal.SIGTERM)
            await exchange.wait()
        await self.replay_all()
        self.read_logs()

    async def compare(self) -> None:
        """Position, open orders, fills and fees: ours against the exchange's."""
        theirs = await self.side_door("GET", "/sim/ledger")
        database = open_database(f"sqlite:///{self.folder / 'runs' / 'soak' / 'ledger.db'}")
        ours = Ledger(database).totals()
        database.dispose()
        for venue, name, symbol in (("perp", "binance_usdm", "BTC/USDT:USDT"), ("spot", "binance_spot", "BTC/USDT")):
            self._hold(venue, ours.get((venue, symbol)), theirs[name])

    def _hold(self, venue: str, ours: Any, theirs: dict[str, Any]) -> None:
        fills = theirs["fills"]
        bought = sum((Decimal(f["qty"]) for f in fills if f["side"] == "BUY"), Decimal(0))
        sold = sum((Decimal(f["qty"]) for f in fills if f["side"] == "SELL"), Decimal(0))
        fees: dict[str, Decimal] = {}
        for f in fills:
            fees[f["commissionAsset"]] = fees.get(f["commissionAsset"], Decimal(0)) + Decimal(f["commission"])
        expected = (len(fills), bought, sold, {k: v for k, v in fees.items() if v})
        found = (ours.fills, ours.bought, ours.sold, {k: v for k, v in ours.fees.items() if v}) if ours else None
        if found != expected:
            self.problems.append(
                f"{venue}: the exchange has (fills, bought, sold, fees) {expected}, the ledger {found}"
            )
        funding = sum(ours.funding.values(), Decimal(0)) if ours else Decimal(0)
        if funding != Decimal(theirs["funding"]):
            self.problems.append(f"{venue}: the exchange has funding of {theirs['funding']}, the ledger {funding}")
        if theirs["openOrders"]:
            self.problems.append(f"{venue}: {theirs['openOrders']} orders left open")

    async def replay_all(self) -> None:
        """Every journal, torn ones too, must replay to the same commands."""
        for run in sorted((self.folder / "runs" / "soak").glob("*/journal")):
            process = await asyncio.create_subprocess_exec(
                *MMBOT, "replay", str(run), "--verify",
                stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, cwd=ROOT,
            )  # fmt: skip
            output, _ = await process.communicate()
            if process.returncode != 0:
                self.problems.append(f"{run}: replay: {output.decode()[-600:]}")

    def read_logs(self) -> None:
        """No traceback anywhere."""
        for name in ("bot.log", "exchange.log"):
            text = (self.folder / name).read_text(errors="replace")
            if "Traceback" in text or "never awaited" in text or "Exception ignored" in text:
                at = min(
                    i
                    for i in (text.find("Traceback"), text.find("never awaited"), text.find("Exception ignored"))
                    if i >= 0
                )
                self.problems.append(f"{name}: {text[max(at - 300, 0) : at + 1500]}")


def main() -> None:
    """Run a soak from the command line; exit 1 when anything does not add up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    soak = Soak(Path(tempfile.mkdtemp(prefix="mmbot-soak-")), arguments.seed)
    print(f"in {soak.folder}")
    asyncio.run(soak.run(arguments.minutes))
    print(f"{soak.kills} kills, {len(soak.problems)} problems", *soak.problems, sep="\n")
    sys.exit(bool(soak.problems))


if __name__ == "__main__":
    main()
