"""A small market on a tape, a bot for it, and backtests that need neither."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mmbot._core.types import Instrument
from mmbot.config import Config, parse
from mmbot.sweep import Executor, Plan, Request, make_plan
from mmbot.sweep.data import Data
from mmbot.sweep.worker import Outcome, Task
from mmbot.tape import TapeFlag, TapeKind, TapeWriter
from mmbot.testing import INSTRUMENTS

START_NS = 1_723_075_200_000_000_000
START = datetime.fromtimestamp(START_NS / 1e9, UTC)

CONFIG = """
bot: {{name: swept}}
venues: {{perp: {{kind: binance_usdm}}}}
markets: {{perp_btc: {{venue: perp, symbol: "BTC/USDT:USDT", role: maker}}}}
strategy: {{id: pmm, markets: [perp_btc], params: {{qty: 0.01, levels: 1, half_spread_bps: 0.2, volatility_factor: 0}}}}
risk: {{max_order_qty: 1, max_order_notional: 100000, max_position: 2, max_daily_loss: 1000, max_drawdown: 500}}
journal: {{dir: {runs}}}
backtest: {{data: {{perp_btc: {tape}}}}}
"""
LEVELS = "strategy.params.levels"
SPREAD = "strategy.params.half_spread_bps"
CHAOS = "risk.orders_per_s"  # what `fake_run` takes its orders from


def config_file(folder: Path, seconds: int = 120, seed: int = 5) -> Path:
    """A bot's file beside a tape that it can be backtested on."""
    tape = market_tape(folder / "made_up.tape", seconds, seed)
    path = folder / "swept.yaml"
    path.write_text(CONFIG.format(tape=tape, runs=folder / "runs"))
    return path


def a_config() -> Config:
    """The same bot, without data."""
    return parse(CONFIG.format(tape="nowhere.tape", runs="runs"))


def no_data(config: Config) -> Data:
    """Data of a minute that nobody plays."""
    return Data(config, (), {"perp_btc": ["made up"]}, START, START.replace(minute=10))


def a_plan(*grid: str, **request: Any) -> Plan:
    """A plan that needs no data."""
    return make_plan(a_config(), Request(grid=grid, **request), no_data)


def market_tape(path: Path, seconds: int, seed: int) -> Path:
    """A price that wanders by ticks, ten messages a second, with trades at the touch."""
    rng = random.Random(seed)
    rows: list[tuple[int, int, TapeKind, int, list[tuple[int, int]]]] = []
    mid, seq = 600_000, 0

    def say(at_ns: int, kind: TapeKind, side: int, levels: list[tuple[int, int]]) -> None:
        nonlocal seq
        seq += 1
        rows.append((at_ns, seq, kind, side, levels))

    def ladder(side: int, lots: int) -> list[tuple[int, int]]:
        return [(mid - 1 - i if side == 0 else mid + 1 + i, lots) for i in range(5)]

    for side in (0, 1):
        say(START_NS, TapeKind.CLEAR, side, [(0, 0)])
        say(START_NS, TapeKind.SNAPSHOT, side, ladder(side, 20))
    for step in range(1, seconds * 10):
        at_ns = START_NS + step * 100_000_000
        if rng.random() < 0.5:
            taker = rng.randrange(2)
            say(at_ns, TapeKind.TRADE, taker, [(mid + 1 if taker == 0 else mid - 1, rng.randint(1, 40))])
        move = rng.choice((-2, -1, 0, 0, 1, 2))
        gone = [{price for price, _ in ladder(side, 0)} for side in (0, 1)]
        mid += move
        for side in (0, 1):
            here = ladder(side, rng.randint(5, 40))
            stale = sorted(gone[side] - {price for price, _ in here})
            say(at_ns + 1000, TapeKind.DEPTH, side, [*((price, 0) for price in stale), *here])
    with TapeWriter(path, Instrument(**INSTRUMENTS["perp_btc"]), {"kind": "made up"}) as writer:
        both = TapeFlag.EXCH | TapeFlag.LOCAL
        writer.append(
            [r[0] for r in rows], [r[0] + 500_000 for r in rows], [r[1] for r in rows], [r[2] for r in rows],
            [r[3] for r in rows], [both] * len(rows),
            [len(r[4]) for r in rows], [level for r in rows for level in r[4]],
        )  # fmt: skip
        writer.close({})
    return path


def fake_run(config: Config) -> dict[str, Any]:
    """A backtest's summary that depends on the params alone, and a little of everything that can go wrong."""
    params, chaos = config.strategy.params, config.risk.orders_per_s
    if chaos == 666:
        os.kill(os.getpid(), signal.SIGKILL)
    if chaos == 13:
        raise RuntimeError("thirteen")
    if 0 < chaos < 1:
        time.sleep(chaos)
    spread, levels = float(params["half_spread_bps"]), params["levels"]
    noise = hashlib.sha256(f"{params}{config.backtest and config.backtest.start}".encode()).digest()[0] / 256
    return {
        "bot": "swept", "rows": 1000, "run_s": time.perf_counter(), "rows_per_s": time.perf_counter(),
        "fills": int(20 / spread), "sharpe": None, "drawdown": spread * levels,
        "pnl": {"total": f"{5 - (spread - 2) ** 2 + noise / 10:.8f}", "fees": "-1.5"},
        "position": {"perp_btc": {"max_abs": levels * 0.01}},
    }  # fmt: skip


def dies_once(config: Config) -> dict[str, Any]:
    """Kills its worker unless a file says that it did so before; the file is named by the journal folder."""
    mark = Path(config.journal.dir) / f"died-{config.strategy.params['levels']}"
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return fake_run(config)


class Scripted:
    """An executor that runs in this process, in an order that a seed decides, and can be told to lose tasks."""

    def __init__(self, run: Any = fake_run, config: Config | None = None, slots: int = 3, seed: int = 0) -> None:
        from mmbot.sweep.worker import Job, perform

        self._job, self._perform = Job(config or a_config(), run), perform
        self._slots, self._rng = slots, random.Random(seed)
        self.waiting: list[Task] = []
        self.submitted: list[Task] = []
        self.lose: dict[int, int] = {}
        self.started = self.closed = 0

    @property
    def free(self) -> int:
        return self._slots - len(self.waiting)

    def start(self) -> None:
        self.started += 1

    def submit(self, task: Task) -> None:
        assert self.free > 0
        self.submitted.append(task)
        self.waiting.append(task)

    def wait(self) -> Outcome:
        task = self.waiting.pop(self._rng.randrange(len(self.waiting)))
        if self.lose.get(task.trial, 0) > 0:
            self.lose[task.trial] -= 1
            return Outcome(task, error="the worker was killed by SIGKILL", lost=True)
        return self._perform(self._job, task)

    def close(self) -> None:
        self.closed += 1


def _is_an_executor(scripted: Scripted) -> Executor:
    return scripted
