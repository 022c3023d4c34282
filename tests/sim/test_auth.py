"""Signatures against published known answers and real clients' requests; the time window to the millisecond."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from mmbot.sim.auth import Credential, KeyRing, check_time, credential_from_pem, query_payload, sorted_payload
from mmbot.sim.events import Refused
from mmbot.sim.rest import parse_params

if TYPE_CHECKING:
    from pathlib import Path

NOW_MS = 1_750_000_000_123


def _pem(key) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def test_published_known_answers_verify(data_dir: Path):
    answers = [
        a for a in json.loads((data_dir / "signing" / "cex_known_answers.json").read_text()) if a["venue"] == "binance"
    ]
    assert len(answers) == 3
    for answer in answers:
        credential = Credential(answer["apiKey"], "main", secret=answer["secret"])
        assert credential.verify(answer["payload"].encode(), answer["expected"]), answer["what"]
        assert credential.verify(answer["payload"].encode(), answer["expected"].upper()), "HMAC hex has no case"
        assert not credential.verify(answer["payload"].encode() + b" ", answer["expected"])


@pytest.mark.parametrize("name", ["binance", "binanceusdm"])
def test_every_request_of_a_real_client_is_authentic(data_dir: Path, name: str):
    recorded = json.loads((data_dir / "requests" / "generated_by_ccxt" / f"{name}.json").read_text())
    key, secret = recorded["credentials"]["apiKey"], recorded["credentials"]["secret"]
    ring = KeyRing([Credential(key, "main", secret=secret)])
    signed = 0
    for vector in recorded["vectors"]:
        request = vector["request"]
        query, body = urlsplit(request["url"]).query, request["body"] or ""
        payload, signature = query_payload(query, body)
        if signature is None:
            continue
        signed += 1
        params = parse_params(query, body)
        assert ring.check(key, payload, signature, params, recorded["now_ms"]).account == "main", vector["method"]
        with pytest.raises(Refused) as refused:
            ring.check(key, payload + b"&x=1", signature, params, recorded["now_ms"])
        assert refused.value.code == -1022
    assert signed > 10


def test_signature_may_stand_anywhere_in_query_or_body():
    assert query_payload("a=1&signature=ff&b=2", "") == (b"a=1&b=2", "ff")
    assert query_payload("a=1", "b=2&signature=ff") == (b"a=1b=2", "ff")
    assert query_payload("", "") == (b"", None)
    assert query_payload("mysignature=1", "") == (b"mysignature=1", None)


def test_websocket_parameters_are_signed_in_order_of_name():
    assert sorted_payload({"symbol": "X", "apiKey": "k", "reduceOnly": True, "n": 5, "signature": "s"}) == (
        b"apiKey=k&n=5&reduceOnly=true&symbol=X"
    )


@pytest.mark.parametrize(
    ("timestamp", "window", "code"),
    [
        (NOW_MS, None, None),
        (NOW_MS + 999, None, None),
        (NOW_MS + 1000, None, -1021),  # must be less than server time + 1000
        (NOW_MS - 5000, None, None),  # exactly the window is inside
        (NOW_MS - 5001, None, -1021),
        (NOW_MS - 60000, "60000", None),
        (NOW_MS - 100, "99.5", -1021),
        (NOW_MS, "60001", -1131),
        (NOW_MS, "0", -1131),
        (NOW_MS, "ten", -1100),
        (NOW_MS, "nan", -1100),
        ("", None, -1102),
        ("abc", None, -1100),
        ("-5", None, -1100),
        (NOW_MS * 1000, None, None),  # microseconds
    ],
)
def test_time_window(timestamp, window, code):
    if code is None:
        check_time(str(timestamp), window, NOW_MS)
        return
    with pytest.raises(Refused) as refused:
        check_time(str(timestamp), window, NOW_MS)
    assert refused.value.code == code


def test_ed25519_and_rsa_keys():
    payload = b"symbol=BTCUSDT&timestamp=1"
    ed_key = ed25519.Ed25519PrivateKey.generate()
    rsa_key = rsa.generate_private_key(65537, 2048)
    for key, signature in (
        (ed_key, ed_key.sign(payload)),
        (rsa_key, rsa_key.sign(payload, padding.PKCS1v15(), hashes.SHA256())),
    ):
        credential = credential_from_pem("key", "main", _pem(key))
        text = base64.b64encode(signature).decode()
        assert credential.verify(payload, text)
        assert not credential.verify(payload + b"0", text)
        assert not credential.verify(payload, "not base64!")
    assert credential_from_pem("key", "main", _pem(ed_key)).can_log_on
    assert not credential_from_pem("key", "main", _pem(rsa_key)).can_log_on
    with pytest.raises(ValueError, match="expected an Ed25519 or RSA public key"):
        credential_from_pem("key", "main", _pem(ec.generate_private_key(ec.SECP256R1())))


def test_keys_are_told_apart():
    ring = KeyRing([Credential("k" * 64, "main", secret="s")])
    for key, code in ((None, -2014), ("", -2014), ("short", -2014), ("z" * 64, -2015)):
        with pytest.raises(Refused) as refused:
            ring.find(key)
        assert (refused.value.code, refused.value.status) == (code, 401)
    assert ring.find("k" * 64).account == "main"
    ring.revoke("k" * 64)
    with pytest.raises(Refused):
        ring.find("k" * 64)


def test_missing_signature_is_named():
    ring = KeyRing([Credential("k", "main", secret="s")])
    with pytest.raises(Refused) as refused:
        ring.check("k", b"", None, {"timestamp": str(NOW_MS)}, NOW_MS)
    assert refused.value.code == -1102
    assert "'signature'" in refused.value.msg


def test_a_secret_does_not_show():
    digest = hmac.new(b"hush", b"x", hashlib.sha256).hexdigest()
    credential = Credential("k", "main", secret="hush")
    assert credential.verify(b"x", digest)
    assert "hush" not in repr(credential)
