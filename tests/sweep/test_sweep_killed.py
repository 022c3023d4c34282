"""`mmbot sweep` as a process: killed, started again, interrupted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sweep_desk import LEVELS, SPREAD, config_file

ARGUMENTS = ("--grid", f"{SPREAD}=0.1:2:0.05", "--grid", f"{LEVELS}=1:5:1", "--split", "0.7", "--top", "5", "--json")
TRIALS = 39 * 5
PATIENCE_S = 30.0


def sweep(config: Path, folder: Path, *more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "mmbot", "sweep", str(config), *ARGUMENTS, "--folder", str(folder), *more],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip


def finished(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, error = process.communicate(timeout=100)
    assert process.returncode == 0, error
    answer: dict[str, Any] = json.loads(out)
    return answer


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)


def lines(folder: Path) -> int:
    path = folder / "trials.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_worker(pid: int) -> bool:
    """Whether the process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_a_killed_sweep_goes_on_and_gives_the_same_results(tmp_path: Path) -> None:
    config = config_file(tmp_path, seconds=240)
    whole = finished(sweep(config, tmp_path / "whole", "--workers", "2"))
    assert (whole["trials"], whole["runs"], whole["failed"]) == (TRIALS, TRIALS + 5, 0)

    process = sweep(config, tmp_path / "killed", "--workers", "2")
    until(lambda: lines(tmp_path / "killed") > 15)
    workers = children(process.pid)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    until(lambda: not any(map(is_worker, workers)))
    assert len(workers) >= 2
    done = lines(tmp_path / "killed") - 1
    assert 15 <= done < TRIALS
    assert not (tmp_path / "killed" / "results.parquet").exists()

    rest = finished(sweep(config, tmp_path / "killed", "--workers", "1"))
    assert rest["runs"] == TRIALS + 5 - done
    for file in ("results.parquet", "sweep.html"):
        assert (tmp_path / "killed" / file).read_bytes() == (tmp_path / "whole" / file).read_bytes()


def test_killed_workers_change_nothing(tmp_path: Path) -> None:
    config = config_file(tmp_path, seconds=240)
    whole = finished(sweep(config, tmp_path / "whole", "--workers", "1"))
    process = sweep(config, tmp_path / "killed", "--workers", "3")
    for done in (10, 40, 90):
        until(lambda done=done: lines(tmp_path / "killed") > done)
        workers = [pid for pid in children(process.pid) if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]
        os.kill(workers[done % len(workers)], signal.SIGKILL)
    assert finished(process)["runs"] == whole["runs"]
    tried = [
        json.loads(line)["attempts"] for line in (tmp_path / "killed" / "trials.jsonl").read_text().splitlines()[1:]
    ]
    assert max(tried) == 2
    for file in ("results.parquet", "sweep.html"):
        assert (tmp_path / "killed" / file).read_bytes() == (tmp_path / "whole" / file).read_bytes()


def test_ctrl_c_stops_a_sweep_cleanly(tmp_path: Path) -> None:
    config = config_file(tmp_path, seconds=240)
    for number in (signal.SIGINT, signal.SIGTERM):
        folder = tmp_path / number.name
        process = sweep(config, folder, "--workers", "2")
        until(lambda folder=folder: lines(folder) > 15)
        workers = children(process.pid)
        os.killpg(process.pid, number) if number is signal.SIGINT else os.kill(process.pid, number)
        out, error = process.communicate(timeout=20)
        assert process.returncode == 1
        assert out == ""
        assert error.startswith("mmbot: stopped after ")
        assert "the same command goes on from there" in error
        assert "Traceback" not in error
        until(lambda workers=workers: not any(map(is_worker, workers)))
