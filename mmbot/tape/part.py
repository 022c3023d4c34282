"""Files that appear under their name only when they are whole; what a killed process left of one goes with the next.

While it is written a file lies beside its name as ``<name>.<pid>.part``, locked. The lock goes with the process that
holds it: a part that nobody holds is what is left of a dead one.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class PartFile:
    """A file on its way to its name.

    Attributes:
        file: what to write to.

    Args:
        out: its name.

    Raises:
        OSError: it cannot be created, or this process writes it already.
    """

    def __init__(self, out: Path) -> None:
        self._out = out
        remove_stale(out.parent.glob(f"{_escaped(out.name)}.*.part"))
        self._part = out.with_name(f"{out.name}.{os.getpid()}.part")
        self.file: IO[bytes] = open(self._part, "wb", opener=_open_as_it_is)  # noqa: SIM115 - closed below
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.file.truncate(0)  # now that it is ours
        except OSError:
            self.file.close()
            raise

    def publish(self) -> None:
        """Make it durable, and give it its name.

        Raises:
            OSError: writing failed; `discard` is still to be called.
        """
        self.file.flush()
        os.fsync(self.file.fileno())
        self._part.replace(self._out)
        self.file.close()
        sync_folder(self._out.parent)

    def discard(self) -> None:
        """Remove it; does nothing to one that has its name."""
        with contextlib.suppress(OSError):  # a full disk says so again when the last bytes cannot be written
            self.file.close()
        self._part.unlink(missing_ok=True)


@contextmanager
def part_file(out: Path) -> Iterator[IO[bytes]]:
    """Write `out`: it appears when the block ends, and not at all when it ends with an exception."""
    part = PartFile(out)
    try:
        yield part.file
        part.publish()
    finally:
        part.discard()


@contextmanager
def work_folder(beside: Path) -> Iterator[Path]:
    """A folder for what is needed in between, in `beside`; gone afterwards."""
    remove_stale(beside.glob(".convert-*"))
    with tempfile.TemporaryDirectory(dir=beside, prefix=".convert-") as name:
        handle = os.open(name, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield Path(name)
        finally:
            os.close(handle)


def remove_stale(parts: Iterable[Path]) -> None:
    """Remove those files and folders that no process holds."""
    for path in parts:
        try:
            handle = os.open(path, os.O_RDONLY)
        except OSError:
            continue  # gone meanwhile, or another user's
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        except OSError:
            continue  # somebody is at it
        finally:
            os.close(handle)


def sync_folder(folder: Path) -> None:
    """Make a rename in `folder` durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _open_as_it_is(path: str, flags: int) -> int:
    return os.open(path, flags & ~os.O_TRUNC, 0o666)


def _escaped(name: str) -> str:
    """A name as a pattern that fits it alone."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)
