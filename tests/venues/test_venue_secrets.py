"""Keys come from the environment or mounted files, and mistakes are told without the secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mmbot.errors import ConfigError
from mmbot.venues.secrets import load_credentials

if TYPE_CHECKING:
    from pathlib import Path


def test_direct_values() -> None:
    found = load_credentials("V", {"V_API_KEY": " k ", "V_API_SECRET": "s", "W_API_KEY": "other"})
    assert found is not None
    assert (found.api_key, found.api_secret) == ("k", "s")
    assert "s" not in repr(found).removeprefix("Credentials")


def test_files_without_their_line_end(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("k\n")
    (tmp_path / "secret").write_text("s\n")
    found = load_credentials(
        "V", {"V_API_KEY_FILE": str(tmp_path / "key"), "V_API_SECRET_FILE": str(tmp_path / "secret")}
    )
    assert found is not None
    assert (found.api_key, found.api_secret) == ("k", "s")


def test_nothing_set_is_no_credentials() -> None:
    assert load_credentials("V", {"V_API_KEY": ""}) is None


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"V_API_KEY": "hidden"}, "V_API_SECRET"),
        ({"V_API_SECRET": "hidden"}, "V_API_KEY"),
        ({"V_API_KEY": "hidden", "V_API_KEY_FILE": "x", "V_API_SECRET": "hidden"}, "both"),
        ({"V_API_KEY_FILE": "/no/such/file", "V_API_SECRET": "hidden"}, "FileNotFoundError"),
    ],
)
def test_mistakes_are_named_without_the_secret(environ: dict[str, str], told: str) -> None:
    with pytest.raises(ConfigError, match=told) as caught:
        load_credentials("V", environ)
    assert "hidden" not in str(caught.value)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("")
    with pytest.raises(ConfigError, match="empty"):
        load_credentials("V", {"V_API_KEY_FILE": str(tmp_path / "key")})
