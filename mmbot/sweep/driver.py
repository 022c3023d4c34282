"""Runs a sweep: what is not in the journal yet goes to the workers, what comes back goes to the journal."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mmbot.config.problems import suggest
from mmbot.errors import ConfigError, MmbotError
from mmbot.sweep.journal import Record
from mmbot.sweep.space import Params, overrides
from mmbot.sweep.worker import Outcome, Task

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mmbot.sweep.executor import Executor
    from mmbot.sweep.journal import TrialJournal
    from mmbot.sweep.search import Objective, Search

ATTEMPTS = 2
"""A trial whose worker died is tried once more: it may not have been its fault."""


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of the data on which trials are run; its overrides cut it out."""

    name: str
    overrides: tuple[str, ...] = ()


@dataclass(slots=True)
class Tally:
    """What this session did, as opposed to what the journal already held."""

    runs: int = 0
    rows: int = 0
    busy_s: float = 0.0

    @property
    def rows_per_s(self) -> float:
        """Rows of all workers together, while there was something to run."""
        return self.rows / self.busy_s if self.busy_s else 0.0


@dataclass(slots=True)
class Driver:
    """One session of a sweep.

    Attributes:
        executor: is started when there is something to run.
        progress: called after each run with how many are done and how many there will be.
    """

    search: Search
    objective: Objective
    journal: TrialJournal
    executor: Executor
    phases: tuple[Phase, ...]
    top: int = 1
    progress: Callable[[int, int], None] | None = None
    tally: Tally = field(default_factory=Tally)
    _started: bool = False
    _done: int = 0

    def run(self) -> None:
        """Run what is missing: all trials on the first phase, the best `top` of them on the second, if there is one.

        Raises:
            ConfigError: no trial has the objective, or the journal holds other trials.
            MmbotError: the workers could not be started, or the cluster is gone.
        """
        trials: dict[int, Params] = {}
        while batch := self.search.ask():
            numbered = dict(enumerate(batch, start=len(trials)))
            trials |= numbered
            records = self._run_phase(self.phases[0], numbered)
            for record in records.values():
                self._check_objective(record)
            self.search.tell([self.objective.score(records[trial].metrics) for trial in numbered])
        for phase in self.phases[1:]:
            best = ranked(self.journal.records, self.phases[0].name, self.objective)[: self.top]
            self._run_phase(phase, {trial: trials[trial] for trial in sorted(best)})

    @property
    def size(self) -> int:
        """Runs there will be."""
        return self.search.size + min(self.top, self.search.size) * (len(self.phases) - 1)

    def _run_phase(self, phase: Phase, trials: Mapping[int, Params]) -> dict[int, Record]:
        waiting: deque[tuple[int, int]] = deque()
        for trial, params in trials.items():
            known = self.journal.records.get((phase.name, trial))
            if known is None:
                waiting.append((trial, 1))
            elif known.params != params:
                raise MmbotError(f"trial {trial}: the journal has it with {known.params}; expected {params}")
        self._report(len(trials) - len(waiting))
        if waiting:
            self._start()
            began = time.perf_counter()
            self._run_all(phase, trials, waiting)
            self.tally.busy_s += time.perf_counter() - began
        return {trial: self.journal.records[phase.name, trial] for trial in trials}

    def _run_all(self, phase: Phase, trials: Mapping[int, Params], waiting: deque[tuple[int, int]]) -> None:
        running: dict[int, int] = {}
        while waiting or running:
            while waiting and self.executor.free:
                trial, attempt = waiting.popleft()
                running[trial] = attempt
                self.executor.submit(Task(trial, phase.name, (*phase.overrides, *overrides(trials[trial]))))
            outcome = self.executor.wait()
            trial = outcome.task.trial
            attempt = running.pop(trial)
            if outcome.lost and attempt < ATTEMPTS:
                waiting.appendleft((trial, attempt + 1))
                continue
            self._record(outcome, trials[trial], attempt)

    def _record(self, outcome: Outcome, params: Params, attempt: int) -> None:
        error = f"{outcome.error}, {attempt} times" if outcome.lost else outcome.error
        task = outcome.task
        record = Record(task.trial, task.phase, params, outcome.metrics, error, round(outcome.seconds, 6), attempt)
        self.journal.append(record)
        self._check_objective(record)
        self.tally.runs += 1
        rows = (outcome.metrics or {}).get("rows")
        self.tally.rows += rows if isinstance(rows, int) else 0
        self._report(1)

    def _start(self) -> None:
        if not self._started:
            self.executor.start()
            self._started = True

    def _report(self, more: int) -> None:
        self._done += more
        if self.progress is not None:
            self.progress(self._done, self.size)

    def _check_objective(self, record: Record) -> None:
        metrics = record.metrics
        if metrics is not None and self.objective.metric not in metrics:
            known = sorted(name for name, value in metrics.items() if not isinstance(value, str))
            raise ConfigError(
                f"--objective {self.objective.metric}: a backtest has no such figure"
                f"{suggest(self.objective.metric, known)}; known: {', '.join(known)}"
            )


def ranked(records: Mapping[tuple[str, int], Record], phase: str, objective: Objective) -> list[int]:
    """Trials of `phase` with a score, the best first; of equal ones the earlier first."""
    scores = {
        trial: score
        for (name, trial), record in records.items()
        if name == phase and (score := objective.score(record.metrics)) is not None
    }
    return sorted(scores, key=lambda trial: (-scores[trial], trial))
