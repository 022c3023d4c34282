"""HMAC-SHA256 against the standard library and published answers."""

from __future__ import annotations

import hashlib
import hmac
import json
import pickle
from typing import TYPE_CHECKING

import pytest

from mmbot._core.sign import HmacSha256

if TYPE_CHECKING:
    from pathlib import Path

SIZES = [0, 1, 55, 56, 63, 64, 65, 119, 120, 127, 128, 200, 1000]


@pytest.mark.parametrize("portable", [False, True])
@pytest.mark.parametrize("key_size", [0, 1, 63, 64, 65, 200])
def test_digests_equal_the_standard_library(portable: bool, key_size: int) -> None:
    key = bytes(range(256))[:key_size]
    signer = HmacSha256(key, portable=portable)
    for size in SIZES:
        message = bytes(i * 7 % 256 for i in range(size))
        expected = hmac.new(key, message, hashlib.sha256)
        assert signer.hexdigest(message) == expected.hexdigest()
        assert signer.digest(message) == expected.digest()


@pytest.mark.parametrize("portable", [False, True])
def test_rfc_4231_answers(portable: bool) -> None:
    assert HmacSha256(b"\x0b" * 20, portable=portable).hexdigest(b"Hi There") == (
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
    )
    assert (
        HmacSha256(b"\xaa" * 131, portable=portable).hexdigest(
            b"Test Using Larger Than Block-Size Key - Hash Key First"
        )
        == "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
    )


def test_portable_never_uses_the_extension() -> None:
    assert not HmacSha256(b"k", portable=True).accelerated


def test_venue_known_answers(data_dir: Path) -> None:
    vectors = json.loads((data_dir / "signing" / "cex_known_answers.json").read_bytes())
    checked = 0
    for vector in vectors:
        if vector["venue"] != "binance":
            continue
        signer = HmacSha256(vector["secret"].encode())
        assert signer.hexdigest(vector["payload"].encode()) == vector["expected"], vector["what"]
        checked += 1
    assert checked == 3


def test_bybit_and_okx_recipes_use_the_same_primitive(data_dir: Path) -> None:
    import base64

    vectors = json.loads((data_dir / "signing" / "cex_known_answers.json").read_bytes())
    bybit = next(v for v in vectors if v["venue"] == "bybit" and "query" in v)
    text = f"{bybit['timestamp']}{bybit['apiKey']}{bybit['recvWindow']}{bybit['query']}"
    assert HmacSha256(bybit["secret"].encode()).hexdigest(text.encode()) == bybit["expected"]
    okx = next(v for v in vectors if v["venue"] == "okx" and "requestPath" in v)
    text = okx["timestamp"] + okx["method"] + okx["requestPath"] + okx["body"]
    assert base64.b64encode(HmacSha256(okx["secret"].encode()).digest(text.encode())).decode() == okx["expected"]


def test_it_neither_shows_nor_pickles_its_key() -> None:
    signer = HmacSha256(b"very-secret")
    assert "secret" not in repr(signer)
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(signer)
