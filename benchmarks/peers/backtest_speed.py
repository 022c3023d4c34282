"""How fast mmbot plays a backtest, beside hftbacktest and nautilus_trader on the same file in one run.

    python benchmarks/peers/backtest_speed.py [--data NPZ_DIR] [--mmbot PYTHON] [--rounds 7]

The market maker of `configs/reference/` on USD-M BTCUSDT, risk-averse queue, 1 ms each way; a decision every 100 ms,
or at every feed message. Runs in an environment with hftbacktest, numba and nautilus_trader (the extra `peers`); mmbot
runs as a command of PYTHON, an environment with mmbot (default: this one). Without NPZ_DIR it converts the recording.

All play the same hftbacktest rows. What counts is the loop over them, everything loaded, the peers' code compiled
before; they take turns and the best of `--rounds` counts, in which a busy machine shows least. Printed are million rows
a second, and mmbot's figure over each. nautilus_trader has no queue position to model and gets a simpler maker.

Then a sweep of eight parameter sets on all cores, all workers' rows together: mmbot's from the first trial handed out
to the last result on record, hftbacktest's loops alone, in as many processes, each with all its sets prepared before.
"""

from __future__ import annotations

import argparse
import gc
import importlib.util
import itertools
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[2]
RECORDING = "recordings/binance/usdm/btcusdt_20240808.gz"
ASSET = "usdm_btcusdt"
CONFIG = ROOT / "configs" / "reference" / "usdm_btcusdt_riskadverse_timer100ms_touch.yaml"
MODES = {"100 ms": "timer", "feed": "feed"}
HALF, SKEW = (0, 2, 5, 10), (1, 2)
SETS = [{"half": half, "skew": skew} for half, skew in itertools.product(HALF, SKEW)]
SET = {
    "timer": [],
    "feed": ["strategy.wake=message", "strategy.params.on=feed"],
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help=f"folder of {ASSET}.npz")
    parser.add_argument("--mmbot", default=sys.executable, help="Python of an environment with mmbot")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true", help="print data as JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        data = options.data or converted(options.mmbot, folder)
        n_rows = len(np.load(data / f"{ASSET}.npz")["data"])
        plugins = {"compiled plugin": compiled(options.mmbot, folder), "Python plugin": "reference_mm"}
        swept = measure({
            "mmbot, compiled plugin": sweep(options.mmbot, plugins["compiled plugin"], folder),
            **optional("hftbacktest", hftbacktest_sweep, "timer", data),
        }, options.rounds)  # fmt: skip
        found = {
            title: measure({
                **{f"mmbot, {name}": mmbot(options.mmbot, mode, plugin) for name, plugin in plugins.items()},
                **optional("hftbacktest", hftbacktest, mode, data),
                **optional("nautilus_trader", nautilus, mode, data),
            }, options.rounds)
            for title, mode in MODES.items()
        }  # fmt: skip
        command_s = command(options.mmbot, plugins["compiled plugin"])
    if options.json:
        print(json.dumps({"rows": n_rows, "seconds": found, "sweep_seconds": swept, "command_s": command_s}))
        return
    print(f"{n_rows:,} rows; from command to result, data converted before: {command_s:.2f} s")
    for title, times in found.items():
        show(f"decisions: {title}", times, n_rows)
    show(f"{len(SETS)} sets, {cores()} workers", swept, n_rows * len(SETS))


def cores() -> int:
    """Those this process may use."""
    return len(os.sched_getaffinity(0))


def show(title: str, times: dict[str, float | str], n_rows: int) -> None:
    """One table; ratios to each of mmbot's figures."""
    ours = {name: took for name, took in times.items() if name.startswith("mmbot") and isinstance(took, float)}
    heads = "   ".join(f"{name.removeprefix('mmbot, ').removesuffix(' plugin') + ' over':>15}" for name in ours)
    print(f"\n{title:37} M rows/s   {heads}")
    for name, took in times.items():
        if isinstance(took, str):
            print(f"  {name:36} {took}")
            continue
        print(
            f"  {name:36} {n_rows / took / 1e6:8.2f}   " + "   ".join(f"{took / one:13.2f} x" for one in ours.values())
        )


def measure(runs: dict[str, Any], rounds: int) -> dict[str, float | str]:
    """The least seconds of each, in turns; what is text says why there is none."""
    best: dict[str, float | str] = {name: run if isinstance(run, str) else float("inf") for name, run in runs.items()}
    for _ in range(rounds):
        for name, run in runs.items():
            if not isinstance(run, str):
                gc.collect()
                best[name] = min(float(best[name]), run())
    return best


def optional(module: str, make: Callable[[str, Path], dict[str, Any]], mode: str, data: Path) -> dict[str, Any]:
    """What `make` finds to run, or why there is nothing."""
    try:
        return make(mode, data)
    except ImportError as error:
        return {module: f"not installed: {error}"}


# --- mmbot, in its own environment -----------------------------------------------------------------------------------


def cli(python: str, *arguments: str) -> str:
    """Output of one mmbot command."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [python, "-m", "mmbot", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"mmbot {' '.join(arguments)}: left {done.returncode}\n{done.stderr}")
    return done.stdout


def mmbot(python: str, mode: str, plugin: str) -> Any:
    """One backtest as a command; the seconds are those it reports for its loop."""
    settings = [argument for key in (*SET[mode], f"strategy.id={plugin}") for argument in ("--set", key)]
    return lambda: float(json.loads(cli(python, "backtest", str(CONFIG), "--no-save", "--json", *settings))["run_s"])


def sweep(python: str, plugin: str, folder: Path) -> Any:
    """One sweep as a command; the seconds are those in which there was something to run."""
    numbers = itertools.count()
    grid = [f"strategy.params.half={','.join(map(str, HALF))}", f"strategy.params.skew={','.join(map(str, SKEW))}"]

    def run() -> float:
        place = ["--folder", str(folder / f"sweep{next(numbers)}"), "--set", f"strategy.id={plugin}", "--json"]
        done = json.loads(cli(python, "sweep", str(CONFIG), *(a for axis in grid for a in ("--grid", axis)), *place))
        return float(done["busy_s"])

    return run


def command(python: str, plugin: str) -> float:
    """Seconds from command to result, the least of three."""
    took = []
    for _ in range(3):
        begin = time.perf_counter()
        cli(python, "backtest", str(CONFIG), "--no-save", "--json", "--set", f"strategy.id={plugin}")
        took.append(time.perf_counter() - begin)
    return min(took)


def compiled(python: str, folder: Path) -> str:
    """Path of the plugin compiled."""
    cli(python, "compile", str(ROOT / "strategies" / "reference_mm.py"), "--out", str(folder))
    return str(next(folder.glob("reference_mm*.so")))


def converted(python: str, folder: Path) -> Path:
    """Folder with the recording as hftbacktest rows."""
    source = Path(os.environ.get("MMBOT_DATA", ROOT.parent / "shared" / "data")) / RECORDING
    cli(python, "convert", str(source), str(folder / f"{ASSET}.npz"), "--rules", "hftbacktest")
    return folder


# --- peers -----------------------------------------------------------------------------------------------------------


def hftbacktest(mode: str, data: Path) -> dict[str, Any]:
    """Its two books with a strategy compiled by numba, and the same strategy as plain Python."""
    import numba  # noqa: PLC0415 - without it, the others are still measured

    fast, plain = beside("hftbacktest_fills"), None
    njit, numba.njit = numba.njit, lambda function: function
    try:
        plain = beside("hftbacktest_fills")
    finally:
        numba.njit = njit

    def play(module: Any, depth: str) -> Any:
        setting = {**module.DEFAULTS, "mode": mode, "depth": depth, "assets": [{"name": ASSET}]}

        def run() -> float:
            ready = module.prepare(setting, data, notes_fills=False)
            begin = time.perf_counter()
            module.play(*ready[:4])
            took = time.perf_counter() - begin
            ready.hbt.close()
            return took

        run()  # compiles
        return run

    return {
        "hftbacktest, njit, ROIVector": play(fast, "ROIVector"),
        "hftbacktest, njit, HashMap": play(fast, "HashMap"),
        "hftbacktest, plain Python strategy": play(plain, "ROIVector"),
    }


def hftbacktest_sweep(mode: str, data: Path) -> dict[str, Any]:
    """Its loops over all sets, in one process a core, which are forked when everything is compiled."""
    module = beside("hftbacktest_fills")
    setting = {**module.DEFAULTS, "mode": mode, "depth": "ROIVector", "assets": [{"name": ASSET}]}
    ready = module.prepare({**setting, **SETS[0]}, data, notes_fills=False)  # holds the rows, which the loop reads
    module.play(*ready[:4])  # compiles
    fork = multiprocessing.get_context("fork")

    def work(sets: list[dict[str, float]], ready: Any, go: Any) -> None:
        prepared = [module.prepare({**setting, **each}, data, notes_fills=False) for each in sets]
        ready.wait()
        go.wait()
        for one in prepared:
            module.play(*one[:4])

    def run() -> float:
        ready, go = fork.Barrier(cores() + 1), fork.Barrier(cores() + 1)
        workers = [fork.Process(target=work, args=(SETS[i :: cores()], ready, go)) for i in range(cores())]
        for worker in workers:
            worker.start()
        ready.wait()
        begin = time.perf_counter()
        go.wait()
        for worker in workers:
            worker.join()
        if any(worker.exitcode for worker in workers):
            raise SystemExit("hftbacktest: a worker failed")
        return time.perf_counter() - begin

    return {"hftbacktest, njit, ROIVector": run}


def nautilus(mode: str, data: Path) -> dict[str, Any]:
    """Its engine, fed with its own objects."""
    maker = beside("nautilus_maker")
    events = list(maker.events(np.load(data / f"{ASSET}.npz")["data"]))
    interval_ns = 100_000_000 if mode == "timer" else 0
    return {"nautilus_trader, Python strategy": lambda: maker.seconds(events, interval_ns)[0]}


def beside(name: str) -> Any:
    """A fresh copy of a module of this folder."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    if spec is None or spec.loader is None:
        raise ImportError(f"{name}.py is not beside {__file__}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main()
