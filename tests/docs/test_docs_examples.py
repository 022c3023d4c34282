"""Runs the pages that people copy from: every code block of a page, in order, in an empty folder.

What a block is, its fence says::

    ```python name.py        written to that file (so are yaml, cython and toml blocks with a name)
    ```python                run; the blocks of a page share their variables
    ```console               the lines after `$ ` are run by a shell, and must succeed
    ```console fails         ... must fail
    ```console background    a bot: started, and expected to end well when the page stops it
    ```text, ```yaml, ```sh  shown only
"""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import mmbot

ROOT = Path(__file__).resolve().parents[2]
PAGES = ["README.md", "docs/operating.md", "docs/strategies/writing.md"]
FENCE = re.compile(r"^```(\w+)[ ]?([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SHOWN_ONLY = {"text", "yaml", "sh", "mermaid"}
SHIM = """#!/bin/sh
# Ports of several test runs must not meet.
case "$1" in run) set -- "$@" --set metrics.listen=127.0.0.1:0;; esac
exec {python} -m mmbot "$@"
"""


@dataclass
class Page:
    """One page at work in its folder."""

    folder: Path
    environment: dict[str, str]
    names: dict[str, object] = field(default_factory=dict)
    bots: list[subprocess.Popen[str]] = field(default_factory=list)

    def run(self, language: str, info: str, text: str) -> None:
        if info.endswith((".py", ".yaml", ".pyx", ".toml")):
            path = self.folder / info
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        elif language == "python":
            exec(compile(text, "block", "exec", dont_inherit=True), self.names)
        elif language == "console":
            commands = [line.removeprefix("$ ") for line in text.splitlines() if line.startswith("$ ")]
            assert commands, "a console block without a command"
            if info == "background":
                self.start(commands[0])
                return
            for command in commands:
                self.shell(command, fails=info == "fails")
        else:
            assert language in SHOWN_ONLY, f"what is a block of {language}?"

    def shell(self, command: str, *, fails: bool) -> None:
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert (done.returncode != 0) == fails, f"$ {command}\n{done.stdout}{done.stderr}\nexit {done.returncode}"

    def start(self, command: str) -> None:
        """Start a bot, and wait until it can be talked to and quotes."""
        with (self.folder / "bot.log").open("w") as log:
            bot = subprocess.Popen(
                ["bash", "-c", f"exec {command}"],
                cwd=self.folder,
                env=self.environment,
                stdout=log,
                stderr=log,
                text=True,
            )
        self.bots.append(bot)
        for _ in range(60):
            time.sleep(0.25)
            status = subprocess.run(
                ["mmbot", "status", "--json"],
                env=self.environment, capture_output=True, text=True, timeout=60, check=False,
            )  # fmt: skip
            if '"ready": true' in status.stdout or bot.poll() is not None:
                break
        assert bot.poll() is None, (self.folder / "bot.log").read_text()

    def finish(self) -> None:
        """Every bot was stopped by its page, and ended well."""
        for bot in self.bots:
            assert bot.wait(timeout=30) == 0, (self.folder / "bot.log").read_text()
        log = self.folder / "bot.log"
        assert "Traceback" not in (log.read_text() if log.exists() else "")


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    tools = tmp_path / "bin"
    tools.mkdir()
    for name, script in (("mmbot", SHIM), ("python", '#!/bin/sh\nexec {python} "$@"\n')):
        (tools / name).write_text(script.format(python=sys.executable))
        (tools / name).chmod(stat.S_IRWXU)
    folder = tmp_path / "page"
    folder.mkdir()
    (folder / "configs").symlink_to(ROOT / "configs")
    package = str(Path(mmbot.__file__).resolve().parents[1])  # the build under test
    monkeypatch.chdir(folder)
    with tempfile.TemporaryDirectory(prefix="mmbot") as sockets:  # a socket's path must be short
        made = Page(
            folder,
            os.environ
            | {"PATH": f"{tools}:{os.environ['PATH']}", "PYTHONPATH": package, "MMBOT_RUNTIME_DIR": f"{sockets}/run"},
        )
        yield made
        for bot in made.bots:
            bot.kill()
            bot.wait()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", PAGES)
def test_every_block_of_the_page_works(page: Page, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", page.environment["PATH"])
    blocks = FENCE.findall((ROOT / name).read_text(encoding="utf-8"))
    assert blocks
    for language, info, text in blocks:
        page.run(language, info.strip(), text)
    page.finish()


def test_no_fence_is_left_open() -> None:
    for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        assert path.read_text(encoding="utf-8").count("```") % 2 == 0, path


@pytest.mark.parametrize(
    "path",
    [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")],
    ids=lambda p: str(p.relative_to(ROOT)),
)
def test_links_lead_somewhere(path: Path) -> None:
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if not link.startswith(("http", "#", "mailto"))]
    missing = [link for link in links if not (path.parent / link.partition("#")[0]).exists()]
    assert not missing
