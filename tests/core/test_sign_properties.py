"""Any key and message: the same digest as the standard library, however it is cut."""

from __future__ import annotations

import hashlib
import hmac

from hypothesis import given
from hypothesis import strategies as st

from mmbot._core.sign import HmacSha256


@given(st.binary(max_size=200), st.binary(max_size=700), st.booleans())
def test_any_message_is_signed_as_by_the_standard_library(key: bytes, message: bytes, portable: bool) -> None:
    assert HmacSha256(key, portable=portable).digest(message) == hmac.digest(key, message, "sha256")


@given(st.binary(max_size=100), st.binary(max_size=400), st.binary(max_size=400), st.booleans())
def test_a_prepared_beginning_changes_nothing(key: bytes, beginning: bytes, rest: bytes, portable: bool) -> None:
    signer = HmacSha256(key, portable=portable)
    expected = hmac.new(key, beginning + rest, hashlib.sha256).hexdigest()
    assert signer.hexdigest_after(beginning, rest) == expected
