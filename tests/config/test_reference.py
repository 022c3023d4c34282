"""The generated reference is the one in the tree, and says what the models say."""

from __future__ import annotations

from pathlib import Path

from mmbot.config import Config
from mmbot.config.reference import reference

PAGE = Path(__file__).resolve().parents[2] / "docs" / "config.md"


def test_the_page_in_the_tree_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference(), "run `make docs`"


def test_every_section_and_key_has_its_meaning() -> None:
    page = reference()
    for name in Config.model_fields:
        assert f"\n## `{name}`\n" in page
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    assert len(rows) > 70
    assert all(len(row.split("|")[4].strip()) > 8 for row in rows), "a field without a docstring"
