"""Where a running bot is found: one control socket per bot name, in a folder that only its user may enter."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from mmbot.errors import ConfigError


def runtime_folder() -> Path:
    """The folder of control sockets: ``MMBOT_RUNTIME_DIR``, else the user's runtime folder, else one under ``/tmp``.

    It is made with mode 0700; one that belongs to somebody else, or that others may enter, is refused.

    Raises:
        ConfigError: the folder is not safe to use.
    """
    if explicit := os.environ.get("MMBOT_RUNTIME_DIR"):
        folder = Path(explicit)
    elif (run_dir := os.environ.get("XDG_RUNTIME_DIR")) and Path(run_dir).is_dir():
        folder = Path(run_dir) / "mmbot"
    else:
        folder = Path(tempfile.gettempdir()) / f"mmbot-{os.getuid()}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise ConfigError(
            f"{folder}: expected a folder of this user with mode 0700; remove it or set MMBOT_RUNTIME_DIR"
        )
    return folder


def control_socket(bot: str) -> Path:
    """Path of the control socket of the bot called `bot`."""
    return runtime_folder() / f"{bot}.sock"


def known_bots() -> list[str]:
    """Names that have a control socket here; a bot that was killed leaves one behind."""
    return sorted(path.stem for path in runtime_folder().glob("*.sock"))
