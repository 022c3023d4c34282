"""From what a user asks for to a sweep that can run: every key, value and file is checked before the first trial."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mmbot import __version__
from mmbot.config import Config, check_params, vary
from mmbot.errors import ConfigError
from mmbot.plugins.loader import load as load_plugin
from mmbot.sweep import split as splits
from mmbot.sweep.data import Data, tapes_of, varies_tapes
from mmbot.sweep.driver import Phase
from mmbot.sweep.results import IN, OUT, WHOLE
from mmbot.sweep.search import DEFAULT_BATCH, GridSearch, Objective, OptunaSearch, RandomSearch, Search
from mmbot.sweep.space import Axis, Params, Values, drawn_axis, grid_axis, overrides

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from mmbot.plugins.loader import Plugin

OTHER_COMBINATIONS = 200
"""In how many of them a value that does not go with the first of the other axes is tried."""


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for; the fields are the options of ``mmbot sweep``."""

    grid: Sequence[str] = ()
    vary: Sequence[str] = ()
    random: int | None = None
    optuna: int | None = None
    objective: str = "pnl.total"
    seed: int = 0
    batch: int = DEFAULT_BATCH
    split: float | None = None
    gap_s: float = 0.0
    inside: str | None = None
    outside: str | None = None
    top: int = 5


@dataclass(frozen=True, slots=True)
class Plan:
    """A sweep that can run.

    Attributes:
        config: what trials vary.
        search: which trials.
        phases: parts of the data.
        identity: everything that the results depend on, as plain data.
        files: what every worker must be able to read.
    """

    config: Config
    search: Search
    objective: Objective
    phases: tuple[Phase, ...]
    top: int
    identity: dict[str, Any]
    files: tuple[Path, ...]


def make_plan(config: Config, request: Request, data_of: Callable[[Config], Data] = tapes_of) -> Plan:
    """Check `request` against `config` and its data.

    Raises:
        ConfigError: an option, a key or a value is wrong; it is named.
        TapeError: data cannot be read.
        MmbotError: an extra is not installed.
    """
    objective = Objective.parse(request.objective)
    flag, axes, search = _search(request)
    keys = [axis.key for axis in axes]
    _check_values(config, axes, flag)
    data = data_of(config)
    split = _split(request, keys, data)
    first, *further = ((IN, split.inside), (OUT, split.outside)) if split else ((WHOLE, None),)
    phases = tuple(Phase(name, window.overrides() if window else ()) for name, window in (first, *further))
    for phase in phases:
        vary(data.config, phase.overrides)
    plugin = load_plugin(config.strategy.id, config.strategy_folders)
    identity = {
        "mmbot": __version__,
        "config": _without_paths(config),
        "plugin": {"id": plugin.id, "code": plugin.code_hash},
        "data": data.marks,
        "search": search.describe(),
        "split": split.describe() if split else None,
        "objective": str(objective),
    }
    tapes = () if varies_tapes(keys) else data.files
    return Plan(
        config if varies_tapes(keys) else data.config, search, objective, phases, request.top, identity,
        (*tapes, plugin.path),
    )  # fmt: skip


def _search(request: Request) -> tuple[str, Sequence[Axis], Search]:
    kinds = [
        name
        for name, given in (
            ("--grid", bool(request.grid)),
            ("--random", request.random is not None),
            ("--optuna", request.optuna is not None),
        )
        if given
    ]
    if len(kinds) != 1:
        found = " and ".join(kinds) or "none of them"
        raise ConfigError(f"expected one of --grid, --random N and --optuna N; found {found}")
    if request.top < 1:
        raise ConfigError(f"--top {request.top}: expected 1 or more")
    if request.grid:
        if request.vary:
            raise ConfigError("--vary goes with --random and --optuna; a grid names its values: --grid key=1,2,4")
        grid: list[Values] = [grid_axis(text) for text in request.grid]
        return "--grid", grid, GridSearch(grid)
    axes = [drawn_axis(text) for text in request.vary]
    if request.random is not None:
        return "--vary", axes, RandomSearch(axes, request.random, request.seed)
    if request.batch < 1:
        raise ConfigError(f"--batch {request.batch}: expected 1 or more")
    return "--vary", axes, OptunaSearch(axes, request.optuna or 0, request.seed, request.batch)


def _check_values(config: Config, axes: Sequence[Axis], flag: str) -> None:
    """See that every named value, and both ends of every interval, can be used at all.

    Raises:
        ConfigError: names the first that cannot.
    """
    plugins: dict[str, Plugin] = {}
    for axis in axes:
        others = [other for other in axes if other is not axis]
        for value in axis.probes():
            first_problem: ConfigError | None = None
            for params in _combinations(axis.key, value, others):
                try:
                    _check(vary(config, overrides(params), flag), plugins)
                except ConfigError as problem:
                    first_problem = first_problem or problem
                else:
                    break
            else:
                if first_problem is not None:
                    raise first_problem


def _combinations(key: str, value: Any, others: Sequence[Axis]) -> Iterator[Params]:
    points = itertools.product(*(other.probes() for other in others))
    for point in itertools.islice(points, OTHER_COMBINATIONS):
        yield {key: value, **{other.key: at for other, at in zip(others, point, strict=True)}}


def _check(config: Config, plugins: dict[str, Plugin]) -> None:
    name = config.strategy.id
    if name not in plugins:
        plugins[name] = load_plugin(name, config.strategy_folders)
    check_params(config, plugins[name].params_class)


def _split(request: Request, keys: Sequence[str], data: Data) -> splits.Split | None:
    windows = (request.inside, request.outside)
    if request.split is None and windows == (None, None):
        if request.gap_s:
            raise ConfigError("--gap needs --split")
        return None
    for key in keys:
        if key in {"backtest", "backtest.start", "backtest.end"}:
            raise ConfigError(f"{key}: cannot be varied together with a split of the data by time")
    if request.split is not None:
        if windows != (None, None):
            raise ConfigError("expected --split, or --in and --out; found both")
        if varies_tapes(keys):
            raise ConfigError("--split: trials play different data, which has no one span; say --in and --out")
        return splits.by_share(request.split, request.gap_s, data.start, data.end)
    if request.inside is None or request.outside is None:
        raise ConfigError("expected both --in and --out, or --split")
    return splits.by_windows(request.inside, request.outside)


def _without_paths(config: Config) -> dict[str, Any]:
    """The effective config; where its data lies does not matter, what it holds stands in `data`."""
    values = config.effective()
    if values.get("backtest"):
        values["backtest"] = {k: v for k, v in values["backtest"].items() if k not in {"data", "cache"}}
    return {key: value for key, value in values.items() if key not in {"journal", "metrics"}}
