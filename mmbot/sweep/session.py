"""A sweep from beginning to end, or from where it was."""

from __future__ import annotations

import contextlib
import hashlib
import json
import signal
import threading
from typing import TYPE_CHECKING, Any

from mmbot.errors import MmbotError
from mmbot.sweep.driver import Driver, Tally
from mmbot.sweep.journal import TrialJournal, read_journal
from mmbot.sweep.page import Plots, page
from mmbot.sweep.results import FILE_NAME, Results, collect, write_parquet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from mmbot.sweep.executor import Executor
    from mmbot.sweep.plan import Plan

PAGE_NAME = "sweep.html"


class Interrupted(MmbotError):
    """Ctrl-C or SIGTERM; what was finished is kept."""


def run_sweep(
    plan: Plan, folder: Path, executor: Executor, progress: Callable[[int, int], None] | None = None
) -> Tally:
    """Run what `folder` does not have yet.

    Raises:
        ConfigError: the folder holds another sweep.
        Interrupted: stopped by a signal; the same call goes on from there.
        MmbotError: the workers cannot do the job, or the cluster is gone.
    """
    with TrialJournal(folder, plan.identity) as journal, contextlib.closing(executor), _terminate_interrupts():
        driver = Driver(plan.search, plan.objective, journal, executor, plan.phases, plan.top, progress)
        try:
            driver.run()
        except KeyboardInterrupt:
            raise Interrupted(
                f"stopped after {len(journal.records)} of {driver.size} runs; the same command goes on from there"
            ) from None
        return driver.tally


def write_results(folder: Path, plots: Plots | None = None) -> Results:
    """Make ``results.parquet`` and ``sweep.html`` of what the folder's journal holds, be it all or a part.

    Raises:
        MmbotError: there is no journal, or pyarrow is not installed.
    """
    contents = read_journal(folder)
    if not contents.identity:
        raise MmbotError(f"{folder}: holds no sweep yet")
    results = collect(contents)
    write_parquet(results, folder / FILE_NAME)
    part = folder / f"{PAGE_NAME}.part"
    part.write_text(page(results, plots), encoding="utf-8")
    part.replace(folder / PAGE_NAME)
    return results


def usual_name(identity: dict[str, Any]) -> str:
    """Folder name of a sweep: the same for the same sweep, so that it goes on where it was."""
    return f"sweep-{hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:10]}"


@contextlib.contextmanager
def _terminate_interrupts() -> Iterator[None]:
    """SIGTERM ends a sweep as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
