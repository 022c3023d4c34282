"""docs/papers.md and its figures are what the command gives."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from run import DOCS, files, stale

PAGE = (DOCS / "papers.md").read_text(encoding="utf-8")


def test_the_page_is_what_the_command_gives(tmp_path: Path) -> None:
    made = files()
    assert stale(made, DOCS) == [], "run `python benchmarks/papers/run.py`"
    assert stale(made, tmp_path) == list(made)


@pytest.mark.parametrize("name", re.findall(r"\(papers/(\w+)\.svg\)", PAGE))
def test_a_figure_is_small_and_well_formed(name: str) -> None:
    path = DOCS / "papers" / f"{name}.svg"
    assert path.stat().st_size < 60_000
    assert ET.parse(path).getroot().tag == "{http://www.w3.org/2000/svg}svg"


def test_every_figure_is_shown() -> None:
    assert {path.stem for path in (DOCS / "papers").iterdir()} == set(re.findall(r"\(papers/(\w+)\.svg\)", PAGE))
