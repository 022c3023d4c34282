"""Runs every measurement, in order, and collects a report."""

from __future__ import annotations

import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from mmbot.bench import bot, core, loopback
from mmbot.bench.feed import generated, recorded
from mmbot.bench.result import Report, Result

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mmbot.bench.feed import Feed

KINDS = {"depth": "depthUpdate", "book_ticker": "bookTicker"}


def run(
    *, data: Path | None = None, quick: bool = False, progress: Callable[[str], None] = lambda _step: None
) -> Report:
    """Measure everything.

    Args:
        data: a recording of one Binance market; None: a generated feed of the same shape.
        quick: fewer samples, done in under 20 s.
        progress: told what comes next.

    Raises:
        MmbotError: the recording is unfit, or the plugin cannot be compiled here.
    """
    progress("feed")
    feed = generated(messages=1500 if quick else 5000) if data is None else recorded(data)
    return Report(_commit(), _cpu(), _python(), list(_measure(feed, quick=quick, progress=progress)))


def _measure(feed: Feed, *, quick: bool, progress: Callable[[str], None]) -> Iterator[Result]:
    passes, samples = (2, 500) if quick else (10, 5000)
    progress("book, decode")
    yield from core.book(feed, passes)
    yield from core.decode(feed, passes)
    progress("quotes, diff, gate, signature")
    yield from core.quote(samples)
    yield from core.orders(feed, samples)
    yield from core.sign(feed, samples)
    progress("compiling the strategy")
    with tempfile.TemporaryDirectory(prefix="mmbot-bench-") as folder:
        plugins = bot.plugins(Path(folder))
    limit, rounds = (15_000, 1) if quick else (100_000, 9)
    for name, kind in KINDS.items():
        if feed.of(kind):
            progress(f"feed to order: {name}")
            for way, times in bot.feed_to_order(feed, plugins, kind, limit=limit, rounds=rounds).items():
                yield Result.of(f"feed_to_order.{name}.{way}", "us", times)
    progress("loopback")
    frames, rounds = (2_500, 2) if quick else (5_000, 5)
    for way, times in loopback.over_floor(feed, plugins, frames, rounds).items():
        name = {"floor": "floor.loopback", "send": "loopback.send"}.get(way, f"loopback.over_floor.{way}")
        yield Result.of(name, "us", times)
    progress("swap")
    yield Result.of("swap.gap", "us", bot.swap_gap(feed, plugins["compiled"], 50 if quick else 500))


def _commit() -> str:
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return ""
    asked = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12"]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)  # noqa: S603 - fixed arguments
    return done.stdout.strip()


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]} ({len(names)} cores)" if names else platform.machine()


def _python() -> str:
    return f"{platform.python_implementation()} {platform.python_version()} {sys.platform}"
