"""TLS for clients."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from mmbot.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


def client_context(ca_file: Path | None = None) -> ssl.SSLContext:
    """Make a verifying context, trusting the system's authorities or only the ones in `ca_file` (PEM).

    Raises:
        ConfigError: the file is missing or holds no certificate.
    """
    try:
        return ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"ca_file {ca_file}: expected a PEM file of certificates, found: {error}") from None
