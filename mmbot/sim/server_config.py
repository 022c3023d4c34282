"""How the protocol servers of the simulated exchange are set up."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mmbot.sim.exchange import ExchangeConfig
from mmbot.sim.faults import FaultPlan
from mmbot.sim.limits import FUTURES_LIMITS, SPOT_LIMITS, RateLimit

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FUTURES_BALANCES = {"USDT": "100000"}
SPOT_BALANCES = {"USDT": "100000", "BTC": "1", "ETH": "20"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account to open at start. The same key works on both venues; an empty key or secret is made up at start.

    Attributes:
        name: what the ledger calls it.
        api_key: what the client sends.
        api_secret: for HMAC signatures.
        futures: opening balances on the futures venue, asset -> decimal text.
        spot: opening balances on the spot venue.
        public_key_pem: a second API key of the account, `ed25519_key`, is proved by this Ed25519 (or RSA) public key.
        ed25519_key: name of that second API key.
    """

    name: str = "main"
    api_key: str = ""
    api_secret: str = field(default="", repr=False)
    futures: Mapping[str, str] = field(default_factory=lambda: dict(FUTURES_BALANCES))
    spot: Mapping[str, str] = field(default_factory=lambda: dict(SPOT_BALANCES))
    public_key_pem: bytes = b""
    ed25519_key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionRules:
    """What the venue allows a websocket connection. Defaults are the real venue's, save that 0 means "as the venue".

    Attributes:
        max_age_s: the connection is cut after this long (24 h on the real venue).
        ping_interval_s: between the server's ping frames (futures 180 s, spot 20 s).
        pong_timeout_s: no pong for this long cuts the connection (futures 600 s, spot 60 s).
        messages_per_s: incoming messages allowed per second (futures 10, spot 5); one more cuts the connection.
        max_streams: streams a connection may be subscribed to.
        max_backlog_bytes: unsent bytes at which a slow consumer is cut off.
        listen_key_s: life of a listen key without keep-alive.
    """

    max_age_s: float = 86_400.0
    ping_interval_s: float = 0.0
    pong_timeout_s: float = 0.0
    messages_per_s: int = 0
    max_streams: int = 1024
    max_backlog_bytes: int = 8 << 20
    listen_key_s: float = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConfig:
    """Everything `SimServer` needs.

    Attributes:
        exchange: the market behind the servers.
        accounts: opened at start.
        host: loopback address to listen on.
        futures_port: 0 picks a free one.
        spot_port: likewise.
        tls: speak https and wss with a certificate made at start.
        tls_dir: where the certificate files go; None makes a temporary directory that is removed at stop.
        faults: what goes wrong, and when.
        enforce_limits: false counts requests but never answers 429 or 418.
        futures_limits: the futures venue's rate limits, also shown in exchangeInfo.
        spot_limits: the spot venue's.
        rules: for websocket connections.
        routed_only: true drops the un-routed ``/ws`` and ``/stream`` paths of the futures venue, which the real one
            retired and its test network still serves.
        wake_ms: longest sleep between two looks at the market clock.
        steps: steps of the market per look, so that requests are never kept waiting for long.
    """

    exchange: ExchangeConfig = field(default_factory=ExchangeConfig)
    accounts: tuple[Account, ...] = (Account(),)
    host: str = "127.0.0.1"
    futures_port: int = 0
    spot_port: int = 0
    tls: bool = False
    tls_dir: Path | None = None
    faults: FaultPlan = field(default_factory=FaultPlan)
    enforce_limits: bool = True
    futures_limits: tuple[RateLimit, ...] = FUTURES_LIMITS
    spot_limits: tuple[RateLimit, ...] = SPOT_LIMITS
    rules: ConnectionRules = field(default_factory=ConnectionRules)
    routed_only: bool = False
    wake_ms: float = 2.0
    steps: int = 256
