"""Who is asking, and did they really ask for that: API keys, signatures, the time window.

Rules from the venue's "Request security" page: HMAC-SHA256 (hex, any letter case), RSA (PKCS#1 v1.5, SHA-256, base64)
or Ed25519 (base64) over the text exactly as it was sent. REST signs query string + body with the ``signature``
parameter taken out; the websocket API signs its parameters sorted by name. No I/O, no clock: the time is passed in.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa

from mmbot.sim import wire_errors

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    PublicKey = ed25519.Ed25519PublicKey | rsa.RSAPublicKey

KEY_FORMAT = re.compile(r"[A-Za-z0-9]{64}")
WINDOW_FORMAT = re.compile(r"[0-9]{1,20}(\.[0-9]{1,3})?")
DEFAULT_RECV_WINDOW_MS = 5000
MAX_RECV_WINDOW_MS = 60000
AHEAD_MS = 1000  # a timestamp this far in the future is refused
MICROSECONDS_FROM = 10**15  # a larger timestamp is in microseconds


@dataclass(frozen=True, slots=True)
class Credential:
    """One API key: of which account, proved by what.

    Attributes:
        api_key: what the client sends in ``X-MBX-APIKEY``.
        account: the account whose orders and balances it sees.
        secret: for HMAC keys.
        public_key: for Ed25519 and RSA keys.
        can_trade: false makes a read-only key (-2015 on trading calls).
    """

    api_key: str
    account: str
    secret: str = field(default="", repr=False)
    public_key: PublicKey | None = None
    can_trade: bool = True

    @property
    def can_log_on(self) -> bool:
        """``session.logon`` takes Ed25519 keys only."""
        return isinstance(self.public_key, ed25519.Ed25519PublicKey)

    def verify(self, payload: bytes, signature: str) -> bool:
        """Whether `signature` is this key's over `payload`."""
        if self.public_key is None:
            digest = hmac.new(self.secret.encode(), payload, hashlib.sha256).hexdigest()
            return hmac.compare_digest(digest.encode(), signature.lower().encode())
        try:
            raw = base64.b64decode(signature, validate=True)
            if isinstance(self.public_key, ed25519.Ed25519PublicKey):
                self.public_key.verify(raw, payload)
            else:
                self.public_key.verify(raw, payload, padding.PKCS1v15(), hashes.SHA256())
        except (InvalidSignature, binascii.Error):
            return False
        return True


def credential_from_pem(api_key: str, account: str, pem: bytes) -> Credential:
    """A key whose public half is in `pem`; raises ValueError when that is neither Ed25519 nor RSA."""
    key = serialization.load_pem_public_key(pem)
    if not isinstance(key, ed25519.Ed25519PublicKey | rsa.RSAPublicKey):
        raise ValueError(f"API key {api_key}: expected an Ed25519 or RSA public key, found {type(key).__name__}")  # noqa: TRY004 - content, not type
    return Credential(api_key, account, public_key=key)


def query_payload(query: str, body: str) -> tuple[bytes, str | None]:
    """What a REST request's signature covers, and the signature: the text as sent, minus the ``signature`` pair."""
    bare_query, in_query = _without_signature(query)
    bare_body, in_body = _without_signature(body)
    return (bare_query + bare_body).encode(errors="surrogateescape"), in_query if in_query is not None else in_body


def _without_signature(text: str) -> tuple[str, str | None]:
    if "signature=" not in text:
        return text, None
    kept, signature = [], None
    for pair in text.split("&"):
        if pair.startswith("signature="):
            signature = pair[len("signature=") :]
        else:
            kept.append(pair)
    return "&".join(kept), signature


def sorted_payload(params: Mapping[str, object]) -> bytes:
    """What a websocket API request's signature covers: all other parameters by name."""
    pairs = (f"{name}={_text(params[name])}" for name in sorted(params) if name != "signature")
    return "&".join(pairs).encode(errors="surrogatepass")


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def check_time(timestamp: str | None, recv_window: str | None, now_ms: float) -> None:
    """Accept iff ``timestamp < now + 1000`` and ``now - timestamp <= recvWindow``.

    Raises:
        ApiError: -1102 without a usable timestamp, -1131 for an impossible window, -1021 outside of it.
    """
    if not timestamp:
        raise wire_errors.mandatory("timestamp")
    if not timestamp.isdecimal():
        raise wire_errors.illegal("timestamp", "^[0-9]{1,20}$")
    sent_ms = int(timestamp) / 1000 if int(timestamp) >= MICROSECONDS_FROM else int(timestamp)
    window_ms = _window(recv_window)
    if sent_ms >= now_ms + AHEAD_MS:
        raise wire_errors.too_early()
    if now_ms - sent_ms > window_ms:
        raise wire_errors.too_late()


def _window(text: str | None) -> float:
    if not text:
        return DEFAULT_RECV_WINDOW_MS
    if not WINDOW_FORMAT.fullmatch(text):
        raise wire_errors.illegal("recvWindow", WINDOW_FORMAT.pattern)
    window = float(text)
    if not 0 < window <= MAX_RECV_WINDOW_MS:
        raise wire_errors.ApiError(-1131, "recvWindow must be less than 60000.")
    return window


class KeyRing:
    """All API keys the exchange knows."""

    def __init__(self, credentials: Iterable[Credential] = ()) -> None:
        self._by_key = {credential.api_key: credential for credential in credentials}

    def add(self, credential: Credential) -> None:
        """Issue a key; an existing one of that name is replaced."""
        self._by_key[credential.api_key] = credential

    def revoke(self, api_key: str) -> None:
        """Forget a key: requests with it answer -2015 (or -2014) from now on."""
        self._by_key.pop(api_key, None)

    def find(self, api_key: object) -> Credential:
        """The key's owner; raises ApiError -2014 or -2015. JSON may bring anything, not only text."""
        if not isinstance(api_key, str) or not api_key:
            raise wire_errors.bad_key_format()
        credential = self._by_key.get(api_key)
        if credential is None:
            raise wire_errors.rejected_key() if KEY_FORMAT.fullmatch(api_key) else wire_errors.bad_key_format()
        return credential

    def check(
        self, api_key: str | None, payload: bytes, signature: str | None, params: Mapping[str, str], now_ms: float
    ) -> Credential:
        """Let a signed request in: key, then time window, then signature.

        Args:
            api_key: from the header or the parameters.
            payload: the signed text, see `query_payload` and `sorted_payload`.
            signature: as sent, percent-decoded; None when missing.
            params: for ``timestamp`` and ``recvWindow``.
            now_ms: the server's clock.

        Raises:
            ApiError: -2014, -2015, -1102, -1021, -1022.
        """
        credential = self.find(api_key)
        if not signature:
            raise wire_errors.mandatory("signature")
        check_time(params.get("timestamp"), params.get("recvWindow"), now_ms)
        if not credential.verify(payload, signature):
            raise wire_errors.bad_signature()
        return credential
