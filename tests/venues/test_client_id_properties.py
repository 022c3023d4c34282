"""Ids come back as they were made, and no other text is taken for one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mmbot._core.types import Owner
from mmbot.venues.client_id import MAX_SIZE, ClientIds, to_base36

SESSIONS = st.integers(0, 36**10 - 1)
NUMBERS = st.integers(1, 2**64 - 1)


@given(st.text(max_size=40), SESSIONS, NUMBERS)
def test_round_trip(bot: str, session: int, number: int) -> None:
    ids = ClientIds(bot, session)
    text = ids.text(number)
    assert len(text) <= MAX_SIZE
    assert ids.parse(text) == (Owner.OURS, number)


@given(SESSIONS, SESSIONS, NUMBERS)
def test_sessions_are_told_apart(first: int, second: int, number: int) -> None:
    owner, found = ClientIds("b", first).parse(ClientIds("b", second).text(number))
    assert (owner, found) == ((Owner.OURS, number) if first == second else (Owner.OURS_BEFORE, 0))


@given(st.text(max_size=40))
def test_foreign_texts_are_never_ours(text: str) -> None:
    ids = ClientIds("b", 77)
    owner, number = ids.parse(text)
    if owner == Owner.OURS:
        assert ids.text(number) == text


@given(NUMBERS)
def test_base_36_is_read_back(number: int) -> None:
    assert int(to_base36(number), 36) == number
