"""``mmbot convert`` as a user calls it: what it writes, says and exits with."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mmbot.tape import open_tape

USDM = Path("recordings", "binance", "usdm", "btcusdt_20240808.gz")


def mmbot(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mmbot", "convert", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture(scope="module")
def recording(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The beginning of a real recording."""
    path = tmp_path_factory.mktemp("recording") / "btcusdt.gz"
    with gzip.open(data_dir / USDM) as whole:
        path.write_bytes(gzip.compress(b"".join(whole.readline() for _ in range(5000))))
    return path


def test_a_recording_becomes_a_tape_with_a_report(recording: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.tape"
    done = mmbot(recording, out)
    assert (done.returncode, done.stderr) == (0, "")
    assert "binance_usdm BTCUSDT, tick 0.1, lot 0.001" in done.stdout
    assert "lines 5000; messages: " in done.stdout
    assert "all shifted by" in done.stdout
    open_tape(out).check()


def test_json_says_the_same_for_programs(recording: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.tape"
    made = json.loads(mmbot(recording, out, "--json").stdout)
    assert made["quality"]["lines"] == 5000
    assert made["instrument"]["tick_size"] == "0.1"
    assert json.loads(mmbot("--info", out, "--json").stdout) == made
    shown = mmbot("--info", out)
    assert shown.returncode == 0
    assert f"{made['totals']['batches']} batches" in shown.stdout


@pytest.mark.parametrize("name", ["a.npz", "a.npy"])
def test_an_array_is_made_by_the_name_and_loses_nothing(recording: Path, tmp_path: Path, name: str) -> None:
    made = mmbot(recording, tmp_path / name, "--rules", "hftbacktest", "--json")
    assert made.returncode == 0
    loaded = np.load(tmp_path / name)
    rows = loaded["data"] if name == "a.npz" else loaded
    assert len(rows) == json.loads(made.stdout)["rows"]
    assert [each.name for each in tmp_path.iterdir()] == [name]


def test_an_array_becomes_a_tape_and_an_array_again(recording: Path, tmp_path: Path) -> None:
    mmbot(recording, tmp_path / "a.npy", "--rules", "hftbacktest")
    units = ("--tick", "0.1", "--lot", "0.001", "--maker-fee", "-0.00005", "--inverse", "--contract-size", "100")
    done = mmbot(tmp_path / "a.npy", tmp_path / "b.tape", *units)
    assert done.returncode == 0
    assert "contract 100 (inverse), fees -5e-05 / 0" in done.stdout
    assert mmbot(tmp_path / "b.tape", tmp_path / "b.npy").returncode == 0
    assert np.array_equal(np.load(tmp_path / "a.npy"), np.load(tmp_path / "b.npy"))


def test_a_cut_file_is_an_error_that_says_where_and_leaves_nothing(recording: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.gz"
    cut.write_bytes(recording.read_bytes()[:-1000])
    done = mmbot(cut, tmp_path / "a.tape")
    assert done.returncode == 1
    assert "cut.gz: the gzip data ends early at byte" in done.stderr
    assert [each.name for each in tmp_path.iterdir()] == ["cut.gz"]
    done = mmbot(cut, tmp_path / "a.tape", "--keep-going")
    assert done.returncode == 0
    assert "what stands before is used" in done.stdout


def test_units_that_do_not_fit_are_an_error_that_names_the_option(recording: Path, tmp_path: Path) -> None:
    done = mmbot(recording, tmp_path / "a.tape", "--tick", "0.5")
    assert done.returncode == 1
    assert "no whole number of ticks" in done.stderr
    assert "is --tick right?" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["RECORDING"], 2, "expected SOURCE... and OUT"),
        (["none.gz", "OUT"], 2, "none.gz: expected a file or folder, found none"),
        (["RECORDING", "RECORDING"], 2, "another file than the source"),
        (["RECORDING", "no/such/folder/a.tape"], 2, "expected a folder, found none"),
        (["RECORDING", "OUT", "--venue", "kraken"], 2, "--venue: expected one of"),
        (["RECORDING", "OUT", "--symbol", "ETHUSDT"], 2, "--symbol to be one of BTCUSDT"),
        (["RECORDING", "OUT", "--rules", "none"], 2, "'none' is not one of"),
        (["RECORDING", "OUT", "--tick", "x"], 2, "expected a decimal, found 'x'"),
        (["--info", "RECORDING"], 1, "expected a tape"),
        (["--info", "none.tape"], 1, "none.tape: No such file"),
        ([__file__, "OUT"], 1, "expected one of tape, npz, raw"),
    ],
)
def test_mistakes_are_told_in_one_message(
    recording: Path, tmp_path: Path, arguments: list[str], code: int, message: str
) -> None:
    places = {"RECORDING": str(recording), "OUT": str(tmp_path / "a.tape")}
    done = mmbot(*(places.get(each, each) for each in arguments))
    plain = " ".join(done.stderr.replace("│", " ").split())
    assert done.returncode == code, done.stderr
    assert message in plain
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_exchange_info_file_gives_the_units(data_dir: Path, tmp_path: Path) -> None:
    folder = data_dir / "recordings" / "binance_futures_2021"
    info = folder / "http_exchangeinfo.gz"
    done = mmbot(folder / "ws.gz", tmp_path / "a.tape", "--symbol", "AKROUSDT", "--exchange-info", info)
    assert done.returncode == 0, done.stderr
    assert "AKROUSDT, tick 0.00001, lot 1," in done.stdout
    assert "units listed" in done.stdout
    assert "no snapshot: what the book holds is never known" in done.stdout
