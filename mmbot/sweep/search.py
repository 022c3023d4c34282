"""Which parameters are tried: every point of a grid, points drawn at random, or points that Optuna asks for.

A search gives batches of trials and is told how each went, in their order. What it asks for depends on its seed and on
what it was told, never on who ran the trials or which was done first; so it can be repeated from a journal.
"""

from __future__ import annotations

import itertools
import math
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from mmbot.errors import ConfigError, MmbotError
from mmbot.sweep.space import MAX_TRIALS, Axis, Interval, Params, Values, Whole, check_keys

if TYPE_CHECKING:
    from collections.abc import Sequence

    import optuna

DEFAULT_BATCH = 8


class Search(Protocol):
    """A source of trials."""

    @property
    def size(self) -> int:
        """Trials there will be in all."""

    def ask(self) -> list[Params]:
        """The next batch; empty when there are no more. The last one must have been told."""

    def tell(self, scores: Sequence[float | None]) -> None:
        """How the last batch went, higher is better; None: the trial failed or its objective is not a number."""

    def describe(self) -> dict[str, Any]:
        """What makes it this search, as plain data."""


@dataclass(frozen=True, slots=True)
class Objective:
    """The metric by which trials are ranked."""

    metric: str
    maximise: bool = True

    @classmethod
    def parse(cls, text: str, flag: str = "--objective") -> Objective:
        """Read ``pnl.total``, ``max:pnl.total`` or ``min:drawdown``.

        Raises:
            ConfigError: it is none of these.
        """
        direction, colon, metric = text.partition(":")
        if not colon:
            direction, metric = "max", text
        if direction not in {"max", "min"} or not metric:
            raise ConfigError(f"{flag} {text}: expected a metric, as pnl.total, max:pnl.total or min:turnover")
        return cls(metric, direction == "max")

    def score(self, metrics: dict[str, Any] | None) -> float | None:
        """The metric as a number of which more is better; None when there is none."""
        value = (metrics or {}).get(self.metric)
        if not isinstance(value, int | float) or not math.isfinite(value):
            return None
        return float(value) if self.maximise else -float(value)

    def __str__(self) -> str:
        return f"{'max' if self.maximise else 'min'}:{self.metric}"


class _Listed:
    """A search whose trials are known from the beginning: one batch."""

    def __init__(self, trials: list[Params]) -> None:
        self._trials = trials
        self._asked = False

    @property
    def size(self) -> int:
        return len(self._trials)

    def ask(self) -> list[Params]:
        trials = [] if self._asked else self._trials
        self._asked = True
        return trials

    def tell(self, scores: Sequence[float | None]) -> None:
        """Nothing depends on it."""


class GridSearch(_Listed):
    """Every combination; the last axis runs fastest."""

    def __init__(self, axes: Sequence[Values]) -> None:
        check_keys(axes)
        count = math.prod(len(axis.values) for axis in axes)
        if count > MAX_TRIALS:
            raise ConfigError(f"--grid: has {count:,} combinations; allowed are {MAX_TRIALS:,}")
        keys = [axis.key for axis in axes]
        points = itertools.product(*(axis.values for axis in axes))
        super().__init__([dict(zip(keys, point, strict=True)) for point in points])
        self._axes = axes

    def describe(self) -> dict[str, Any]:
        """The axes."""
        return {"kind": "grid", "space": {axis.key: str(axis) for axis in self._axes}}


class RandomSearch(_Listed):
    """Independent draws; a trial's do not depend on how many there are, nor on the other axes."""

    def __init__(self, axes: Sequence[Axis], count: int, seed: int) -> None:
        _check_count("--random", axes, count)
        super().__init__([
            {axis.key: axis.draw(random.Random(f"{seed}/{i}/{axis.key}").random()) for axis in axes}  # noqa: S311
            for i in range(count)
        ])  # fmt: skip
        self._axes, self._seed = axes, seed

    def describe(self) -> dict[str, Any]:
        """The axes, how many and the seed."""
        space = {axis.key: str(axis) for axis in self._axes}
        return {"kind": "random", "space": space, "trials": self.size, "seed": self._seed}


class OptunaSearch:
    """Optuna's tree-structured Parzen estimator, asked for `batch` trials at a time.

    Raises:
        MmbotError: optuna is not installed.
    """

    def __init__(self, axes: Sequence[Axis], count: int, seed: int, batch: int = DEFAULT_BATCH) -> None:
        _check_count("--optuna", axes, count)
        try:
            import optuna  # noqa: PLC0415 - an extra, and slow to import
        except ImportError:
            raise MmbotError("--optuna needs the package optuna: pip install 'mmbot[sweep]'") from None
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        sampler = optuna.samplers.TPESampler(seed=seed)
        self._study = optuna.create_study(direction="maximize", sampler=sampler)
        self._failed = optuna.trial.TrialState.FAIL
        self._version = optuna.__version__
        self._axes, self._seed, self._batch, self._size = axes, seed, batch, count
        self._open: list[optuna.Trial] = []
        self._asked = 0

    @property
    def size(self) -> int:
        """Trials there will be in all."""
        return self._size

    def ask(self) -> list[Params]:
        """The next batch; the last may be smaller."""
        count = min(self._batch, self._size - self._asked)
        self._open = [self._study.ask() for _ in range(count)]
        self._asked += count
        return [{axis.key: _suggest(trial, axis) for axis in self._axes} for trial in self._open]

    def tell(self, scores: Sequence[float | None]) -> None:
        """Let the next batch learn from this one."""
        for trial, score in zip(self._open, scores, strict=True):
            if score is None:
                self._study.tell(trial, state=self._failed)
            else:
                self._study.tell(trial, score)

    def describe(self) -> dict[str, Any]:
        """Everything that the sequence of trials depends on, Optuna's version included."""
        space = {axis.key: str(axis) for axis in self._axes}
        return {
            "kind": "optuna", "space": space, "trials": self._size, "seed": self._seed, "batch": self._batch,
            "optuna": self._version,
        }  # fmt: skip


def _suggest(trial: optuna.Trial, axis: Axis) -> Any:
    match axis:
        case Interval():
            return axis.rounded(trial.suggest_float(axis.key, axis.low, axis.high, log=axis.log))
        case Whole():
            return trial.suggest_int(axis.key, axis.low, axis.high)
    # By number: Optuna knows no lists or mappings.
    return axis.values[trial.suggest_categorical(axis.key, list(range(len(axis.values))))]


def _check_count(flag: str, axes: Sequence[Axis], count: int) -> None:
    if not 1 <= count <= MAX_TRIALS:
        raise ConfigError(f"{flag} {count}: expected 1 to {MAX_TRIALS:,}")
    if not axes:
        raise ConfigError(f"{flag}: nothing to vary; say what with --vary, as --vary strategy.params.levels=int(1,5)")
    check_keys(axes)
