"""Field types shared by the config sections: exact decimals, ids, symbols, listen addresses, URLs."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

UNIFIED_SYMBOL = re.compile(r"[A-Z0-9]+/[A-Z0-9]+(:[A-Z0-9]+)?")
VENUE_SYMBOL = re.compile(r"[A-Z0-9][A-Z0-9_-]*")


class Section(BaseModel):
    """Base of every part of the file: immutable, and an unknown key is an error."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True, validate_default=True, allow_inf_nan=False
    )


def _exact_decimal(value: Any) -> Any:
    """Keep every digit: text and YAML numbers become the decimal that was written; a bool is not a number."""
    if isinstance(value, bool):
        raise ValueError("expected a decimal number, not true/false")  # noqa: TRY004 - pydantic collects ValueError
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, str):
        try:
            return Decimal(value.strip())
        except InvalidOperation:
            raise ValueError("expected a decimal number, as 0.001 or '0.001'") from None
    return value


def _symbol(value: str) -> str:
    if UNIFIED_SYMBOL.fullmatch(value) or VENUE_SYMBOL.fullmatch(value):
        return value
    raise ValueError("expected the unified form, as BTC/USDT:USDT or BTC/USDT, or the venue's own, as BTCUSDT")


def _url(schemes: tuple[str, ...]) -> AfterValidator:
    def check(value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in schemes or not parts.hostname:
            raise ValueError(f"expected a URL that starts with {' or '.join(f'{scheme}://' for scheme in schemes)}")
        if parts.username or parts.password:
            raise ValueError("a URL may not hold a user name or password; keys come from the environment")
        return value.rstrip("/")

    return AfterValidator(check)


def _ledger_url(value: str) -> str:
    parts = urlsplit(value)
    if any(name.lower().startswith("pass") for name, _ in parse_qsl(parts.query)):
        raise ValueError("a URL may not hold a password; set PGPASSWORD, or use a password file")
    if not parts.scheme or "://" not in value:
        raise ValueError("expected a SQLAlchemy URL, as sqlite:///ledger.db or postgresql+psycopg://host/name")
    if parts.password:
        raise ValueError("a URL may not hold a password; set PGPASSWORD, or use a password file")
    return value


def split_listen(value: str) -> tuple[str, int]:
    """Host and port of a listen address: ``127.0.0.1:9464``, ``[::1]:9464``, ``localhost:0``.

    Raises:
        ValueError: not of this form, or the port is outside 0..65535.
    """
    host, colon, port = value.rpartition(":")
    if not colon or not host or not port.isdecimal() or int(port) > 65535:
        raise ValueError("expected HOST:PORT, as 127.0.0.1:9464 (port 0 picks a free one)")
    return host.strip("[]"), int(port)


def _listen(value: str) -> str:
    split_listen(value)
    return value


Amount = Annotated[Decimal, BeforeValidator(_exact_decimal)]
"""An exact decimal; a YAML number or text."""
NonNegative = Annotated[Amount, Field(ge=0)]
Positive = Annotated[Amount, Field(gt=0)]
Money = Annotated[Amount, Field(ge=0, le=90_000_000_000)]
"""An amount of an asset, which the core counts in 64 bits of 1e-8."""
PositiveMoney = Annotated[Amount, Field(ge=Decimal("1e-8"), le=90_000_000_000)]
Id = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
"""Name of a venue or market inside the file; also its metric label."""
Symbol = Annotated[str, AfterValidator(_symbol)]
HttpUrl = Annotated[str, _url(("http", "https"))]
WsUrl = Annotated[str, _url(("ws", "wss"))]
LedgerUrl = Annotated[str, AfterValidator(_ledger_url)]
Listen = Annotated[str, AfterValidator(_listen)]
