"""HMAC-SHA256 with a prepared key."""

from collections.abc import Buffer

class HmacSha256:
    """HMAC-SHA256 of one key."""

    def __init__(self, key: bytes) -> None: ...
    def digest(self, message: Buffer) -> bytes: ...
    def hexdigest(self, message: Buffer) -> str: ...
