"""Whose order is it: ours, of an earlier session, or somebody else's."""

from __future__ import annotations

import re

import pytest

from mmbot._core.types import Owner
from mmbot.venues.client_id import MAX_SIZE, ClientIds, to_base36

IDS = ClientIds("demo", 1_786_000_000)


def test_the_text_has_the_venues_shape_and_comes_back() -> None:
    text = IDS.text(100)
    assert re.fullmatch(r"[.A-Z:/a-z0-9_-]{1,36}", text)
    assert text.startswith(IDS.tag + "-")
    assert text.endswith("-2s")
    assert IDS.parse(text) == (Owner.OURS, 100)


def test_the_longest_id_fits() -> None:
    assert len(ClientIds("x", 36**10 - 1).text(2**64 - 1)) <= MAX_SIZE


def test_another_session_is_ours_before_and_its_number_is_not_told() -> None:
    assert ClientIds("demo", 5).parse(IDS.text(100)) == (Owner.OURS_BEFORE, 0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "web_12345",
        "autoclose-1234567890123456",
        "adl_autoclose",
        "ios_abc",
        "x-TD67BGP9-T0000000000000",
        ClientIds("another bot", 1_786_000_000).text(1),
        IDS.prefix,
        IDS.prefix + "0",
        IDS.prefix + "01",
        IDS.prefix + "Z",
        IDS.prefix + "z" * 13,
        IDS.prefix + "1-1",
        IDS.text(5) + "\n",
        IDS.tag,
        IDS.tag + "-",
        IDS.tag + "-zz",
    ],
)
def test_everything_else_is_somebody_elses(text: str) -> None:
    assert IDS.parse(text) == (Owner.OTHER, 0)


def test_a_session_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="session"):
        ClientIds("demo", 36**10)
    with pytest.raises(ValueError, match="session"):
        ClientIds("demo", -1)


def test_base_36() -> None:
    assert [to_base36(number) for number in (0, 35, 36, 1295, 1296)] == ["0", "z", "10", "zz", "100"]
