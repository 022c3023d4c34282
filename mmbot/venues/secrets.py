"""API keys from the environment.

``<PREFIX>_API_KEY`` and ``<PREFIX>_API_SECRET`` hold them, or ``<PREFIX>_API_KEY_FILE`` and
``<PREFIX>_API_SECRET_FILE`` name files that do (mounted secrets). They are never read from a config file.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from mmbot.errors import ConfigError
from mmbot.venues.base import Credentials

if TYPE_CHECKING:
    from collections.abc import Mapping


def load_credentials(prefix: str, environ: Mapping[str, str] | None = None) -> Credentials | None:
    """Find the key and secret of a venue; None when neither is set.

    Args:
        prefix: such as ``BINANCE_USDM``.
        environ: instead of the process's environment.

    Raises:
        ConfigError: only one of the two is set, one is set twice, or a file cannot be read. The message
            holds no secret.
    """
    source = os.environ if environ is None else environ
    key = _value(source, f"{prefix}_API_KEY")
    secret = _value(source, f"{prefix}_API_SECRET")
    if key is None and secret is None:
        return None
    if key is None or secret is None:
        missing = "_API_KEY" if key is None else "_API_SECRET"
        raise ConfigError(f"environment: expected {prefix}{missing} (or {prefix}{missing}_FILE) too, found it unset")
    return Credentials(api_key=key, api_secret=secret)


def _value(source: Mapping[str, str], name: str) -> str | None:
    direct, file = source.get(name, "").strip(), source.get(f"{name}_FILE", "").strip()
    if direct and file:
        raise ConfigError(f"environment: expected {name} or {name}_FILE, found both")
    if not file:
        return direct or None
    try:
        text = Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"environment: {name}_FILE={file}: {type(error).__name__}") from None
    if not text:
        raise ConfigError(f"environment: {name}_FILE={file}: expected a secret, found an empty file")
    return text
