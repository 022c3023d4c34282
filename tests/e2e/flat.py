"""Runs the demo at full speed and holds that its memory stays flat and its books stay those of the exchange.

    python tests/e2e/flat.py --minutes 10

The market is made busier and the quotes tighter than in the demo, so that orders, fills and hedges come by the second.
Memory is read from outside, every few seconds; the first third is warm-up (ladders, pools and rings being touched for
the first time), after it memory must not grow.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
BUSY = (
    "bot.name=flat",
    "metrics.listen=127.0.0.1:0",
    "strategy.params.half_spread_bps=0.05",
    "strategy.params.volatility_factor=0",
    "strategy.params.qty=0.002",
    "risk.max_daily_loss=1000000",
    "risk.max_drawdown=1000000",
)
MIB = 1 << 20


@dataclass
class FlatRun:
    """One run of the busy demo.

    Attributes:
        folder: where it writes.
        seconds: how long it runs.
        activity: the exchange's `activity`.
        every_s: how often memory is read.
        samples: (seconds since the start, resident bytes).
        summary: the run's ``summary.json``.
        problems: what was wrong, in words.
    """

    folder: Path
    seconds: float
    activity: float = 5.0
    every_s: float = 10.0
    samples: list[tuple[float, int]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def run(self) -> None:
        """Run it to its end, sampling, then judge."""
        settings = [*BUSY, f"exchange.activity={self.activity}", f"journal.dir={self.folder / 'runs'}"]
        with (self.folder / "flat.log").open("wb") as log:
            bot = subprocess.Popen(
                [sys.executable, "-m", "mmbot", "run", str(ROOT / "configs" / "demo.yaml"), "--for", f"{self.seconds}s",
                 *(part for setting in settings for part in ("--set", setting))],
                cwd=ROOT, stdout=log, stderr=log, env=os.environ | {"MMBOT_RUNTIME_DIR": str(self.folder)},
            )  # fmt: skip
            began = time.monotonic()
            while bot.poll() is None:
                if (size := resident(bot.pid)) is not None:
                    self.samples.append((time.monotonic() - began, size))
                time.sleep(self.every_s)
        if bot.returncode != 0:
            self.problems.append(f"exit code {bot.returncode}: {(self.folder / 'flat.log').read_text()[-2000:]}")
            return
        found = sorted((self.folder / "runs" / "flat").glob("*/summary.json"))
        self.summary = json.loads(found[-1].read_text())
        self.judge()

    @property
    def growth_mib_per_min(self) -> float:
        """Slope of the memory after warm-up, by least squares."""
        points = [(at, size) for at, size in self.samples if self.seconds / 3 <= at <= self.seconds]
        if len(points) < 2:
            return 0.0
        mean_at = sum(at for at, _ in points) / len(points)
        mean_size = sum(size for _, size in points) / len(points)
        above = sum((at - mean_at) * (size - mean_size) for at, size in points)
        return above / sum((at - mean_at) ** 2 for at, _ in points) * 60 / MIB

    def judge(self) -> None:
        """Hold what was seen against what is promised."""
        if not self.summary["reconciled"]:
            self.problems.append("the run did not end reconciled")
        if self.summary["fills"] == 0:
            self.problems.append("nothing was filled: not a busy run")
        text = (self.folder / "flat.log").read_text(errors="replace")
        if "Traceback" in text or "never awaited" in text:
            self.problems.append(f"the log has an unhandled error: {text[-2000:]}")


def resident(pid: int) -> int | None:
    """Resident memory of a process in bytes; None when it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    lines = [line for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(lines[0].split()[1]) * 1024 if lines else None


def main() -> None:
    """Run it from the command line; exit 1 when memory grows by over half a MiB a minute, or anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--activity", type=float, default=5.0)
    arguments = parser.parse_args()
    flat = FlatRun(Path(tempfile.mkdtemp(prefix="mmbot-flat-")), arguments.minutes * 60, arguments.activity)
    print(f"in {flat.folder}", flush=True)
    flat.run()
    if flat.growth_mib_per_min > 0.5:
        flat.problems.append(f"memory grows by {flat.growth_mib_per_min:.2f} MiB a minute")
    for at, size in flat.samples:
        print(f"{at:7.0f} s {size / MIB:8.1f} MiB")
    print(
        f"{flat.growth_mib_per_min:+.3f} MiB a minute after warm-up, {len(flat.problems)} problems",
        *flat.problems,
        sep="\n",
    )
    sys.exit(bool(flat.problems))


if __name__ == "__main__":
    main()
