"""Runs the bot at full speed and holds that its memory stays flat and its books stay those of the exchange.

    python tests/e2e/flat.py --minutes 10

The market is made busier and the quotes tighter than in the demo, so that orders, fills and hedges come by the second.
The exchange is a process of its own: it remembers every order, as exchanges do, so its memory is shown but not judged.
Memory is read from outside, every few seconds; the first half is warm-up (pools being touched for the first time).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

from processes import Bot, Exchange  # noqa: E402 - beside this file

from mmbot.ledger import Ledger, open_database  # noqa: E402 - from this checkout

MIB = 1 << 20
LIMIT_MIB_PER_MIN = 0.5  # what is remembered of some hundred orders a minute, up to a bound


@dataclass
class FlatRun:
    """One busy run.

    Attributes:
        folder: where it writes.
        seconds: how long it runs.
        activity: the exchange's `activity`.
        every_s: how often memory is read.
        samples: (seconds since the start, resident bytes).
        exchange_samples: resident bytes of the exchange at the same times.
        ledger: the exchange's own books at the end.
        summary: the run's ``summary.json``.
        problems: what was wrong, in words.
    """

    folder: Path
    seconds: float
    activity: float = 5.0
    every_s: float = 10.0
    samples: list[tuple[float, int]] = field(default_factory=list)
    exchange_samples: list[int] = field(default_factory=list)
    ledger: dict[str, Any] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def run(self) -> None:
        """Run it to its end, sampling, then judge."""
        exchange = Exchange(self.folder, "--activity", self.activity)
        try:
            bot = Bot(self.folder, exchange, "--for", f"{self.seconds}s", "--json", changes=_busy)
            self._sample(bot, exchange)
            code = bot.wait()
            self.ledger = exchange.ledger()
        finally:
            exchange.stop()
        if code != 0:
            self.problems.append(f"exit code {code}: {bot.stderr[-2000:]}")
            return
        self.summary = bot.summary()
        self.judge(bot)

    def _sample(self, bot: Bot, exchange: Exchange) -> None:
        began = time.monotonic()
        while bot.process.poll() is None and time.monotonic() - began < self.seconds + 30:
            size, theirs = resident(bot.process.pid), resident(exchange.process.pid)
            if size is not None and theirs is not None:
                self.samples.append((time.monotonic() - began, size))
                self.exchange_samples.append(theirs)
            time.sleep(self.every_s)

    @property
    def growth_mib_per_min(self) -> float:
        """Slope of the memory after warm-up, by least squares."""
        points = [(at, size) for at, size in self.samples if self.seconds / 2 <= at <= self.seconds]
        if len(points) < 2:
            return 0.0
        mean_at = sum(at for at, _ in points) / len(points)
        mean_size = sum(size for _, size in points) / len(points)
        above = sum((at - mean_at) * (size - mean_size) for at, size in points)
        return above / sum((at - mean_at) ** 2 for at, _ in points) * 60 / MIB

    def judge(self, bot: Bot) -> None:
        """Hold what was seen against what is promised."""
        if not self.summary["reconciled"]:
            self.problems.append("the run did not end reconciled")
        fills = sum(len(venue["fills"]) for venue in self.ledger.values())
        if not self.summary["fills"] == fills > 0:
            self.problems.append(f"{self.summary['fills']} fills here, {fills} at the exchange")
        database = open_database(f"sqlite:///{bot.run_dir.parent / 'ledger.db'}")
        written = sum(totals.fills for totals in Ledger(database).totals().values())
        database.dispose()
        if written != fills:
            self.problems.append(f"{written} fills in the ledger, {fills} at the exchange")


def _busy(config: dict[str, Any]) -> None:
    config["metrics"] = {"enabled": False}
    config["risk"] |= {"max_daily_loss": 1_000_000, "max_drawdown": 1_000_000}


def resident(pid: int) -> int | None:
    """Resident memory of a process in bytes; None when it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    lines = [line for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(lines[0].split()[1]) * 1024 if lines else None


def main() -> None:
    """Run it from the command line; exit 1 when memory grows, or anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--activity", type=float, default=5.0)
    arguments = parser.parse_args()
    flat = FlatRun(Path(tempfile.mkdtemp(prefix="mmbot-flat-")), arguments.minutes * 60, arguments.activity)
    print(f"in {flat.folder}", flush=True)
    flat.run()
    if flat.growth_mib_per_min > LIMIT_MIB_PER_MIN:
        flat.problems.append(f"memory grows by {flat.growth_mib_per_min:.2f} MiB a minute")
    for (at, size), theirs in zip(flat.samples, flat.exchange_samples, strict=True):
        print(f"{at:7.0f} s {size / MIB:8.1f} MiB   exchange {theirs / MIB:8.1f} MiB")
    print(f"{flat.summary.get('events')} events, {flat.summary.get('orders')}, {flat.summary.get('fills')} fills")
    print(
        f"{flat.growth_mib_per_min:+.3f} MiB a minute after warm-up, {len(flat.problems)} problems",
        *flat.problems,
        sep="\n",
    )
    sys.exit(bool(flat.problems))


if __name__ == "__main__":
    main()
