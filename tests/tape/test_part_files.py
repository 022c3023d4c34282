"""Nothing stands under a name before it is whole, and what a killed process left goes with the next."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from raw_lines import instrument, session, trade, write

from mmbot.errors import TapeError
from mmbot.tape import Request, convert, open_tape, prepare
from mmbot.tape.part import PartFile, part_file, work_folder

SLOW = """
import sys, time
from pathlib import Path
from mmbot.tape.part import part_file, work_folder
with work_folder(Path(sys.argv[1]).parent), part_file(Path(sys.argv[1])) as file:
    file.write(b"half")
    print("writing", flush=True)
    time.sleep(60)
"""


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    out = tmp_path / "a[1]*.tape"
    with part_file(out) as file:
        file.write(b"whole")
        assert not out.exists()
    assert (out.read_bytes(), names(tmp_path)) == (b"whole", {out.name})
    with pytest.raises(ZeroDivisionError), part_file(out) as file:
        file.write(b"half")
        raise ZeroDivisionError
    assert (out.read_bytes(), names(tmp_path)) == (b"whole", {out.name})


def test_what_a_killed_process_left_goes_with_the_next_and_no_living_ones(tmp_path: Path) -> None:
    out = tmp_path / "a.tape"
    first, second = (
        subprocess.Popen([sys.executable, "-c", SLOW, str(out)], stdout=subprocess.PIPE, text=True) for _ in range(2)
    )
    for process in (first, second):
        assert process.stdout is not None
        assert process.stdout.readline() == "writing\n"
    first.kill()
    first.communicate()
    assert len(names(tmp_path)) == 4
    with work_folder(tmp_path), part_file(out) as file:
        file.write(b"whole")
    left = names(tmp_path)
    second.kill()
    second.communicate()
    assert {"a.tape", f"a.tape.{second.pid}.part"} <= left
    assert len(left) == 3


def test_a_file_is_not_written_twice_at_once(tmp_path: Path) -> None:
    part = PartFile(tmp_path / "a.tape")
    with pytest.raises(OSError, match="unavailable"):
        PartFile(tmp_path / "a.tape")
    part.discard()
    assert names(tmp_path) == set()


@pytest.mark.parametrize("name", ["a.tape", "a.npz", "a.npy", "a.parquet"])
def test_a_killed_conversion_leaves_nothing_under_the_name(tmp_path: Path, name: str) -> None:
    lines = session() + [trade(50 + n, 45 + n, n + 2, "100.0", "1.000") for n in range(150_000)]
    source, out = write(tmp_path / "btc.txt", lines), tmp_path / "out" / name
    out.parent.mkdir()
    command = [sys.executable, "-m", "mmbot", "convert", str(source), str(out)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    for _ in range(3):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment)
        end = time.monotonic() + 30
        while not names(out.parent) and time.monotonic() < end:
            time.sleep(0.002)
        time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not out.exists()
        assert len(names(out.parent)) == 1  # of each only the last one's
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
    assert names(out.parent) == {name}


FULL = """
import resource, signal, sys
from pathlib import Path
from mmbot.cli import main
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
sys.argv = ["mmbot", "convert", *sys.argv[2:]]
main()
"""


@pytest.mark.parametrize("most_bytes", [0, 5_000, 200_000])
@pytest.mark.parametrize("name", ["a.tape", "a.npz", "a.parquet"])
def test_a_disk_that_takes_no_more_is_said_with_the_file(tmp_path: Path, name: str, most_bytes: int) -> None:
    """By a limit on the size of files, which fails as a full disk does."""
    lines = session() + [trade(50 + n, 45 + n, n + 2, "100.0", "1.000") for n in range(20_000)]
    source, out = write(tmp_path / "btc.txt", lines), tmp_path / "out" / name
    out.parent.mkdir()
    command = [sys.executable, "-c", FULL, str(most_bytes), str(source), str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert done.stderr.startswith(f"mmbot: {out.parent}")
    assert "File too large" in done.stderr
    assert "Traceback" not in done.stderr
    assert names(out.parent) == set()


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    source = write(tmp_path / "btc.gz", session())
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(TapeError, match="cache: File exists"):
        prepare(source, cache=tmp_path / "cache")
    with pytest.raises(TapeError, match=r"nowhere\.gz: No such file"):
        prepare(tmp_path / "nowhere.gz", cache=tmp_path / "cache")


def test_an_open_tape_outlives_another_under_its_name(tmp_path: Path) -> None:
    """A backtest goes on with the tape that it opened when the tape is made anew."""
    source, out = write(tmp_path / "btc.gz", session()), tmp_path / "a.tape"
    convert(Request(sources=(source,), out=out, instrument=instrument()))
    tape = open_tape(out)
    convert(Request(sources=(write(source, session()[:3]),), out=out, instrument=instrument()))
    tape.check()
    assert open_tape(out).batches < tape.batches
