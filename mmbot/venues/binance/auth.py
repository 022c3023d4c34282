"""HMAC signing of Binance requests.

binance-spot-api-docs ``rest-api.md`` "SIGNED endpoint security": percent-encode first, then sign the encoded text; the
header ``X-MBX-APIKEY`` carries the key. Websocket API: the parameters sorted by name, ``apiKey`` among them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

import msgspec

from mmbot._core.sign import HmacSha256

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mmbot.venues.base import Credentials

Params = dict[str, str | int]


class Signer:
    """Signs what is not on the hot path. Holds the key's derived state, not the secret."""

    def __init__(self, credentials: Credentials, recv_window_ms: int) -> None:
        self._api_key = credentials.api_key
        self._key = HmacSha256(credentials.api_secret.encode())
        self._recv_window_ms = recv_window_ms

    def __repr__(self) -> str:
        """Without key and secret."""
        return "Signer(...)"

    @property
    def headers(self) -> Mapping[str, str]:
        """Header of every REST request that needs the key."""
        return {"X-MBX-APIKEY": self._api_key}

    def query(self, params: Params, now_ms: int) -> str:
        """Encode and sign the query of a REST request."""
        text = urlencode({**params, "recvWindow": self._recv_window_ms, "timestamp": now_ms})
        return f"{text}&signature={self._key.hexdigest(text.encode())}"

    def message(self, request_id: str, method: str, params: Params, now_ms: int) -> bytes:
        """Encode and sign a websocket API request."""
        full: Params = {**params, "apiKey": self._api_key, "recvWindow": self._recv_window_ms, "timestamp": now_ms}
        text = "&".join(f"{name}={full[name]}" for name in sorted(full))
        full["signature"] = self._key.hexdigest(text.encode())
        return msgspec.json.encode({"id": request_id, "method": method, "params": full})
